/* SPDX-License-Identifier: MIT */
#ifndef VENUS_POOL_H
#define VENUS_POOL_H

#include "venus/dispatch.h"

/* Objects of a pool for what the driver allocates at once: descriptor sets or command buffers. Thread: the stream's. */
struct vtr_pool_batch {
	struct vtr_vk_object **objects;
	uint32_t n;
};

/* Reserves `n` objects. Returns: false if that failed, with a VkResult in *out_ret; publish what there is then. */
bool vtr_pool_reserve(struct vtr_dispatch *d, struct vtr_object *device, VkObjectType type,
                      const uint64_t *ids, uint32_t n, struct vtr_pool_batch *out, VkResult *out_ret);
/* Makes them findable, as children of `pool`; with an error in `ret` they become failed ones. */
void vtr_pool_publish(struct vtr_dispatch *d, struct vtr_pool_batch *batch, struct vtr_object *pool,
                      const void *handles, VkResult ret);
/* Returns: the object with this id, which was removed; NULL if there is none of this type, because the guest's list
 * has it twice or another ring frees it. */
struct vtr_object *vtr_pool_take(struct vtr_dispatch *d, uint64_t id, VkObjectType type);

#endif
