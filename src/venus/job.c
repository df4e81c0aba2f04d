/* SPDX-License-Identifier: MIT */
#include "venus/job.h"

#include <stdlib.h>

#include "venus/ring.h"

/* The limits of unfinished jobs. Beyond them, the ring's thread records by itself. */
#define MAX_JOBS 256
#define MAX_JOB_BYTES ((size_t)64 << 20)
/* The memory of so many jobs is kept for the next ones, up to this many bytes (new memory costs a page fault for each
 * page), until the context rests. */
#define MAX_SPARE 64
#define MAX_SPARE_BYTES ((size_t)32 << 20)
/* A stream that waits for jobs polls, then yields, and then sleeps. */
#define WAIT_POLL_NS 20000
#define WAIT_YIELD_NS 150000

/* --- jobs -------------------------------------------------------------------------------------------------- */

static void job_free(struct vtr_lanes *lanes, struct vtr_job *job)
{
	vtr_budget_give(vtr_lanes_budget(lanes), sizeof(*job) + job->room);
	free(job);
}

static struct vtr_job *new_memory(struct vtr_lanes *lanes, size_t size)
{
	const size_t room = vtr_align_up(size, 64 << 10);
	struct vtr_job *job;

	if (!vtr_budget_take(vtr_lanes_budget(lanes), sizeof(*job) + room)) {
		return NULL;
	}
	job = malloc(sizeof(*job) + room);
	if (job == NULL) {
		vtr_budget_give(vtr_lanes_budget(lanes), sizeof(*job) + room);
		return NULL;
	}
	job->room = room;
	return job;
}

/* Called with the lock held, like the next two functions. */
static void drop_spare(struct vtr_lanes *lanes, struct vtr_job *job)
{
	vtr_list_remove(&job->link);
	lanes->spare_count--;
	lanes->spare_bytes -= job->room;
}

/* Returns: NULL if no spare job is large enough. */
static struct vtr_job *take_spare(struct vtr_lanes *lanes, size_t size)
{
	struct vtr_job *job;

	vtr_list_for_each (job, &lanes->spare, link) {
		if (job->room >= size) {
			drop_spare(lanes, job);
			return job;
		}
	}
	return NULL;
}

struct vtr_job *vtr_job_alloc(struct vtr_lanes *lanes, size_t size)
{
	const size_t most = vtr_min(MAX_JOB_BYTES, vtr_lanes_budget(lanes)->limit / VTR_LANES_PART);
	struct vtr_job *job = NULL;

	if (lanes->job_count < MAX_JOBS && size <= most && lanes->job_bytes <= most - size) {
		job = take_spare(lanes, size);
		job = job != NULL ? job : new_memory(lanes, size);
	}
	return job;
}

/* Keeps or frees a job's memory. */
static void release(struct vtr_lanes *lanes, struct vtr_job *job)
{
	const size_t most = vtr_min(MAX_SPARE_BYTES, vtr_lanes_budget(lanes)->limit / VTR_LANES_PART);

	if (lanes->spare_count < MAX_SPARE && job->room <= most && lanes->spare_bytes <= most - job->room) {
		vtr_list_insert(&lanes->spare, &job->link);
		lanes->spare_count++;
		lanes->spare_bytes += job->room;
	} else {
		job_free(lanes, job);
	}
}

void vtr_job_discard(struct vtr_lanes *lanes, struct vtr_job *job)
{
	pthread_mutex_lock(&lanes->lock);
	release(lanes, job);
	pthread_mutex_unlock(&lanes->lock);
}

void vtr_lanes_trim(struct vtr_venus *venus)
{
	struct vtr_lanes *lanes = venus->lanes;

	if (lanes == NULL) {
		return;
	}
	pthread_mutex_lock(&lanes->lock);
	while (!vtr_list_empty(&lanes->spare)) {
		struct vtr_job *job = vtr_container_of(lanes->spare.next, struct vtr_job, link);

		drop_spare(lanes, job);
		job_free(lanes, job);
	}
	pthread_mutex_unlock(&lanes->lock);
}

void vtr_job_queue(struct vtr_lanes *lanes, struct vtr_job *job)
{
	job->number = lanes->next++;
	job->lane->load += job->size;
	lanes->job_count++;
	lanes->job_bytes += job->size;
	vtr_list_append(&lanes->jobs, &job->link);
	vtr_list_append(&job->lane->queue, &job->queue);
	atomic_store(&lanes->oldest, vtr_container_of(lanes->jobs.next, struct vtr_job, link)->number);
}

/* Gives a job back to the stream that it came from. */
static void give_back(struct vtr_job *job)
{
	struct vtr_dispatch *owner = job->owner;
	struct vtr_list *at = owner->returned.next;

	while (at != &owner->returned && vtr_container_of(at, struct vtr_job, link)->number < job->number) {
		at = at->next;
	}
	job->link.next = at;
	job->link.prev = at->prev;
	at->prev->next = &job->link;
	at->prev = &job->link;
	atomic_fetch_add(&owner->returned_count, 1);
	vtr_ring_poke(owner->ring);
}

