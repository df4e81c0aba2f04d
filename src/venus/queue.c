/* SPDX-License-Identifier: MIT */
/* Submission, waiting, and the fences and semaphores that guests use as sync files. */
#include "venus/device.h"
#include "venus/memory.h"
#include "venus/recording.h"
#include "venus/ring.h"

/* A wait is made in pieces of this length. */
#define WAIT_PIECE_NS UINT64_C(1000000000)

/* The driver's queue is used by the rings and by the transport's fences. Returns: false if its device was
 * destroyed meanwhile: the driver must not be called, and the context fails. */
static bool lock(struct vtr_dispatch *d, struct vtr_queue *q)
{
	pthread_mutex_lock(&q->lock);
	if (q->gone) {
		pthread_mutex_unlock(&q->lock);
		vtr_dispatch_fail(d, "the queue's device was destroyed meanwhile");
		return false;
	}
	return true;
}

static void unlock(struct vtr_queue *q)
{
	pthread_mutex_unlock(&q->lock);
}

/* A lost device that the guest does not know about fails the context: its work would never complete. */
static void check_lost(struct vtr_dispatch *d, VkResult ret)
{
	if (ret == VK_ERROR_DEVICE_LOST && !vtr_dispatch_wants_reply(d)) {
		vtr_dispatch_fail(d, "the host's device is lost");
	}
}

/* A context that hangs ends soon. Until then its program learns that its device is lost. Returns: whether it hangs. */
static bool lose(struct vtr_dispatch *d, VkResult *out_ret)
{
	if (!vtr_hang_is_lost(d->venus)) {
		return false;
	}
	*out_ret = VK_ERROR_DEVICE_LOST;
	check_lost(d, *out_ret);
	return true;
}

/* A submit that names a failed object does not reach the driver. If that is a command buffer whose recording failed,
 * the device is lost: the guest believes that its commands were executed. */
static VkResult failed_submit(struct vtr_dispatch *d, VkResult ret)
{
	if (vtr_recording_failed(d->r.failed)) {
		ret = VK_ERROR_DEVICE_LOST;
		check_lost(d, ret);
	}
	return ret;
}

void vtr_failed_vkQueueSubmit(struct vtr_dispatch *d, struct vtw_vkQueueSubmit *a)
{
	a->ret = failed_submit(d, a->ret);
}

void vtr_failed_vkQueueSubmit2(struct vtr_dispatch *d, struct vtw_vkQueueSubmit2 *a)
{
	a->ret = failed_submit(d, a->ret);
}

void vtr_hand_vkQueueSubmit(struct vtr_dispatch *d, struct vtw_vkQueueSubmit *a)
{
	struct vtr_queue *q = vtr_queue_of(a->queue_obj);
	const struct vtw_device_procs *vk = &q->device->procs;
	uint64_t value;
	const VkTimelineSemaphoreSubmitInfo timeline = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.signalSemaphoreValueCount = 1,
		.pSignalSemaphoreValues = &value,
	};
	VkSubmitInfo *more = NULL;
	bool signal;

	if (lose(d, &a->ret) || !lock(d, q)) {
		return;
	}
	signal = vtr_queue_wants_signal(q, &value);
	if (signal) {
		more = vtr_dispatch_alloc(d, (size_t)a->submitCount + 1, sizeof(*more));
		signal = more != NULL;
	}
	vtr_work_submit(q, a->submitCount, a->pSubmits, signal ? value : 0);
	if (signal) {
		if (a->submitCount != 0) {
			memcpy(more, a->pSubmits, a->submitCount * sizeof(*more));
		}
		more[a->submitCount] = (VkSubmitInfo){
			.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
			.pNext = &timeline,
			.signalSemaphoreCount = 1,
			.pSignalSemaphores = &q->semaphore,
		};
		a->ret = vk->vkQueueSubmit(a->queue, a->submitCount + 1, more, a->fence);
	} else {
		a->ret = vk->vkQueueSubmit(a->queue, a->submitCount, a->pSubmits, a->fence);
	}
	vtr_queue_submitted(q, signal, a->ret);
	unlock(q);
	vtr_ring_be_gentle(d->ring);
	check_lost(d, a->ret);
}

