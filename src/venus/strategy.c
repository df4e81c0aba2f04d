/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/strategy.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/shm.h"
#include "venus/known.h"
#include "venus/physical.h"
#include "venus/venus.h"

#define HOST_BITS (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | \
	           VK_MEMORY_PROPERTY_HOST_CACHED_BIT)
#define PROBE_PATTERN UINT64_C(0x7669747269726531)

/* A device made for the probe alone. */
struct probe {
	const struct vtr_physical *physical;
	VkDevice device;
	struct vtw_device_procs vk;
	void *page; /* shared memory, to import */
	size_t page_size;
	uint32_t importable; /* memory types */
};

const char *vtr_share_name(enum vtr_share share)
{
	switch (share) {
	case VTR_SHARE_HOST_IMPORT:
		return "host-import";
	case VTR_SHARE_DMA_BUF:
		return "dma-buf";
	case VTR_SHARE_OPAQUE_FD:
		return "opaque-fd";
	case VTR_SHARE_NONE:
		break;
	}
	return "none";
}

static VkResult probe_device(const struct vtr_physical *p, struct probe *probe)
{
	const float priority = 1.0f;
	const char *names[4];
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.ppEnabledExtensionNames = names,
	};
	VkResult ret;

	if (p->has.host_memory) {
		names[info.enabledExtensionCount++] = "VK_EXT_external_memory_host";
	}
	if (p->has.memory_fd) {
		names[info.enabledExtensionCount++] = "VK_KHR_external_memory_fd";
	}
	if (p->has.dma_buf) {
		names[info.enabledExtensionCount++] = "VK_EXT_external_memory_dma_buf";
	}
	if (p->has.portability) {
		names[info.enabledExtensionCount++] = "VK_KHR_portability_subset";
	}
	probe->physical = p;
	ret = p->procs->vkCreateDevice(p->handle, &info, NULL, &probe->device);
	if (ret == VK_SUCCESS) {
		vtw_load_device_procs(&probe->vk, p->procs->vkGetDeviceProcAddr, probe->device, names,
		                      info.enabledExtensionCount);
	}
	return ret;
}

/* Which types take our shared memory. */
static void probe_import(const struct vtr_venus_params *params, const struct vtr_physical *p,
                         struct vtr_memory_strategy *s, struct probe *probe)
{
	VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT};
	VkPhysicalDeviceProperties2 props = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &host};
	VkMemoryHostPointerPropertiesEXT out = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT};
	vtr_autofd int fd = -1;

	if (!p->has.host_memory || probe->vk.vkGetMemoryHostPointerPropertiesEXT == NULL) {
		return;
	}
	p->procs->vkGetPhysicalDeviceProperties2(p->handle, &props);
	s->import_alignment = host.minImportedHostPointerAlignment;
	if (s->import_alignment < params->min_import_alignment) {
		s->import_alignment = params->min_import_alignment;
	}
	if (s->import_alignment < vtr_os_page_size()) {
		s->import_alignment = vtr_os_page_size();
	}
	probe->page_size = s->import_alignment;
	if (vtr_os_shm_create("vitrine-probe", probe->page_size, &fd) != VTR_OK ||
	    vtr_os_shm_map_aligned(fd, 0, probe->page_size, s->import_alignment, &probe->page) != VTR_OK) {
		return;
	}
	if (probe->vk.vkGetMemoryHostPointerPropertiesEXT(
		    probe->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT, probe->page,
		    &out) == VK_SUCCESS) {
		probe->importable = out.memoryTypeBits;
	}
}

static bool try_import(struct probe *probe, uint32_t type)
{
	const VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = probe->page,
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = probe->page_size,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;

	if (probe->page == NULL || (probe->importable & (1u << type)) == 0 ||
	    probe->vk.vkAllocateMemory(probe->device, &info, NULL, &memory) != VK_SUCCESS) {
		return false;
	}
	probe->vk.vkFreeMemory(probe->device, memory, NULL);
	return true;
}

/* The fd's mapping must show what the driver's mapping wrote. */
static bool fd_shows(struct probe *probe, VkDeviceMemory memory, int fd, size_t size)
{
	void *ours, *theirs;
	bool same = false;

	if (vtr_os_shm_map(fd, 0, size, true, &ours) != VTR_OK) {
		return false;
	}
	if (probe->vk.vkMapMemory(probe->device, memory, 0, VK_WHOLE_SIZE, 0, &theirs) == VK_SUCCESS) {
		const uint64_t pattern = PROBE_PATTERN;

		memcpy(theirs, &pattern, sizeof(pattern));
		same = memcmp(ours, &pattern, sizeof(pattern)) == 0;
		probe->vk.vkUnmapMemory(probe->device, memory);
	}
	vtr_os_shm_unmap(ours, size);
	return same;
}

static bool try_export(struct probe *probe, uint32_t type, VkExternalMemoryHandleTypeFlagBits handle)
{
	const size_t size = 65536;
	const VkExportMemoryAllocateInfo export = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO, .handleTypes = handle};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &export,
		.allocationSize = size,
		.memoryTypeIndex = type,
	};
	VkMemoryGetFdInfoKHR get = {.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR, .handleType = handle};
	bool works = false;
	int fd = -1;

	if (probe->vk.vkGetMemoryFdKHR == NULL ||
	    probe->vk.vkAllocateMemory(probe->device, &info, NULL, &get.memory) != VK_SUCCESS) {
		return false;
	}
	if (probe->vk.vkGetMemoryFdKHR(probe->device, &get, &fd) == VK_SUCCESS) {
		works = fd_shows(probe, get.memory, fd, size);
		vtr_close(&fd);
	}
	probe->vk.vkFreeMemory(probe->device, get.memory, NULL);
	return works;
}

