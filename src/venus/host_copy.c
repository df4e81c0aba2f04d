/* SPDX-License-Identifier: MIT */
/* Copies between images and host memory: Vulkan takes a pointer, the wire has the bytes. Drivers trust the sizes, so
 * here is where they are checked. */
#include "formats_gen.h"
#include "venus/device.h"

/* No texel block of any format is larger; for formats that are not in the registry. */
#define MAX_TEXEL_BLOCK 32

/* The memory side of one region. */
struct region {
	struct vtr_vk_object *image;
	bool own_layout; /* the bytes are as they lie in the image, not as the extent says */
	uint32_t row_length, image_height; /* texels; 0: those of the extent */
	const VkImageSubresourceLayers *sub;
	VkExtent3D extent;
};

static uint32_t layer_count(const struct region *r)
{
	if (r->sub->layerCount != VK_REMAINING_ARRAY_LAYERS) {
		return r->sub->layerCount;
	}
	return r->image->layers > r->sub->baseArrayLayer ? r->image->layers - r->sub->baseArrayLayer : 0;
}

/* Bytes of a texel block of the aspect that is copied. */
static uint32_t block_bytes(const struct vtw_format *format, VkImageAspectFlags aspect)
{
	switch (aspect) {
	case VK_IMAGE_ASPECT_DEPTH_BIT:
		return format->depth_bytes;
	case VK_IMAGE_ASPECT_STENCIL_BIT:
		return format->stencil_bytes;
	case VK_IMAGE_ASPECT_PLANE_1_BIT:
		return format->bytes[1];
	case VK_IMAGE_ASPECT_PLANE_2_BIT:
		return format->bytes[2];
	default:
		return format->bytes[0];
	}
}

static uint32_t blocks(uint32_t texels, uint32_t size)
{
	return texels / size + (texels % size != 0);
}

/* Adds count * size to *sum. False: it is more than there can be. */
static bool add_all(size_t *sum, uint32_t count, size_t size)
{
	size_t n;

	return vtr_mul(count, size, &n) && !__builtin_add_overflow(*sum, n, sum);
}

/* What a copy in the image's own layout takes, which the driver knows. */
static bool own_size(struct vtr_object *device_obj, const struct region *r, size_t *out_size)
{
	const struct vtw_device_procs *vk = vtr_device_procs(device_obj);
	const VkImageSubresource2 ask = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
		.imageSubresource = { r->sub->aspectMask, r->sub->mipLevel, r->sub->baseArrayLayer },
	};
	VkSubresourceHostMemcpySize size = { .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE };
	VkSubresourceLayout2 layout = { .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2, .pNext = &size };

	if (vk->vkGetImageSubresourceLayout2 == NULL) {
		return false;
	}
	vk->vkGetImageSubresourceLayout2(vtr_vk(device_obj)->device->handle,
	                                 (VkImage)(uintptr_t)r->image->base.handle, &ask, &layout);
	return vtr_mul(size.size, layer_count(r), out_size);
}

/* How many bytes the driver touches, from the first of the region to the last (Vulkan, "Copying Data Between
 * Buffers and Images"). False: more than there can be. */
static bool region_size(struct vtr_object *device_obj, const struct region *r, size_t *out_size)
{
	static const struct vtw_format unknown = { .width = 1, .height = 1, .depth = 1 };
	const struct vtw_format *known = vtw_find_format(r->image->format);
	const struct vtw_format *format = known != NULL ? known : &unknown;
	const uint32_t block = known != NULL ? block_bytes(known, r->sub->aspectMask) : 0;
	const uint32_t bytes = block != 0 ? block : MAX_TEXEL_BLOCK;
	const uint32_t layers = layer_count(r);
	const uint32_t width = r->row_length != 0 ? r->row_length : r->extent.width;
	const uint32_t height = r->image_height != 0 ? r->image_height : r->extent.height;
	size_t row, slice, layer, sum = 0;

	if (r->own_layout) {
		return own_size(device_obj, r, out_size);
	}
	*out_size = 0;
	if (r->extent.width == 0 || r->extent.height == 0 || r->extent.depth == 0 || layers == 0) {
		return true;
	}
	if (!vtr_mul(blocks(width, format->width), bytes, &row) ||
	    !vtr_mul(row, blocks(height, format->height), &slice) ||
	    !vtr_mul(slice, blocks(r->extent.depth, format->depth), &layer) ||
	    !add_all(&sum, layers - 1, layer) ||
	    !add_all(&sum, blocks(r->extent.depth, format->depth) - 1, slice) ||
	    !add_all(&sum, blocks(r->extent.height, format->height) - 1, row) ||
	    !add_all(&sum, blocks(r->extent.width, format->width), bytes)) {
		return false;
	}
	*out_size = sum;
	return true;
}

