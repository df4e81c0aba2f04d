/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/lane.h"

#include <stdlib.h>

#include "base/log.h"
#include "venus/command_pool.h"
#include "venus/ring.h"

/* Shorter streams are recorded by the ring's thread: handing them over would take longer. Guests send recordings of up
 * to 8 KiB in the ring itself. */
#define MIN_JOB 4096
/* The limits of unfinished jobs. Beyond them, the ring's thread records by itself. */
#define MAX_JOBS 256
#define MAX_JOB_BYTES ((size_t)64 << 20)
/* Jobs take at most this part of the context's budget, and so do the lanes themselves: what would work without lanes
 * must not fail because of their memory. */
#define BUDGET_PART 16
/* The memory of so many jobs is kept for the next ones, up to this many bytes (new memory costs a page fault for each
 * page), until the context rests. */
#define MAX_SPARE 64
#define MAX_SPARE_BYTES ((size_t)32 << 20)
/* What a lane takes from the context's budget, besides its jobs and the memory for decoding: the used part of its
 * stack, the thread itself and its arena. */
#define LANE_BYTES ((size_t)256 << 10)
/* A lane whose last job came within this time polls as long for the next one; otherwise it sleeps at once. */
#define IDLE_POLL_NS 50000
/* A stream that waits for jobs polls, then yields, and then sleeps. */
#define WAIT_POLL_NS 20000
#define WAIT_YIELD_NS 150000
/* The layout of vkBeginCommandBuffer and vkEndCommandBuffer: the number, the flags, then the command buffer's id. */
#define HEAD_SIZE 16

struct vtr_job {
	struct vtr_list link; /* in vtr_lanes.jobs or spare, or in vtr_dispatch.returned */
	struct vtr_list queue; /* in lane.queue until it is begun */
	uint64_t number;
	uint64_t buffer; /* the command buffer's id */
	struct vtr_dispatch *owner; /* the ring's that it came from; it waits for the job before it ends */
	struct lane *lane;
	bool begun;
	size_t size, room;
	uint8_t bytes[];
};

struct lane {
	struct vtr_lanes *lanes;
	unsigned index;
	struct vtr_os_thread thread;
	struct vtr_dispatch dispatch; /* the thread's, like the next two members */
	struct vtr_recording recording;
	bool polls; /* before it sleeps */
	struct vtr_list queue; /* jobs that are not begun; guarded by the lock, like `load` */
	size_t load; /* bytes of the queue and of the job that is being recorded */
	_Atomic uint32_t word; /* counts jobs; the thread parks on it */
	_Atomic bool parks;
};

struct vtr_lanes {
	struct vtr_venus *venus;
	pthread_mutex_t lock; /* guards the members below; nothing else is locked inside */
	struct vtr_list jobs; /* unfinished ones, by number */
	_Atomic uint32_t job_count;
	size_t job_bytes;
	_Atomic uint64_t next; /* the next job's number */
	struct vtr_list spare; /* memory for jobs */
	uint32_t spare_count;
	size_t spare_bytes;
	unsigned started; /* lanes that run */
	bool refused; /* no lane could be started */
	_Atomic bool stop;
	_Atomic uint64_t oldest; /* the first unfinished job's number, or `next`; changes under the lock */
	_Atomic uint32_t progress; /* counts finished jobs; streams that wait park on it */
	_Atomic uint32_t waiting; /* such streams */
	unsigned count;
	struct lane lane[];
};

/* --- jobs -------------------------------------------------------------------------------------------------- */

static struct vtr_budget *budget_of(const struct vtr_lanes *lanes)
{
	return &lanes->venus->resources.budget;
}

static void job_free(struct vtr_lanes *lanes, struct vtr_job *job)
{
	vtr_budget_give(budget_of(lanes), sizeof(*job) + job->room);
	free(job);
}

static struct vtr_job *job_alloc(struct vtr_lanes *lanes, size_t size)
{
	const size_t room = vtr_align_up(size, 64 << 10);
	struct vtr_job *job;