/* The guest has chosen the memory before it allocates. */
static void choose_for_window(struct probe *probe, uint32_t type, struct vtr_memory_strategy *s)
{
	if (try_import(probe, type)) {
		s->share[type] = VTR_SHARE_HOST_IMPORT;
		s->reason[type] = "the VM's window, imported by VK_EXT_external_memory_host";
	} else {
		s->reason[type] = probe->physical->has.host_memory ?
			"the driver imports no shared memory of this type, as a VM's window needs" :
			"the driver has no VK_EXT_external_memory_host, which a VM's window needs";
	}
}

/* One row a strategy, tried in order; a discrete GPU's own memory is only reached by dma-buf, whereas
 * a CPU device gains nothing from it. */
static void choose(const struct vtr_venus_params *params, struct probe *probe, uint32_t type,
                   struct vtr_memory_strategy *s)
{
	const struct vtr_physical *p = probe->physical;
	const VkMemoryPropertyFlags flags = p->memory.memoryTypes[type].propertyFlags;
	const bool cpu = p->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;

	s->share[type] = VTR_SHARE_NONE;
	if ((flags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) == 0) {
		s->reason[type] = "not visible to the CPU";
	} else if (params->window != NULL) {
		choose_for_window(probe, type, s);
	} else if (!cpu && p->has.dma_buf &&
	           try_export(probe, type, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT)) {
		s->share[type] = VTR_SHARE_DMA_BUF;
		s->reason[type] = "exported as a dma-buf that can be mapped";
	} else if (try_import(probe, type)) {
		s->share[type] = VTR_SHARE_HOST_IMPORT;
		s->reason[type] = "shared memory imported by VK_EXT_external_memory_host";
	} else if (cpu && p->has.dma_buf &&
	           try_export(probe, type, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT)) {
		s->share[type] = VTR_SHARE_DMA_BUF;
		s->reason[type] = "exported as a dma-buf that can be mapped";
	} else if (p->has.memory_fd && !params->no_export &&
	           try_export(probe, type, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT)) {
		s->share[type] = VTR_SHARE_OPAQUE_FD;
		s->reason[type] = "exported as an opaque fd that can be mapped";
	} else {
		s->reason[type] = p->has.host_memory ?
			"the driver imports no host memory of this type and exports nothing that can be mapped" :
			"the driver has no VK_EXT_external_memory_host and exports nothing that can be mapped";
	}
}

static bool buffers_importable(const struct vtr_physical *p)
{
	const VkPhysicalDeviceExternalBufferInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
	};
	VkExternalBufferProperties out = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES};

	p->procs->vkGetPhysicalDeviceExternalBufferProperties(p->handle, &info, &out);
	return (out.externalMemoryProperties.externalMemoryFeatures &
	        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

/* Makes the choice of another process our own. */
static bool recall(const struct vtr_venus_params *params, struct vtr_physical *physical)
{
	const struct vtr_known_device *known =
		vtr_known_find(params->known, physical->device_uuid, physical->driver_uuid);
	struct vtr_memory_strategy *s = &physical->strategy;

	if (known == NULL || known->type_count != physical->memory.memoryTypeCount) {
		return false;
	}
	for (uint32_t i = 0; i < known->type_count; i++) {
		s->share[i] = known->share[i];
		s->reason[i] = "found out by another process";
	}
	s->import_alignment = known->import_alignment;
	s->buffers_importable = known->buffers_importable;
	return true;
}

static void find_out(const struct vtr_venus_params *params, struct vtr_physical *physical, struct probe *probe)
{
	struct vtr_memory_strategy *s = &physical->strategy;
	bool imports = false;

	s->import_alignment = vtr_os_page_size();
	probe_import(params, physical, s, probe);
	for (uint32_t i = 0; i < physical->memory.memoryTypeCount; i++) {
		choose(params, probe, i, s);
		imports |= s->share[i] == VTR_SHARE_HOST_IMPORT;
	}
	s->buffers_importable = imports && buffers_importable(physical);
	probe->vk.vkDestroyDevice(probe->device, NULL);
	if (probe->page != NULL) {
		vtr_os_shm_unmap(probe->page, probe->page_size);
	}
}

/* Takes from the guest's memory types what cannot be shared. Returns: whether coherent memory is left.
 * *out_why: why a type that the CPU can see was taken, NULL: there is none. */
static bool rewrite_types(struct vtr_physical *physical, const char **out_why)
{
	bool coherent = false;

	*out_why = NULL;

	for (uint32_t i = 0; i < physical->memory.memoryTypeCount; i++) {
		VkMemoryType *type = &physical->memory.memoryTypes[i];

		if (physical->strategy.share[i] == VTR_SHARE_NONE) {
			if (*out_why == NULL && (type->propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0) {
				*out_why = physical->strategy.reason[i];
			}
			type->propertyFlags &= ~(VkFlags)HOST_BITS;
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
		struct probe probe = {0};
		const VkResult ret = probe_device(physical, &probe);

		if (ret != VK_SUCCESS) {
			vtr_error(log, "%s: vkCreateDevice failed (%d): the device is not offered",
			          physical->properties.deviceName, ret);
			return VTR_ERR_VK;
		}
		find_out(params, physical, &probe);
	}
	if (!rewrite_types(physical, &why)) {
		vtr_error(log, "%s: no coherent memory type can be shared with a guest (%s): the device is not "
		          "offered", physical->properties.deviceName,
		          why != NULL ? why : "the CPU sees none of its memory");
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}
