/* SPDX-License-Identifier: MIT */
#include "venus/attempt.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/shm.h"
#include "venus/dispatch.h"
#include "venus/physical.h"
#include "venus/portability.h"

#define PATTERN UINT64_C(0x7669747269726531)

VkResult vtr_attempt_begin(struct vtr_attempt *attempt, const struct vtr_physical *p, size_t alignment)
{
	const bool sparse = p->sparse_family != VTR_NO_FAMILY;
	const VkPhysicalDeviceFeatures features = { .sparseBinding = sparse };
	const float priority = 1.0f;
	const char *names[4];
	VkPhysicalDevicePortabilitySubsetFeaturesKHR portability;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = sparse ? p->sparse_family : 0,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.ppEnabledExtensionNames = names,
		.pEnabledFeatures = &features,
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
	vtr_portability_enable(p, &info, &portability);
	*attempt = (struct vtr_attempt){ .physical = p,
		                         .alignment = alignment,
		                         .family = queue.queueFamilyIndex };
	ret = p->procs->vkCreateDevice(p->handle, &info, NULL, &attempt->device);
	if (ret != VK_SUCCESS) {
		return ret;
	}
	vtw_load_device_procs(&attempt->vk, p->procs->vkGetDeviceProcAddr, attempt->device, names,
	                      info.enabledExtensionCount);
	if (sparse) {
		attempt->vk.vkGetDeviceQueue(attempt->device, attempt->family, 0, &attempt->queue);
	}
	return VK_SUCCESS;
}

void vtr_attempt_end(struct vtr_attempt *attempt)
{
	attempt->vk.vkDestroyDevice(attempt->device, NULL);
}

static bool map_own(struct vtr_attempt_memory *m, size_t alignment, int *out_fd)
{
	void *map;

	if (vtr_os_shm_create("vitrine-probe", m->size, out_fd) != VTR_OK ||
	    vtr_os_shm_map_aligned(*out_fd, 0, m->size, alignment, &map) != VTR_OK) {
		return false;
	}
	m->map = map;
	return true;
}

static bool import_pointer(struct vtr_attempt *attempt, uint32_t type, struct vtr_attempt_memory *m)
{
	VkMemoryHostPointerPropertiesEXT props = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT
	};
	const VkImportMemoryHostPointerInfoEXT import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
		.pHostPointer = m->map,
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = m->size,
		.memoryTypeIndex = type,
	};

	return attempt->vk.vkGetMemoryHostPointerPropertiesEXT(attempt->device, import.handleType, m->map,
	                                                       &props) == VK_SUCCESS &&
	       (props.memoryTypeBits & (1u << type)) != 0 &&
	       attempt->vk.vkAllocateMemory(attempt->device, &info, NULL, &m->memory) == VK_SUCCESS;
}

static bool import_fd(struct vtr_attempt *attempt, uint32_t type, int fd, struct vtr_attempt_memory *m)
{
	const VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
		.fd = fcntl(fd, F_DUPFD_CLOEXEC,
		            3), /* owned by the driver, also on failure: see vtr_import_fd() */
	};
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &import,
		.allocationSize = m->size,
		.memoryTypeIndex = type,
	};

	return import.fd >= 0 &&
	       attempt->vk.vkAllocateMemory(attempt->device, &info, NULL, &m->memory) == VK_SUCCESS;
}

static bool export(struct vtr_attempt *attempt, VkExternalMemoryHandleTypeFlagBits handle, uint32_t type,
                   struct vtr_attempt_memory *m)
{
	const VkExportMemoryAllocateInfo export = { .sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		                                    .handleTypes = handle };
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &export,
		.allocationSize = m->size,
		.memoryTypeIndex = type,
	};
	VkMemoryGetFdInfoKHR get = { .sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		                     .handleType = handle };
	vtr_autofd int fd = -1;
	void *map;

	if (attempt->vk.vkGetMemoryFdKHR == NULL ||
	    attempt->vk.vkAllocateMemory(attempt->device, &info, NULL, &m->memory) != VK_SUCCESS) {
		return false;
	}
	get.memory = m->memory;
	if (attempt->vk.vkGetMemoryFdKHR(attempt->device, &get, &fd) != VK_SUCCESS ||
	    vtr_os_shm_map(fd, 0, m->size, true, &map) != VTR_OK) {
		return false;
	}
	m->map = map;
	return true;
}

/* Returns: whether our mapping shows what was written through the driver's. */
static bool shows(struct vtr_attempt *attempt, const struct vtr_attempt_memory *m)
{
	const uint64_t pattern = PATTERN;
	void *theirs;
	bool same;

	if (attempt->vk.vkMapMemory(attempt->device, m->memory, 0, VK_WHOLE_SIZE, 0, &theirs) != VK_SUCCESS) {
		return false;
	}
	memcpy(theirs, &pattern, sizeof(pattern));
	same = memcmp(m->map, &pattern, sizeof(pattern)) == 0;
	attempt->vk.vkUnmapMemory(attempt->device, m->memory);
	return same;
}

static bool allocate(struct vtr_attempt *attempt, enum vtr_share share, uint32_t type,
                     struct vtr_attempt_memory *m)
{
	const struct vtr_physical *p = attempt->physical;
	vtr_autofd int fd = -1;

