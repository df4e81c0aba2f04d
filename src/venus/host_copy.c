/* SPDX-License-Identifier: MIT */
/* Copies between images and host memory. Vulkan takes a pointer; on the wire, the bytes follow. Drivers trust the
 * sizes, so they are checked here.
 *
 * A command can have gigabytes of bytes, so drivers access them in place: the input in an indirect stream, in the
 * guest's memory, and the output in the reply stream. Both are sealed memory that stays mapped while the command
 * runs, because the stream and the dispatcher hold references. If a guest drops the memory meanwhile, zeros may
 * replace it, which harms only that guest. The guest may also write it meanwhile, as it may write memory that is
 * bound to a linear image. Therefore only formats whose texels drivers move without reading them are copied in
 * place. Block formats are copied to private memory first, because some drivers decode them. */
#include "formats_gen.h"
#include "platform/shm.h"
#include "venus/device.h"

/* The largest texel block of all formats; used for formats that are not in the registry. */
#define MAX_TEXEL_BLOCK 32

/* The memory side of one region. */
struct region {
	struct vtr_vk_object *image;
	bool own_layout; /* the bytes have the image's own layout, not the extent's */
	uint32_t row_length, image_height; /* in texels; 0: as in the extent */
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

/* Returns: the size of a texel block of the aspect that is copied. */
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

/* Adds count * size to *sum. Returns: false on overflow. */
static bool add_all(size_t *sum, uint32_t count, size_t size)
{
	size_t n;

	return vtr_mul(count, size, &n) && !__builtin_add_overflow(*sum, n, sum);
}

/* Asks the driver for the size of a copy in the image's own layout. Returns: false if it is unknown or overflows. */
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

/* Calculates the bytes from the first to the last one that the driver accesses (Vulkan, "Copying Data Between
 * Buffers and Images"). Returns: false if the size is unknown or overflows. */
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

/* The bytes before the texels in a reply: the command's number, its result and the number of bytes. */
#define REPLY_HEAD 16
/* From this size on, populating all pages at once is faster: 0.2 s less for a GiB. */
#define POPULATE_FROM (1u << 20)

/* Returns: `size` bytes to which the driver writes the texels of a reply. On failure: poisons the reader and returns
 *          NULL. */
static void *texels_place(struct vtr_dispatch *d, const struct vtw_vkCopyImageToMemoryMESA *a, size_t size)
{
	void *place = size <= a->dataSize ? vtr_dispatch_reply_place(d, REPLY_HEAD, a->dataSize) : NULL;

	if (place == NULL) {
		return vtr_dispatch_alloc(d, vtr_max(size, a->dataSize), 1);
	}
	if (size >= POPULATE_FROM) {
		vtr_os_shm_populate(place, size);
	}
	return place;
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
	if (r.image == NULL || a->dataSize == 0 || !region_size(a->device_obj, &r, &size)) {
		vtr_dispatch_fail(d, "a host image copy lacks its image, memory or size");
		return;
	}
	a->pData = texels_place(d, a, size);
	if (a->pData != NULL) {
		region.pHostPointer = a->pData;
		a->ret = fn(a->device, &copy);
	}
}

static bool has_blocks(VkFormat format)
{
	const struct vtw_format *known = vtw_find_format(format);

	return known == NULL || known->width * known->height * known->depth > 1;
}

/* Returns: the bytes of a region, at least as many as the driver may access. On failure: poisons the reader and
 *          returns NULL. */
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
	if (size <= m->dataSize && !has_blocks(image->format)) {
		return m->pData;
	}
	copy = vtr_dispatch_alloc(d, vtr_max(size, m->dataSize), 1);
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
		vtr_dispatch_fail(d, "a host image copy lacks its image or regions");
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
