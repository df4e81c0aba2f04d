/* SPDX-License-Identifier: MIT */
#ifndef VENUS_MEMORY_H
#define VENUS_MEMORY_H

#include "venus/context.h"
#include "venus/strategy.h"

/* The data of a VkDeviceMemory object. */
struct vtr_memory {
	enum vtr_share share;
	uint64_t size;               /* as allocated */
	struct vtr_shm_block *block; /* with HOST_IMPORT of our own memory */
	struct vtr_resource *imported; /* with HOST_IMPORT of a resource: a reference */
	void *imported_map;
	size_t imported_size;
	uint64_t charged; /* taken from venus->device_memory */
	uint64_t
		of_host; /* of the driver's, but the host's RAM: taken from the budget and the room of that */
	VkMemoryPropertyFlags properties;
	_Atomic bool exported; /* its blob exists */
	_Atomic bool shareable; /* the guest may keep its fd */
	VkDeviceMemory handle; /* the driver's handle */
	struct vtr_device *unfit_of; /* the device in whose list of unsuitable memory it is; NULL: none */
	struct vtr_list unfit_link;
};

/* Returns: whether the device's sparse resources work when bound to this memory (the driver's handle). */
bool vtr_memory_suits_sparse(struct vtr_device *device, VkDeviceMemory handle);

/* Lowers the budgets of a device's heaps, as its driver reports them, to what the context can still get. */
void vtr_memory_lower_budgets(struct vtr_venus *venus, const struct vtr_physical *physical,
                              VkPhysicalDeviceMemoryBudgetPropertiesEXT *budgets);

VTR_MUST_CHECK enum vtr_err vtr_memory_blob(struct vtr_venus *venus, uint32_t res_id, uint64_t blob_id,
                                            uint32_t flags, uint64_t size, struct vtr_blob *out_blob);
/* Detaches the data from the object. Returns: NULL if another thread did. */
struct vtr_memory *vtr_memory_detach(struct vtr_venus *venus, struct vtr_vk_object *object);
/* Releases the data of a memory object. The driver's memory was freed before. */
void vtr_memory_release(struct vtr_venus *venus, struct vtr_memory *memory);

#endif
