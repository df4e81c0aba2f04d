/* SPDX-License-Identifier: MIT */
#ifndef VENUS_LANE_H
#define VENUS_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vk/renderer_config.h"

struct vtr_dispatch;
struct vtr_pieces;
struct vtr_venus;

/*
 * Threads that record command buffers, so that a context can record several at once (docs/threads.md, "Lanes").
 *
 * A guest's driver sends a long recording as a whole, in an indirect stream. The ring's thread gives its place to a
 * lane, which copies and decodes it (fetch.h). A lane runs nothing but one recording, from its begin to its end;
 * anything else goes back to the ring's thread. All other commands that could interfere with recordings wait for the
 * earlier jobs (vtw_command_infos[].order). Submits wait in a queue, so that their ring can go on (submit_queue.h).
 *
 * Thread: that of the stream `d`, which is a ring's, unless a comment says something else.
 */

enum vtr_recording_state {
	VTR_RECORDING_NEW,
	VTR_RECORDING_OPEN,
	VTR_RECORDING_ENDED,
	VTR_RECORDING_FAILED, /* the driver could not record it */
	VTR_RECORDING_FOREIGN, /* there is something else in the stream: it belongs to the ring's thread */
};

/* What a lane records. Thread: the lane's. */
struct vtr_recording {
	uint64_t buffer; /* the command buffer's id */
	uint64_t number; /* the job's */
	const struct vtr_dispatch *owner; /* the stream that the job came from */
	unsigned lane;
	enum vtr_recording_state state;
};

/* Prepares `count` lanes of a context, which start with the first job. 0: none. Thread: the context's.
 * Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_lanes_create(struct vtr_venus *venus, unsigned count);
/* Ends the lanes. There are no rings, and so no jobs, any more. Thread: the context's. */
void vtr_lanes_destroy(struct vtr_venus *venus);
/* Frees memory that is kept for jobs. Thread: any. */
void vtr_lanes_trim(struct vtr_venus *venus);

/* Gives a recording to a lane, with the references. There is at least one piece. Returns: false if the bytes are no
 * recording, or a short one, its buffer has no host pool, the lanes are busy enough, or the context's budget is used
 * up. */
bool vtr_lanes_take(struct vtr_dispatch *d, const struct vtr_pieces *pieces);
/* Returns when all recordings that the stream has given to lanes are copied. */
void vtr_lanes_fetch(struct vtr_dispatch *d);

/* Returns: whether jobs are unfinished, or were given back to this stream. */
bool vtr_lanes_busy(const struct vtr_dispatch *d);
/* Waits for all jobs so far, or for those of the command buffer or pool `id` if that is not 0, and runs those that were
 * given back. Meanwhile the stream records its own jobs that no lane has begun. Poisons the reader if that fails. */
void vtr_lanes_settle(struct vtr_dispatch *d, uint64_t id);

/* For the queue of submits. Returns: the number of the next job. */
uint64_t vtr_lanes_next(const struct vtr_dispatch *d);
/* Returns: whether the jobs below `limit` have ended, and none was given back. */
bool vtr_lanes_done(const struct vtr_dispatch *d, uint64_t limit);
/* Waits for the jobs below `limit` as vtr_lanes_settle() does, between two commands. */
VTR_MUST_CHECK enum vtr_err vtr_lanes_settle_before(struct vtr_dispatch *d, uint64_t limit);
/* Records one of the stream's jobs below `limit` for which its lane has no time yet, or waits for at most 50 us until a
 * job ends. */
VTR_MUST_CHECK enum vtr_err vtr_lanes_help(struct vtr_dispatch *d, uint64_t limit);
/* Runs jobs that were given back and submits that can run, between two batches of the stream's commands. */
VTR_MUST_CHECK enum vtr_err vtr_lanes_run_returned(struct vtr_dispatch *d);
/* Waits for the jobs of a stream that ends, and drops those that were given back. Thread: the context's. */
void vtr_lanes_leave(struct vtr_dispatch *d);

/* Returns: whether the lane may run this command on command buffer `id` now. Thread: the lane's. */
bool vtr_recording_has(struct vtr_dispatch *d, uint32_t command, uint64_t id);

#endif
