/* SPDX-License-Identifier: MIT */
/*
 * Fences of the transport: "everything that was submitted to this queue so far is done".
 *
 * Each queue has a timeline semaphore. A fence is a value on it, so it needs no object of its own; and
 * once the guest is seen to ask for one after each submit, submits signal the next value by
 * themselves. One thread per device waits for all its queues' timelines.
 */
#define VTR_LOG_MODULE "venus"
#include <stdlib.h>

#include "base/log.h"
#include "venus/device.h"

/* Submits in a row that nobody asked a fence of, after which they stop signalling. */
#define MAX_UNUSED 64
/* A driver that never ends a wait is asked again at times. */
#define WAIT_NS UINT64_C(3000000000)

static VkSemaphore make_timeline(struct vtr_device *device)
{
	const VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	const VkSemaphoreCreateInfo info = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type};
	VkSemaphore semaphore;

	if (!device->timeline_semaphores ||
	    device->procs.vkCreateSemaphore(device->handle, &info, NULL, &semaphore) != VK_SUCCESS) {
		return NULL;
	}
	return semaphore;
}

static void retire(struct vtr_venus *venus, uint32_t timeline, struct vtr_list *done)
{
	while (!vtr_list_empty(done)) {
		struct vtr_pending_fence *f = vtr_container_of(done->next, struct vtr_pending_fence, link);

		vtr_list_remove(&f->link);
		venus->params.events->fence(venus->params.data, timeline, f->fence_id);
		free(f);
	}
}

/* Moves the fences up to `value` from the queue to `done`, keeping their order. */
static void collect(struct vtr_queue *q, uint64_t value, struct vtr_list *done)
{
	while (!vtr_list_empty(&q->fences)) {
		struct vtr_pending_fence *f = vtr_container_of(q->fences.next, struct vtr_pending_fence, link);

		if (f->value > value) {
			return;
		}
		vtr_list_remove(&f->link);
		vtr_list_insert(done->prev, &f->link);
	}
}

/* Retires what is done; everything when the device is lost. */
static void look(struct vtr_device *device, bool lost)
{
	for (uint32_t i = 0; i < device->queue_count; i++) {
		struct vtr_queue *q = device->queues[i];
		struct vtr_list done;
		uint64_t value = 0;

		if (q->semaphore == NULL) {
			continue;
		}
		if (lost || device->procs.vkGetSemaphoreCounterValue(device->handle, q->semaphore, &value) !=
		                    VK_SUCCESS) {
			value = UINT64_MAX;
		}
		vtr_list_init(&done);
		pthread_mutex_lock(&device->fence_lock);
		collect(q, value, &done);
		pthread_mutex_unlock(&device->fence_lock);
		retire(device->venus, q->timeline, &done);
	}
}

static void waiter_thread(void *data)
{
	struct vtr_device *device = data;
	VkSemaphore semaphores[VTR_MAX_QUEUES + 1];
	uint64_t values[VTR_MAX_QUEUES + 1];

	for (;;) {
		VkSemaphoreWaitInfo wait = {
			.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
			.flags = VK_SEMAPHORE_WAIT_ANY_BIT,
			.semaphoreCount = 1,
			.pSemaphores = semaphores,
			.pValues = values,
		};
		VkResult ret;

		pthread_mutex_lock(&device->fence_lock);
		if (device->waiter_stop) {
			pthread_mutex_unlock(&device->fence_lock);
			return;
		}
		semaphores[0] = device->kick;
		values[0] = device->kick_value + 1;
		for (uint32_t i = 0; i < device->queue_count; i++) {
			struct vtr_queue *q = device->queues[i];

			if (!vtr_list_empty(&q->fences)) {
				semaphores[wait.semaphoreCount] = q->semaphore;
				values[wait.semaphoreCount++] =
					vtr_container_of(q->fences.next, struct vtr_pending_fence, link)->value;
			}
		}
		pthread_mutex_unlock(&device->fence_lock);
		ret = device->procs.vkWaitSemaphores(device->handle, &wait,
		                                     wait.semaphoreCount > 1 ? WAIT_NS : UINT64_MAX);
		look(device, ret < 0);
		if (ret < 0) {
			return;
		}
	}
}

/* With fence_lock held: makes the waiter see what is new. */
static void kick(struct vtr_device *device)
{
	const VkSemaphoreSignalInfo signal = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		.semaphore = device->kick,
		.value = ++device->kick_value,
	};

	(void)device->procs.vkSignalSemaphore(device->handle, &signal);
}

