/* SPDX-License-Identifier: MIT */
/* Descriptor sets and command buffers end with their pools. */
#include "venus/device.h"

/* Creates `n` objects of `pool` for what the driver allocated at once. */
struct batch {
	struct vtr_vk_object **objects;
	uint32_t n;
};

static bool reserve(struct vtr_dispatch *d, struct vtr_object *device, VkObjectType type, const uint64_t *ids,
                    uint32_t n, struct batch *out, VkResult *out_ret)
{
	*out = (struct batch){ vtr_dispatch_alloc(d, n, sizeof(*out->objects)), 0 };
	*out_ret = VK_SUCCESS;
	if (out->objects == NULL) {
		return n == 0;
	}
	for (; out->n < n; out->n++) {
		out->objects[out->n] = vtr_object_reserve(d, device, type, ids[out->n], out_ret);
		if (out->objects[out->n] == NULL) {
			return false;
		}
	}
	return true;
}

static void publish(struct vtr_dispatch *d, struct batch *batch, struct vtr_object *pool, const void *handles,
                    VkResult ret)
{
	const uint64_t *h = handles; /* handles are pointers, 64 bits each (vk_gen.h) */

	for (uint32_t i = 0; i < batch->n; i++) {
		batch->objects[i]->pool = ret >= 0 && pool != NULL ? vtr_vk(pool) : NULL;
		vtr_object_publish(d, batch->objects[i], h != NULL ? h[i] : 0, ret);
	}
}

/* Removes the ids that the guest frees one by one; NULL is skipped. Those that are gone, because they are in the list
 * twice or another ring frees them, become NULL in `handles`, the decoder's copy: the driver must not free them
 * again. */
static void free_ids(struct vtr_dispatch *d, const uint64_t *ids, const void *handles, uint32_t n,
                     VkObjectType type)
{
	uint64_t *h = (uint64_t *)(uintptr_t)handles;

	for (uint32_t i = 0; ids != NULL && i < n; i++) {
		struct vtr_object *o = vtr_idmap_get(&d->venus->objects.map, ids[i]);

		if (o == NULL || o->type != (uint32_t)type || !vtr_object_remove(d, o)) {
			h[i] = 0;
		}
	}
}

/* --- descriptor sets -------------------------------------------------------------------------------- */

void vtr_hand_vkAllocateDescriptorSets(struct vtr_dispatch *d, struct vtw_vkAllocateDescriptorSets *a)
{
	const uint32_t n = a->pAllocateInfo->descriptorSetCount;
	struct vtr_object *pool = d->r.named;
	VkDescriptorSet *sets = vtr_dispatch_alloc(d, n, sizeof(VkDescriptorSet));
	struct batch batch;
	VkResult failed;

	if (pool == NULL || a->pDescriptorSets == NULL || sets == NULL) {
		vtr_dispatch_fail(d, "descriptor sets lack their pool, or their number is 0");
		return;
	}
	if (reserve(d, a->device_obj, VK_OBJECT_TYPE_DESCRIPTOR_SET, a->pDescriptorSets, n, &batch,
	            &failed)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkAllocateDescriptorSets(a->device, a->pAllocateInfo, sets);
	} else {
		a->ret = failed;
	}
	publish(d, &batch, pool, sets, a->ret);
}

void vtr_hand_vkFreeDescriptorSets(struct vtr_dispatch *d, struct vtw_vkFreeDescriptorSets *a)
{
	free_ids(d, a->pDescriptorSets_ids, a->pDescriptorSets, a->descriptorSetCount,
	         VK_OBJECT_TYPE_DESCRIPTOR_SET);
	a->ret = VK_SUCCESS;
	if (a->pDescriptorSets != NULL) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkFreeDescriptorSets(a->device, a->descriptorPool, a->descriptorSetCount,
		                                        a->pDescriptorSets);
	}
}

void vtr_hand_vkResetDescriptorPool(struct vtr_dispatch *d, struct vtw_vkResetDescriptorPool *a)
{
	if (a->descriptorPool_obj == NULL) {
		vtr_dispatch_fail(d, "no pool");
		return;
	}
	vtr_object_remove_children(d, vtr_vk(a->descriptorPool_obj));
	a->ret = vtr_device_procs(a->device_obj)
	                 ->vkResetDescriptorPool(a->device, a->descriptorPool, a->flags);
}

void vtr_hand_vkDestroyDescriptorPool(struct vtr_dispatch *d, struct vtw_vkDestroyDescriptorPool *a)
{
	if (a->descriptorPool_obj != NULL && vtr_object_remove(d, a->descriptorPool_obj)) {
		vtr_object_remove_children(
			d, vtr_vk(a->descriptorPool_obj)); /* no new children can be added now */
		vtr_device_procs(a->device_obj)->vkDestroyDescriptorPool(a->device, a->descriptorPool, NULL);
	}
}

/* --- command buffers -------------------------------------------------------------------------------- */

void vtr_hand_vkAllocateCommandBuffers(struct vtr_dispatch *d, struct vtw_vkAllocateCommandBuffers *a)
{
	const uint32_t n = a->pAllocateInfo->commandBufferCount;
	struct vtr_object *pool = d->r.named;
	VkCommandBuffer *buffers = vtr_dispatch_alloc(d, n, sizeof(VkCommandBuffer));
	struct batch batch;
	VkResult failed;

	if (pool == NULL || a->pCommandBuffers == NULL || buffers == NULL) {
		vtr_dispatch_fail(d, "command buffers lack their pool, or their number is 0");
		return;
	}
	if (reserve(d, a->device_obj, VK_OBJECT_TYPE_COMMAND_BUFFER, a->pCommandBuffers, n, &batch,
	            &failed)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkAllocateCommandBuffers(a->device, a->pAllocateInfo, buffers);
	} else {
		a->ret = failed;
	}
	publish(d, &batch, pool, buffers, a->ret);
}

void vtr_hand_vkFreeCommandBuffers(struct vtr_dispatch *d, struct vtw_vkFreeCommandBuffers *a)
{
	free_ids(d, a->pCommandBuffers_ids, a->pCommandBuffers, a->commandBufferCount,
	         VK_OBJECT_TYPE_COMMAND_BUFFER);
	if (a->pCommandBuffers != NULL) {
		vtr_device_procs(a->device_obj)
			->vkFreeCommandBuffers(a->device, a->commandPool, a->commandBufferCount,
		                               a->pCommandBuffers);
	}
}

void vtr_hand_vkDestroyCommandPool(struct vtr_dispatch *d, struct vtw_vkDestroyCommandPool *a)
{
	if (a->commandPool_obj != NULL && vtr_object_remove(d, a->commandPool_obj)) {
		vtr_object_remove_children(d, vtr_vk(a->commandPool_obj));
		vtr_device_procs(a->device_obj)->vkDestroyCommandPool(a->device, a->commandPool, NULL);
	}
}
