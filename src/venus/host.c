/* SPDX-License-Identifier: MIT */
/* Commands with host memory: Vulkan has a pointer, the wire has the bytes. Drivers do not check the sizes, so
 * they are checked here. Also private data. */
#include "venus/device.h"

/* --- results ---------------------------------------------------------------------------------------- */

/* Returns: whether `count` results of at most `each` bytes, `stride` apart, fit into the requested bytes. The
 *          decoder's arrays have VTR_CS_OUT_SLACK more bytes behind them. */
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
	PFN_vkGetQueryPoolResults fn;

	/* The longest result: all pipeline statistics and their availability, 64 bits each. */
	if (a->pData == NULL || !fits(a->queryCount, a->stride, 32 * sizeof(uint64_t), a->dataSize)) {
		vtr_dispatch_fail(d, "query results do not fit their memory");
		return;
	}
	fn = vtr_device_procs(a->device_obj)->vkGetQueryPoolResults;
	vtr_dispatch_pause(d); /* it may wait for the results */
	a->ret = fn(a->device, a->queryPool, a->firstQuery, a->queryCount, a->dataSize, a->pData, a->stride,
	            a->flags);
	vtr_dispatch_resume(d);
	if (a->ret == VK_ERROR_DEVICE_LOST && !vtr_dispatch_wants_reply(d)) {
		vtr_dispatch_fail(d, "the host's device is lost");
	}
}

/* Returns: the size of a shader group's handle, or of its capture if `replay`. */
static uint64_t group_handle_size(struct vtr_object *device_obj, bool replay)
{
	const struct vtr_physical *p = vtr_vk(device_obj)->device->physical;
	VkPhysicalDeviceRayTracingPipelinePropertiesKHR rt = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR
	};
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &rt };

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

void vtr_hand_vkWriteAccelerationStructuresPropertiesKHR(
	struct vtr_dispatch *d, struct vtw_vkWriteAccelerationStructuresPropertiesKHR *a)
{
	const PFN_vkWriteAccelerationStructuresPropertiesKHR fn =
		vtr_device_procs(a->device_obj)->vkWriteAccelerationStructuresPropertiesKHR;

	if (fn == NULL || a->pData == NULL ||
	    !fits(a->accelerationStructureCount, a->stride, sizeof(uint64_t), a->dataSize)) {
		vtr_dispatch_fail(d, "acceleration structure properties do not fit their memory");
		return;
	}
	a->ret = fn(a->device, a->accelerationStructureCount, a->pAccelerationStructures, a->queryType,
	            a->dataSize, a->pData, a->stride);
}

/* --- descriptors as bytes --------------------------------------------------------------------------- */

void vtr_hand_vkWriteSamplerDescriptorMESA(struct vtr_dispatch *d, struct vtw_vkWriteSamplerDescriptorMESA *a)
{
	const PFN_vkWriteSamplerDescriptorsEXT fn =
		vtr_device_procs(a->device_obj)->vkWriteSamplerDescriptorsEXT;
	const VkHostAddressRangeEXT range = { .address = a->pData, .size = a->dataSize };

	if (fn == NULL || a->pData == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	a->ret = fn(a->device, 1, a->pSampler, &range);
}

void vtr_hand_vkWriteResourceDescriptorMESA(struct vtr_dispatch *d,
                                            struct vtw_vkWriteResourceDescriptorMESA *a)
{
	const PFN_vkWriteResourceDescriptorsEXT fn =
		vtr_device_procs(a->device_obj)->vkWriteResourceDescriptorsEXT;
	const VkHostAddressRangeEXT range = { .address = a->pData, .size = a->dataSize };

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
