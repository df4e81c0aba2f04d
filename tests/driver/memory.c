/* SPDX-License-Identifier: MIT */
/* Memory, and what lies in it. All memory is real, so that copies between buffers can be made. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "driver.h"

#define ALIGNMENT 256
#define OPAQUE_FD VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

struct image {
	VkImageCreateInfo info; /* its pointers are gone */
};

static uint32_t all_types(void)
{
	return vtd_config.buffers_only ? 1u << VTD_TYPE_ONLY : (1u << VTD_TYPE_COUNT) - 1;
}

/* --- memory ----------------------------------------------------------------------------------------- */

static bool map_memory(struct vtd_memory *m)
{
	const int flags = m->fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *map = mmap(NULL, m->size, PROT_READ | PROT_WRITE, flags, m->fd, 0);

	m->map = map != MAP_FAILED ? map : NULL;
	return m->map != NULL;
}

/* Gives the memory its bytes: the caller's, a file's, or new ones. */
static VkResult fill_memory(struct vtd_memory *m, const VkMemoryAllocateInfo *info)
{
	const VkImportMemoryHostPointerInfoEXT *pointer =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT);
	const VkImportMemoryFdInfoKHR *fd =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR);
	const VkExportMemoryAllocateInfo *export =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO);

	if (pointer != NULL && pointer->handleType != 0) {
		m->imported = true;
		m->map = pointer->pHostPointer;
		return (uintptr_t)m->map % VTD_PAGE == 0 && m->size % VTD_PAGE == 0 ?
		               VK_SUCCESS :
		               VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	if (fd != NULL && fd->handleType != 0) {
		m->fd = fd->fd;
		return map_memory(m) ? VK_SUCCESS : VK_ERROR_INVALID_EXTERNAL_HANDLE;
	}
	if (export != NULL && (export->handleTypes & OPAQUE_FD) != 0) {
		m->fd = memfd_create("vtr-test-driver", MFD_CLOEXEC);
		if (m->fd < 0 || ftruncate(m->fd, (off_t)m->size) != 0) {
			return VK_ERROR_OUT_OF_DEVICE_MEMORY;
		}
	}
	return map_memory(m) ? VK_SUCCESS : VK_ERROR_OUT_OF_DEVICE_MEMORY;
}

static void free_memory(struct vtd_memory *m)
{
	if (m->map != NULL && !m->imported) {
		munmap(m->map, m->size);
	}
	if (m->fd >= 0) {
		close(m->fd);
	}
	free(m);
}

VkResult vtd_vkAllocateMemory(VkDevice device, const VkMemoryAllocateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
	struct vtd_memory *m;
	VkResult ret;

	(void)device;
	(void)allocator;
	if (info->allocationSize > VTD_HEAP_SIZE) {
		return VK_ERROR_OUT_OF_DEVICE_MEMORY;
	}
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	m->fd = -1;
	m->size = (size_t)info->allocationSize;
	ret = fill_memory(m, info);
	if (ret != VK_SUCCESS) {
		free_memory(m);
		return ret;
	}
	*out = (VkDeviceMemory)(void *)m;
	return VK_SUCCESS;
}

void vtd_vkFreeMemory(VkDevice device, VkDeviceMemory handle, const VkAllocationCallbacks *allocator)
{
	VTD_OBJECT(memory, m, handle);

	(void)device;
	(void)allocator;
	if (m != NULL) {
		free_memory(m);
	}
}

VkResult vtd_vkMapMemory(VkDevice device, VkDeviceMemory handle, VkDeviceSize offset, VkDeviceSize size,
                         VkMemoryMapFlags flags, void **out)
{
	VTD_OBJECT(memory, m, handle);

	(void)device;
	(void)size;
	(void)flags;
	*out = m->map + offset;
	return VK_SUCCESS;
}

VkResult vtd_vkMapMemory2(VkDevice device, const VkMemoryMapInfo *info, void **out)
{
	return vtd_vkMapMemory(device, info->memory, info->offset, info->size, info->flags, out);
}

VkResult vtd_vkGetMemoryFdKHR(VkDevice device, const VkMemoryGetFdInfoKHR *info, int *out)
{
	VTD_OBJECT(memory, m, info->memory);

	(void)device;
	*out = m->fd >= 0 ? fcntl(m->fd, F_DUPFD_CLOEXEC, 3) : -1;
	return *out >= 0 ? VK_SUCCESS : VK_ERROR_TOO_MANY_OBJECTS;
}

VkResult vtd_vkGetMemoryFdPropertiesKHR(VkDevice device, VkExternalMemoryHandleTypeFlagBits type, int fd,
                                        VkMemoryFdPropertiesKHR *out)
{
	(void)device;
	(void)type;
	(void)fd;
	out->memoryTypeBits = all_types();
	return VK_SUCCESS;
}