void vtr_hand_vkCopyImageToMemoryMESA(struct vtr_dispatch *d, struct vtw_vkCopyImageToMemoryMESA *a)
{
	const VkCopyImageToMemoryInfoMESA *info = a->pCopyImageToMemoryInfo;
	const PFN_vkCopyImageToMemory fn = vtr_device_procs(a->device_obj)->vkCopyImageToMemory;
	const struct region r = {
		.image = d->r.named != NULL ? vtr_vk(d->r.named) : NULL,
		.own_layout = (info->flags & VK_HOST_IMAGE_COPY_MEMCPY_BIT) != 0,
		.row_length = info->memoryRowLength,
		.image_height = info->memoryImageHeight,
		.sub = &info->imageSubresource,
		.extent = info->imageExtent,
	};
	VkImageToMemoryCopy region = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
		.pHostPointer = a->pData,
		.memoryRowLength = info->memoryRowLength,
		.memoryImageHeight = info->memoryImageHeight,
		.imageSubresource = info->imageSubresource,
		.imageOffset = info->imageOffset,
		.imageExtent = info->imageExtent,
	};
	const VkCopyImageToMemoryInfo copy = {
		.sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
		.flags = info->flags,
		.srcImage = info->srcImage,
		.srcImageLayout = info->srcImageLayout,
		.regionCount = 1,
		.pRegions = &region,
	};
	size_t size;

	if (fn == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	if (r.image == NULL || a->pData == NULL || !region_size(a->device_obj, &r, &size)) {
		vtr_dispatch_fail(d, "a host image copy has no image, no memory or no size");
		return;
	}
	if (size > a->dataSize) {
		region.pHostPointer = vtr_dispatch_alloc(d, size, 1);
		if (region.pHostPointer == NULL) {
			return;
		}
	}
	a->ret = fn(a->device, &copy);
	if (region.pHostPointer != a->pData) {
		memcpy(a->pData, region.pHostPointer, a->dataSize);
	}
}

/* The bytes of a region, with as many behind them as the driver may look at. NULL with the reader poisoned. */
static const void *region_bytes(struct vtr_dispatch *d, struct vtr_object *device_obj,
                                struct vtr_vk_object *image, const VkCopyMemoryToImageInfoMESA *info,
                                const VkMemoryToImageCopyMESA *m)
{
	const struct region r = {
		.image = image,
		.own_layout = (info->flags & VK_HOST_IMAGE_COPY_MEMCPY_BIT) != 0,
		.row_length = m->memoryRowLength,
		.image_height = m->memoryImageHeight,
		.sub = &m->imageSubresource,
		.extent = m->imageExtent,
	};
	size_t size;
	void *copy;

	if (m->pData == NULL || !region_size(device_obj, &r, &size)) {
		vtr_dispatch_fail(d, "a host image copy has no bytes, or no size");
		return NULL;
	}
	if (size <= m->dataSize) {
		return m->pData;
	}
	copy = vtr_dispatch_alloc(d, size, 1);
	return copy != NULL ? memcpy(copy, m->pData, m->dataSize) : NULL;
}

void vtr_hand_vkCopyMemoryToImageMESA(struct vtr_dispatch *d, struct vtw_vkCopyMemoryToImageMESA *a)
{
	const VkCopyMemoryToImageInfoMESA *info = a->pCopyMemoryToImageInfo;
	const PFN_vkCopyMemoryToImage fn = vtr_device_procs(a->device_obj)->vkCopyMemoryToImage;
	struct vtr_vk_object *image = d->r.named != NULL ? vtr_vk(d->r.named) : NULL;
	VkMemoryToImageCopy *regions = vtr_dispatch_alloc(d, info->regionCount, sizeof(*regions));
	VkCopyMemoryToImageInfo copy = {
		.sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
		.flags = info->flags,
		.dstImage = info->dstImage,
		.dstImageLayout = info->dstImageLayout,
		.regionCount = info->regionCount,
		.pRegions = regions,
	};

	if (fn == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	if (image == NULL || regions == NULL) {
		vtr_dispatch_fail(d, "a host image copy has no image or no regions");
		return;
	}
	for (uint32_t i = 0; i < info->regionCount; i++) {
		const VkMemoryToImageCopyMESA *m = &info->pRegions[i];

		regions[i] = (VkMemoryToImageCopy){
			.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
			.pHostPointer = region_bytes(d, a->device_obj, image, info, m),
			.memoryRowLength = m->memoryRowLength,
			.memoryImageHeight = m->memoryImageHeight,
			.imageSubresource = m->imageSubresource,
			.imageOffset = m->imageOffset,
			.imageExtent = m->imageExtent,
		};
		if (regions[i].pHostPointer == NULL) {
			return;
		}
	}
	a->ret = fn(a->device, &copy);
}
