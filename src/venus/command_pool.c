/* SPDX-License-Identifier: MIT */
/* Command pools and their command buffers. */
#include "venus/command_pool.h"

#include <stdlib.h>

#include "venus/pool.h"

/* --- the driver's pools and buffers for lanes ------------------------------------------------------------ */

static size_t buffers_size(const struct vtr_host_pools *pools)
{
	return sizeof(struct vtr_host_buffers) + pools->count * sizeof(VkCommandBuffer);
}

static size_t pools_size(unsigned count)
{
	return sizeof(struct vtr_host_pools) + count * sizeof(struct vtr_host_pool);
}

static void free_pools(struct vtr_retired *retired)
{
	struct vtr_host_pools *pools = vtr_container_of(retired, struct vtr_host_pools, retired);

	for (unsigned i = 0; i < pools->count; i++) {
		pthread_mutex_destroy(&pools->lanes[i].lock);
	}
	vtr_budget_give(&pools->venus->resources.budget, pools_size(pools->count));
	free(pools);
}

/* Returns: NULL without lanes, and without memory; lanes then do not record buffers of this pool. */
static struct vtr_host_pools *make_pools(struct vtr_venus *venus, struct vtr_device *device,
                                         const VkCommandPoolCreateInfo *info)
{
	const unsigned count = venus->params.config->lanes;
	struct vtr_host_pools *pools;

	if (venus->lanes == NULL || info->pNext != NULL ||
	    !vtr_budget_take(&venus->resources.budget, pools_size(count))) {
		return NULL;
	}
	pools = calloc(1, pools_size(count));
	if (pools == NULL) {
		vtr_budget_give(&venus->resources.budget, pools_size(count));
		return NULL;
	}
	pools->retired.free = free_pools;
	pools->venus = venus;
	pools->device = device;
	pools->flags = info->flags;
	pools->family = info->queueFamilyIndex;
	pools->count = count;
	for (unsigned i = 0; i < count; i++) {
		pthread_mutex_init(&pools->lanes[i].lock, NULL);
	}
	return pools;
}

static void free_buffers(struct vtr_retired *retired)
{
	struct vtr_host_buffers *buffers = vtr_container_of(retired, struct vtr_host_buffers, retired);

	free(buffers);
}

/* Returns: NULL as make_pools(). The budget's part is given back when the object is removed. */
static struct vtr_host_buffers *make_buffers(struct vtr_host_pools *pools, VkCommandBufferLevel level,
                                             VkCommandBuffer own)
{
	struct vtr_host_buffers *buffers;

	if (pools == NULL || !vtr_budget_take(&pools->venus->resources.budget, buffers_size(pools))) {
		return NULL;
	}
	buffers = calloc(1, buffers_size(pools));
	if (buffers == NULL) {
		vtr_budget_give(&pools->venus->resources.budget, buffers_size(pools));
		return NULL;
	}
	buffers->retired.free = free_buffers;
	buffers->pools = pools;
	buffers->level = level;
	buffers->own = own;
	return buffers;
}

/* Called with the pool's lock held. Returns: whether the buffer has one of the driver's in the pool. */
static bool provide(struct vtr_host_buffers *buffers, unsigned lane)
{
	const struct vtr_device *device = buffers->pools->device;
	struct vtr_host_pool *pool = &buffers->pools->lanes[lane];
	const VkCommandPoolCreateInfo create = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		                                 .flags = buffers->pools->flags,
		                                 .queueFamilyIndex = buffers->pools->family };
	VkCommandBufferAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		                                 .level = buffers->level,
		                                 .commandBufferCount = 1 };

	if (pool->gone || atomic_load(&buffers->gone)) {
		return false;
	}
	if (pool->handle == NULL &&
	    device->procs.vkCreateCommandPool(device->handle, &create, NULL, &pool->handle) != VK_SUCCESS) {
		pool->handle = NULL;
		return false;
	}
	allocate.commandPool = pool->handle;
	if (buffers->lanes[lane] == NULL &&
	    device->procs.vkAllocateCommandBuffers(device->handle, &allocate, &buffers->lanes[lane]) !=
	            VK_SUCCESS) {
		buffers->lanes[lane] = NULL;
	}
	return buffers->lanes[lane] != NULL;
}

