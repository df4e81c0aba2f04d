/* SPDX-License-Identifier: MIT */
/* Commands that carry host memory: Vulkan takes a pointer, the wire has the bytes. Drivers trust the
 * sizes, so here is where they are checked. And private data. */
#include "venus/device.h"

/* No texel block of any format is larger. */
#define MAX_TEXEL_BLOCK 32

/* --- results ---------------------------------------------------------------------------------------- */

/* Whether `count` results of at most `each` bytes, `stride` apart, fit the bytes that were asked for.
 * The decoder's arrays have VTR_CS_OUT_SLACK to spare behind them. */
static bool fits(uint64_t count, uint64_t stride, uint64_t each, size_t size)
{
	uint64_t last;

	if (count == 0) {
		return true;
	}
	return !__builtin_mul_overflow(count - 1, stride, &last) && last <= size &&
	       each <= size - last + VTR_CS_OUT_SLACK;
}

void vtr_hand_vkGetQueryPoolResults(struct vtr_dispatch *d, struct vtw_vkGetQueryPoolResults *a)
{
	/* The longest: all pipeline statistics and their availability, 64 bits each. */
	if (a->pData == NULL || !fits(a->queryCount, a->stride, 32 * sizeof(uint64_t), a->dataSize)) {
		vtr_dispatch_fail(d, "query results do not fit their memory");
		return;
	}
	a->ret = vtr_device_procs(a->device_obj)->vkGetQueryPoolResults(
		a->device, a->queryPool, a->firstQuery, a->queryCount, a->dataSize, a->pData, a->stride, a->flags);
	if (a->ret == VK_ERROR_DEVICE_LOST && !vtr_dispatch_wants_reply(d)) {
		vtr_dispatch_fail(d, "the host's device is lost");
	}
}

/* The size of a shader group's handle, of a capture when `replay`. */
static uint64_t group_handle_size(struct vtr_object *device_obj, bool replay)
{
	const struct vtr_physical *p = vtr_vk(device_obj)->device->physical;
	VkPhysicalDeviceRayTracingPipelinePropertiesKHR rt = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR};
	VkPhysicalDeviceProperties2 props = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &rt};

	p->procs->vkGetPhysicalDeviceProperties2(p->handle, &props);
	return replay ? rt.shaderGroupHandleCaptureReplaySize : rt.shaderGroupHandleSize;
}

void vtr_hand_vkGetRayTracingShaderGroupHandlesKHR(struct vtr_dispatch *d,
                                                   struct vtw_vkGetRayTracingShaderGroupHandlesKHR *a)
{
	const PFN_vkGetRayTracingShaderGroupHandlesKHR fn =
		vtr_device_procs(a->device_obj)->vkGetRayTracingShaderGroupHandlesKHR;
	const uint64_t each = group_handle_size(a->device_obj, false);

	if (fn == NULL || a->pData == NULL || !fits(a->groupCount, each, each, a->dataSize)) {
		vtr_dispatch_fail(d, "shader group handles do not fit their memory");
		return;
	}
	a->ret = fn(a->device, a->pipeline, a->firstGroup, a->groupCount, a->dataSize, a->pData);
}

void vtr_hand_vkGetRayTracingCaptureReplayShaderGroupHandlesKHR(
	struct vtr_dispatch *d, struct vtw_vkGetRayTracingCaptureReplayShaderGroupHandlesKHR *a)
{
	const PFN_vkGetRayTracingCaptureReplayShaderGroupHandlesKHR fn =
		vtr_device_procs(a->device_obj)->vkGetRayTracingCaptureReplayShaderGroupHandlesKHR;
	const uint64_t each = group_handle_size(a->device_obj, true);

	if (fn == NULL || a->pData == NULL || !fits(a->groupCount, each, each, a->dataSize)) {
		vtr_dispatch_fail(d, "shader group handles do not fit their memory");
		return;
	}
	a->ret = fn(a->device, a->pipeline, a->firstGroup, a->groupCount, a->dataSize, a->pData);
}

