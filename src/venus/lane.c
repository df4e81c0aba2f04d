/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/lane.h"

#include <stdlib.h>

#include "base/log.h"
#include "venus/command_pool.h"
#include "venus/job.h"
#include "venus/ring.h"
#include "venus/submit_queue.h"

/* Shorter streams are recorded by the ring's thread: handing them over would take longer. Guests send recordings of up
 * to 8 KiB in the ring itself. */
#define MIN_JOB 4096
/* What a lane takes from the context's budget, besides its jobs and the memory for decoding: the used part of its
 * stack, the thread itself and its arena. */
#define LANE_BYTES ((size_t)256 << 10)
/* A lane polls this long for the next job if the last one came within this time; otherwise it sleeps at once. */
#define IDLE_POLL_NS 50000
/* How long a stream that waits for jobs sleeps before it looks again for one that it could run itself. */
#define HELP_NAP_NS 50000

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
	} else if (record == VTW_RECORD_EXECUTE) { /* an earlier job may be recording the buffers */
		vtr_jobs_wait(d->venus->lanes, recording->number, 0);
		if (atomic_load(&recording->owner->returned_count) != 0) { /* perhaps such a job */
			recording->state = VTR_RECORDING_FOREIGN;
			return false;
		}
	} else if (record == VTW_RECORD_END) {
		recording->state = VTR_RECORDING_ENDED;
	}
	return true;
}

/* Returns: whether the ring's thread has to run the job. The driver's buffer was freed then, so the job can run as if
 * nothing had happened: a recording changes nothing else. */
static bool record(struct lane *lane, const struct vtr_job *job)
{
	struct vtr_venus *venus = lane->lanes->venus;
	struct vtr_object *o = vtr_idmap_get(&venus->objects.map, job->buffer);
	struct vtr_host_buffers *buffers;
	enum vtr_err err;
	bool done;

	/* If a job was given back, so are the next ones of its stream: they stay in order. */
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
	if (!done) { /* no other thread may find the buffer that is freed now */
		__atomic_store_n(&o->handle, (uintptr_t)buffers->own, __ATOMIC_RELAXED);
	}
	vtr_host_buffers_close(buffers, lane->index, done);
	return !done;
}

/* *out_claimed: whether the lane has to copy the job. If not, its ring's thread does so. */
static struct vtr_job *next_job(struct lane *lane, bool *out_claimed)
{
	struct vtr_job *job = NULL;

	pthread_mutex_lock(&lane->lanes->lock);
	if (!vtr_list_empty(&lane->queue)) {
		job = vtr_container_of(lane->queue.next, struct vtr_job, queue);
		vtr_list_remove(&job->queue);
		job->begun = true;
		*out_claimed = vtr_job_claim(job);
	}
	pthread_mutex_unlock(&lane->lanes->lock);
	return job;
}