/* Called with the pool's lock held. */
static void free_buffer(struct vtr_host_buffers *buffers, unsigned lane)
{
	const struct vtr_device *device = buffers->pools->device;
	const struct vtr_host_pool *pool = &buffers->pools->lanes[lane];

	if (!pool->gone && buffers->lanes[lane] != NULL) {
		device->procs.vkFreeCommandBuffers(device->handle, pool->handle, 1, &buffers->lanes[lane]);
		buffers->lanes[lane] = NULL;
	}
}

bool vtr_host_buffers_open(struct vtr_host_buffers *buffers, unsigned lane)
{
	pthread_mutex_lock(&buffers->pools->lanes[lane].lock);
	if (!provide(buffers, lane)) {
		pthread_mutex_unlock(&buffers->pools->lanes[lane].lock);
		return false;
	}
	return true;
}

void vtr_host_buffers_close(struct vtr_host_buffers *buffers, unsigned lane, bool keep)
{
	if (!keep) {
		free_buffer(buffers, lane);
	}
	pthread_mutex_unlock(&buffers->pools->lanes[lane].lock);
}

void vtr_command_object_retire(struct vtr_venus *venus, struct vtr_vk_object *o)
{
	struct vtr_host_buffers *buffers = vtr_host_buffers_of(&o->base);

	if (buffers != NULL) {
		/* A lane that has found the object does not provide it with a buffer any more. */
		atomic_store(&buffers->gone, true);
		vtr_budget_give(&venus->resources.budget, buffers_size(buffers->pools));
		vtr_retire_add(&venus->retire, &buffers->retired);
	}
}

void vtr_command_pool_destroy_lanes(struct vtr_vk_object *o)
{
	struct vtr_host_pools *pools = o->data;

	for (unsigned i = 0; pools != NULL && i < pools->count; i++) {
		struct vtr_host_pool *pool = &pools->lanes[i];

		pthread_mutex_lock(&pool->lock);
		pool->gone = true;
		if (pool->handle != NULL) {
			pools->device->procs.vkDestroyCommandPool(pools->device->handle, pool->handle, NULL);
		}
		pthread_mutex_unlock(&pool->lock);
	}
	if (pools != NULL) { /* its buffers were removed before, so lanes find no new way to it */
		vtr_retire_add(&pools->venus->retire, &pools->retired);
	}
}

/* --- pools ------------------------------------------------------------------------------------------------ */

void vtr_hand_vkCreateCommandPool(struct vtr_dispatch *d, struct vtw_vkCreateCommandPool *a)
{
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_COMMAND_POOL, a->pCommandPool, &a->ret);
	struct vtr_host_pools *pools = NULL;
	VkCommandPool handle = NULL;

	if (o == NULL) {
		return;
	}
	if (d->venus->lanes != NULL) {
		(void)vtr_retire_reclaim(&d->venus->retire); /* the lanes' part of destroyed pools */
	}
	a->ret = vtr_device_procs(a->device_obj)
	                 ->vkCreateCommandPool(a->device, a->pCreateInfo, NULL, &handle);
	if (a->ret == VK_SUCCESS) {
		o->data = pools = make_pools(d->venus, o->device, a->pCreateInfo);
	}
	if (!vtr_object_publish(d, o, (uintptr_t)handle, a->ret) && pools != NULL) {
		free_pools(&pools->retired);
	}
}

void vtr_hand_vkDestroyCommandPool(struct vtr_dispatch *d, struct vtw_vkDestroyCommandPool *a)
{
	if (a->commandPool_obj != NULL && vtr_object_remove(d, a->commandPool_obj)) {
		vtr_object_remove_children(d, vtr_vk(a->commandPool_obj));
		vtr_command_pool_destroy_lanes(vtr_vk(a->commandPool_obj));
		vtr_device_procs(a->device_obj)->vkDestroyCommandPool(a->device, a->commandPool, NULL);
	}
}

