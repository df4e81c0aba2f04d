/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/strategy.h"

#include "base/log.h"
#include "base/mem.h"
#include "platform/shm.h"
#include "venus/attempt.h"
#include "venus/physical.h"
#include "venus/sparse.h"
#include "venus/types.h"
#include "venus/venus.h"
#include "vk/renderer_config.h"

#define ATTEMPT_SIZE 65536

const char *vtr_share_name(enum vtr_share share)
{
	switch (share) {
	case VTR_SHARE_HOST_IMPORT:
		return "host-import";
	case VTR_SHARE_DMA_BUF:
		return "dma-buf";
	case VTR_SHARE_OPAQUE_FD:
		return "opaque-fd";
	case VTR_SHARE_FD_IMPORT:
		return "fd-import";
	case VTR_SHARE_NONE:
		break;
	}
	return "none";
}

static size_t import_alignment(const struct vtr_venus_params *params, const struct vtr_physical *p)
{
	VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT
	};
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &host };
	size_t alignment = vtr_os_page_size();

	if (p->has.host_memory) {
		p->procs->vkGetPhysicalDeviceProperties2(p->handle, &props);
		alignment = vtr_max(alignment, (size_t)host.minImportedHostPointerAlignment);
		alignment = vtr_max(alignment, params->config->import_alignment);
	}
	return alignment;
}

static bool works(struct vtr_attempt *attempt, enum vtr_share share, uint32_t type)
{
	struct vtr_attempt_memory memory;

	if (!vtr_attempt_allocate(attempt, share, type, ATTEMPT_SIZE, &memory)) {
		return false;
	}
	vtr_attempt_free(attempt, &memory);
	return true;
}

/* For VMs: the guest has chosen the memory before it allocates. */
static void choose_for_hostmem(struct vtr_attempt *attempt, uint32_t type, struct vtr_memory_strategy *s)
{
	if (works(attempt, VTR_SHARE_HOST_IMPORT, type)) {
		s->share[type] = VTR_SHARE_HOST_IMPORT;
		s->reason[type] = "the VM's hostmem, imported by VK_EXT_external_memory_host";
	} else {
		s->reason[type] = attempt->physical->has.host_memory ?
		                          "a VM needs a driver that imports hostmem, and this driver cannot "
		                          "import shared "
		                          "memory of this type" :
		                          "a VM needs a driver that imports hostmem, and this driver lacks "
		                          "VK_EXT_external_memory_host";
	}
}

/* The strategies for a type, in order of preference. A discrete GPU's own memory can only be shared by
 * dma-buf, which has no advantage on a CPU device. */
static void choose(const struct vtr_venus_params *params, struct vtr_attempt *attempt, uint32_t type,
                   struct vtr_memory_strategy *s)
{
	const struct vtr_physical *p = attempt->physical;
	const VkMemoryPropertyFlags flags = p->memory.memoryTypes[type].propertyFlags;
	const bool cpu = p->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;

	s->share[type] = VTR_SHARE_NONE;
	if ((flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) == 0) {
		s->reason[type] = "not visible to the CPU";
	} else if (params->hostmem != NULL) {
		choose_for_hostmem(attempt, type, s);
	} else if (!cpu && works(attempt, VTR_SHARE_DMA_BUF, type)) {
		s->share[type] = VTR_SHARE_DMA_BUF;
		s->reason[type] = "exported as a dma-buf that can be mapped";
	} else if (works(attempt, VTR_SHARE_HOST_IMPORT, type)) {
		s->share[type] = VTR_SHARE_HOST_IMPORT;
		s->reason[type] = "shared memory imported by VK_EXT_external_memory_host";
	} else if (cpu && works(attempt, VTR_SHARE_DMA_BUF, type)) {
		s->share[type] = VTR_SHARE_DMA_BUF;
		s->reason[type] = "exported as a dma-buf that can be mapped";
	} else if (!params->config->no_export && works(attempt, VTR_SHARE_OPAQUE_FD, type)) {
		s->share[type] = VTR_SHARE_OPAQUE_FD;
		s->reason[type] = "exported as an opaque fd that can be mapped";
	} else {
		s->reason[type] = p->has.host_memory ? "the driver can neither import host memory of this "
		                                       "type nor export memory that can "
		                                       "be mapped" :
		                                       "the driver lacks VK_EXT_external_memory_host and "
		                                       "cannot export memory that can be "
		                                       "mapped";
	}
}