void vtr_hand_vkQueueSubmit2(struct vtr_dispatch *d, struct vtw_vkQueueSubmit2 *a)
{
	struct vtr_queue *q = vtr_queue_of(a->queue_obj);
	const struct vtw_device_procs *vk = &q->device->procs;
	VkSemaphoreSubmitInfo timeline = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
		                           .stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT };
	VkSubmitInfo2 *more = NULL;
	bool signal;

	if (vk->vkQueueSubmit2 == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	if (lose(d, &a->ret) || !lock(d, q)) {
		return;
	}
	signal = vtr_queue_wants_signal(q, &timeline.value);
	timeline.semaphore = q->semaphore;
	if (signal) {
		more = vtr_dispatch_alloc(d, (size_t)a->submitCount + 1, sizeof(*more));
		signal = more != NULL;
	}
	vtr_work_submit2(q, a->submitCount, a->pSubmits, signal ? timeline.value : 0);
	if (signal) {
		if (a->submitCount != 0) {
			memcpy(more, a->pSubmits, a->submitCount * sizeof(*more));
		}
		more[a->submitCount] = (VkSubmitInfo2){
			.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
			.signalSemaphoreInfoCount = 1,
			.pSignalSemaphoreInfos = &timeline,
		};
		a->ret = vk->vkQueueSubmit2(a->queue, a->submitCount + 1, more, a->fence);
	} else {
		a->ret = vk->vkQueueSubmit2(a->queue, a->submitCount, a->pSubmits, a->fence);
	}
	vtr_queue_submitted(q, signal, a->ret);
	unlock(q);
	vtr_ring_be_gentle(d->ring);
	check_lost(d, a->ret);
}

static bool suits(struct vtr_device *device, const VkSparseMemoryBind *binds, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (binds[i].memory != NULL && !vtr_memory_suits_sparse(device, binds[i].memory)) {
			return false;
		}
	}
	return true;
}

static bool images_suit(struct vtr_device *device, const VkSparseImageMemoryBindInfo *info)
{
	for (uint32_t i = 0; i < info->bindCount; i++) {
		if (info->pBinds[i].memory != NULL &&
		    !vtr_memory_suits_sparse(device, info->pBinds[i].memory)) {
			return false;
		}
	}
	return true;
}

/* Returns: whether the driver binds this correctly. A correct guest never asks for anything else: sparse
 *          binding, or such memory, is not offered to it. Drivers do not check, and would bind other memory. */
static bool may_bind(struct vtr_device *device, const VkBindSparseInfo *info)
{
	const bool binds = info->bufferBindCount != 0 || info->imageOpaqueBindCount != 0 ||
	                   info->imageBindCount != 0;
	bool ok = device->sparse || !binds;

	for (uint32_t i = 0; ok && i < info->bufferBindCount; i++) {
		ok = suits(device, info->pBufferBinds[i].pBinds, info->pBufferBinds[i].bindCount);
	}
	for (uint32_t i = 0; ok && i < info->imageOpaqueBindCount; i++) {
		ok = suits(device, info->pImageOpaqueBinds[i].pBinds, info->pImageOpaqueBinds[i].bindCount);
	}
	for (uint32_t i = 0; ok && i < info->imageBindCount; i++) {
		ok = images_suit(device, &info->pImageBinds[i]);
	}
	return ok;
}

void vtr_hand_vkQueueBindSparse(struct vtr_dispatch *d, struct vtw_vkQueueBindSparse *a)
{
	struct vtr_queue *q = vtr_queue_of(a->queue_obj);

	for (uint32_t i = 0; i < a->bindInfoCount; i++) {
		if (!may_bind(q->device, &a->pBindInfo[i])) {
			vtr_dispatch_fail(d, "memory is bound to a sparse resource, but sparse binding does "
			                     "not work with this "
			                     "memory type");
			return;
		}
	}
	if (!lose(d, &a->ret) && lock(d, q)) {
		vtr_work_bind(q, a->bindInfoCount, a->pBindInfo);
		a->ret = q->device->procs.vkQueueBindSparse(a->queue, a->bindInfoCount, a->pBindInfo,
		                                            a->fence);
		vtr_queue_submitted(q, false, a->ret);
		unlock(q);
		check_lost(d, a->ret);
	}
}

