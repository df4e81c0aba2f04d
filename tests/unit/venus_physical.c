/* SPDX-License-Identifier: MIT */
/* Which of the driver's features a physical device keeps from guests. */
#include "venus/physical.h"

#include "test.h"

static VkPhysicalDeviceRayTracingPipelineFeaturesKHR all_ray_tracing(void)
{
	return (VkPhysicalDeviceRayTracingPipelineFeaturesKHR){
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR,
		.rayTracingPipeline = VK_TRUE,
		.rayTracingPipelineShaderGroupHandleCaptureReplay = VK_TRUE,
		.rayTracingPipelineShaderGroupHandleCaptureReplayMixed = VK_TRUE,
		.rayTracingPipelineTraceRaysIndirect = VK_TRUE,
		.rayTraversalPrimitiveCulling = VK_TRUE,
	};
}

static void handles_to_replay_are_hidden(void)
{
	const struct vtr_physical p = { .strategy = { .sparse_types = 1 } };
	VkPhysicalDeviceRayTracingPipelineFeaturesKHR rt = all_ray_tracing();
	VkPhysicalDeviceFeatures2 head = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                           .pNext = &rt,
		                           .features = { .sparseBinding = VK_TRUE } };

	vtr_physical_hide_features(&p, &head);
	CHECK(!rt.rayTracingPipelineShaderGroupHandleCaptureReplay);
	CHECK(!rt.rayTracingPipelineShaderGroupHandleCaptureReplayMixed);
	CHECK(rt.rayTracingPipeline && rt.rayTracingPipelineTraceRaysIndirect &&
	      rt.rayTraversalPrimitiveCulling);
	CHECK(head.features.sparseBinding);
}

static void sparse_binding_is_hidden_if_no_memory_can_be_bound(void)
{
	const struct vtr_physical p = { 0 };
	VkPhysicalDeviceFeatures2 head = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                           .features = { .sparseBinding = VK_TRUE,
		                                         .geometryShader = VK_TRUE } };

	vtr_physical_hide_features(&p, &head);
	CHECK(!head.features.sparseBinding);
	CHECK(head.features.geometryShader);
}

int main(void)
{
	RUN(handles_to_replay_are_hidden);
	RUN(sparse_binding_is_hidden_if_no_memory_can_be_bound);
	return 0;
}