static bool ready(struct vtr_device *device, struct vtr_queue *q)
{
	if (q->semaphore == NULL) {
		q->semaphore = make_timeline(device);
	}
	pthread_mutex_lock(&device->fence_lock);
	if (q->semaphore != NULL && device->kick == NULL) {
		device->kick = make_timeline(device);
	}
	if (device->kick != NULL && !device->waiter_runs) {
		device->waiter_runs = vtr_os_thread_create(&device->waiter, "venus-fence", waiter_thread,
		                                           device) == VTR_OK;
	}
	pthread_mutex_unlock(&device->fence_lock);
	return q->semaphore != NULL && device->waiter_runs;
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

	return q->device->procs.vkQueueSubmit(q->handle, 1, &info, NULL);
}

bool vtr_queue_wants_signal(struct vtr_queue *q, uint64_t *out_value)
{
	if (!q->eager || q->semaphore == NULL) {
		return false;
	}
	*out_value = q->submitted + 1;
	return true;
}

void vtr_queue_submitted(struct vtr_queue *q, bool signalled, VkResult result)
{
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

/* With queue->lock held: the value that covers all submits, signalling it if none does. */
static VkResult cover(struct vtr_queue *q, uint64_t *out_value)
{
	VkResult ret = VK_SUCCESS;

	if (q->stale || q->submitted == 0) {
		ret = signal_timeline(q, q->submitted + 1);
		if (ret == VK_SUCCESS) {
			q->submitted++;
			q->stale = false;
			q->eager = true; /* the next submit may as well do it by itself */
		}
	}
	q->unused_signals = 0;
	*out_value = q->submitted;
	return ret;
}

static enum vtr_err fence_on(struct vtr_venus *venus, struct vtr_queue *q, uint64_t fence_id)
{
	struct vtr_device *device = q->device;
	struct vtr_pending_fence *f;
	uint64_t value;
	VkResult ret;

	pthread_mutex_lock(&q->lock);
	if (!ready(device, q)) { /* a driver without timeline semaphores: right, and slow */
		ret = device->procs.vkQueueWaitIdle(q->handle);
		pthread_mutex_unlock(&q->lock);
		(void)ret; /* a lost device owes nothing any more */
		venus->params.events->fence(venus->params.data, q->timeline, fence_id);
		return VTR_OK;
	}
	ret = cover(q, &value);
	pthread_mutex_unlock(&q->lock);
	if (ret != VK_SUCCESS) {
		venus->params.events->fence(venus->params.data, q->timeline, fence_id);
		return VTR_OK;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL) {
		return VTR_ERR_NOMEM;
	}
	f->value = value;
	f->fence_id = fence_id;
	pthread_mutex_lock(&device->fence_lock);
	/* A waiter that already waits for an older value of this queue comes by anyhow. */
	if (vtr_list_empty(&q->fences)) {
		kick(device);
	}
	vtr_list_insert(q->fences.prev, &f->link);
	pthread_mutex_unlock(&device->fence_lock);
	return VTR_OK;
}

enum vtr_err vtr_timeline_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id)
{
	struct vtr_queue *q;

	pthread_mutex_lock(&venus->timeline_lock);
	q = venus->timelines[timeline];
	pthread_mutex_unlock(&venus->timeline_lock);
	if (q == NULL) {
		return VTR_ERR_GUEST;
	}
	return fence_on(venus, q, fence_id);
}

void vtr_device_finish_fences(struct vtr_device *device)
{
	struct vtr_venus *venus = device->venus;

	pthread_mutex_lock(&venus->timeline_lock);
	for (uint32_t i = 0; i < device->queue_count; i++) {
		if (device->queues[i]->timeline != 0) {
			venus->timelines[device->queues[i]->timeline] = NULL;
		}
	}
	pthread_mutex_unlock(&venus->timeline_lock);
	if (device->waiter_runs) {
		pthread_mutex_lock(&device->fence_lock);
		device->waiter_stop = true;
		kick(device);
		pthread_mutex_unlock(&device->fence_lock);
		vtr_os_thread_join(&device->waiter);
	}
	look(device, true);
	for (uint32_t i = 0; i < device->queue_count; i++) {
		device->procs.vkDestroySemaphore(device->handle, device->queues[i]->semaphore, NULL);
	}
	device->procs.vkDestroySemaphore(device->handle, device->kick, NULL);
}
