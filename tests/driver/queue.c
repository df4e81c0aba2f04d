/* SPDX-License-Identifier: MIT */
/*
 * Queues, fences, semaphores and events. A submit is done when it is made, unless it waits for a semaphore
 * that nothing has signalled yet; then it stays in its queue, as do all behind it, until something does.
 * A submit that never ends stays for good.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver.h"

/* A semaphore and the value to wait for or to signal. */
struct point {
	struct vtd_semaphore *semaphore;
	uint64_t value;
};

/* One VkSubmitInfo, or a fence behind all of a queue's. */
struct vtd_batch {
	struct vtr_list link;
	bool endless;
	struct vtd_fence *fence;
	uint32_t wait_count;
	uint32_t signal_count;
	uint32_t command_count;
	struct point *waits;
	struct point *signals;
	struct vtd_command_buffer **commands;
};

/* --- doing what was submitted; all with device->lock held ------------------------------------------- */

static bool is_ready(const struct vtd_batch *b)
{
	for (uint32_t i = 0; i < b->wait_count; i++) {
		const struct point *p = &b->waits[i];

		if (p->semaphore->value < (p->semaphore->timeline ? p->value : 1)) {
			return false;
		}
	}
	return !b->endless;
}

static void do_batch(struct vtd_batch *b)
{
	for (uint32_t i = 0; i < b->wait_count; i++) {
		if (!b->waits[i].semaphore->timeline) {
			b->waits[i].semaphore->value = 0;
		}
	}
	for (uint32_t i = 0; i < b->command_count; i++) {
		vtd_execute(b->commands[i]);
	}
	for (uint32_t i = 0; i < b->signal_count; i++) {
		const struct point *p = &b->signals[i];

		p->semaphore->value = p->semaphore->timeline ? p->value : 1;
	}
	if (b->fence != NULL) {
		b->fence->signalled = true;
	}
}

static bool pump_queue(struct vtd_queue *q)
{
	bool any = false;

	while (!vtr_list_empty(&q->batches)) {
		struct vtd_batch *b = vtr_container_of(q->batches.next, struct vtd_batch, link);

		if (!is_ready(b)) {
			break;
		}
		vtr_list_remove(&b->link);
		do_batch(b);
		free(b);
		any = true;
	}
	return any;
}

/* What one queue signals, another may wait for. */
static void pump(struct vtd_device *device)
{
	bool any = true;

	while (any) {
		any = false;
		for (size_t i = 0; i < VTD_QUEUE_COUNT; i++) {
			any |= pump_queue(&device->queues[i]);
		}
	}
	if (device->waiters != 0) {
		pthread_cond_broadcast(&device->changed);
	}
}

static void drop_batches(struct vtd_device *device)
{
	for (size_t i = 0; i < VTD_QUEUE_COUNT; i++) {
		struct vtr_list *list = &device->queues[i].batches;

		while (!vtr_list_empty(list)) {
			struct vtd_batch *b = vtr_container_of(list->next, struct vtd_batch, link);

			vtr_list_remove(&b->link);
			free(b);
		}
	}
}

void vtd_queues_init(struct vtd_device *device)
{
	for (size_t i = 0; i < VTD_QUEUE_COUNT; i++) {
		vtr_list_init(&device->queues[i].batches);
	}
}

void vtd_queues_finish(struct vtd_device *device)
{
	drop_batches(device);
}

static void lose_locked(struct vtd_device *device)
{
	atomic_store(&device->lost, true);
	drop_batches(device);
	pthread_cond_broadcast(&device->changed);
}

void vtd_device_lose(struct vtd_device *device)
{
	pthread_mutex_lock(&device->lock);
	lose_locked(device);
	pthread_mutex_unlock(&device->lock);
}

/* --- submitting ------------------------------------------------------------------------------------- */

static struct vtd_batch *make_batch(uint32_t waits, uint32_t signals, uint32_t commands)
{
	const size_t points = ((size_t)waits + signals) * sizeof(struct point);
	struct vtd_batch *b = calloc(1, sizeof(*b) + points + commands * sizeof(struct vtd_command_buffer *));

	if (b != NULL) {
		b->wait_count = waits;
		b->signal_count = signals;
		b->command_count = commands;
		b->waits = (struct point *)(void *)(b + 1);
		b->signals = b->waits + waits;
		b->commands = (struct vtd_command_buffer **)(void *)(b->signals + signals);
	}
	return b;
}

static struct point point_of(VkSemaphore semaphore, uint64_t value)
{
	return (struct point){ (struct vtd_semaphore *)(void *)semaphore, value };
}