static void run_job(struct lane *lane, struct vtr_job *job, bool claimed)
{
	struct vtr_venus *venus = lane->lanes->venus;
	bool back = false;

	if (claimed) {
		vtr_job_fetch(lane->lanes, job);
	} else {
		vtr_job_await_fetch(lane->lanes, job);
	}
	vtr_retire_begin(&venus->retire, &lane->dispatch.stream);
	if (!vtr_venus_is_dead(venus)) {
		back = record(lane, job);
	}
	vtr_retire_end(&lane->dispatch.stream);
	vtr_job_finish(lane->lanes, job, back);
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
		bool claimed = false;
		struct vtr_job *job = next_job(lane, &claimed);

		if (job != NULL) {
			run_job(lane, job, claimed);
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

	if (!vtr_budget_take(vtr_lanes_budget(lanes), LANE_BYTES)) {
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
	vtr_budget_give(vtr_lanes_budget(lanes), LANE_BYTES);
	return false;
}

/* Called with the lock held. Starts the lanes at the first call. Returns: whether any runs. */
static bool start(struct vtr_lanes *lanes)
{
	const uint64_t most = vtr_lanes_budget(lanes)->limit / VTR_LANES_PART / LANE_BYTES;

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
		vtr_budget_give(vtr_lanes_budget(lanes), LANE_BYTES);
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

/* Returns: NULL if the lanes have enough to do, or the budget is used up. */
static struct vtr_job *new_job(struct vtr_dispatch *d, size_t size)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_job *job;

	pthread_mutex_lock(&lanes->lock);
	job = start(lanes) ? vtr_job_alloc(lanes, size) : NULL;
	pthread_mutex_unlock(&lanes->lock);
	if (job != NULL) {
		job->size = size;
		job->owner = d;
		job->begun = false;
		job->claimed = false;
		atomic_store_explicit(&job->fetched, false, memory_order_relaxed);
	}
	return job;
}

/* Returns: the id of the command buffer whose recording begins and ends with these bytes, or 0. Anything may lie
 * between them: the lane checks that. */
static uint64_t recorded_buffer(const uint8_t *begin, const uint8_t *end)
{
	return record_of(vtr_cs_ld32(begin)) == VTW_RECORD_BEGIN &&
	                       record_of(vtr_cs_ld32(end)) == VTW_RECORD_END && vtr_cs_ld32(begin + 4) == 0 &&
	                       vtr_cs_ld32(end + 4) == 0 && vtr_cs_ld64(begin + 8) == vtr_cs_ld64(end + 8) ?
	               vtr_cs_ld64(begin + 8) :
	               0;
}

/* Called with the lock held. A buffer stays with its lane while another recording of it is unfinished there. Otherwise
 * it stays unless another lane has less to do, since it keeps the driver's memory in each lane that has recorded it. */
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

static void submit(struct vtr_lanes *lanes, struct vtr_job *job, struct vtr_host_buffers *buffers)
{
	struct lane *lane;

	pthread_mutex_lock(&lanes->lock);
	lane = choose(lanes, job, buffers->lane);
	buffers->lane = lane->index;
	job->lane = lane;
	vtr_job_queue(lanes, job);
	pthread_mutex_unlock(&lanes->lock);
	wake(lane);
}

/* Leaves out the first and the last command, which were copied already. */
static void set_pieces(struct vtr_job *job, const struct vtr_pieces *pieces)
{
	job->pieces = *pieces;
	job->pieces.list[0].bytes += VTR_JOB_HEAD;
	job->pieces.list[0].size -= VTR_JOB_HEAD;
	job->pieces.list[pieces->count - 1].size -= VTR_JOB_HEAD;
}

bool vtr_lanes_take(struct vtr_dispatch *d, const struct vtr_pieces *pieces)
{
	const struct vtr_piece *first = &pieces->list[0], *last = &pieces->list[pieces->count - 1];
	struct vtr_host_buffers *buffers = NULL;
	uint8_t begin[VTR_JOB_HEAD], end[VTR_JOB_HEAD];
	struct vtr_object *o;
	struct vtr_job *job;

	if (pieces->size < MIN_JOB || first->size < VTR_JOB_HEAD || last->size < VTR_JOB_HEAD) {
		return false;
	}
	/* The guest can change its bytes at any time, so the copies that are checked are those that the job gets. */
	memcpy(begin, first->bytes, VTR_JOB_HEAD);
	memcpy(end, last->bytes + last->size - VTR_JOB_HEAD, VTR_JOB_HEAD);
	o = vtr_idmap_get(&d->venus->objects.map, recorded_buffer(begin, end));
	if (o != NULL && __atomic_load_n(&o->type, __ATOMIC_RELAXED) == VK_OBJECT_TYPE_COMMAND_BUFFER) {
		buffers = vtr_host_buffers_of(o);
	}
	/* This thread may have to run it, or a later one, when nothing is left in the budget. */
	job = buffers != NULL && vtr_dispatch_prepare(d) ? new_job(d, pieces->size) : NULL;
	if (job == NULL) {
		return false;
	}
	memcpy(job->bytes, begin, VTR_JOB_HEAD);
	memcpy(job->bytes + job->size - VTR_JOB_HEAD, end, VTR_JOB_HEAD);
	set_pieces(job, pieces);
	job->buffer = o->id;
	job->pool = vtr_vk(o)->pool->base.id;
	job->hold = vtr_holds_add(&d->holds, d->ring->position);
	d->own_buffer = 0;
	if (job->hold == NULL) {
		job->claimed = true;
		vtr_job_fetch(d->venus->lanes, job);
	}
	submit(d->venus->lanes, job, buffers);
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

	d->limit = job->number; /* so that it waits only for earlier jobs */
	err = vtr_dispatch_run_between(d, job->bytes, job->size);
	d->limit = limit;
	return err;
}

/* Takes the stream's latest job below `limit` that no lane has begun, with its bytes. It takes the latest, because
 * lanes begin with the earliest. With `late` it takes only a job that has to wait for another one of its lane: a lane
 * that is being woken begins soon. A job stays in its lane if a later one records the same buffer again: the lane has
 * both, and keeps their order. Returns: NULL if no job is left. */
static struct vtr_job *take_unbegun(struct vtr_dispatch *d, uint64_t limit, uint64_t id, bool late)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	struct vtr_job *found = NULL;
	bool claimed = false;
	struct vtr_job *job;

	pthread_mutex_lock(&lanes->lock);
	vtr_list_for_each (job, &lanes->jobs, link) {
		if (job->owner == d && !job->begun && job->number < limit && vtr_job_is_of(job, id) &&
		    (!late || job->lane->load > job->size)) {
			found = job;
		} else if (found != NULL && job->buffer == found->buffer) {
			found = NULL;
		}
	}
	if (found != NULL) {
		vtr_list_remove(&found->queue);
		found->begun = true;
		claimed = vtr_job_claim(found);
	}
	pthread_mutex_unlock(&lanes->lock);
	if (claimed) {
		vtr_job_fetch(lanes, found);
	}
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
		vtr_job_discard(d->venus->lanes, job);
		/* Not before: until then, lanes give back what follows it. */
		atomic_fetch_sub(&d->returned_count, 1);
	}
	return err;
}