	if (!vtr_budget_take(budget_of(lanes), sizeof(*job) + room)) {
		return NULL;
	}
	job = malloc(sizeof(*job) + room);
	if (job == NULL) {
		vtr_budget_give(budget_of(lanes), sizeof(*job) + room);
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

/* Keeps or frees a job's memory. */
static void release(struct vtr_lanes *lanes, struct vtr_job *job)
{
	const size_t most = vtr_min(MAX_SPARE_BYTES, budget_of(lanes)->limit / BUDGET_PART);

	if (lanes->spare_count < MAX_SPARE && job->room <= most && lanes->spare_bytes <= most - job->room) {
		vtr_list_insert(&lanes->spare, &job->link);
		lanes->spare_count++;
		lanes->spare_bytes += job->room;
	} else {
		job_free(lanes, job);
	}
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

/* Called with the lock held: the job is done, or goes back to its owner. */
static void leave_list(struct vtr_lanes *lanes, struct vtr_job *job)
{
	vtr_list_remove(&job->link);
	lanes->job_count--;
	lanes->job_bytes -= job->size;
	job->lane->load -= job->size;
	atomic_store(&lanes->oldest,
	             vtr_list_empty(&lanes->jobs) ?
	                     lanes->next :
	                     vtr_container_of(lanes->jobs.next, struct vtr_job, link)->number);
}

/* Gives a job back to the stream that it came from, which may end as soon as the lock is released. */
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

static void finish(struct vtr_lanes *lanes, struct vtr_job *job, bool back)
{
	pthread_mutex_lock(&lanes->lock);
	leave_list(lanes, job);
	if (back) {
		give_back(job);
	} else {
		release(lanes, job);
	}
	pthread_mutex_unlock(&lanes->lock);
	atomic_fetch_add(&lanes->progress, 1);
	if (atomic_load(&lanes->waiting) != 0) {
		vtr_os_unpark(&lanes->progress);
	}
}

/* --- waiting for jobs -------------------------------------------------------------------------------------- */

/* Returns: whether a job below `limit` is unfinished, of `buffer` unless that is 0. */
static bool has_jobs(struct vtr_lanes *lanes, uint64_t limit, uint64_t buffer)
{
	const struct vtr_job *job;
	bool found = false;

	if (buffer == 0) {
		return atomic_load(&lanes->oldest) < limit;
	}
	pthread_mutex_lock(&lanes->lock);
	vtr_list_for_each (job, &lanes->jobs, link) {
		found |= job->buffer == buffer && job->number < limit;
	}
	pthread_mutex_unlock(&lanes->lock);
	return found;
}

static void wait_for_jobs(struct vtr_lanes *lanes, uint64_t limit, uint64_t buffer)
{
	const int64_t start = vtr_os_now_ns();

	while (has_jobs(lanes, limit, buffer) && vtr_os_now_ns() - start < WAIT_POLL_NS) {
		vtr_os_cpu_relax();
	}
	while (has_jobs(lanes, limit, buffer) && vtr_os_now_ns() - start < WAIT_YIELD_NS) {
		vtr_os_yield();
	}
	atomic_fetch_add(&lanes->waiting, 1);
	for (;;) {
		const uint32_t word = atomic_load(&lanes->progress);

		if (!has_jobs(lanes, limit, buffer)) {
			break;
		}
		(void)vtr_os_park(&lanes->progress, word, -1);
	}
	atomic_fetch_sub(&lanes->waiting, 1);
}

/* --- a lane ------------------------------------------------------------------------------------------------ */

bool vtr_recording_has(struct vtr_dispatch *d, uint32_t command, uint64_t id)
{
	struct vtr_recording *recording = d->recording;
	const enum vtw_record record = vtw_command_infos[command].record;
	const bool begins = record == VTW_RECORD_BEGIN;

	if (recording->state == VTR_RECORDING_FAILED) {
		return false;
	}
	if (recording->state != (begins ? VTR_RECORDING_NEW : VTR_RECORDING_OPEN) ||
	    record == VTW_RECORD_NONE || id != recording->buffer || d->flags != 0) {
		recording->state = VTR_RECORDING_FOREIGN;
		return false;
	}
	if (begins) {
		recording->state = VTR_RECORDING_OPEN;
	} else if (record == VTW_RECORD_EXECUTE) { /* of buffers that an earlier job may be recording */
		wait_for_jobs(d->venus->lanes, recording->number, 0);
		if (atomic_load(&recording->owner->returned_count) != 0) { /* perhaps one of them */
			recording->state = VTR_RECORDING_FOREIGN;
			return false;
		}
	} else if (record == VTW_RECORD_END) {
		recording->state = VTR_RECORDING_ENDED;
	}
	return true;
}

/* Returns: whether the job belongs to the ring's thread. The driver's buffer is freed then, in which case nothing has
 * happened yet: a recording changes nothing else. */
static bool record(struct lane *lane, const struct vtr_job *job)
{
	struct vtr_venus *venus = lane->lanes->venus;
	struct vtr_object *o = vtr_idmap_get(&venus->objects.map, job->buffer);
	struct vtr_host_buffers *buffers;
	enum vtr_err err;
	bool done;

	/* After a job that was given back, the next ones of its stream follow it, to stay in order. */
	if (o == NULL || __atomic_load_n(&o->type, __ATOMIC_RELAXED) != VK_OBJECT_TYPE_COMMAND_BUFFER ||
	    atomic_load(&job->owner->returned_count) != 0) {
		return true;
	}
	buffers = vtr_host_buffers_of(o);
	if (buffers == NULL || !vtr_host_buffers_open(buffers, lane->index)) {
		return true;
	}
	lane->recording = (struct vtr_recording){
		.buffer = job->buffer, .number = job->number, .owner = job->owner, .lane = lane->index
	};
	err = vtr_dispatch_run_shared(&lane->dispatch, job->bytes, job->size);
	done = lane->recording.state == VTR_RECORDING_FAILED ||
	       (lane->recording.state == VTR_RECORDING_ENDED && err == VTR_OK);
	if (!done) { /* nothing may find the buffer that is freed now */
		__atomic_store_n(&o->handle, (uintptr_t)buffers->own, __ATOMIC_RELAXED);
	}
	vtr_host_buffers_close(buffers, lane->index, done);
	return !done;
}

static struct vtr_job *next_job(struct lane *lane)
{
	struct vtr_job *job = NULL;

	pthread_mutex_lock(&lane->lanes->lock);
	if (!vtr_list_empty(&lane->queue)) {
		job = vtr_container_of(lane->queue.next, struct vtr_job, queue);
		vtr_list_remove(&job->queue);
		job->begun = true;
	}
	pthread_mutex_unlock(&lane->lanes->lock);
	return job;
}

static void run_job(struct lane *lane, struct vtr_job *job)
{
	struct vtr_venus *venus = lane->lanes->venus;
	bool back = false;

	vtr_retire_begin(&venus->retire, &lane->dispatch.stream);
	if (!vtr_venus_is_dead(venus)) {
		back = record(lane, job);
	}
	vtr_retire_end(&lane->dispatch.stream);
	finish(lane->lanes, job, back);
}

static void sleep_idle(struct lane *lane, uint32_t word)
{
	const int64_t start = vtr_os_now_ns();

	while (lane->polls && vtr_os_now_ns() - start < IDLE_POLL_NS) {
		if (atomic_load(&lane->word) != word) {
			return;
		}
		vtr_os_cpu_relax();
	}
	atomic_store(&lane->parks, true);
	(void)vtr_os_park(&lane->word, word, -1);
	atomic_store(&lane->parks, false);
	lane->polls = vtr_os_now_ns() - start < IDLE_POLL_NS;
}

static void lane_thread(void *data)
{
	struct lane *lane = data;

	for (;;) {
		const uint32_t word = atomic_load(&lane->word);
		struct vtr_job *job = next_job(lane);

		if (job != NULL) {
			run_job(lane, job);
		} else if (atomic_load(&lane->lanes->stop)) {
			return;
		} else {
			sleep_idle(lane, word);
		}
	}
}

static void wake(struct lane *lane)
{
	/* As in ring.c: either the flag is seen here, or the thread sees the new word and does not park. */
	atomic_fetch_add(&lane->word, 1);
	if (atomic_load(&lane->parks)) {
		vtr_os_unpark(&lane->word);
	}
}

/* --- creation and destruction ------------------------------------------------------------------------------ */

enum vtr_err vtr_lanes_create(struct vtr_venus *venus, unsigned count)
{
	struct vtr_lanes *lanes;

	if (count == 0) {
		return VTR_OK;
	}
	lanes = calloc(1, sizeof(*lanes) + count * sizeof(lanes->lane[0]));
	if (lanes == NULL) {
		return VTR_ERR_NOMEM;
	}
	lanes->venus = venus;
	lanes->count = count;
	atomic_init(&lanes->next, 1);
	atomic_init(&lanes->oldest, 1);
	pthread_mutex_init(&lanes->lock, NULL);
	vtr_list_init(&lanes->jobs);
	vtr_list_init(&lanes->spare);
	venus->lanes = lanes;
	return VTR_OK;
}

static bool start_lane(struct vtr_lanes *lanes, unsigned index)
{
	struct lane *lane = &lanes->lane[index];

	if (!vtr_budget_take(budget_of(lanes), LANE_BYTES)) {
		return false;
	}
	lane->lanes = lanes;
	lane->index = index;
	vtr_list_init(&lane->queue);
	vtr_dispatch_init(&lane->dispatch, lanes->venus, NULL);
	vtr_dispatch_set_recording(&lane->dispatch, &lane->recording);
	if (vtr_dispatch_prepare(&lane->dispatch) &&
	    vtr_os_thread_create(&lane->thread, "venus-lane", lane_thread, lane) == VTR_OK) {
		return true;
	}
	vtr_dispatch_finish(&lane->dispatch);
	vtr_budget_give(budget_of(lanes), LANE_BYTES);
	return false;
}

/* Called with the lock held. Returns: whether there are lanes. */
static bool start(struct vtr_lanes *lanes)
{
	const uint64_t most = budget_of(lanes)->limit / BUDGET_PART / LANE_BYTES;

	if (lanes->started == 0 && !lanes->refused) {
		while (lanes->started < vtr_min(lanes->count, most) && start_lane(lanes, lanes->started)) {
			lanes->started++;
		}
		lanes->refused = lanes->started == 0;
		vtr_info(lanes->venus->log, "%u of %u lanes record command buffers", lanes->started,
		         lanes->count);
	}
	return lanes->started > 0;
}

void vtr_lanes_destroy(struct vtr_venus *venus)
{
	struct vtr_lanes *lanes = venus->lanes;

	if (lanes == NULL) {
		return;
	}
	atomic_store(&lanes->stop, true);
	for (unsigned i = 0; i < lanes->started; i++) {
		struct lane *lane = &lanes->lane[i];

		wake(lane);
		vtr_os_thread_join(&lane->thread);
		vtr_dispatch_finish(&lane->dispatch);
		vtr_budget_give(budget_of(lanes), LANE_BYTES);
	}
	vtr_lanes_trim(venus);
	pthread_mutex_destroy(&lanes->lock);
	free(lanes);
}

/* --- a stream's side --------------------------------------------------------------------------------------- */

static enum vtw_record record_of(uint32_t command)
{
	return command < VTW_COMMAND_COUNT ? vtw_command_infos[command].record : VTW_RECORD_NONE;
}

bool vtr_lanes_want(const struct vtr_dispatch *d, uint64_t begin, size_t size)
{
	return d->venus->lanes != NULL && d->ring != NULL && d->limit == 0 && size >= MIN_JOB &&
	       record_of((uint32_t)begin) == VTW_RECORD_BEGIN;
}

struct vtr_job *vtr_lanes_new_job(struct vtr_dispatch *d, size_t size)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	const size_t most = vtr_min(MAX_JOB_BYTES, budget_of(lanes)->limit / BUDGET_PART);
	struct vtr_job *job = NULL;

	pthread_mutex_lock(&lanes->lock);
	if (lanes->job_count < MAX_JOBS && size <= most && lanes->job_bytes <= most - size && start(lanes)) {
		job = take_spare(lanes, size);
		job = job != NULL ? job : job_alloc(lanes, size);
	}
	pthread_mutex_unlock(&lanes->lock);
	if (job != NULL) {
		job->size = size;
		job->owner = d;
		job->begun = false;
	}
	return job;
}

uint8_t *vtr_job_bytes(struct vtr_job *job)
{
	return job->bytes;
}

void vtr_job_discard(struct vtr_dispatch *d, struct vtr_job *job)
{
	struct vtr_lanes *lanes = d->venus->lanes;

	pthread_mutex_lock(&lanes->lock);
	release(lanes, job);
	pthread_mutex_unlock(&lanes->lock);
}

/* Returns: the id of the command buffer that the bytes begin and end to record, or 0. There may be anything else in
 * between, which the lane will find. */
static uint64_t recorded_buffer(const struct vtr_job *job)
{
	const uint8_t *begin = job->bytes;
	const uint8_t *end = job->bytes + job->size - HEAD_SIZE;

	return record_of(vtr_cs_ld32(begin)) == VTW_RECORD_BEGIN &&
	                       record_of(vtr_cs_ld32(end)) == VTW_RECORD_END && vtr_cs_ld32(begin + 4) == 0 &&
	                       vtr_cs_ld32(end + 4) == 0 && vtr_cs_ld64(begin + 8) == vtr_cs_ld64(end + 8) ?
	               vtr_cs_ld64(begin + 8) :
	               0;
}

/* Called with the lock held. A buffer stays with its lane if another recording of it is queued there, and where
 * possible, since it keeps the driver's memory in each lane that has recorded it. */
static struct lane *choose(struct vtr_lanes *lanes, const struct vtr_job *new, unsigned last)
{
	struct lane *home = &lanes->lane[last < lanes->started ? last : 0];
	struct lane *best = home;
	const struct vtr_job *job;

	vtr_list_for_each (job, &lanes->jobs, link) {
		if (job->buffer == new->buffer) {
			return job->lane;
		}
	}
	for (unsigned i = 0; i < lanes->started; i++) {
		best = lanes->lane[i].load < best->load ? &lanes->lane[i] : best;
	}
	return best;
}

bool vtr_lanes_submit(struct vtr_dispatch *d, struct vtr_job *job)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_object *o = vtr_idmap_get(&d->venus->objects.map, recorded_buffer(job));
	struct vtr_host_buffers *buffers = NULL;
	struct lane *lane;

	if (o != NULL && __atomic_load_n(&o->type, __ATOMIC_RELAXED) == VK_OBJECT_TYPE_COMMAND_BUFFER) {
		buffers = vtr_host_buffers_of(o);
	}
	if (buffers == NULL) {
		vtr_job_discard(d, job);
		return false;
	}
	job->buffer = o->id;
	d->own_buffer = 0;
	pthread_mutex_lock(&lanes->lock);
	lane = choose(lanes, job, buffers->lane);
	buffers->lane = lane->index;
	job->lane = lane;
	job->number = lanes->next++;
	lane->load += job->size;
	lanes->job_count++;
	lanes->job_bytes += job->size;
	vtr_list_append(&lanes->jobs, &job->link);
	vtr_list_append(&lane->queue, &job->queue);
	atomic_store(&lanes->oldest, vtr_container_of(lanes->jobs.next, struct vtr_job, link)->number);
	pthread_mutex_unlock(&lanes->lock);
	wake(lane);
	return true;
}

bool vtr_lanes_busy(const struct vtr_dispatch *d)
{
	return atomic_load(&d->venus->lanes->job_count) != 0 || atomic_load(&d->returned_count) != 0;
}

/* Runs a job's commands in the stream's own thread. */
static enum vtr_err run_here(struct vtr_dispatch *d, struct vtr_job *job)
{
	const uint64_t limit = d->limit;
	enum vtr_err err;

