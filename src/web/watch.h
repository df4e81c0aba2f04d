/* SPDX-License-Identifier: MIT */
#ifndef WEB_WATCH_H
#define WEB_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "screen/stream.h"
#include "web/pace.h"

/*
 * One viewer watches one display: the coded pictures on their way from the stream's thread to the
 * connection's. Nobody waits for anybody: what a viewer does not take in time is dropped for it, up to the
 * next key frame, which is asked for when it can keep up again.
 *
 * Thread: the web server's, except that the stream calls the sink from its own.
 */
struct vtr_watch;

/* Coded pictures that wait for the connection. */
#define VTR_WATCH_ROOM 32
/* How often a viewer may ask for a key frame. */
#define VTR_WATCH_KEY_NS INT64_C(250000000)

struct vtr_watch_params {
	struct vtr_streams *streams;
	uint32_t display;
	uint32_t number; /* of the last unit that the viewer was sent of this display */
	/* Something has come. Thread: the stream's. */
	void (*wake)(void *data);
	void *data;
};

/* Owner: *out_watch is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT (threads). */
VTR_MUST_CHECK enum vtr_err vtr_watch_create(const struct vtr_watch_params *params,
                                             struct vtr_watch **out_watch);
/* Accepts NULL. */
void vtr_watch_destroy(struct vtr_watch *watch);

/* Drops what has become too old. Returns: whether vtr_watch_take() has something. */
bool vtr_watch_look(struct vtr_watch *watch, int64_t now_ns);

/* Owner: the result is a reference, the caller's; NULL: there is nothing to send now. */
struct vtr_access_unit *vtr_watch_take(struct vtr_watch *watch);

/* What was taken is being sent. Returns: the number under which it is acknowledged. */
uint32_t vtr_watch_sent(struct vtr_watch *watch, int64_t now_ns);

/* All up to that unit have been decoded, or dropped; if there is no such unit, nothing happens. */
void vtr_watch_ack(struct vtr_watch *watch, uint32_t number, int64_t now_ns);

/* The viewer cannot go on without a key frame. */
void vtr_watch_want_key(struct vtr_watch *watch, int64_t now_ns);

/* Whether the display has gone dark, or shows something again, since vtr_watch_take_lit() said so. */
bool vtr_watch_has_lit(struct vtr_watch *watch);
bool vtr_watch_take_lit(struct vtr_watch *watch, bool *out_lit);

/* Units that were dropped for this viewer. */
uint64_t vtr_watch_skipped(struct vtr_watch *watch);

struct vtr_stream *vtr_watch_stream(const struct vtr_watch *watch);

#endif
