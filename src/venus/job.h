/* SPDX-License-Identifier: MIT */
#ifndef VENUS_JOB_H
#define VENUS_JOB_H

#include "venus/context.h"
#include "venus/fetch.h"
#include "venus/lane.h"

/*
 * The jobs of lanes (lane.h): their memory, copying them out of the guest's memory, and waiting for them. Only lane.c
 * uses them.
 *
 * The first and the last command of a job are copied before it is queued. The lane copies the rest when it begins with
 * the job. If the guest may be waiting for the ring's head to move, the ring's thread copies it earlier. A thread
 * claims the job before it copies the rest, so only one of the two does so.
 *
 * Thread: any, unless a comment says something else.
 */

/* The layout of vkBeginCommandBuffer and vkEndCommandBuffer: the number, the flags, then the command buffer's id. */
#define VTR_JOB_HEAD 16
/* Jobs take at most a 16th of the context's budget, and so do the lanes themselves: what works without lanes must not
 * fail because of their memory. */
#define VTR_LANES_PART 16

struct vtr_job {
	struct vtr_list link; /* in vtr_lanes.jobs or spare, or in vtr_dispatch.returned */
	struct vtr_list queue; /* in lane.queue until it is begun */
	uint64_t number;
	uint64_t buffer; /* the command buffer's id */
	uint64_t pool; /* its pool's id */
	struct vtr_dispatch *owner; /* of the ring that it came from; the ring ends only after the job */
	struct lane *lane;
	bool begun;
	/* What lies between the first and the last command, until the thread that claims the job has copied it. */
	struct vtr_pieces pieces;
	struct vtr_hold *hold; /* NULL: the job is copied before a lane gets it */
	bool claimed; /* a thread copies the job, or has copied it; guarded by the lock */
	_Atomic bool fetched;
	size_t size, room;
	uint8_t bytes[];
};

struct lane {
	struct vtr_lanes *lanes;
	unsigned index;
	struct vtr_os_thread thread;
	struct vtr_dispatch dispatch; /* only the thread uses it and the next two members */
	struct vtr_recording recording;
	bool polls; /* it polls before it sleeps */
	struct vtr_list queue; /* jobs that were not begun; guarded by the lock, like `load` */
	size_t load; /* the bytes of these jobs and of the one that is being recorded */
	_Atomic uint32_t word; /* counts jobs; the thread parks on it */
	_Atomic bool parks;
};

struct vtr_lanes {
	struct vtr_venus *venus;
	/* Guards the members below. Only vtr_retire.lock is taken inside, when lanes start. */
	pthread_mutex_t lock;
	struct vtr_list jobs; /* unfinished ones, in the order of their numbers */
	_Atomic uint32_t job_count;
	size_t job_bytes;
	_Atomic uint64_t next; /* the next job's number */
	struct vtr_list spare; /* finished jobs, whose memory new ones get */
	uint32_t spare_count;
	size_t spare_bytes;
	unsigned started; /* how many lanes run */
	bool refused; /* no lane could be started */
	_Atomic bool stop;
	_Atomic uint64_t oldest; /* the first unfinished job's number, or `next`; changes under the lock */
	_Atomic uint32_t progress; /* counts finished jobs; streams that wait park on it */
	_Atomic uint32_t waiting; /* how many streams wait for it */
	unsigned count;
	struct lane lane[];
};

static inline struct vtr_budget *vtr_lanes_budget(const struct vtr_lanes *lanes)
{
	return &lanes->venus->resources.budget;
}

/* Called with the lock held. Returns: memory for a job of `size` bytes; NULL: too much is unfinished, or the budget is
 * used up. */
struct vtr_job *vtr_job_alloc(struct vtr_lanes *lanes, size_t size);
/* Frees a job that is not in the list of unfinished ones. */
void vtr_job_discard(struct vtr_lanes *lanes, struct vtr_job *job);
/* Called with the lock held: queues the job in its lane. */
void vtr_job_queue(struct vtr_lanes *lanes, struct vtr_job *job);
/* Ends a job, or gives it `back` to the stream that it came from. The stream may end as soon as this has happened. */
void vtr_job_finish(struct vtr_lanes *lanes, struct vtr_job *job, bool back);

/* Returns: whether the job records the command buffer `id`, or a buffer of the pool `id`; always if `id` is 0. */
static inline bool vtr_job_is_of(const struct vtr_job *job, uint64_t id)
{
	return id == 0 || job->buffer == id || job->pool == id;
}

/* Returns: whether a job with a number below `limit` is unfinished. Only jobs of the command buffer or pool `id` count,
 * unless that is 0. */
bool vtr_jobs_unfinished(struct vtr_lanes *lanes, uint64_t limit, uint64_t id);
/* Waits until no such job is unfinished. */
void vtr_jobs_wait(struct vtr_lanes *lanes, uint64_t limit, uint64_t id);

/* Called with the lock held. Returns: whether the caller has to fetch the job; otherwise another thread does. */
bool vtr_job_claim(struct vtr_job *job);
/* Copies a job that the caller has claimed. After that, its lane may free it. */
void vtr_job_fetch(struct vtr_lanes *lanes, struct vtr_job *job);
/* Waits until the thread that has claimed the job has copied it. */
void vtr_job_await_fetch(struct vtr_lanes *lanes, const struct vtr_job *job);

#endif
