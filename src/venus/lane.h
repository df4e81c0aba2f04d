/* SPDX-License-Identifier: MIT */
#ifndef VENUS_LANE_H
#define VENUS_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vk/renderer_config.h"

struct vtr_dispatch;
struct vtr_job;
struct vtr_venus;

/*
 * Threads that record command buffers, so that a context can record several at once (docs/threads.md, "Lanes").
 *
 * A guest's driver sends a long recording as a whole, in an indirect stream. The ring's thread copies the stream into
 * a job and gives it to a lane, which decodes it. A lane runs nothing but one recording, from its begin to its end;
 * anything else goes back to the ring's thread. All other commands that could interfere with recordings wait for the
 * earlier jobs (vtw_command_infos[].unordered names those that do not).
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

/* Returns: whether a stream of `size` bytes that begins with these 8 bytes may be worth a lane. */
bool vtr_lanes_want(const struct vtr_dispatch *d, uint64_t begin, size_t size);
/* Returns: a job for `size` bytes, or NULL: the lanes are busy enough, or the context's budget is used up. */
struct vtr_job *vtr_lanes_new_job(struct vtr_dispatch *d, size_t size);
uint8_t *vtr_job_bytes(struct vtr_job *job);
/* Gives the job to a lane; `job` is taken. Returns: false if its bytes are no recording, or have no host pool. */
bool vtr_lanes_submit(struct vtr_dispatch *d, struct vtr_job *job);
/* Frees a job that was not submitted. */
void vtr_job_discard(struct vtr_dispatch *d, struct vtr_job *job);

/* Returns: whether jobs are unfinished, or were given back to this stream. */
bool vtr_lanes_busy(const struct vtr_dispatch *d);
/* Waits for all jobs so far, or for those that record the command buffer `id` if that is not 0, and runs those that
 * were given back. Meanwhile the stream records its own jobs that no lane has begun. Poisons the reader if that
 * fails. */
void vtr_lanes_settle(struct vtr_dispatch *d, uint64_t id);
/* Runs jobs that were given back, between two batches of the stream's commands. */
VTR_MUST_CHECK enum vtr_err vtr_lanes_run_returned(struct vtr_dispatch *d);
/* Waits for the jobs of a stream that ends, and drops those that were given back. Thread: the context's. */
void vtr_lanes_leave(struct vtr_dispatch *d);

/* Returns: whether the lane may run this command on command buffer `id` now. Thread: the lane's. */
bool vtr_recording_has(struct vtr_dispatch *d, uint32_t command, uint64_t id);

#endif
