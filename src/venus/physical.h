/* SPDX-License-Identifier: MIT */
#ifndef VENUS_PHYSICAL_H
#define VENUS_PHYSICAL_H

#include <stdbool.h>

#include "procs_gen.h"
#include "venus/retire.h"
#include "venus/sparse.h"
#include "venus/strategy.h"
#include "venus/types.h"
#include "wire_gen.h"

struct vtr_log;
struct vtr_venus_params;
struct vtr_vk_object;

/* What the driver lacks, guests need, and we emulate. */
struct vtr_emulation {
	bool dma_buf;        /* VK_EXT_external_memory_dma_buf, by memory that is shared in another way */
	bool drm_modifier;   /* VK_EXT_image_drm_format_modifier with LINEAR only */
	bool queue_foreign;  /* VK_EXT_queue_family_foreign */
	bool sync_fd;        /* semaphores and fences as sync files */
};

/* A physical device as the guest sees it. Created once, immutable afterwards. Freed when no command can use
 * it any more. */
struct vtr_physical {
	struct vtr_retired retired;
	bool gone; /* its instance was destroyed; guarded by instance_lock */
	VkPhysicalDevice handle;
	struct vtr_vk_object *object; /* NULL until the guest enumerates it */
	const struct vtw_instance_procs *procs;
	VkPhysicalDeviceProperties properties;
	uint8_t device_uuid[VK_UUID_SIZE], driver_uuid[VK_UUID_SIZE];
	VkExtensionProperties *extensions; /* what the guest may enable */
	uint32_t extension_count;
	struct {
		bool host_memory, memory_fd, dma_buf, fence_fd, portability, timeline, deferred_host;
	} has;
	bool core_timeline; /* timeline semaphores are core */
	uint32_t sparse_family; /* vtr_sparse_family() */
	struct vtr_emulation emulate;
	VkPhysicalDeviceMemoryProperties memory; /* as the guest sees it */
	struct vtr_memory_types types;
	struct vtr_memory_strategy strategy; /* by the driver's types */
};

/**
 * Queries a device and decides how it is offered.
 * Owner: *out_physical is the caller's. Returns: VTR_ERR_UNSUPPORTED (logged; not offered), VTR_ERR_NOMEM,
 *        VTR_ERR_VK.
 */
VTR_MUST_CHECK enum vtr_err vtr_physical_create(struct vtr_log *log, const struct vtr_venus_params *params,
                                                const struct vtw_instance_procs *procs,
                                                VkPhysicalDevice handle, struct vtr_physical **out_physical);
void vtr_physical_destroy(struct vtr_physical *physical);

/* Returns: whether an extension is offered that the driver has, too. */
bool vtr_physical_has(const struct vtr_physical *physical, const char *name);

/* Returns: whether sparse binding of the driver is hidden from the guest because contents would be wrong. */
static inline bool vtr_physical_hides_sparse(const struct vtr_physical *physical)
{
	return physical->strategy.sparse_types == 0;
}

/* Returns: whether linear images are hidden, since the CPU cannot access images in private memory (types.h). */
static inline bool vtr_physical_hides_linear(const struct vtr_physical *physical)
{
	return !physical->strategy.images_importable;
}

/* Removes what guests cannot use from the driver's features, chains included. */
void vtr_physical_hide_features(const struct vtr_physical *physical, VkPhysicalDeviceFeatures2 *features);

/* Returns: whether an extension is offered that must not be passed to the driver. */
bool vtr_physical_emulates(const struct vtr_physical *physical, const char *name);

/* Returns: the physical device of a dispatch argument. */
struct vtr_object;
struct vtr_physical *vtr_physical_of(struct vtr_object *object);

/* Returns: whether the family's queues compute and have no graphics. */
bool vtr_physical_only_computes(const struct vtr_physical *physical, uint32_t family);

#endif