static enum vtr_err settle(struct vtr_dispatch *d, uint64_t limit, uint64_t id)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	/* There may be any command in a job that no lane has begun, so it stays behind earlier submits. */
	const uint64_t own_limit = d->queued_count != 0 ? vtr_min(limit, vtr_submits_limit(d)) : limit;
	enum vtr_err err = VTR_OK;
	struct vtr_job *job;

	while (d->limit == 0 && err == VTR_OK && (job = take_unbegun(d, own_limit, id, false)) != NULL) {
		err = run_here(d, job);
		vtr_job_finish(lanes, job, false);
	}
	vtr_dispatch_pause(d);
	vtr_jobs_wait(lanes, limit, id);
	vtr_dispatch_resume(d);
	return err;
}

void vtr_lanes_settle(struct vtr_dispatch *d, uint64_t id)
{
	enum vtr_err err = settle(d, d->limit != 0 ? d->limit : vtr_lanes_next(d), id);

	/* What a lane gives back may contain any command, and must run after the earlier submits. */
	if (err == VTR_OK && d->limit == 0 && atomic_load(&d->returned_count) != 0) {
		err = vtr_submits_run(d, VTR_SUBMITS_ALL);
	}
	if (err == VTR_OK) {
		err = run_returned(d);
	}
	if (err != VTR_OK) {
		vtr_dispatch_fail(d, "a recording failed that belongs before this command");
	}
}

/* Runs the jobs below `limit` that were given back. */
static enum vtr_err run_returned_before(struct vtr_dispatch *d, uint64_t limit)
{
	enum vtr_err err;

	d->limit = limit;
	err = run_returned(d);
	d->limit = 0;
	return err;
}

uint64_t vtr_lanes_next(const struct vtr_dispatch *d)
{
	return atomic_load(&d->venus->lanes->next);
}

bool vtr_lanes_done(const struct vtr_dispatch *d, uint64_t limit)
{
	return !vtr_jobs_unfinished(d->venus->lanes, limit, 0) && atomic_load(&d->returned_count) == 0;
}

enum vtr_err vtr_lanes_settle_before(struct vtr_dispatch *d, uint64_t limit)
{
	enum vtr_err err = vtr_lanes_done(d, limit) ? VTR_OK : settle(d, limit, 0);

	return err == VTR_OK ? run_returned_before(d, limit) : err;
}

enum vtr_err vtr_lanes_help(struct vtr_dispatch *d, uint64_t limit)
{
	struct vtr_lanes *lanes = d->venus->lanes;
	const uint32_t word = atomic_load(&lanes->progress);
	struct vtr_job *job = take_unbegun(d, limit, 0, true);
	enum vtr_err err = VTR_OK;

	if (job != NULL) {
		vtr_dispatch_resume(d);
		err = run_here(d, job);
		vtr_dispatch_pause(d);
		vtr_job_finish(lanes, job, false);
	} else if (vtr_jobs_unfinished(lanes, limit, 0)) {
		atomic_fetch_add(&lanes->waiting, 1);
		(void)vtr_os_park(&lanes->progress, word, HELP_NAP_NS);
		atomic_fetch_sub(&lanes->waiting, 1);
	}
	return err;
}

enum vtr_err vtr_lanes_run_returned(struct vtr_dispatch *d)
{
	enum vtr_err err = VTR_OK;

	if (atomic_load(&d->returned_count) != 0 || d->queued_count != 0) {
		vtr_dispatch_resume(d);
		err = vtr_submits_run(d, atomic_load(&d->returned_count) != 0 ? VTR_SUBMITS_ALL :
		                                                                VTR_SUBMITS_READY);
		if (err == VTR_OK && d->queued_count == 0) {
			err = run_returned(d);
		}
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
	vtr_jobs_wait(lanes, atomic_load(&lanes->next), 0);
	vtr_submits_drop(d);
	while (!vtr_list_empty(&d->returned)) {
		struct vtr_job *job = vtr_container_of(d->returned.next, struct vtr_job, link);

		vtr_list_remove(&job->link);
		vtr_job_discard(lanes, job);
	}
}
