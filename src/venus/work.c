/* SPDX-License-Identifier: MIT */
#include "venus/work.h"

#include <stdlib.h>

#include "venus/device.h"

/* Where fences do not make each submit signal (venus/fence.c), one signals after this time. It is short beside a
 * frame, so that each frame shows, and long beside the submits of a program that does little else. */
#define SIGNAL_NS 4000000
#define FIRST_ROOM 64
/* Programs have a few timelines. Beyond this, the device is not judged. */
#define MAX_TIMELINES (1u << 15)

void vtr_device_work_init(struct vtr_device *device)
{
	pthread_mutex_init(&device->work.lock, NULL);
}

void vtr_device_work_finish(struct vtr_device *device)
{
	free(device->work.timelines);
	pthread_mutex_destroy(&device->work.lock);
}

/* --- timelines; all with the lock held ---------------------------------------------------------------- */

/* Returns: the semaphore's row or the free one where it belongs, of a table with room. */
static struct vtr_work_timeline *row_of(struct vtr_work_timeline *rows, uint32_t room, VkSemaphore semaphore)
{
	uint32_t at = (uint32_t)(((uintptr_t)semaphore * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	while (rows[at & (room - 1)].semaphore != semaphore && rows[at & (room - 1)].semaphore != NULL) {
		at++;
	}
	return &rows[at & (room - 1)];
}

/* Returns: NULL if the semaphore is not a timeline. */
static struct vtr_work_timeline *find(const struct vtr_device_work *work, VkSemaphore semaphore)
{
	struct vtr_work_timeline *row = work->timeline_count == 0 || semaphore == NULL ?
	                                        NULL :
	                                        row_of(work->timelines, work->timeline_room, semaphore);

	return row != NULL && row->semaphore != NULL ? row : NULL;
}

/* Makes room for one more. Returns: false without memory. */
static bool grow(struct vtr_device_work *work)
{
	const uint32_t room = work->timeline_room != 0 ? work->timeline_room * 2 : FIRST_ROOM;
	struct vtr_work_timeline *rows;

	if (work->timeline_count < work->timeline_room / 2) {
		return true;
	}
	rows = calloc(room, sizeof(*rows));
	if (rows == NULL) {
		return false;
	}
	for (uint32_t i = 0; i < work->timeline_room; i++) {
		if (work->timelines[i].semaphore != NULL) {
			*row_of(rows, room, work->timelines[i].semaphore) = work->timelines[i];
		}
	}
	free(work->timelines);
	work->timelines = rows;
	work->timeline_room = room;
	return true;
}

static bool note_semaphore(struct vtr_device_work *work, VkSemaphore semaphore, bool timeline, uint64_t value)
{
	struct vtr_work_timeline *row = find(work, semaphore);

	if (row == NULL && timeline && work->timeline_count == MAX_TIMELINES) {
		work->unsure = true;
	} else if (row == NULL && timeline) {
		if (!grow(work)) {
			return false;
		}
		row = row_of(work->timelines, work->timeline_room, semaphore);
		work->timeline_count++;
	}
	if (row != NULL) { /* a binary one may have the handle of a timeline that was destroyed */
		*row = (struct vtr_work_timeline){ semaphore, timeline ? value : UINT64_MAX, 0 };
	}
	return true;
}

bool vtr_work_created(struct vtr_device *device, VkSemaphore semaphore, bool timeline, uint64_t value)
{
	bool ok = true;

	if (device->work.watched) {
		pthread_mutex_lock(&device->work.lock);
		ok = note_semaphore(&device->work, semaphore, timeline, value);
		pthread_mutex_unlock(&device->work.lock);
	}
	return ok;
}

/* `submit`: that signals it; 0: the host does. */
static void promise(struct vtr_device_work *work, VkSemaphore semaphore, uint64_t value, uint64_t submit)
{
	struct vtr_work_timeline *row = find(work, semaphore);

	if (row != NULL && row->promised < value) {
		row->promised = value;
		row->submit = submit;
	}
}

void vtr_work_promise(struct vtr_device *device, VkSemaphore semaphore, uint64_t value)
{
	if (device->work.watched) {
		pthread_mutex_lock(&device->work.lock);
		promise(&device->work, semaphore, value, 0);
		pthread_mutex_unlock(&device->work.lock);
	}
}

void vtr_work_unsure(struct vtr_device *device)
{
	if (device->work.watched) {
		pthread_mutex_lock(&device->work.lock);
		device->work.unsure = true;
		pthread_mutex_unlock(&device->work.lock);
	}
}

static bool is_open(const struct vtr_device_work *work, VkSemaphore semaphore, uint64_t value)
{
	const struct vtr_work_timeline *row = find(work, semaphore);

	return row != NULL && row->promised < value;
}

/* --- submits ------------------------------------------------------------------------------------------ */

bool vtr_work_wants_signal(struct vtr_queue *q)
{
	return q->device->work.watched && vtr_os_coarse_ns() - q->work.signal_ns >= SIGNAL_NS;
}

static void add_wait(struct vtr_queue *q, VkSemaphore semaphore, uint64_t value)
{
	struct vtr_work *work = &q->work;

	work->tail.after = q->device->work.submits;
	if (!is_open(&q->device->work, semaphore, value)) {
		return;
	}
	if (work->open_count == VTR_WORK_MAX_OPEN) {
		work->open_lost = true;
		return;
	}
	work->open[work->open_count++] = (struct vtr_work_open){ semaphore, value, work->signalled + 1 };
}

static void add_arrays(struct vtr_queue *q, const void *info, uint32_t wait_count, const VkSemaphore *waits,
                       uint32_t signal_count, const VkSemaphore *signals)
{
	const VkTimelineSemaphoreSubmitInfo *values =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);

	for (uint32_t i = 0; i < wait_count; i++) {
		const bool has = values != NULL && i < values->waitSemaphoreValueCount;

		add_wait(q, waits[i], has ? values->pWaitSemaphoreValues[i] : 0);
	}
	for (uint32_t i = 0; values != NULL && i < vtr_min(signal_count, values->signalSemaphoreValueCount);
	     i++) {
		promise(&q->device->work, signals[i], values->pSignalSemaphoreValues[i],
		        q->device->work.submits);
	}
}

/* Begins a submit of some batches, and takes the lock. Returns: false, without the lock, if nothing is followed. */
static bool begin(struct vtr_queue *q, uint32_t batches)
{
	struct vtr_work_group *tail = &q->work.tail;

	if (!q->device->work.watched) {
		return false;
	}
	pthread_mutex_lock(&q->device->work.lock);
	q->device->work.submits++;
	if (tail->batches == 0) {
		tail->first = q->device->work.submits;
	}
	tail->batches += batches != 0 ? batches : 1; /* a fence alone is behind all that was submitted */
	return true;
}

/* A signal follows what was submitted. */
static void close_group(struct vtr_work *work, uint64_t value)
{
	struct vtr_work_group *group = &work->groups[value % VTR_WORK_GROUPS];

	if (value - work->completed >
	    VTR_WORK_GROUPS) { /* the place still belongs to an earlier value, too */
		work->tail.batches = (uint32_t)vtr_max(work->tail.batches, group->batches);
		work->tail.first = group->first;
		work->tail.after = vtr_max(work->tail.after, group->after);
	}
	*group = work->tail;
	work->tail = (struct vtr_work_group){ 0 };
	work->signalled = value;
	work->signal_ns = vtr_os_coarse_ns();
}

/* Ends a submit, and releases the lock. */
static void end(struct vtr_queue *q, uint64_t value)
{
	if (value != 0) {
		close_group(&q->work, value);
	}
	pthread_mutex_unlock(&q->device->work.lock);
}

void vtr_work_signal(struct vtr_queue *q, uint64_t value)
{
	if (q->device->work.watched) {
		pthread_mutex_lock(&q->device->work.lock);
		end(q, value);
	}
}

void vtr_work_submit(struct vtr_queue *q, uint32_t count, const VkSubmitInfo *infos, uint64_t value)
{
	if (!begin(q, count)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		add_arrays(q, &infos[i], infos[i].waitSemaphoreCount, infos[i].pWaitSemaphores,
		           infos[i].signalSemaphoreCount, infos[i].pSignalSemaphores);
	}
	end(q, value);
}

void vtr_work_submit2(struct vtr_queue *q, uint32_t count, const VkSubmitInfo2 *infos, uint64_t value)
{
	if (!begin(q, count)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t n = 0; n < infos[i].waitSemaphoreInfoCount; n++) {
			add_wait(q, infos[i].pWaitSemaphoreInfos[n].semaphore,
			         infos[i].pWaitSemaphoreInfos[n].value);
		}
		for (uint32_t n = 0; n < infos[i].signalSemaphoreInfoCount; n++) {
			promise(&q->device->work, infos[i].pSignalSemaphoreInfos[n].semaphore,
			        infos[i].pSignalSemaphoreInfos[n].value, q->device->work.submits);
		}
	}
	end(q, value);
}

