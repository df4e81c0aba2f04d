/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_STREAM_H
#define WEB_VIEWER_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "screen/stream.h"
#include "web/pace.h"
#include "web/viewer_patches.h"

/*
 * One viewer's subscription to one display: coded pictures on their way from the stream's thread to the
 * connection's. Neither thread waits: pictures that a viewer does not take in time are dropped up to the next
 * key frame, which is requested when it can keep up again.
 *
 * Thread: the web server's; the stream calls the sink from its own.
 */
struct vtr_viewer_stream;

/* The most coded pictures that wait for the connection. */
#define VTR_VIEWER_STREAM_ROOM 32
/* The least interval between a viewer's requests for key frames. */
#define VTR_VIEWER_STREAM_KEY_NS INT64_C(250000000)

struct vtr_viewer_stream_params {
	struct vtr_streams *streams;
	uint32_t display;
	uint32_t number; /* of the last unit of this display that the viewer was sent */
	/* There is something new. Thread: the stream's. */
	void (*wake)(void *data);
	void *data;
};

/* Owner: *out_stream is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT (threads). */
VTR_MUST_CHECK enum vtr_err vtr_viewer_stream_create(const struct vtr_viewer_stream_params *params,
                                                     struct vtr_viewer_stream **out_stream);
/* Accepts NULL. */
void vtr_viewer_stream_destroy(struct vtr_viewer_stream *viewer_stream);

/* Drops units that are too old. Returns: whether vtr_viewer_stream_take() has something. */
bool vtr_viewer_stream_look(struct vtr_viewer_stream *viewer_stream, int64_t now_ns);

/* Owner: the result is a reference, the caller's; NULL: nothing to send now. */
struct vtr_access_unit *vtr_viewer_stream_take(struct vtr_viewer_stream *viewer_stream);

/* The unit that was taken is being sent. Returns: its number for the acknowledgment. */
uint32_t vtr_viewer_stream_sent(struct vtr_viewer_stream *viewer_stream, int64_t now_ns);

/* All units up to `number` have been decoded or dropped; ignored if there is no such unit. */
void vtr_viewer_stream_ack(struct vtr_viewer_stream *viewer_stream, uint32_t number, int64_t now_ns);

/* The viewer needs a key frame. */
void vtr_viewer_stream_want_key(struct vtr_viewer_stream *viewer_stream, int64_t now_ns);

/* Requests a bit rate for as long as the subscription lasts: see vtr_stream_set_bitrate(). */
void vtr_viewer_stream_set_bitrate(struct vtr_viewer_stream *viewer_stream, uint32_t bitrate);

/* The viewer takes lossless patches, or none any more. */
void vtr_viewer_stream_take_patches(struct vtr_viewer_stream *viewer_stream, bool on);

/* Asks again for patches that were lost. Returns: whether vtr_viewer_stream_take_patch() has something. */
bool vtr_viewer_stream_has_patch(struct vtr_viewer_stream *viewer_stream, int64_t now_ns);

/* Takes a patch for sending: never while a unit waits or has not been acknowledged, so units come first and the viewer
 * has the patch's picture. See vtr_viewer_patches_take(). */
uint32_t vtr_viewer_stream_take_patch(struct vtr_viewer_stream *viewer_stream, struct vtr_viewer_patch *out);

/* Call it before a unit is sent. See vtr_viewer_patches_take_stale(). */
bool vtr_viewer_stream_take_stale(struct vtr_viewer_stream *viewer_stream, struct vtr_rect *out_rect);

void vtr_viewer_stream_ack_patch(struct vtr_viewer_stream *viewer_stream, uint32_t number);

/* Returns: whether the display became active or inactive since the last vtr_viewer_stream_take_active(). */
bool vtr_viewer_stream_has_active(struct vtr_viewer_stream *viewer_stream);
bool vtr_viewer_stream_take_active(struct vtr_viewer_stream *viewer_stream, bool *out_active);

/* Units that were dropped for this viewer. */
uint64_t vtr_viewer_stream_skipped(struct vtr_viewer_stream *viewer_stream);

struct vtr_stream *vtr_viewer_stream_stream(const struct vtr_viewer_stream *viewer_stream);

#endif