void vtr_hand_vkResetCommandPool(struct vtr_dispatch *d, struct vtw_vkResetCommandPool *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	struct vtr_host_pools *pools = a->commandPool_obj != NULL ? vtr_vk(a->commandPool_obj)->data : NULL;

	(void)d;
	a->ret = vk->vkResetCommandPool(a->device, a->commandPool, a->flags);
	for (unsigned i = 0; pools != NULL && i < pools->count; i++) {
		struct vtr_host_pool *pool = &pools->lanes[i];

		pthread_mutex_lock(&pool->lock);
		if (pool->handle != NULL && !pool->gone && a->ret == VK_SUCCESS) {
			a->ret = vk->vkResetCommandPool(a->device, pool->handle, a->flags);
		}
		pthread_mutex_unlock(&pool->lock);
	}
}

void vtr_hand_vkTrimCommandPool(struct vtr_dispatch *d, struct vtw_vkTrimCommandPool *a)
{
	const PFN_vkTrimCommandPool trim = vtr_device_procs(a->device_obj)->vkTrimCommandPool;
	struct vtr_host_pools *pools = a->commandPool_obj != NULL ? vtr_vk(a->commandPool_obj)->data : NULL;

	if (trim == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	trim(a->device, a->commandPool, a->flags);
	for (unsigned i = 0; pools != NULL && i < pools->count; i++) {
		struct vtr_host_pool *pool = &pools->lanes[i];

		pthread_mutex_lock(&pool->lock);
		if (pool->handle != NULL && !pool->gone) {
			trim(a->device, pool->handle, a->flags);
		}
		pthread_mutex_unlock(&pool->lock);
	}
}

/* --- command buffers -------------------------------------------------------------------------------------- */

void vtr_hand_vkAllocateCommandBuffers(struct vtr_dispatch *d, struct vtw_vkAllocateCommandBuffers *a)
{
	const uint32_t n = a->pAllocateInfo->commandBufferCount;
	struct vtr_object *pool = d->r.named;
	VkCommandBuffer *buffers = vtr_dispatch_alloc(d, n, sizeof(VkCommandBuffer));
	struct vtr_pool_batch batch;
	VkResult failed;

	if (pool == NULL || a->pCommandBuffers == NULL || buffers == NULL) {
		vtr_dispatch_fail(d, "command buffers lack their pool, or their number is 0");
		return;
	}
	if (vtr_pool_reserve(d, a->device_obj, VK_OBJECT_TYPE_COMMAND_BUFFER, a->pCommandBuffers, n, &batch,
	                     &failed)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkAllocateCommandBuffers(a->device, a->pAllocateInfo, buffers);
	} else {
		a->ret = failed;
	}
	for (uint32_t i = 0; a->ret == VK_SUCCESS && i < batch.n; i++) {
		batch.objects[i]->data =
			make_buffers(vtr_vk(pool)->data, a->pAllocateInfo->level, buffers[i]);
	}
	vtr_pool_publish(d, &batch, pool, buffers, a->ret);
	if (d->venus->lanes != NULL) {
		(void)vtr_retire_reclaim(&d->venus->retire); /* data of freed buffers */
	}
}

/* Removes a buffer that the guest frees. Returns: the driver's buffer that its pool has for it, or NULL. */
static VkCommandBuffer take_buffer(struct vtr_dispatch *d, uint64_t id, VkCommandBuffer handle)
{
	struct vtr_object *o = vtr_pool_take(d, id, VK_OBJECT_TYPE_COMMAND_BUFFER);
	struct vtr_host_buffers *buffers = o != NULL ? vtr_host_buffers_of(o) : NULL;

	for (unsigned i = 0; buffers != NULL && i < buffers->pools->count; i++) {
		pthread_mutex_lock(&buffers->pools->lanes[i].lock);
		free_buffer(buffers, i);
		pthread_mutex_unlock(&buffers->pools->lanes[i].lock);
	}
	return o == NULL ? NULL : buffers != NULL ? buffers->own : handle;
}

void vtr_hand_vkFreeCommandBuffers(struct vtr_dispatch *d, struct vtw_vkFreeCommandBuffers *a)
{
	/* The decoder's copy, where NULL is skipped. */
	VkCommandBuffer *list = (VkCommandBuffer *)(uintptr_t)a->pCommandBuffers;

	for (uint32_t i = 0; a->pCommandBuffers_ids != NULL && i < a->commandBufferCount; i++) {
		list[i] = take_buffer(d, a->pCommandBuffers_ids[i], list[i]);
	}
	if (a->pCommandBuffers != NULL) {
		vtr_device_procs(a->device_obj)
			->vkFreeCommandBuffers(a->device, a->commandPool, a->commandBufferCount,
		                               a->pCommandBuffers);
	}
}

/* --- recordings ------------------------------------------------------------------------------------------- */

/* The guest does not wait for the result of a recording, so it goes on with the buffer. Commands that name it are left
 * out from now on, and a submit of it loses the device. */
static void check_recording(struct vtr_dispatch *d, struct vtr_object *o, VkResult ret)
{
	if (ret < 0 && !vtr_dispatch_wants_reply(d)) {
		__atomic_fetch_or(&o->type, VTR_OBJECT_FAILED, __ATOMIC_RELAXED);
		if (d->recording != NULL) {
			d->recording->state = VTR_RECORDING_FAILED;
		}
	}
}

void vtr_hand_vkBeginCommandBuffer(struct vtr_dispatch *d, struct vtw_vkBeginCommandBuffer *a)
{
	struct vtr_object *o = a->commandBuffer_obj;
	struct vtr_host_buffers *buffers = vtr_host_buffers_of(o);
	VkCommandBuffer handle = a->commandBuffer;

	if (buffers != NULL) {
		handle = d->recording != NULL ? buffers->lanes[d->recording->lane] : buffers->own;
		__atomic_store_n(&o->handle, (uintptr_t)handle, __ATOMIC_RELAXED);
	}
	a->ret = vtr_device_procs(o)->vkBeginCommandBuffer(handle, a->pBeginInfo);
	check_recording(d, o, a->ret);
}

void vtr_hand_vkEndCommandBuffer(struct vtr_dispatch *d, struct vtw_vkEndCommandBuffer *a)
{
	a->ret = vtr_device_procs(a->commandBuffer_obj)->vkEndCommandBuffer(a->commandBuffer);
	check_recording(d, a->commandBuffer_obj, a->ret);
}

void vtr_hand_vkResetCommandBuffer(struct vtr_dispatch *d, struct vtw_vkResetCommandBuffer *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->commandBuffer_obj);
	struct vtr_host_buffers *buffers = vtr_host_buffers_of(a->commandBuffer_obj);

	(void)d;
	a->ret = vk->vkResetCommandBuffer(buffers != NULL ? buffers->own : a->commandBuffer, a->flags);
	for (unsigned i = 0; buffers != NULL && i < buffers->pools->count; i++) {
		struct vtr_host_pool *pool = &buffers->pools->lanes[i];

		pthread_mutex_lock(&pool->lock);
		if (buffers->lanes[i] != NULL && !pool->gone && a->ret == VK_SUCCESS) {
			a->ret = vk->vkResetCommandBuffer(buffers->lanes[i], a->flags);
		}
		pthread_mutex_unlock(&pool->lock);
	}
}

void vtr_failed_vkCmdExecuteCommands(struct vtr_dispatch *d, struct vtw_vkCmdExecuteCommands *a)
{
	/* A command buffer without the commands of another one must not be executed. */
	if (a->commandBuffer_obj != NULL && vtr_recording_failed(d->r.failed)) {
		check_recording(d, a->commandBuffer_obj, VK_ERROR_UNKNOWN);
	}
}