	switch (share) {
	case VTR_SHARE_HOST_IMPORT:
		return p->has.host_memory && attempt->vk.vkGetMemoryHostPointerPropertiesEXT != NULL &&
		       map_own(m, attempt->alignment, &fd) && import_pointer(attempt, type, m);
	case VTR_SHARE_FD_IMPORT:
		return p->has.dma_buf && map_own(m, attempt->alignment, &fd) &&
		       import_fd(attempt, type, fd, m) && shows(attempt, m);
	case VTR_SHARE_DMA_BUF:
		return p->has.dma_buf &&
		       export(attempt, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, type, m) &&
		       shows(attempt, m);
	case VTR_SHARE_OPAQUE_FD:
		return p->has.memory_fd &&
		       export(attempt, VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT, type, m) &&
		       shows(attempt, m);
	case VTR_SHARE_NONE:
		break;
	}
	return false;
}

bool vtr_attempt_allocate(struct vtr_attempt *attempt, enum vtr_share share, uint32_t type, size_t size,
                          struct vtr_attempt_memory *out_memory)
{
	struct vtr_attempt_memory m = { .size = vtr_align_up(size, attempt->alignment) };

	if (!allocate(attempt, share, type, &m)) {
		vtr_attempt_free(attempt, &m);
		return false;
	}
	*out_memory = m;
	return true;
}

/* --- images ----------------------------------------------------------------------------------------- */

#define IMAGE_SIDE 64

static const VkImageCreateInfo some_image = {
	.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
	.imageType = VK_IMAGE_TYPE_2D,
	.format = VK_FORMAT_R8G8B8A8_UNORM,
	.extent = { IMAGE_SIDE, IMAGE_SIDE, 1 },
	.mipLevels = 1,
	.arrayLayers = 1,
	.samples = VK_SAMPLE_COUNT_1_BIT,
	.tiling = VK_IMAGE_TILING_LINEAR,
	.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
};

/* Asks about the image in general, and whether it may be bound to memory that is imported by address. */
static bool image_is_possible(const struct vtr_physical *p, bool *out_importable)
{
	const VkPhysicalDeviceExternalImageFormatInfo external = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
		.handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
	};
	VkPhysicalDeviceImageFormatInfo2 query = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.format = some_image.format,
		.type = some_image.imageType,
		.tiling = some_image.tiling,
		.usage = some_image.usage,
	};
	VkExternalImageFormatProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES };
	VkImageFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2 };

	if (p->procs->vkGetPhysicalDeviceImageFormatProperties2(p->handle, &query, &props) != VK_SUCCESS) {
		return false;
	}
	query.pNext = &external;
	props.pNext = &out;
	*out_importable = p->procs->vkGetPhysicalDeviceImageFormatProperties2(p->handle, &query, &props) ==
	                          VK_SUCCESS &&
	                  (out.externalMemoryProperties.externalMemoryFeatures &
	                   VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
	return true;
}

/* Returns: the types of memory that an image of the driver's own layout may have; 0: it cannot be created. */
static uint32_t types_of_optimal(struct vtr_attempt *attempt)
{
	VkImageCreateInfo info = some_image;
	VkMemoryRequirements need = { 0 };
	VkImage image;

	info.tiling = VK_IMAGE_TILING_OPTIMAL;
	if (attempt->vk.vkCreateImage(attempt->device, &info, NULL, &image) == VK_SUCCESS) {
		attempt->vk.vkGetImageMemoryRequirements(attempt->device, image, &need);
		attempt->vk.vkDestroyImage(attempt->device, image, NULL);
	}
	return need.memoryTypeBits;
}

static bool binds(struct vtr_attempt *attempt, VkImage image, uint32_t type)
{
	VkMemoryRequirements need = { 0 };
	struct vtr_attempt_memory memory;
	VkResult ret;

	attempt->vk.vkGetImageMemoryRequirements(attempt->device, image, &need);
	if ((need.memoryTypeBits >> type & 1) == 0 ||
	    !vtr_attempt_allocate(attempt, VTR_SHARE_HOST_IMPORT, type, (size_t)need.size, &memory)) {
		return false;
	}
	ret = attempt->vk.vkBindImageMemory(attempt->device, image, memory.memory, 0);
	vtr_attempt_free(attempt, &memory);
	return ret == VK_SUCCESS;
}

bool vtr_attempt_binds_image(struct vtr_attempt *attempt, uint32_t types)
{
	const struct vtw_device_procs *vk = &attempt->vk;
	const VkExternalMemoryImageCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
	};
	VkImageCreateInfo info = some_image;
	bool importable, bound;
	VkImage image;

	if (!image_is_possible(attempt->physical, &importable)) {
		return true;
	}
	if (!importable && (types_of_optimal(attempt) & ~types) == 0) {
		return false;
	}
	info.pNext = importable ? &external : NULL;
	if (vk->vkCreateImage(attempt->device, &info, NULL, &image) != VK_SUCCESS) {
		return false;
	}
	bound = binds(attempt, image, (uint32_t)__builtin_ctz(types));
	vk->vkDestroyImage(attempt->device, image, NULL);
	return bound;
}

void vtr_attempt_free(struct vtr_attempt *attempt, struct vtr_attempt_memory *m)
{
	attempt->vk.vkFreeMemory(attempt->device, m->memory, NULL);
	vtr_os_shm_unmap(m->map, m->size);
}
