/* SPDX-License-Identifier: MIT */
#ifndef VENUS_MEMORY_H
#define VENUS_MEMORY_H

#include "venus/context.h"
#include "venus/strategy.h"

/* What hangs on a VkDeviceMemory object. */
struct vtr_memory {
	enum vtr_share share;
	uint64_t size;               /* as allocated */
	struct vtr_shm_block *block; /* HOST_IMPORT of our own memory */
	struct vtr_resource *imported; /* HOST_IMPORT of a resource: a reference */
	void *imported_map;
	size_t imported_size;
	VkMemoryPropertyFlags properties;
	_Atomic bool exported;       /* its blob exists */
	_Atomic bool shareable;      /* the guest may hold its fd for ever */
	VkDeviceMemory handle;       /* the driver's */
	struct vtr_device
		*unfit_of; /* in whose list of memory that is not for sparse resources; NULL: in none */
	struct vtr_list unfit_link;
};

/* Whether the device's sparse resources can be bound to this memory (the driver's handle) with the right result. */
bool vtr_memory_suits_sparse(struct vtr_device *device, VkDeviceMemory handle);

VTR_MUST_CHECK enum vtr_err vtr_memory_blob(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id,
                                            uint32_t flags, uint64_t size, struct vtr_blob *out_blob);
/* Takes what hangs on the object away from it. Returns: NULL when another thread did. */
struct vtr_memory *vtr_memory_detach(struct vtr_venus *venus, struct vtr_vk_object *object);
/* Gives back what a memory object holds beside the driver's memory, which is freed already. */
void vtr_memory_release(struct vtr_venus *venus, struct vtr_memory *memory);

#endif
