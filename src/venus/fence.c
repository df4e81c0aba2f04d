/* SPDX-License-Identifier: MIT */
/*
 * Fences of the transport: "everything that was submitted to this queue so far is done".
 *
 * Each queue has a timeline semaphore. A fence is a value on it, so it needs no object of its own. If the
 * guest asks for a fence after each submit, submits signal the next value without being asked. The context's
 * thread checks fences while it is awake; while it sleeps, a thread of the queue waits for the timeline. One
 * thread could wait for several timelines, but Mesa's drivers spin in such a wait.
 */
#define VTR_LOG_MODULE "venus"
#include <stdlib.h>

#include "base/log.h"
#include "platform/proc.h"
#include "venus/deferred.h"
#include "venus/device.h"

/* After so many submits in a row without a fence they stop signalling. */
#define MAX_UNUSED 64
/* A context that submits so often to a queue draws pictures: lavapipe allocates and frees a block of the size of all
 * transformed vertices for each draw. Many contexts only look at the device, and do not need more memory then. */
#define MANY_CALLS 16

static VkSemaphore make_timeline(struct vtr_device *device)
{
	const VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	const VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		                             .pNext = &type };
	VkSemaphore semaphore;

	if (!device->timeline_semaphores ||
	    device->procs.vkCreateSemaphore(device->handle, &info, NULL, &semaphore) != VK_SUCCESS) {
		return NULL;
	}
	return semaphore;
}

static uint64_t counter(struct vtr_queue *q)
{
	uint64_t value = 0;

	return q->device->procs.vkGetSemaphoreCounterValue(q->device->handle, q->semaphore, &value) ==
	                       VK_SUCCESS ?
	               value :
	               UINT64_MAX; /* a lost device has no pending work */
}

static void fire(struct vtr_queue *q, uint64_t fence_id)
{
	struct vtr_venus *venus = q->device->venus;

	venus->params.events->fence(venus->params.data, q->timeline, fence_id);
}

/* Retires what is done up to `value`. The lock is held during the callback, since two threads do this and
 * fences must be reported in order; the callback takes no lock of ours. */
static void retire(struct vtr_queue *q, uint64_t value)
{
	pthread_mutex_lock(&q->fence_lock);
	while (!vtr_list_empty(&q->fences)) {
		struct vtr_pending_fence *f =
			vtr_container_of(q->fences.next, struct vtr_pending_fence, link);

		if (f->value > value) {
			break;
		}
		vtr_list_remove(&f->link);
		fire(q, f->fence_id);
		free(f);
	}
	pthread_mutex_unlock(&q->fence_lock);
}

/* Returns: the oldest pending value, 0 if there is none. */
static uint64_t oldest(struct vtr_queue *q)
{
	uint64_t value = 0;

	pthread_mutex_lock(&q->fence_lock);
	if (!vtr_list_empty(&q->fences)) {
		value = vtr_container_of(q->fences.next, struct vtr_pending_fence, link)->value;
	}
	pthread_mutex_unlock(&q->fence_lock);
	return value;
}

static void waiter_thread(void *data)
{
	struct vtr_queue *q = data;
	struct vtr_device *device = q->device;

	for (;;) {
		const uint32_t word = atomic_load(&q->waiter_word);
		const uint64_t value = oldest(q);
		const VkSemaphoreWaitInfo wait = {
			.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
			.semaphoreCount = 1,
			.pSemaphores = &q->semaphore,
			.pValues = &value,
		};

		if (value == 0) {
			if (atomic_load(&q->waiter_stop)) {
				return;
			}
			(void)vtr_os_park(&q->waiter_word, word, -1);
		} else if (device->procs.vkWaitSemaphores(device->handle, &wait, UINT64_MAX) == VK_SUCCESS) {
			retire(q, counter(q));
		} else {
			retire(q, UINT64_MAX);
		}
	}
}

/* Called with queue->lock held. Returns: VTR_ERR_UNSUPPORTED if the queue has no timeline, VTR_ERR_NOMEM without a
 * thread for it. */