static void tell_progress(struct vtr_lanes *lanes)
{
	atomic_fetch_add(&lanes->progress, 1);
	if (atomic_load(&lanes->waiting) != 0) {
		vtr_os_unpark(&lanes->progress);
	}
}

void vtr_job_finish(struct vtr_lanes *lanes, struct vtr_job *job, bool back)
{
	const size_t size = job->size;

	pthread_mutex_lock(&lanes->lock);
	vtr_list_remove(&job->link);
	job->lane->load -= size;
	if (back) {
		give_back(job);
	} else {
		release(lanes, job);
	}
	/* Last, because these are read without the lock: a stream that finds its jobs ended also finds those that came
	 * back, and may end itself. */
	lanes->job_bytes -= size;
	atomic_fetch_sub(&lanes->job_count, 1);
	atomic_store(&lanes->oldest,
	             vtr_list_empty(&lanes->jobs) ?
	                     lanes->next :
	                     vtr_container_of(lanes->jobs.next, struct vtr_job, link)->number);
	pthread_mutex_unlock(&lanes->lock);
	tell_progress(lanes);
}

/* --- waiting for jobs -------------------------------------------------------------------------------------- */

bool vtr_jobs_unfinished(struct vtr_lanes *lanes, uint64_t limit, uint64_t id)
{
	const struct vtr_job *job;
	bool found = false;

	if (id == 0) {
		return atomic_load(&lanes->oldest) < limit;
	}
	pthread_mutex_lock(&lanes->lock);
	vtr_list_for_each (job, &lanes->jobs, link) {
		found |= vtr_job_is_of(job, id) && job->number < limit;
	}
	pthread_mutex_unlock(&lanes->lock);
	return found;
}

/* What a thread waits for. */
struct goal {
	const struct vtr_job *fetched; /* this job is copied */
	struct vtr_holds *holds; /* or all of these are over */
	uint64_t limit, id; /* or the jobs below `limit` have ended, as vtr_jobs_unfinished() says */
};

static bool is_reached(struct vtr_lanes *lanes, const struct goal *goal)
{
	uint32_t position;

	return goal->fetched != NULL ? atomic_load(&goal->fetched->fetched) :
	       goal->holds != NULL   ? !vtr_holds_first(goal->holds, &position) :
	                               !vtr_jobs_unfinished(lanes, goal->limit, goal->id);
}

static void wait_for(struct vtr_lanes *lanes, const struct goal *goal)
{
	const int64_t start = vtr_os_now_ns();

	while (!is_reached(lanes, goal) && vtr_os_now_ns() - start < WAIT_POLL_NS) {
		vtr_os_cpu_relax();
	}
	while (!is_reached(lanes, goal) && vtr_os_now_ns() - start < WAIT_YIELD_NS) {
		vtr_os_yield();
	}
	atomic_fetch_add(&lanes->waiting, 1);
	for (;;) {
		const uint32_t word = atomic_load(&lanes->progress);

		if (is_reached(lanes, goal)) {
			break;
		}
		(void)vtr_os_park(&lanes->progress, word, -1);
	}
	atomic_fetch_sub(&lanes->waiting, 1);
}

void vtr_jobs_wait(struct vtr_lanes *lanes, uint64_t limit, uint64_t id)
{
	wait_for(lanes, &(struct goal){ .limit = limit, .id = id });
}

/* --- copying jobs out of the guest's memory ---------------------------------------------------------------- */

bool vtr_job_claim(struct vtr_job *job)
{
	const bool claimed = job->claimed;

	job->claimed = true;
	return !claimed;
}

void vtr_job_fetch(struct vtr_lanes *lanes, struct vtr_job *job)
{
	struct vtr_hold *hold = job->hold;

	vtr_pieces_copy(&job->pieces, job->bytes + VTR_JOB_HEAD);
	vtr_pieces_drop(&job->pieces);
	if (hold != NULL) {
		atomic_store_explicit(&hold->over, true, memory_order_release);
	}
	atomic_store(&job->fetched, true);
	tell_progress(lanes);
}

void vtr_job_await_fetch(struct vtr_lanes *lanes, const struct vtr_job *job)
{
	wait_for(lanes, &(struct goal){ .fetched = job });
}

/* Returns: a job of the stream that the caller has claimed, or NULL. */
static struct vtr_job *claim_own(const struct vtr_dispatch *d)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_job *found = NULL;
	struct vtr_job *job;

	pthread_mutex_lock(&lanes->lock);
	vtr_list_for_each (job, &lanes->jobs, link) {
		if (job->owner == d && vtr_job_claim(job)) {
			found = job;
			break;
		}
	}
	pthread_mutex_unlock(&lanes->lock);
	return found;
}

void vtr_lanes_fetch(struct vtr_dispatch *d)
{
	struct vtr_job *job;

	while ((job = claim_own(d)) != NULL) {
		vtr_job_fetch(d->venus->lanes, job);
	}
	wait_for(d->venus->lanes, &(struct goal){ .holds = &d->holds });
}