void vtr_hand_vkWriteAccelerationStructuresPropertiesKHR(struct vtr_dispatch *d,
                                                         struct vtw_vkWriteAccelerationStructuresPropertiesKHR *a)
{
	const PFN_vkWriteAccelerationStructuresPropertiesKHR fn =
		vtr_device_procs(a->device_obj)->vkWriteAccelerationStructuresPropertiesKHR;

	if (fn == NULL || a->pData == NULL ||
	    !fits(a->accelerationStructureCount, a->stride, sizeof(uint64_t), a->dataSize)) {
		vtr_dispatch_fail(d, "acceleration structure properties do not fit their memory");
		return;
	}
	a->ret = fn(a->device, a->accelerationStructureCount, a->pAccelerationStructures, a->queryType, a->dataSize,
	            a->pData, a->stride);
}

/* --- host image copies ------------------------------------------------------------------------------ */

/* No copy of this region touches more bytes than this; 0 when that is absurd. A copy in the image's own
 * layout may, by the padding that the driver says. */
static size_t copy_bound(struct vtr_object *device_obj, VkImage image, bool own_layout, uint32_t row_length,
                         uint32_t image_height, const VkImageSubresourceLayers *sub, VkExtent3D extent)
{
	const struct vtw_device_procs *vk = vtr_device_procs(device_obj);
	const size_t w = row_length > extent.width ? row_length : extent.width;
	const size_t h = image_height > extent.height ? image_height : extent.height;
	size_t n;

	if (own_layout) {
		const VkImageSubresource2 ask = {
			.sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
			.imageSubresource = {sub->aspectMask, sub->mipLevel, sub->baseArrayLayer},
		};
		VkSubresourceHostMemcpySize size = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_HOST_MEMCPY_SIZE};
		VkSubresourceLayout2 layout = {.sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2, .pNext = &size};

		if (vk->vkGetImageSubresourceLayout2 == NULL) {
			return 0;
		}
		vk->vkGetImageSubresourceLayout2(vtr_vk(device_obj)->device->handle, image, &ask, &layout);
		return vtr_mul(size.size, sub->layerCount, &n) ? n : 0;
	}
	if (!vtr_mul(w, h, &n) || !vtr_mul(n, extent.depth, &n) || !vtr_mul(n, sub->layerCount, &n) ||
	    !vtr_mul(n, MAX_TEXEL_BLOCK, &n)) {
		return 0;
	}
	return n;
}

void vtr_hand_vkCopyImageToMemoryMESA(struct vtr_dispatch *d, struct vtw_vkCopyImageToMemoryMESA *a)
{
	const VkCopyImageToMemoryInfoMESA *info = a->pCopyImageToMemoryInfo;
	const PFN_vkCopyImageToMemory fn = vtr_device_procs(a->device_obj)->vkCopyImageToMemory;
	const size_t bound = copy_bound(a->device_obj, info->srcImage,
	                                (info->flags & VK_HOST_IMAGE_COPY_MEMCPY_BIT) != 0,
	                                info->memoryRowLength, info->memoryImageHeight,
	                                &info->imageSubresource, info->imageExtent);
	void *room = bound <= a->dataSize ? a->pData : vtr_dispatch_alloc(d, bound, 1);
	const VkImageToMemoryCopy region = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
		.pHostPointer = room,
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

	if (fn == NULL || a->pData == NULL || room == NULL || bound == 0) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, &copy);
	if (room != a->pData) {
		memcpy(a->pData, room, a->dataSize);
	}
}

/* The bytes of a region, with as many behind them as the driver may look at. */
static const void *region_bytes(struct vtr_dispatch *d, struct vtr_object *device_obj,
                                const VkCopyMemoryToImageInfoMESA *info, const VkMemoryToImageCopyMESA *r)
{
	const size_t bound = copy_bound(device_obj, info->dstImage,
	                                (info->flags & VK_HOST_IMAGE_COPY_MEMCPY_BIT) != 0, r->memoryRowLength,
	                                r->memoryImageHeight, &r->imageSubresource, r->imageExtent);
	void *copy;

	if (bound == 0 || r->pData == NULL) {
		return NULL;
	}
	if (bound <= r->dataSize) {
		return r->pData;
	}
	copy = vtr_dispatch_alloc(d, bound, 1);
	if (copy != NULL) {
		memcpy(copy, r->pData, r->dataSize);
	}
	return copy;
}