void vtr_work_bind(struct vtr_queue *q, uint32_t count, const VkBindSparseInfo *infos)
{
	if (!begin(q, count)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		add_arrays(q, &infos[i], infos[i].waitSemaphoreCount, infos[i].pWaitSemaphores,
		           infos[i].signalSemaphoreCount, infos[i].pSignalSemaphores);
	}
	end(q, 0);
}

/* --- the clock ---------------------------------------------------------------------------------------- */

bool vtr_work_pending(struct vtr_queue *q, bool *out_signalled)
{
	bool pending;

	pthread_mutex_lock(&q->device->work.lock);
	*out_signalled = q->work.signalled != 0;
	pending = q->work.signalled > q->work.completed || q->work.tail.batches != 0;
	pthread_mutex_unlock(&q->device->work.lock);
	return pending;
}

bool vtr_work_see(struct vtr_queue *q, uint64_t completed)
{
	struct vtr_work *work = &q->work;
	bool more;

	pthread_mutex_lock(&q->device->work.lock);
	if (completed > work->completed) {
		work->completed = vtr_min(completed, work->signalled);
		work->runs = false;
	}
	more = work->completed == work->signalled && work->tail.batches != 0;
	pthread_mutex_unlock(&q->device->work.lock);
	return more;
}

/* Returns: the batches whose end a value shows. */
static struct vtr_work_group *group_of(struct vtr_work *work, uint64_t value)
{
	return value <= work->signalled ? &work->groups[value % VTR_WORK_GROUPS] : &work->tail;
}

