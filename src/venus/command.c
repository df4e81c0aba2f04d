/* SPDX-License-Identifier: MIT */
/* Barriers: those between queue families that only the guest has become barriers without an ownership
 * transfer. */
#include "venus/device.h"

static bool foreign(struct vtr_object *command_buffer)
{
	return vtr_vk(command_buffer)->device->physical->emulate.queue_foreign;
}

static void fix(uint32_t *src, uint32_t *dst)
{
	if (*src == VK_QUEUE_FAMILY_FOREIGN_EXT || *dst == VK_QUEUE_FAMILY_FOREIGN_EXT) {
		*src = *dst = VK_QUEUE_FAMILY_IGNORED;
	}
}

/* The array is the decoder's own memory, which may be written. */
#define FIX_ALL(array, count, Type)                                    \
	for (uint32_t i = 0; i < (count); i++) {                       \
		Type *b = (Type *)(uintptr_t)&(array)[i];              \
		fix(&b->srcQueueFamilyIndex, &b->dstQueueFamilyIndex); \
	}

static void fix_dependency(const VkDependencyInfo *info)
{
	FIX_ALL(info->pBufferMemoryBarriers, info->bufferMemoryBarrierCount, VkBufferMemoryBarrier2)
	FIX_ALL(info->pImageMemoryBarriers, info->imageMemoryBarrierCount, VkImageMemoryBarrier2)
}

void vtr_hand_vkCmdPipelineBarrier(struct vtr_dispatch *d, struct vtw_vkCmdPipelineBarrier *a)
{
	(void)d;
	if (foreign(a->commandBuffer_obj)) {
		FIX_ALL(a->pBufferMemoryBarriers, a->bufferMemoryBarrierCount, VkBufferMemoryBarrier)
		FIX_ALL(a->pImageMemoryBarriers, a->imageMemoryBarrierCount, VkImageMemoryBarrier)
	}
	vtr_device_procs(a->commandBuffer_obj)
		->vkCmdPipelineBarrier(a->commandBuffer, a->srcStageMask, a->dstStageMask, a->dependencyFlags,
	                               a->memoryBarrierCount, a->pMemoryBarriers, a->bufferMemoryBarrierCount,
	                               a->pBufferMemoryBarriers, a->imageMemoryBarrierCount,
	                               a->pImageMemoryBarriers);
}

void vtr_hand_vkCmdWaitEvents(struct vtr_dispatch *d, struct vtw_vkCmdWaitEvents *a)
{
	(void)d;
	vtr_work_unsure(vtr_vk(a->commandBuffer_obj)->device);
	if (foreign(a->commandBuffer_obj)) {
		FIX_ALL(a->pBufferMemoryBarriers, a->bufferMemoryBarrierCount, VkBufferMemoryBarrier)
		FIX_ALL(a->pImageMemoryBarriers, a->imageMemoryBarrierCount, VkImageMemoryBarrier)
	}
	vtr_device_procs(a->commandBuffer_obj)
		->vkCmdWaitEvents(a->commandBuffer, a->eventCount, a->pEvents, a->srcStageMask,
	                          a->dstStageMask, a->memoryBarrierCount, a->pMemoryBarriers,
	                          a->bufferMemoryBarrierCount, a->pBufferMemoryBarriers,
	                          a->imageMemoryBarrierCount, a->pImageMemoryBarriers);
}

void vtr_hand_vkCmdPipelineBarrier2(struct vtr_dispatch *d, struct vtw_vkCmdPipelineBarrier2 *a)
{
	const PFN_vkCmdPipelineBarrier2 fn = vtr_device_procs(a->commandBuffer_obj)->vkCmdPipelineBarrier2;

	if (fn == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	if (foreign(a->commandBuffer_obj)) {
		fix_dependency(a->pDependencyInfo);
	}
	fn(a->commandBuffer, a->pDependencyInfo);
}

void vtr_hand_vkCmdSetEvent2(struct vtr_dispatch *d, struct vtw_vkCmdSetEvent2 *a)
{
	const PFN_vkCmdSetEvent2 fn = vtr_device_procs(a->commandBuffer_obj)->vkCmdSetEvent2;

	if (fn == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	if (foreign(a->commandBuffer_obj)) {
		fix_dependency(a->pDependencyInfo);
	}
	fn(a->commandBuffer, a->event, a->pDependencyInfo);
}

void vtr_hand_vkCmdWaitEvents2(struct vtr_dispatch *d, struct vtw_vkCmdWaitEvents2 *a)
{
	const PFN_vkCmdWaitEvents2 fn = vtr_device_procs(a->commandBuffer_obj)->vkCmdWaitEvents2;

	if (fn == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	vtr_work_unsure(vtr_vk(a->commandBuffer_obj)->device);
	for (uint32_t i = 0; foreign(a->commandBuffer_obj) && i < a->eventCount; i++) {
		fix_dependency(&a->pDependencyInfos[i]);
	}
	fn(a->commandBuffer, a->eventCount, a->pEvents, a->pDependencyInfos);
}