static enum vtr_err make_ready(struct vtr_queue *q)
{
	if (q->semaphore == NULL) {
		q->semaphore = make_timeline(q->device);
	}
	if (q->semaphore != NULL && !q->waiter_runs) {
		q->waiter_runs = vtr_os_thread_create(&q->waiter, "venus-fence", waiter_thread, q) == VTR_OK;
	}
	return q->semaphore == NULL ? VTR_ERR_UNSUPPORTED : q->waiter_runs ? VTR_OK : VTR_ERR_NOMEM;
}

static VkResult signal_timeline(struct vtr_queue *q, uint64_t value)
{
	const VkTimelineSemaphoreSubmitInfo timeline = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &value,
	};
	const VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.pNext = &timeline,
		.signalSemaphoreCount = 1,
		.pSignalSemaphores = &q->semaphore,
	};

	VkResult ret;

	vtr_work_signal(q, value);
	ret = q->device->procs.vkQueueSubmit(q->handle, 1, &info, NULL);
	if (ret == VK_SUCCESS) {
		q->submitted = value;
		q->stale = false;
	} else {
		vtr_work_unsure(q->device);
	}
	return ret;
}

bool vtr_queue_wants_signal(struct vtr_queue *q, uint64_t *out_value)
{
	if (!q->eager && !vtr_work_wants_signal(q)) {
		return false;
	}
	if (q->semaphore == NULL && q->device->work.watched) {
		q->semaphore = make_timeline(q->device);
	}
	if (q->semaphore == NULL) {
		vtr_work_unsure(q->device);
		return false;
	}
	*out_value = q->submitted + 1;
	return true;
}

void vtr_queue_submitted(struct vtr_queue *q, bool signalled, VkResult result)
{
	if (q->calls < MANY_CALLS && ++q->calls == MANY_CALLS) {
		vtr_os_heap_reuse_large();
	}
	if (result != VK_SUCCESS) {
		vtr_work_unsure(q->device);
	}
	if (!signalled || result != VK_SUCCESS) {
		q->stale = true;
		return;
	}
	q->submitted++;
	q->stale = false;
	if (++q->unused_signals > MAX_UNUSED) {
		q->eager = false;
	}
}

/* Called with queue->lock held. Finds the value that covers all submits, and signals it if no submit does. */
static VkResult cover(struct vtr_queue *q, uint64_t *out_value)
{
	VkResult ret = VK_SUCCESS;

	if (q->stale || q->submitted == 0) {
		ret = signal_timeline(q, q->submitted + 1);
		q->eager |= ret == VK_SUCCESS; /* from now on submits signal themselves */
	}
	q->unused_signals = 0;
	*out_value = q->submitted;
	return ret;
}

void vtr_queue_look(struct vtr_queue *q, bool signalled)
{
	if (vtr_work_see(q, signalled ? counter(q) : 0) && pthread_mutex_trylock(&q->lock) == 0) {
		if (!q->gone && q->semaphore != NULL) {
			vtr_hang_begin_wait(q->device->venus);
			(void)signal_timeline(q, q->submitted + 1);
			vtr_hang_end_wait(q->device->venus);
		}
		pthread_mutex_unlock(&q->lock);
	}
}

static void wake_waiter(struct vtr_queue *q)
{
	atomic_fetch_add(&q->waiter_word, 1);
	vtr_os_unpark(&q->waiter_word);
}

static enum vtr_err append(struct vtr_queue *q, uint64_t value, uint64_t fence_id)
{
	struct vtr_pending_fence *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		return VTR_ERR_NOMEM;
	}
	f->value = value;
	f->fence_id = fence_id;
	pthread_mutex_lock(&q->fence_lock);
	vtr_list_append(&q->fences, &f->link);
	pthread_mutex_unlock(&q->fence_lock);
	q->unwatched = true;
	/* Both are sequentially consistent: either the context's thread sees this before it sleeps, or this sees
	 * that it sleeps. */
	atomic_store(&q->device->venus->unwatched, true);
	if (atomic_load(&q->device->venus->sleeps)) {
		wake_waiter(q);
	}
	return VTR_OK;
}