/* Drops waits that are over. Returns: whether the next batches have an open one. */
static bool has_open(struct vtr_queue *q)
{
	struct vtr_work *work = &q->work;
	bool next = work->open_lost;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < work->open_count; i++) {
		const struct vtr_work_open open = work->open[i];
		const struct vtr_work_timeline *row = find(&q->device->work, open.semaphore);
		struct vtr_work_group *group = group_of(work, open.at);

		if (open.at <= work->completed) {
			continue;
		}
		if (row != NULL && row->promised < open.value) {
			work->open[kept++] = open;
			next |= open.at == work->completed + 1;
		} else if (row != NULL) {
			group->after = vtr_max(group->after, row->submit);
		}
	}
	work->open_count = kept;
	return next;
}

/* Returns: whether the queue has completed everything up to this submit. */
static bool is_past(struct vtr_queue *q, uint64_t submit)
{
	struct vtr_work_group *group = group_of(&q->work, q->work.completed + 1);

	return group->batches == 0 || group->first > submit;
}

/* Returns: whether the queue's next batches can run: nothing that they wait for is missing. */
static bool can_run(struct vtr_queue *q)
{
	const struct vtr_device *device = q->device;
	const uint64_t after = group_of(&q->work, q->work.completed + 1)->after;

	if (device->work.unsure || has_open(q)) {
		return false;
	}
	for (uint32_t i = 0; after != 0 && i < device->queue_count; i++) {
		if (device->queues[i] != q && !is_past(device->queues[i], after)) {
			return false;
		}
	}
	return true;
}

static int64_t tick(struct vtr_queue *q, int64_t passed_ns)
{
	struct vtr_work *work = &q->work;
	const uint32_t batches = group_of(work, work->completed + 1)->batches;
	const bool idle = work->completed == work->signalled && batches == 0;
	const bool ran = work->runs;

	if (idle) {
		work->open_count = 0;
		work->open_lost = false;
	}
	work->runs = !idle && can_run(q);
	work->elapsed_ns = work->runs && ran ? work->elapsed_ns + passed_ns : 0;
	return work->elapsed_ns / (batches > 1 ? batches : 1);
}

int64_t vtr_work_tick(struct vtr_queue *q, int64_t passed_ns)
{
	int64_t ns;

	pthread_mutex_lock(&q->device->work.lock);
	ns = tick(q, passed_ns);
	pthread_mutex_unlock(&q->device->work.lock);
	return ns;
}