void vtr_hand_vkCopyMemoryToImageMESA(struct vtr_dispatch *d, struct vtw_vkCopyMemoryToImageMESA *a)
{
	const VkCopyMemoryToImageInfoMESA *info = a->pCopyMemoryToImageInfo;
	const PFN_vkCopyMemoryToImage fn = vtr_device_procs(a->device_obj)->vkCopyMemoryToImage;
	VkMemoryToImageCopy *regions = vtr_dispatch_alloc(d, info->regionCount, sizeof(*regions));
	VkCopyMemoryToImageInfo copy = {
		.sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
		.flags = info->flags,
		.dstImage = info->dstImage,
		.dstImageLayout = info->dstImageLayout,
		.regionCount = info->regionCount,
		.pRegions = regions,
	};

	if (fn == NULL || regions == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	for (uint32_t i = 0; i < info->regionCount; i++) {
		const VkMemoryToImageCopyMESA *r = &info->pRegions[i];

		regions[i] = (VkMemoryToImageCopy){
			.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
			.pHostPointer = region_bytes(d, a->device_obj, info, r),
			.memoryRowLength = r->memoryRowLength,
			.memoryImageHeight = r->memoryImageHeight,
			.imageSubresource = r->imageSubresource,
			.imageOffset = r->imageOffset,
			.imageExtent = r->imageExtent,
		};
		if (regions[i].pHostPointer == NULL) {
			vtr_dispatch_fail(d, "a host image copy has no bytes");
			return;
		}
	}
	a->ret = fn(a->device, &copy);
}

/* --- descriptors as bytes --------------------------------------------------------------------------- */

void vtr_hand_vkWriteSamplerDescriptorMESA(struct vtr_dispatch *d, struct vtw_vkWriteSamplerDescriptorMESA *a)
{
	const PFN_vkWriteSamplerDescriptorsEXT fn = vtr_device_procs(a->device_obj)->vkWriteSamplerDescriptorsEXT;
	const VkHostAddressRangeEXT range = {.address = a->pData, .size = a->dataSize};

	if (fn == NULL || a->pData == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, 1, a->pSampler, &range);
}

void vtr_hand_vkWriteResourceDescriptorMESA(struct vtr_dispatch *d, struct vtw_vkWriteResourceDescriptorMESA *a)
{
	const PFN_vkWriteResourceDescriptorsEXT fn =
		vtr_device_procs(a->device_obj)->vkWriteResourceDescriptorsEXT;
	const VkHostAddressRangeEXT range = {.address = a->pData, .size = a->dataSize};

	if (fn == NULL || a->pData == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, 1, a->pResource, &range);
}

/* --- private data: the object is named by its id -------------------------------------------------- */

static uint64_t driver_handle(struct vtr_dispatch *d, VkObjectType type, uint64_t id)
{
	return vtr_cs_handle(&d->r, id, type);
}

void vtr_hand_vkSetPrivateData(struct vtr_dispatch *d, struct vtw_vkSetPrivateData *a)
{
	const PFN_vkSetPrivateData fn = vtr_device_procs(a->device_obj)->vkSetPrivateData;
	const uint64_t handle = driver_handle(d, a->objectType, a->objectHandle);

	if (fn == NULL || handle == 0 || a->privateDataSlot == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, a->objectType, handle, a->privateDataSlot, a->data);
}

void vtr_hand_vkGetPrivateData(struct vtr_dispatch *d, struct vtw_vkGetPrivateData *a)
{
	const PFN_vkGetPrivateData fn = vtr_device_procs(a->device_obj)->vkGetPrivateData;
	const uint64_t handle = driver_handle(d, a->objectType, a->objectHandle);

	if (fn == NULL || handle == 0 || a->privateDataSlot == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	fn(a->device, a->objectType, handle, a->privateDataSlot, a->pData);
}