/* --- waiting for queues ----------------------------------------------------------------------------- */

/* The submits of some queues so far. The driver's own wait functions need exclusive access to the queues
 * while they wait, but the transport's fences, and so the context's thread, may need the queues then. */
struct idle {
	struct vtr_device *device; /* NULL: it was destroyed, and the fences with it */
	VkFence fences[VTR_MAX_QUEUES];
	uint32_t count;
};

/* Adds a queue to wait for. */
static VkResult idle_add(struct vtr_dispatch *d, struct idle *idle, struct vtr_queue *q)
{
	const struct vtw_device_procs *vk = &q->device->procs;
	const VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkFence *fence = &idle->fences[idle->count];
	VkResult ret;

	if (!lock(d, q)) {
		return VK_ERROR_DEVICE_LOST;
	}
	ret = vk->vkCreateFence(q->device->handle, &info, NULL, fence);
	if (ret == VK_SUCCESS) {
		idle->count++;
		vtr_work_submit(q, 0, NULL, 0);
		ret = vk->vkQueueSubmit(q->handle, 0, NULL, *fence);
	}
	unlock(q);
	return ret;
}

/* Waits in pieces, so that it notices that the context hangs. `wait` uses handles of the driver only, because objects
 * may go meanwhile. */
static VkResult pause_for(struct vtr_dispatch *d, uint64_t timeout_ns,
                          VkResult (*wait)(const void *data, uint64_t timeout_ns), const void *data)
{
	VkResult ret = VK_TIMEOUT;

	vtr_dispatch_pause(d);
	for (bool last = false; !last && ret == VK_TIMEOUT && !lose(d, &ret);) {
		const uint64_t piece_ns = vtr_min(timeout_ns, WAIT_PIECE_NS);

		ret = wait(data, piece_ns);
		last = timeout_ns == piece_ns;
		timeout_ns -= timeout_ns != UINT64_MAX ? piece_ns : 0;
	}
	vtr_dispatch_resume(d);
	return ret;
}

struct fence_wait {
	PFN_vkWaitForFences call;
	VkDevice device;
	uint32_t count;
	const VkFence *fences;
	VkBool32 all;
};

static VkResult wait_for_fences(const void *data, uint64_t timeout_ns)
{
	const struct fence_wait *w = data;

	return w->call(w->device, w->count, w->fences, w->all, timeout_ns);
}

/* Waits for the fences. Meanwhile another ring may destroy their device. */
static VkResult idle_pause(struct vtr_dispatch *d, struct idle *idle)
{
	const struct fence_wait wait = { idle->device->procs.vkWaitForFences, idle->device->handle,
		                         idle->count, idle->fences, VK_TRUE };
	const VkDevice handle = idle->device->handle;
	const uint64_t id = idle->device->object->base.id;
	struct vtr_object *o;
	VkResult ret = pause_for(d, UINT64_MAX, wait_for_fences, &wait);

	o = vtr_idmap_get(&d->venus->objects.map, id);
	idle->device = o != NULL && o->type == VK_OBJECT_TYPE_DEVICE && o->handle == (uintptr_t)handle ?
	                       vtr_vk(o)->device :
	                       NULL;
	return ret;
}

/* Waits, unless `ret` is an error. */
static VkResult idle_wait(struct vtr_dispatch *d, struct idle *idle, VkResult ret)
{
	struct vtr_device *device;

	if (ret == VK_SUCCESS && idle->count > 0) {
		ret = idle_pause(d, idle);
	}
	device = idle->device;
	if (device != NULL) {
		pthread_mutex_lock(&device->lock);
		for (uint32_t i = 0; i < idle->count && !device->gone; i++) {
			device->procs.vkDestroyFence(device->handle, idle->fences[i], NULL);
		}
		pthread_mutex_unlock(&device->lock);
	}
	check_lost(d, ret);
	return ret;
}