/* Returns: whether the queue's fences no longer need the context's thread. */
static bool poll_queue(struct vtr_queue *q, bool sleeping)
{
	retire(q, counter(q));
	if (oldest(q) == 0) {
		return true;
	}
	if (sleeping) {
		wake_waiter(q);
	}
	return sleeping;
}

void vtr_venus_poll_fences(struct vtr_venus *venus, bool sleeping)
{
	bool left = false;

	atomic_store(&venus->sleeps, sleeping);
	vtr_deferred_check(venus);
	if (!atomic_load(&venus->unwatched)) {
		return;
	}
	atomic_store(&venus->unwatched, false);
	pthread_mutex_lock(&venus->timeline_lock);
	for (uint32_t i = 1; i < VTR_TIMELINE_COUNT; i++) {
		struct vtr_queue *q = venus->timelines[i];

		if (q != NULL && q->unwatched) {
			q->unwatched = !poll_queue(q, sleeping);
			left |= q->unwatched;
		}
	}
	if (left) {
		atomic_store(&venus->unwatched, true);
	}
	pthread_mutex_unlock(&venus->timeline_lock);
}

static enum vtr_err fence_on(struct vtr_queue *q, uint64_t fence_id)
{
	uint64_t value = 0;
	enum vtr_err err;
	VkResult ret = VK_SUCCESS;
	bool idle = true;

	vtr_hang_begin_wait(q->device->venus);
	pthread_mutex_lock(&q->lock);
	err = make_ready(q);
	if (err == VTR_OK) {
		ret = cover(q, &value);
	} else if (err == VTR_ERR_UNSUPPORTED) {
		/* A driver without timeline semaphores: correct, but slow. With them, this wait could last until the
		 * guest's next command, which the waiting thread would have to read. */
		(void)q->device->procs.vkQueueWaitIdle(q->handle);
	}
	vtr_hang_end_wait(q->device->venus);
	if (err == VTR_OK) {
		/* Often the work is already done, so no thread needs to wake up for it. Fences are reported
		 * in order, also when the driver fails. */
		idle = oldest(q) == 0 && (ret != VK_SUCCESS || counter(q) >= value);
	}
	pthread_mutex_unlock(&q->lock);
	if (err != VTR_OK && err != VTR_ERR_UNSUPPORTED) {
		return err;
	}
	if (idle) {
		fire(q, fence_id);
		return VTR_OK;
	}
	return append(q, value, fence_id);
}

enum vtr_err vtr_timeline_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	enum vtr_err err = VTR_OK;

	pthread_mutex_lock(&venus->timeline_lock); /* keeps the queue alive */
	if (venus->timelines[timeline] != NULL) {
		err = fence_on(venus->timelines[timeline], fence_id);
	} else { /* no work is pending there: there has been no queue, or its device was destroyed meanwhile */
		venus->params.events->fence(venus->params.data, timeline, fence_id);
	}
	pthread_mutex_unlock(&venus->timeline_lock);
	return err;
}

void vtr_device_close_queues(struct vtr_device *device)
{
	struct vtr_venus *venus = device->venus;

	pthread_mutex_lock(&venus->timeline_lock);
	for (uint32_t i = 0; i < device->queue_count; i++) {
		struct vtr_queue *q = device->queues[i];

		if (q->timeline != 0) {
			venus->timelines[q->timeline] = NULL;
		}
		pthread_mutex_lock(&q->lock); /* a waiting thread then finds the queue gone */
		q->gone = true;
		pthread_mutex_unlock(&q->lock);
	}
	pthread_mutex_unlock(&venus->timeline_lock);
}

void vtr_device_finish_fences(struct vtr_device *device)
{
	for (uint32_t i = 0; i < device->queue_count; i++) {
		struct vtr_queue *q = device->queues[i];

		if (q->waiter_runs) {
			atomic_store(&q->waiter_stop, true);
			wake_waiter(q);
			vtr_os_thread_join(&q->waiter);
		}
		pthread_mutex_lock(&q->look_lock); /* a look that has begun ends first */
		device->procs.vkDestroySemaphore(device->handle, q->semaphore, NULL);
		pthread_mutex_unlock(&q->look_lock);
	}
}
