/* SPDX-License-Identifier: MIT */
/* Objects of pools, which end with their pools, and descriptor sets. */
#include "venus/pool.h"

#include "venus/device.h"

bool vtr_pool_reserve(struct vtr_dispatch *d, struct vtr_object *device, VkObjectType type,
                      const uint64_t *ids, uint32_t n, struct vtr_pool_batch *out, VkResult *out_ret)
{
	*out = (struct vtr_pool_batch){ vtr_dispatch_alloc(d, n, sizeof(*out->objects)), 0 };
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

void vtr_pool_publish(struct vtr_dispatch *d, struct vtr_pool_batch *batch, struct vtr_object *pool,
                      const void *handles, VkResult ret)
{
	const uint64_t *h = handles; /* handles are pointers, 64 bits each (vk_gen.h) */

	for (uint32_t i = 0; i < batch->n; i++) {
		batch->objects[i]->pool = ret >= 0 && pool != NULL ? vtr_vk(pool) : NULL;
		vtr_object_publish(d, batch->objects[i], h != NULL ? h[i] : 0, ret);
	}
}

struct vtr_object *vtr_pool_take(struct vtr_dispatch *d, uint64_t id, VkObjectType type)
{
	struct vtr_object *o = vtr_idmap_get(&d->venus->objects.map, id);

	return o != NULL && o->type == (uint32_t)type && vtr_object_remove(d, o) ? o : NULL;
}

/* --- descriptor sets -------------------------------------------------------------------------------- */

void vtr_hand_vkAllocateDescriptorSets(struct vtr_dispatch *d, struct vtw_vkAllocateDescriptorSets *a)
{
	const uint32_t n = a->pAllocateInfo->descriptorSetCount;
	struct vtr_object *pool = d->r.named;
	VkDescriptorSet *sets = vtr_dispatch_alloc(d, n, sizeof(VkDescriptorSet));
	struct vtr_pool_batch batch;
	VkResult failed;

	if (pool == NULL || a->pDescriptorSets == NULL || sets == NULL) {
		vtr_dispatch_fail(d, "descriptor sets lack their pool, or their number is 0");
		return;
	}
	if (vtr_pool_reserve(d, a->device_obj, VK_OBJECT_TYPE_DESCRIPTOR_SET, a->pDescriptorSets, n, &batch,
	                     &failed)) {
		a->ret = vtr_device_procs(a->device_obj)
		                 ->vkAllocateDescriptorSets(a->device, a->pAllocateInfo, sets);
	} else {
		a->ret = failed;
	}
	vtr_pool_publish(d, &batch, pool, sets, a->ret);
}

void vtr_hand_vkFreeDescriptorSets(struct vtr_dispatch *d, struct vtw_vkFreeDescriptorSets *a)
{
	/* The decoder's copy, where NULL is skipped. */
	VkDescriptorSet *sets = (VkDescriptorSet *)(uintptr_t)a->pDescriptorSets;

	for (uint32_t i = 0; a->pDescriptorSets_ids != NULL && i < a->descriptorSetCount; i++) {
		if (vtr_pool_take(d, a->pDescriptorSets_ids[i], VK_OBJECT_TYPE_DESCRIPTOR_SET) == NULL) {
			sets[i] = NULL;
		}
	}
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