void vtr_hand_vkQueueWaitIdle(struct vtr_dispatch *d, struct vtw_vkQueueWaitIdle *a)
{
	struct vtr_queue *q = vtr_queue_of(a->queue_obj);
	struct idle idle = { .device = q->device };

	a->ret = idle_wait(d, &idle, idle_add(d, &idle, q));
}

void vtr_hand_vkDeviceWaitIdle(struct vtr_dispatch *d, struct vtw_vkDeviceWaitIdle *a)
{
	struct idle idle = { .device = vtr_vk(a->device_obj)->device };
	VkResult ret = VK_SUCCESS;

	for (uint32_t i = 0; i < idle.device->queue_count && ret == VK_SUCCESS; i++) {
		ret = idle_add(d, &idle, idle.device->queues[i]);
	}
	a->ret = idle_wait(d, &idle, ret);
}

void vtr_hand_vkWaitForFences(struct vtr_dispatch *d, struct vtw_vkWaitForFences *a)
{
	const struct fence_wait wait = { vtr_device_procs(a->device_obj)->vkWaitForFences, a->device,
		                         a->fenceCount, a->pFences, a->waitAll };

	a->ret = pause_for(d, a->timeout, wait_for_fences, &wait);
}

struct semaphore_wait {
	PFN_vkWaitSemaphores call;
	VkDevice device;
	const VkSemaphoreWaitInfo *info;
};

static VkResult wait_semaphores(const void *data, uint64_t timeout_ns)
{
	const struct semaphore_wait *w = data;

	return w->call(w->device, w->info, timeout_ns);
}

void vtr_hand_vkWaitSemaphores(struct vtr_dispatch *d, struct vtw_vkWaitSemaphores *a)
{
	const struct semaphore_wait wait = { vtr_device_procs(a->device_obj)->vkWaitSemaphores, a->device,
		                             a->pWaitInfo };

	if (wait.call == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = pause_for(d, a->timeout, wait_semaphores, &wait);
}

void vtr_hand_vkGetFenceStatus(struct vtr_dispatch *d, struct vtw_vkGetFenceStatus *a)
{
	if (!lose(d, &a->ret)) {
		a->ret = vtr_device_procs(a->device_obj)->vkGetFenceStatus(a->device, a->fence);
	}
}

void vtr_hand_vkGetSemaphoreCounterValue(struct vtr_dispatch *d, struct vtw_vkGetSemaphoreCounterValue *a)
{
	const PFN_vkGetSemaphoreCounterValue get =
		vtr_device_procs(a->device_obj)->vkGetSemaphoreCounterValue;

	if (get == NULL) {
		vtr_dispatch_missing(d);
	} else if (!lose(d, &a->ret)) {
		a->ret = get(a->device, a->semaphore, a->pValue);
	}
}

/* --- fences and semaphores -------------------------------------------------------------------------- */

void vtr_hand_vkCreateFence(struct vtr_dispatch *d, struct vtw_vkCreateFence *a)
{
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_FENCE, a->pFence, &a->ret);
	VkFence handle = NULL;

	if (o != NULL) {
		/* The guest creates sync files itself, from our transport's fences. */
		vtr_chain_unlink((void *)(uintptr_t)a->pCreateInfo,
		                 VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO);
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkCreateFence(a->device, a->pCreateInfo, NULL, &handle);
		vtr_object_publish(d, o, (uintptr_t)handle, a->ret);
	}
}

static bool note_created(struct vtr_device *device, const VkSemaphoreCreateInfo *info, VkSemaphore semaphore)
{
	const VkSemaphoreTypeCreateInfo *type =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);
	const bool timeline = type != NULL && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE;

	return vtr_work_created(device, semaphore, timeline, timeline ? type->initialValue : 0);
}

void vtr_hand_vkCreateSemaphore(struct vtr_dispatch *d, struct vtw_vkCreateSemaphore *a)
{
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_SEMAPHORE, a->pSemaphore, &a->ret);
	VkSemaphore handle = NULL;

	if (o != NULL) {
		vtr_chain_unlink((void *)(uintptr_t)a->pCreateInfo,
		                 VK_STRUCTURE_TYPE_EXPORT_SEMAPHORE_CREATE_INFO);
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkCreateSemaphore(a->device, a->pCreateInfo, NULL, &handle);
		if (a->ret == VK_SUCCESS && !note_created(o->device, a->pCreateInfo, handle)) {
			vtr_device_procs(a->device_obj)->vkDestroySemaphore(a->device, handle, NULL);
			handle = NULL;
			a->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
		}
		vtr_object_publish(d, o, (uintptr_t)handle, a->ret);
	}
}

