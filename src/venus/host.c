/* SPDX-License-Identifier: MIT */
/* Commands that carry host memory: Vulkan takes a pointer, the wire has the bytes. And private data. */
#include "venus/device.h"

void vtr_hand_vkCopyImageToMemoryMESA(struct vtr_dispatch *d, struct vtw_vkCopyImageToMemoryMESA *a)
{
	const VkCopyImageToMemoryInfoMESA *info = a->pCopyImageToMemoryInfo;
	const PFN_vkCopyImageToMemory fn = vtr_device_procs(a->device_obj)->vkCopyImageToMemory;
	const VkImageToMemoryCopy region = {
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

	if (fn == NULL || a->pData == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, &copy);
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
			.pHostPointer = r->pData,
			.memoryRowLength = r->memoryRowLength,
			.memoryImageHeight = r->memoryImageHeight,
			.imageSubresource = r->imageSubresource,
			.imageOffset = r->imageOffset,
			.imageExtent = r->imageExtent,
		};
	}
	a->ret = fn(a->device, &copy);
}

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