	d->limit = job->number; /* it waits for earlier jobs only */
	err = vtr_dispatch_run_between(d, job->bytes, job->size);
	d->limit = limit;
	return err;
}

/* Returns: the stream's latest job that no lane has begun, or NULL. Lanes begin with the earliest. */
static struct vtr_job *take_unbegun(struct vtr_dispatch *d, uint64_t buffer)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_job *found = NULL;
	struct vtr_job *job;

	pthread_mutex_lock(&lanes->lock);
	vtr_list_for_each (job, &lanes->jobs, link) {
		if (job->owner == d && !job->begun && (buffer == 0 || job->buffer == buffer)) {
			found = job;
		}
	}
	if (found != NULL) {
		vtr_list_remove(&found->queue);
		found->begun = true;
	}
	pthread_mutex_unlock(&lanes->lock);
	return found;
}

static struct vtr_job *take_returned(struct vtr_dispatch *d)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_job *job = NULL;

	pthread_mutex_lock(&lanes->lock);
	if (!vtr_list_empty(&d->returned)) {
		job = vtr_container_of(d->returned.next, struct vtr_job, link);
		if (d->limit != 0 && job->number >= d->limit) {
			job = NULL;
		} else {
			vtr_list_remove(&job->link);
			atomic_fetch_sub(&d->returned_count, 1);
		}
	}
	pthread_mutex_unlock(&lanes->lock);
	return job;
}