void vtr_hand_vkSignalSemaphore(struct vtr_dispatch *d, struct vtw_vkSignalSemaphore *a)
{
	const PFN_vkSignalSemaphore signal = vtr_device_procs(a->device_obj)->vkSignalSemaphore;

	if (signal == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	vtr_work_promise(vtr_vk(a->device_obj)->device, a->pSignalInfo->semaphore, a->pSignalInfo->value);
	a->ret = signal(a->device, a->pSignalInfo);
}

/* Submits no commands, but waits for or signals one binary semaphore. */
static void touch(struct vtr_dispatch *d, struct vtr_queue *q, VkSemaphore wait, VkSemaphore signal)
{
	const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
	const VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.waitSemaphoreCount = wait != NULL,
		.pWaitSemaphores = &wait,
		.pWaitDstStageMask = &stage,
		.signalSemaphoreCount = signal != NULL,
		.pSignalSemaphores = &signal,
	};
	VkResult ret;

	if (!lose(d, &ret) && lock(d, q)) {
		vtr_work_submit(q, 1, &info, 0);
		ret = q->device->procs.vkQueueSubmit(q->handle, 1, &info, NULL);
		vtr_queue_submitted(q, false, ret);
		unlock(q);
		check_lost(d, ret);
	}
}

/* Returns: the queue for our own submits: the first that is neither sparse-only nor protected. */
static struct vtr_queue *own_queue(struct vtr_object *device_obj)
{
	const struct vtr_device *device = vtr_vk(device_obj)->device;

	return device->queue_count > 0 ? device->queues[0] : NULL;
}

/* The guest exported the fence's payload, which resets the fence. The guest waits for that payload by our
 * transport, so the fence may be unsignalled here: wait for it, then reset it. */
void vtr_hand_vkResetFenceResourceMESA(struct vtr_dispatch *d, struct vtw_vkResetFenceResourceMESA *a)
{
	const struct fence_wait wait = { vtr_device_procs(a->device_obj)->vkWaitForFences, a->device, 1,
		                         &a->fence, VK_TRUE };
	const PFN_vkResetFences reset = vtr_device_procs(a->device_obj)->vkResetFences;
	VkResult ret;

	if (a->fence == NULL) {
		vtr_dispatch_fail(d, "no fence");
		return;
	}
	ret = pause_for(d, UINT64_MAX, wait_for_fences, &wait);
	if (ret == VK_SUCCESS) {
		vtr_dispatch_pause(d);
		ret = reset(a->device, 1, &a->fence);
		vtr_dispatch_resume(d);
	}
	check_lost(d, ret);
}

/* The guest exported the semaphore's payload, which acts as a wait for it. */
void vtr_hand_vkWaitSemaphoreResourceMESA(struct vtr_dispatch *d, struct vtw_vkWaitSemaphoreResourceMESA *a)
{
	struct vtr_queue *q = own_queue(a->device_obj);

	if (a->semaphore == NULL || q == NULL) {
		vtr_dispatch_fail(d, "the semaphore is missing");
		return;
	}
	touch(d, q, a->semaphore, NULL);
}

/* The guest imported a sync file that it has waited for: signal the semaphore. */
void vtr_hand_vkImportSemaphoreResourceMESA(struct vtr_dispatch *d,
                                            struct vtw_vkImportSemaphoreResourceMESA *a)
{
	const VkImportSemaphoreResourceInfoMESA *info = a->pImportSemaphoreResourceInfo;
	struct vtr_queue *q = own_queue(a->device_obj);

	if (info->resourceId != 0 || info->semaphore == NULL || q == NULL) {
		vtr_dispatch_fail(d, "a semaphore cannot import a handle of this type");
		return;
	}
	touch(d, q, NULL, info->semaphore);
}