static struct vtd_batch *batch_of(const VkSubmitInfo *info)
{
	const VkTimelineSemaphoreSubmitInfo *values =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO);
	struct vtd_batch *b =
		make_batch(info->waitSemaphoreCount, info->signalSemaphoreCount, info->commandBufferCount);

	for (uint32_t i = 0; b != NULL && i < b->wait_count; i++) {
		const bool has = values != NULL && i < values->waitSemaphoreValueCount;

		b->waits[i] = point_of(info->pWaitSemaphores[i], has ? values->pWaitSemaphoreValues[i] : 0);
	}
	for (uint32_t i = 0; b != NULL && i < b->signal_count; i++) {
		const bool has = values != NULL && i < values->signalSemaphoreValueCount;

		b->signals[i] =
			point_of(info->pSignalSemaphores[i], has ? values->pSignalSemaphoreValues[i] : 0);
	}
	for (uint32_t i = 0; b != NULL && i < b->command_count; i++) {
		b->commands[i] = (struct vtd_command_buffer *)(void *)info->pCommandBuffers[i];
	}
	return b;
}

static struct vtd_batch *batch_of2(const VkSubmitInfo2 *info)
{
	struct vtd_batch *b = make_batch(info->waitSemaphoreInfoCount, info->signalSemaphoreInfoCount,
	                                 info->commandBufferInfoCount);

	for (uint32_t i = 0; b != NULL && i < b->wait_count; i++) {
		b->waits[i] =
			point_of(info->pWaitSemaphoreInfos[i].semaphore, info->pWaitSemaphoreInfos[i].value);
	}
	for (uint32_t i = 0; b != NULL && i < b->signal_count; i++) {
		b->signals[i] = point_of(info->pSignalSemaphoreInfos[i].semaphore,
		                         info->pSignalSemaphoreInfos[i].value);
	}
	for (uint32_t i = 0; b != NULL && i < b->command_count; i++) {
		b->commands[i] =
			(struct vtd_command_buffer *)(void *)info->pCommandBufferInfos[i].commandBuffer;
	}
	return b;
}

static struct vtd_batch *batch_of_bind(const VkBindSparseInfo *info)
{
	const VkSubmitInfo same = {
		.pNext = info->pNext,
		.waitSemaphoreCount = info->waitSemaphoreCount,
		.pWaitSemaphores = info->pWaitSemaphores,
		.signalSemaphoreCount = info->signalSemaphoreCount,
		.pSignalSemaphores = info->pSignalSemaphores,
	};

	return batch_of(&same);
}

/* Moves what was made of a submit, and its fence, to the queue. `list` NULL: there was no memory. */
static VkResult submit(struct vtd_queue *q, struct vtr_list *list, bool complete, VkFence fence)
{
	struct vtd_device *device = q->base.device;
	struct vtd_batch *end = complete ? make_batch(0, 0, 0) : NULL;
	VkResult ret = end != NULL ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;

	if (end != NULL) {
		end->fence = (struct vtd_fence *)(void *)fence;
		vtr_list_append(list, &end->link);
		end->endless = vtd_watch && vtd_submit_is_endless();
	}
	pthread_mutex_lock(&device->lock);
	if (atomic_load(&device->lost)) {
		ret = VK_ERROR_DEVICE_LOST;
	}
	while (!vtr_list_empty(list)) {
		struct vtd_batch *b = vtr_container_of(list->next, struct vtd_batch, link);

		vtr_list_remove(&b->link);
		if (ret != VK_SUCCESS) {
			free(b);
			continue;
		}
		b->endless |= end->endless;
		vtr_list_append(&q->batches, &b->link);
	}
	pump(device);
	pthread_mutex_unlock(&device->lock);
	return ret;
}

/* The three ways to submit differ in the struct alone. */
#define SUBMIT(handle, count, infos, fence, make)            \
	VTD_OBJECT(queue, q, handle);                        \
	struct vtr_list list;                                \
	bool complete = true;                                \
                                                             \
	vtr_list_init(&list);                                \
	for (uint32_t i = 0; i < (count) && complete; i++) { \
		struct vtd_batch *b = make(&(infos)[i]);     \
                                                             \
		complete = b != NULL;                        \
		if (complete) {                              \
			vtr_list_append(&list, &b->link);    \
		}                                            \
	}                                                    \
	return submit(q, &list, complete, fence)

VkResult vtd_vkQueueSubmit(VkQueue queue, uint32_t count, const VkSubmitInfo *infos, VkFence fence)
{
	SUBMIT(queue, count, infos, fence, batch_of);
}