static enum vtr_err run_returned(struct vtr_dispatch *d)
{
	enum vtr_err err = VTR_OK;

	while (err == VTR_OK && atomic_load(&d->returned_count) != 0) {
		struct vtr_job *job = take_returned(d);

		if (job == NULL) {
			break;
		}
		vtr_trace(d->venus->log, "ring %p records job %llu that a lane gave back", (void *)d->ring,
		          (unsigned long long)job->number);
		err = run_here(d, job);
		vtr_job_discard(d, job);
	}
	return err;
}

void vtr_lanes_settle(struct vtr_dispatch *d, uint64_t id)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	const uint64_t limit = d->limit != 0 ? d->limit : atomic_load(&lanes->next);
	enum vtr_err err = VTR_OK;
	struct vtr_job *job;

	while (d->limit == 0 && err == VTR_OK && (job = take_unbegun(d, id)) != NULL) {
		err = run_here(d, job);
		finish(lanes, job, false);
	}
	vtr_dispatch_pause(d);
	wait_for_jobs(lanes, limit, id);
	vtr_dispatch_resume(d);
	if (err == VTR_OK) {
		err = run_returned(d);
	}
	if (err != VTR_OK) {
		vtr_dispatch_fail(d, "a recording failed that belongs before this command");
	}
}

enum vtr_err vtr_lanes_run_returned(struct vtr_dispatch *d)
{
	enum vtr_err err = VTR_OK;

	if (atomic_load(&d->returned_count) != 0) {
		vtr_dispatch_resume(d);
		err = run_returned(d);
		vtr_dispatch_pause(d);
	}
	return err;
}

void vtr_lanes_leave(struct vtr_dispatch *d)
{
	struct vtr_lanes *lanes = d->venus->lanes;

	if (lanes == NULL) {
		return;
	}
	wait_for_jobs(lanes, atomic_load(&lanes->next), 0);
	while (!vtr_list_empty(&d->returned)) {
		struct vtr_job *job = vtr_container_of(d->returned.next, struct vtr_job, link);

		vtr_list_remove(&job->link);
		vtr_job_discard(d, job);
	}
}