VkResult vtd_vkGetMemoryHostPointerPropertiesEXT(VkDevice device, VkExternalMemoryHandleTypeFlagBits type,
                                                 const void *pointer, VkMemoryHostPointerPropertiesEXT *out)
{
	(void)device;
	(void)type;
	(void)pointer;
	out->memoryTypeBits = 1u << (vtd_config.buffers_only ? VTD_TYPE_ONLY : VTD_TYPE_HOST);
	return VK_SUCCESS;
}

/* --- what anything needs ---------------------------------------------------------------------------- */

static void require(VkDeviceSize size, VkMemoryRequirements *out)
{
	*out = (VkMemoryRequirements){
		.size = (size + ALIGNMENT - 1) & ~(VkDeviceSize)(ALIGNMENT - 1),
		.alignment = ALIGNMENT,
		.memoryTypeBits = all_types(),
	};
}

static void require2(VkDeviceSize size, VkMemoryRequirements2 *out)
{
	require(size, &out->memoryRequirements);
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		if (link->type == VK_STRUCTURE_TYPE_MEMORY_DEDICATED_REQUIREMENTS) {
			VkMemoryDedicatedRequirements *dedicated = (void *)link;

			dedicated->prefersDedicatedAllocation = dedicated->requiresDedicatedAllocation =
				VK_FALSE;
		}
	}
}

/* --- buffers ---------------------------------------------------------------------------------------- */