VkResult vtd_vkQueueSubmit2(VkQueue queue, uint32_t count, const VkSubmitInfo2 *infos, VkFence fence)
{
	SUBMIT(queue, count, infos, fence, batch_of2);
}

VkResult vtd_vkQueueBindSparse(VkQueue queue, uint32_t count, const VkBindSparseInfo *infos, VkFence fence)
{
	SUBMIT(queue, count, infos, fence, batch_of_bind);
}

/* --- waiting ---------------------------------------------------------------------------------------- */

static struct timespec deadline(uint64_t timeout_ns)
{
	const uint64_t second = 1000000000;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	if (timeout_ns > UINT32_MAX * second) { /* a century */
		timeout_ns = UINT32_MAX * second;
	}
	ts.tv_nsec += (long)(timeout_ns % second);
	ts.tv_sec += (time_t)(timeout_ns / second) + ts.tv_nsec / (long)second;
	ts.tv_nsec %= (long)second;
	return ts;
}

/* How long a wait that loses its device has lasted by then. */
#define LOSE_NS 100000000

/* Waits until `ready` says so. The caller's device is locked. */
static VkResult wait_for(struct vtd_device *device, bool (*ready)(const void *data), const void *data,
                         uint64_t timeout_ns)
{
	const bool loses = vtd_watch && timeout_ns > LOSE_NS && !ready(data) && vtd_wait_loses();
	const struct timespec end = timeout_ns != 0 ? deadline(loses ? LOSE_NS : timeout_ns) :
	                                              (struct timespec){ 0 };
	int error = 0;

	while (!atomic_load(&device->lost) && !ready(data)) {
		if (loses && error == ETIMEDOUT) {
			lose_locked(device);
			break;
		}
		if (timeout_ns == 0 || error == ETIMEDOUT) {
			return VK_TIMEOUT;
		}
		device->waiters++;
		error = pthread_cond_timedwait(&device->changed, &device->lock, &end);
		device->waiters--;
	}
	return atomic_load(&device->lost) ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

static VkResult locked_wait(struct vtd_device *device, bool (*ready)(const void *data), const void *data,
                            uint64_t timeout_ns)
{
	VkResult ret;

	pthread_mutex_lock(&device->lock);
	ret = wait_for(device, ready, data, timeout_ns);
	pthread_mutex_unlock(&device->lock);
	return ret;
}

static bool queue_is_idle(const void *data)
{
	const struct vtd_queue *q = data;

	return vtr_list_empty(&q->batches);
}

static bool device_is_idle(const void *data)
{
	const struct vtd_device *device = data;

	for (size_t i = 0; i < VTD_QUEUE_COUNT; i++) {
		if (!queue_is_idle(&device->queues[i])) {
			return false;
		}
	}
	return true;
}

VkResult vtd_vkQueueWaitIdle(VkQueue handle)
{
	VTD_OBJECT(queue, q, handle);

	return locked_wait(q->base.device, queue_is_idle, q, UINT64_MAX);
}

VkResult vtd_vkDeviceWaitIdle(VkDevice handle)
{
	VTD_OBJECT(device, device, handle);

	return locked_wait(device, device_is_idle, device, UINT64_MAX);
}

/* --- fences ----------------------------------------------------------------------------------------- */

struct fences {
	const VkFence *list;
	uint32_t count;
	bool all;
};

static bool fences_are_ready(const void *data)
{
	const struct fences *f = data;

	for (uint32_t i = 0; i < f->count; i++) {
		VTD_OBJECT(fence, fence, f->list[i]);

		if (fence->signalled != f->all) {
			return !f->all;
		}
	}
	return f->all;
}

VkResult vtd_vkCreateFence(VkDevice device, const VkFenceCreateInfo *info,
                           const VkAllocationCallbacks *allocator, VkFence *out)
{
	struct vtd_fence *fence = calloc(1, sizeof(*fence));

	(void)device;
	(void)allocator;
	if (fence == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	fence->signalled = (info->flags & VK_FENCE_CREATE_SIGNALED_BIT) != 0;
	*out = (VkFence)(void *)fence;
	return VK_SUCCESS;
}

VkResult vtd_vkResetFences(VkDevice handle, uint32_t count, const VkFence *fences)
{
	VTD_OBJECT(device, device, handle);

	pthread_mutex_lock(&device->lock);
	for (uint32_t i = 0; i < count; i++) {
		((struct vtd_fence *)(void *)fences[i])->signalled = false;
	}
	pthread_mutex_unlock(&device->lock);
	return VK_SUCCESS;
}

VkResult vtd_vkWaitForFences(VkDevice handle, uint32_t count, const VkFence *list, VkBool32 all,
                             uint64_t timeout)
{
	VTD_OBJECT(device, device, handle);
	const struct fences fences = { list, count, all != VK_FALSE };

	return locked_wait(device, fences_are_ready, &fences, timeout);
}

VkResult vtd_vkGetFenceStatus(VkDevice handle, VkFence fence)
{
	VTD_OBJECT(device, device, handle);
	const struct fences fences = { &fence, 1, true };
	const VkResult ret = locked_wait(device, fences_are_ready, &fences, 0);

	return ret == VK_TIMEOUT ? VK_NOT_READY : ret;
}

/* --- semaphores ------------------------------------------------------------------------------------- */

VkResult vtd_vkCreateSemaphore(VkDevice device, const VkSemaphoreCreateInfo *info,
                               const VkAllocationCallbacks *allocator, VkSemaphore *out)
{
	const VkSemaphoreTypeCreateInfo *type =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
	struct vtd_semaphore *s = calloc(1, sizeof(*s));

	(void)device;
	(void)allocator;
	if (s == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	s->timeline = type != NULL && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;
	s->value = s->timeline ? type->initialValue : 0;
	*out = (VkSemaphore)(void *)s;
	return VK_SUCCESS;
}

VkResult vtd_vkGetSemaphoreCounterValue(VkDevice handle, VkSemaphore semaphore, uint64_t *out)
{
	VTD_OBJECT(device, device, handle);

	pthread_mutex_lock(&device->lock);
	*out = ((struct vtd_semaphore *)(void *)semaphore)->value;
	pthread_mutex_unlock(&device->lock);
	return atomic_load(&device->lost) ? VK_ERROR_DEVICE_LOST : VK_SUCCESS;
}

VkResult vtd_vkSignalSemaphore(VkDevice handle, const VkSemaphoreSignalInfo *info)
{
	VTD_OBJECT(device, device, handle);

	pthread_mutex_lock(&device->lock);
	((struct vtd_semaphore *)(void *)info->semaphore)->value = info->value;
	pump(device);
	pthread_mutex_unlock(&device->lock);
	return VK_SUCCESS;
}

static bool semaphores_are_ready(const void *data)
{
	const VkSemaphoreWaitInfo *info = data;
	const bool any = (info->flags & VK_SEMAPHORE_WAIT_ANY_BIT) != 0;

	for (uint32_t i = 0; i < info->semaphoreCount; i++) {
		VTD_OBJECT(semaphore, s, info->pSemaphores[i]);

		if ((s->value >= info->pValues[i]) == any) {
			return any;
		}
	}
	return !any;
}

VkResult vtd_vkWaitSemaphores(VkDevice handle, const VkSemaphoreWaitInfo *info, uint64_t timeout)
{
	VTD_OBJECT(device, device, handle);

	return locked_wait(device, semaphores_are_ready, info, timeout);
}

/* --- events ----------------------------------------------------------------------------------------- */

VkResult vtd_vkCreateEvent(VkDevice handle, const VkEventCreateInfo *info,
                           const VkAllocationCallbacks *allocator, VkEvent *out)
{
	VTD_OBJECT(device, device, handle);
	struct vtd_event *event;

	(void)info;
	(void)allocator;
	if (!device->events) {
		return VK_ERROR_FEATURE_NOT_PRESENT;
	}
	event = calloc(1, sizeof(*event));
	*out = (VkEvent)(void *)event;
	return event != NULL ? VK_SUCCESS : VK_ERROR_OUT_OF_HOST_MEMORY;
}

VkResult vtd_vkGetEventStatus(VkDevice handle, VkEvent event)
{
	VTD_OBJECT(device, device, handle);

	if (atomic_load(&device->lost)) {
		return VK_ERROR_DEVICE_LOST;
	}
	return atomic_load(&((struct vtd_event *)(void *)event)->set) ? VK_EVENT_SET : VK_EVENT_RESET;
}

VkResult vtd_vkSetEvent(VkDevice device, VkEvent event)
{
	(void)device;
	atomic_store(&((struct vtd_event *)(void *)event)->set, true);
	return VK_SUCCESS;
}

VkResult vtd_vkResetEvent(VkDevice device, VkEvent event)
{
	(void)device;
	atomic_store(&((struct vtd_event *)(void *)event)->set, false);
	return VK_SUCCESS;
}
