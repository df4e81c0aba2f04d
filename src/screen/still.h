/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_STILL_H
#define SCREEN_STILL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * Pictures as files, made on request by a thread of their own, since encoding takes longer than anybody
 * else may wait. Requests for the same that are not being worked on yet share one picture, so there are
 * never more than two for each display; a picture that still shows the newest frame is used again.
 */
struct vtr_log;
struct vtr_screen;
struct vtr_stills;

struct vtr_still {
	struct vtr_list node; /* in the queue; guarded by its lock */
	atomic_uint refs;
	atomic_bool done; /* what follows the request is valid, and does not change any more */

	uint32_t display; /* the request */
	bool with_cursor;

	enum vtr_err err; /* VTR_OK; else there is no picture, see vtr_picture_take() */
	uint8_t *png;
	size_t size;
	struct vtr_still *owner; /* a reference to whose png it is; NULL: its own */
	uint64_t frame;
	uint64_t generation;
	uint32_t width, height;
	bool torn; /* see struct vtr_picture */
};

/* Sums since the process started. */
struct vtr_still_counters {
	_Atomic uint64_t made;
	_Atomic uint64_t reused;
	_Atomic uint64_t failed;
	_Atomic uint64_t torn;
	_Atomic uint64_t copies; /* of whole frames */
	_Atomic uint64_t copy_ns;
	_Atomic uint64_t convert_ns;
	_Atomic uint64_t encode_ns;
};

struct vtr_stills_params {
	struct vtr_log *log;
	struct vtr_screen *screen;
	/* A still is done. Thread: the stills' own. */
	void (*done)(void *data);
	void *data;
};

/* Starts the thread. Owner: *out_stills is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT.
 * Thread: main. */
VTR_MUST_CHECK enum vtr_err vtr_stills_create(const struct vtr_stills_params *params,
                                              struct vtr_stills **out_stills);

/* Ends it; what is still waiting stays undone. Accepts NULL. Thread: main. */
void vtr_stills_destroy(struct vtr_stills *stills);

/* Owner: *out_still is a reference, to be given back. Returns: VTR_ERR_NOMEM. Thread: any. */
VTR_MUST_CHECK enum vtr_err vtr_stills_ask(struct vtr_stills *stills, uint32_t display, bool with_cursor,
                                           struct vtr_still **out_still);

static inline bool vtr_still_is_done(const struct vtr_still *still)
{
	return atomic_load_explicit(&still->done, memory_order_acquire);
}

/* Accepts NULL. Thread: any. */
void vtr_still_unref(struct vtr_still *still);

const struct vtr_still_counters *vtr_stills_counters(const struct vtr_stills *stills);

#endif