static bool buffers_importable(const struct vtr_physical *p)
{
	const VkPhysicalDeviceExternalBufferInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
	};
	VkExternalBufferProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES };

	p->procs->vkGetPhysicalDeviceExternalBufferProperties(p->handle, &info, &out);
	return (out.externalMemoryProperties.externalMemoryFeatures &
	        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

/* Adopts the choice of another process. */
static bool recall(const struct vtr_venus_params *params, struct vtr_physical *physical)
{
	const struct vtr_probed_device *known =
		vtr_probe_cache_find(&params->config->known, physical->device_uuid, physical->driver_uuid);
	struct vtr_memory_strategy *s = &physical->strategy;

	if (known == NULL || known->type_count != physical->memory.memoryTypeCount) {
		return false;
	}
	for (uint32_t i = 0; i < known->type_count; i++) {
		s->share[i] = known->share[i];
		s->reason[i] = "the prober has found this out";
		s->sparse_share[i] = known->share[i];
		if (known->sparse_share[i] != VTR_PROBE_CACHE_NOT_SPARSE) {
			s->sparse_share[i] = known->sparse_share[i];
			s->sparse_types |= 1u << i;
		}
	}
	s->sparse_reason = "the prober has found this out";
	s->import_alignment = known->import_alignment;
	s->buffers_importable = known->buffers_importable;
	s->images_importable = known->images_importable;
	return true;
}

static void find_out(const struct vtr_venus_params *params, struct vtr_physical *physical,
                     struct vtr_attempt *attempt)
{
	struct vtr_memory_strategy *s = &physical->strategy;
	uint32_t imported = 0; /* such types */

	s->import_alignment = attempt->alignment;
	for (uint32_t i = 0; i < physical->memory.memoryTypeCount; i++) {
		choose(params, attempt, i, s);
		imported |= s->share[i] == VTR_SHARE_HOST_IMPORT ? 1u << i : 0;
	}
	s->buffers_importable = imported != 0 && buffers_importable(physical);
	s->images_importable = imported == 0 || (!params->config->no_image_import &&
	                                         vtr_attempt_binds_image(attempt, imported));
	vtr_sparse_choose(params, attempt, s);
	vtr_attempt_end(attempt);
}

/* Changes the guest's memory types to what can be shared. Returns: whether coherent memory is left. *out_why:
 * why a type that the CPU can access was removed, NULL: none was. */
static bool rewrite_types(struct vtr_physical *physical, const char **out_why)
{
	bool coherent = false;

	*out_why = NULL;

	for (uint32_t i = 0; i < physical->memory.memoryTypeCount; i++) {
		VkMemoryType *type = &physical->memory.memoryTypes[i];

		if (physical->strategy.share[i] == VTR_SHARE_NONE) {
			if (*out_why == NULL &&
			    (type->propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0) {
				*out_why = physical->strategy.reason[i];
			}
			type->propertyFlags &= ~(VkFlags)VTR_HOST_FLAGS;
		}
		coherent |= (type->propertyFlags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
	}
	return coherent;
}

enum vtr_err vtr_strategy_probe(struct vtr_log *log, const struct vtr_venus_params *params,
                                struct vtr_physical *physical)
{
	const char *why;

	if (!recall(params, physical)) {
		struct vtr_attempt attempt;
		const VkResult ret =
			vtr_attempt_begin(&attempt, physical, import_alignment(params, physical));

		if (ret != VK_SUCCESS) {
			vtr_error(log, "%s: vkCreateDevice failed (%d): the device is not offered",
			          physical->properties.deviceName, ret);
			return VTR_ERR_VK;
		}
		find_out(params, physical, &attempt);
	}
	if (!rewrite_types(physical, &why)) {
		vtr_error(log,
		          "%s: the device is not offered, because none of its coherent memory types can be "
		          "shared with a guest (%s)",
		          physical->properties.deviceName,
		          why != NULL ? why : "the CPU cannot access its memory");
		return VTR_ERR_UNSUPPORTED;
	}
	vtr_types_offer(physical);
	return VTR_OK;
}