VkResult vtd_vkCreateBuffer(VkDevice device, const VkBufferCreateInfo *info,
                            const VkAllocationCallbacks *allocator, VkBuffer *out)
{
	struct vtd_buffer *b = calloc(1, sizeof(*b));

	(void)device;
	(void)allocator;
	if (b == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	b->size = info->size;
	*out = (VkBuffer)(void *)b;
	return VK_SUCCESS;
}

VkResult vtd_vkBindBufferMemory(VkDevice device, VkBuffer handle, VkDeviceMemory memory, VkDeviceSize offset)
{
	VTD_OBJECT(buffer, b, handle);

	(void)device;
	b->memory = (struct vtd_memory *)(void *)memory;
	b->offset = offset;
	return VK_SUCCESS;
}

VkResult vtd_vkBindBufferMemory2(VkDevice device, uint32_t count, const VkBindBufferMemoryInfo *infos)
{
	for (uint32_t i = 0; i < count; i++) {
		(void)vtd_vkBindBufferMemory(device, infos[i].buffer, infos[i].memory, infos[i].memoryOffset);
	}
	return VK_SUCCESS;
}

void vtd_vkGetBufferMemoryRequirements(VkDevice device, VkBuffer handle, VkMemoryRequirements *out)
{
	VTD_OBJECT(buffer, b, handle);

	(void)device;
	require(b->size, out);
}

void vtd_vkGetBufferMemoryRequirements2(VkDevice device, const VkBufferMemoryRequirementsInfo2 *info,
                                        VkMemoryRequirements2 *out)
{
	VTD_OBJECT(buffer, b, info->buffer);

	(void)device;
	require2(b->size, out);
}

void vtd_vkGetDeviceBufferMemoryRequirements(VkDevice device, const VkDeviceBufferMemoryRequirements *info,
                                             VkMemoryRequirements2 *out)
{
	(void)device;
	require2(info->pCreateInfo->size, out);
}

VkDeviceAddress vtd_vkGetBufferDeviceAddress(VkDevice device, const VkBufferDeviceAddressInfo *info)
{
	(void)device;
	return (VkDeviceAddress)(uintptr_t)info->buffer << 8; /* aligned, and unique */
}

uint8_t *vtd_buffer_bytes(const struct vtd_buffer *b, VkDeviceSize offset, VkDeviceSize count)
{
	const struct vtd_memory *m = b->memory;

	if (m == NULL || offset > b->size || count > b->size - offset || b->offset > m->size ||
	    offset + count > m->size - b->offset) {
		return NULL;
	}
	return m->map + b->offset + offset;
}

/* --- images ----------------------------------------------------------------------------------------- */

static VkDeviceSize blocks(uint32_t texels, uint32_t level, uint32_t block)
{
	const uint32_t left = level < 32 ? texels >> level :
	                                   0; /* guests ask for levels that an image lacks */
	const uint32_t size = left != 0 ? left : 1;

	return (size + block - 1) / block;
}

/* The bytes of a row and of a slice of a level. */
static void measure(const VkImageCreateInfo *info, uint32_t level, VkDeviceSize *out_row,
                    VkDeviceSize *out_slice)
{
	const struct vtd_format *f = vtd_format_find(info->format);
	const VkDeviceSize bytes = f != NULL ? f->bytes : 16;

	*out_row = blocks(info->extent.width, level, f != NULL ? f->width : 1) * bytes;
	*out_slice = *out_row * blocks(info->extent.height, level, f != NULL ? f->height : 1);
}

static VkDeviceSize layer_size(const VkImageCreateInfo *info, uint32_t levels)
{
	VkDeviceSize size = 0, row, slice;

	for (uint32_t i = 0; i < levels && i < 16; i++) {
		measure(info, i, &row, &slice);
		size += slice * blocks(info->extent.depth, i, 1) * (uint32_t)info->samples;
	}
	return size;
}

static VkDeviceSize image_size(const VkImageCreateInfo *info)
{
	return layer_size(info, info->mipLevels) * info->arrayLayers;
}

VkResult vtd_vkCreateImage(VkDevice device, const VkImageCreateInfo *info,
                           const VkAllocationCallbacks *allocator, VkImage *out)
{
	struct image *image = calloc(1, sizeof(*image));

	(void)device;
	(void)allocator;
	if (image == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	image->info = *info;
	image->info.pNext = NULL;
	image->info.pQueueFamilyIndices = NULL;
	*out = (VkImage)(void *)image;
	return VK_SUCCESS;
}

VkResult vtd_vkBindImageMemory(VkDevice device, VkImage image, VkDeviceMemory handle, VkDeviceSize offset)
{
	VTD_OBJECT(memory, m, handle);

	(void)device;
	(void)image;
	(void)offset;
	if (m->imported && vtd_config.buffers_only) {
		vtd_note_misuse(VTD_MISUSE_IMAGE_IN_IMPORTED_MEMORY);
		return VK_ERROR_UNKNOWN;
	}
	return VK_SUCCESS;
}

VkResult vtd_vkBindImageMemory2(VkDevice device, uint32_t count, const VkBindImageMemoryInfo *infos)
{
	VkResult ret = VK_SUCCESS;

	for (uint32_t i = 0; i < count && ret == VK_SUCCESS; i++) {
		/* Without memory it is for a swapchain. */
		if (infos[i].memory != NULL) {
			ret = vtd_vkBindImageMemory(device, infos[i].image, infos[i].memory,
			                            infos[i].memoryOffset);
		}
	}
	return ret;
}

void vtd_vkGetImageMemoryRequirements(VkDevice device, VkImage handle, VkMemoryRequirements *out)
{
	const struct image *image = (const struct image *)(void *)handle;

	(void)device;
	require(image_size(&image->info), out);
}

void vtd_vkGetImageMemoryRequirements2(VkDevice device, const VkImageMemoryRequirementsInfo2 *info,
                                       VkMemoryRequirements2 *out)
{
	const struct image *image = (const struct image *)(void *)info->image;

	(void)device;
	require2(image_size(&image->info), out);
}

void vtd_vkGetDeviceImageMemoryRequirements(VkDevice device, const VkDeviceImageMemoryRequirements *info,
                                            VkMemoryRequirements2 *out)
{
	(void)device;
	require2(image_size(info->pCreateInfo), out);
}

static void place(const VkImageCreateInfo *info, const VkImageSubresource *sub, VkSubresourceLayout *out)
{
	const VkDeviceSize layer = layer_size(info, info->mipLevels);

	*out = (VkSubresourceLayout){
		.offset = layer * sub->arrayLayer + layer_size(info, sub->mipLevel),
		.size = layer_size(info, sub->mipLevel + 1) - layer_size(info, sub->mipLevel),
		.arrayPitch = layer,
	};
	measure(info, sub->mipLevel, &out->rowPitch, &out->depthPitch);
}

void vtd_vkGetImageSubresourceLayout(VkDevice device, VkImage handle, const VkImageSubresource *sub,
                                     VkSubresourceLayout *out)
{
	(void)device;
	place(&((const struct image *)(void *)handle)->info, sub, out);
}

void vtd_vkGetImageSubresourceLayout2(VkDevice device, VkImage handle, const VkImageSubresource2 *sub,
                                      VkSubresourceLayout2 *out)
{
	(void)device;
	place(&((const struct image *)(void *)handle)->info, &sub->imageSubresource, &out->subresourceLayout);
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		if (link->type == VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE) {
			((VkSubresourceHostMemcpySize *)(void *)link)->size = out->subresourceLayout.size;
		}
	}
}

void vtd_vkGetDeviceImageSubresourceLayout(VkDevice device, const VkDeviceImageSubresourceInfo *info,
                                           VkSubresourceLayout2 *out)
{
	(void)device;
	place(info->pCreateInfo, &info->pSubresource->imageSubresource, &out->subresourceLayout);
}
