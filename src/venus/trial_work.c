/* SPDX-License-Identifier: MIT */
#include "venus/trial_work.h"

#include <string.h>

#include "base/mem.h"
#include "empty_comp.h"
#include "empty_frag.h"
#include "trace_rchit.h"
#include "trace_rgen.h"
#include "trace_rmiss.h"
#include "triangle_mesh.h"
#include "triangle_vert.h"

#define SIDE 16
/* Mesa 26.2's lavapipe compiles for many seconds before it builds an acceleration structure, and has no cache here. */
#define TIMEOUT_NS UINT64_C(50000000000)
#define PUSH_BYTES 8
#define MAX_STAGES 3
#define HOST_VISIBLE (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

struct shader {
	VkShaderStageFlagBits stage;
	const uint32_t *words;
	size_t size;
};

#define SHADER(bit, name) { VK_SHADER_STAGE_##bit, name, sizeof(name) }

/* --- what several steps need ------------------------------------------------------------------------ */

static VkResult make_pass(struct vtr_trial_device *device)
{
	const VkSubpassDescription subpass = { .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS };
	const VkRenderPassCreateInfo pass = { .sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
		                              .subpassCount = 1,
		                              .pSubpasses = &subpass };
	VkFramebufferCreateInfo framebuffer = {
		.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO, .width = SIDE, .height = SIDE, .layers = 1
	};
	VkResult ret = device->vk.vkCreateRenderPass(device->handle, &pass, NULL, &device->pass);

	if (ret != VK_SUCCESS) {
		return ret;
	}
	framebuffer.renderPass = device->pass;
	return device->vk.vkCreateFramebuffer(device->handle, &framebuffer, NULL, &device->framebuffer);
}

VkResult vtr_trial_prepare(struct vtr_trial_device *device)
{
	const VkPushConstantRange push = { .stageFlags = VK_SHADER_STAGE_ALL, .size = PUSH_BYTES };
	const VkPipelineLayoutCreateInfo layout = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.pushConstantRangeCount = 1,
		.pPushConstantRanges = &push,
	};
	const VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		                               .queueFamilyIndex = device->family };
	const VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkCommandBufferAllocateInfo commands = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		                                 .commandBufferCount = 1 };
	const struct vtw_device_procs *vk = &device->vk;
	VkResult ret = vk->vkCreatePipelineLayout(device->handle, &layout, NULL, &device->layout);

	if (ret == VK_SUCCESS) {
		ret = vk->vkCreateCommandPool(device->handle, &pool, NULL, &device->pool);
	}
	if (ret == VK_SUCCESS) {
		commands.commandPool = device->pool;
		ret = vk->vkAllocateCommandBuffers(device->handle, &commands, &device->commands);
	}
	return ret == VK_SUCCESS ? vk->vkCreateFence(device->handle, &fence, NULL, &device->fence) : ret;
}

static VkResult begin(struct vtr_trial_device *device)
{
	const VkCommandBufferBeginInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	const VkResult ret = device->vk.vkResetCommandPool(device->handle, device->pool, 0);

	return ret == VK_SUCCESS ? device->vk.vkBeginCommandBuffer(device->commands, &info) : ret;
}

/* A queue that does not complete its work counts as failed: the result is VK_TIMEOUT. */
static VkResult finish(struct vtr_trial_device *device)
{
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                      .commandBufferCount = 1,
		                      .pCommandBuffers = &device->commands };
	const struct vtw_device_procs *vk = &device->vk;
	VkResult ret = vk->vkEndCommandBuffer(device->commands);

	if (ret == VK_SUCCESS) {
		ret = vk->vkQueueSubmit(device->queue, 1, &submit, device->fence);
	}
	if (ret == VK_SUCCESS) {
		ret = vk->vkWaitForFences(device->handle, 1, &device->fence, VK_TRUE, TIMEOUT_NS);
	}
	return ret == VK_SUCCESS ? vk->vkResetFences(device->handle, 1, &device->fence) : ret;
}

static uint32_t find_type(const struct vtr_trial_device *device, uint32_t types, VkMemoryPropertyFlags flags)
{
	VkPhysicalDeviceMemoryProperties memory;
	uint32_t type = 0;

	device->physical->procs->vkGetPhysicalDeviceMemoryProperties(device->physical->handle, &memory);
	while (type < memory.memoryTypeCount &&
	       ((types & (1u << type)) == 0 || (memory.memoryTypes[type].propertyFlags & flags) != flags)) {
		type++;
	}
	return type < memory.memoryTypeCount ? type : UINT32_MAX;
}

/* Creates a buffer with an address. `visible`: it is mapped. Returns: NULL, and *out_ret says why. */
static struct vtr_trial_buffer *make_buffer(struct vtr_trial_device *device, VkDeviceSize size,
                                            VkBufferUsageFlags usage, bool visible, VkResult *out_ret)
{
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = usage | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
	};
	const VkMemoryAllocateFlagsInfo flags = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
		                                  .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT };
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO, .pNext = &flags };
	VkBufferDeviceAddressInfo ask = { .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO };
	struct vtr_trial_buffer *buffer = &device->buffers[device->buffer_count];
	const struct vtw_device_procs *vk = &device->vk;
	VkMemoryRequirements needs;
	VkResult ret;

	vtr_assert(device->buffer_count < VTR_TRIAL_MAX_BUFFERS);
	device->buffer_count++;
	ret = vk->vkCreateBuffer(device->handle, &info, NULL, &buffer->handle);
	if (ret == VK_SUCCESS) {
		vk->vkGetBufferMemoryRequirements(device->handle, buffer->handle, &needs);
		allocate.allocationSize = needs.size;
		allocate.memoryTypeIndex =
			find_type(device, needs.memoryTypeBits, visible ? HOST_VISIBLE : 0);
		ret = allocate.memoryTypeIndex != UINT32_MAX ?
		              vk->vkAllocateMemory(device->handle, &allocate, NULL, &buffer->memory) :
		              VK_ERROR_OUT_OF_DEVICE_MEMORY;
	}
	if (ret == VK_SUCCESS) {
		ret = vk->vkBindBufferMemory(device->handle, buffer->handle, buffer->memory, 0);
	}
	if (ret == VK_SUCCESS && visible) {
		ret = vk->vkMapMemory(device->handle, buffer->memory, 0, VK_WHOLE_SIZE, 0, &buffer->bytes);
	}
	*out_ret = ret;
	if (ret != VK_SUCCESS) {
		return NULL;
	}
	ask.buffer = buffer->handle;
	buffer->address = vk->vkGetBufferDeviceAddress(device->handle, &ask);
	return buffer;
}

static void destroy_modules(struct vtr_trial_device *device, const VkPipelineShaderStageCreateInfo *stages,
                            uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		device->vk.vkDestroyShaderModule(device->handle, stages[i].module, NULL);
	}
}

/* Fills `out_stages`. Their modules are the caller's on success. */
static VkResult make_modules(struct vtr_trial_device *device, const struct shader *shaders, uint32_t count,
                             VkPipelineShaderStageCreateInfo *out_stages)
{
	for (uint32_t i = 0; i < count; i++) {
		const VkShaderModuleCreateInfo info = {
			.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
			.codeSize = shaders[i].size,
			.pCode = shaders[i].words,
		};
		VkResult ret;

		out_stages[i] = (VkPipelineShaderStageCreateInfo){
			.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			.stage = shaders[i].stage,
			.pName = "main",
		};
		ret = device->vk.vkCreateShaderModule(device->handle, &info, NULL, &out_stages[i].module);
		if (ret != VK_SUCCESS) {
			destroy_modules(device, out_stages, i);
			return ret;
		}
	}
	return VK_SUCCESS;
}

static void drop_pipeline(struct vtr_trial_device *device)
{
	device->vk.vkDestroyPipeline(device->handle, device->pipeline, NULL);
	device->pipeline = VK_NULL_HANDLE;
}

/* --- compute and graphics --------------------------------------------------------------------------- */

VkResult vtr_trial_compute(struct vtr_trial_device *device)
{
	static const struct shader shader = SHADER(COMPUTE_BIT, empty_comp);
	VkComputePipelineCreateInfo info = { .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		                             .layout = device->layout };
	VkResult ret = make_modules(device, &shader, 1, &info.stage);

	if (ret != VK_SUCCESS) {
		return ret;
	}
	drop_pipeline(device);
	ret = device->vk.vkCreateComputePipelines(device->handle, VK_NULL_HANDLE, 1, &info, NULL,
	                                          &device->pipeline);
	destroy_modules(device, &info.stage, 1);
	if (ret == VK_SUCCESS) {
		ret = begin(device);
	}
	if (ret != VK_SUCCESS) {
		return ret;
	}
	device->vk.vkCmdBindPipeline(device->commands, VK_PIPELINE_BIND_POINT_COMPUTE, device->pipeline);
	device->vk.vkCmdDispatch(device->commands, 1, 1, 1);
	return finish(device);
}

static VkResult make_graphics(struct vtr_trial_device *device,
                              const VkPipelineShaderStageCreateInfo stages[2])
{
	const VkPipelineVertexInputStateCreateInfo vertices = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO
	};
	const VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
	};
	const VkViewport viewport = { .width = SIDE, .height = SIDE, .maxDepth = 1.0f };
	const VkRect2D scissor = { .extent = { SIDE, SIDE } };
	const VkPipelineViewportStateCreateInfo view = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
		.viewportCount = 1,
		.pViewports = &viewport,
		.scissorCount = 1,
		.pScissors = &scissor,
	};
	const VkPipelineRasterizationStateCreateInfo raster = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO, .lineWidth = 1.0f
	};
	const VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
	};
	const VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.stageCount = 2,
		.pStages = stages,
		.pVertexInputState = &vertices,
		.pInputAssemblyState = &assembly,
		.pViewportState = &view,
		.pRasterizationState = &raster,
		.pMultisampleState = &samples,
		.layout = device->layout,
		.renderPass = device->pass,
	};

	drop_pipeline(device);
	return device->vk.vkCreateGraphicsPipelines(device->handle, VK_NULL_HANDLE, 1, &info, NULL,
	                                            &device->pipeline);
}

static VkResult draw(struct vtr_trial_device *device, bool mesh)
{
	const struct shader shaders[] = {
		mesh ? (struct shader)SHADER(MESH_BIT_EXT, triangle_mesh) :
		       (struct shader)SHADER(VERTEX_BIT, triangle_vert),
		SHADER(FRAGMENT_BIT, empty_frag),
	};
	const VkRenderPassBeginInfo pass = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = device->pass,
		.framebuffer = device->framebuffer,
		.renderArea = { .extent = { SIDE, SIDE } },
	};
	const struct vtw_device_procs *vk = &device->vk;
	VkPipelineShaderStageCreateInfo stages[2];
	VkResult ret = make_modules(device, shaders, 2, stages);

	if (ret != VK_SUCCESS) {
		return ret;
	}
	ret = make_graphics(device, stages);
	destroy_modules(device, stages, 2);
	if (ret == VK_SUCCESS) {
		ret = begin(device);
	}
	if (ret != VK_SUCCESS) {
		return ret;
	}
	vk->vkCmdBeginRenderPass(device->commands, &pass, VK_SUBPASS_CONTENTS_INLINE);
	vk->vkCmdBindPipeline(device->commands, VK_PIPELINE_BIND_POINT_GRAPHICS, device->pipeline);
	if (mesh) {
		vk->vkCmdDrawMeshTasksEXT(device->commands, 1, 1, 1);
	} else {
		vk->vkCmdDraw(device->commands, 3, 1, 0, 0);
	}
	vk->vkCmdEndRenderPass(device->commands);
	return finish(device);
}

VkResult vtr_trial_graphics(struct vtr_trial_device *device)
{
	const VkResult ret = make_pass(device);

	return ret == VK_SUCCESS ? draw(device, false) : ret;
}

VkResult vtr_trial_mesh(struct vtr_trial_device *device)
{
	return draw(device, true);
}

/* --- rays ------------------------------------------------------------------------------------------- */

static VkResult make_rays(struct vtr_trial_device *device,
                          const VkPipelineShaderStageCreateInfo stages[MAX_STAGES])
{
	VkRayTracingShaderGroupCreateInfoKHR groups[MAX_STAGES];
	const VkRayTracingPipelineCreateInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR,
		.stageCount = MAX_STAGES,
		.pStages = stages,
		.groupCount = MAX_STAGES,
		.pGroups = groups,
		.maxPipelineRayRecursionDepth = 1,
		.layout = device->layout,
	};

	for (uint32_t i = 0; i < MAX_STAGES; i++) {
		const bool hit = stages[i].stage == VK_SHADER_STAGE_CLOSEST_HIT_BIT_KHR;

		groups[i] = (VkRayTracingShaderGroupCreateInfoKHR){
			.sType = VK_STRUCTURE_TYPE_RAY_TRACING_SHADER_GROUP_CREATE_INFO_KHR,
			.type = hit ? VK_RAY_TRACING_SHADER_GROUP_TYPE_TRIANGLES_HIT_GROUP_KHR :
			              VK_RAY_TRACING_SHADER_GROUP_TYPE_GENERAL_KHR,
			.generalShader = hit ? VK_SHADER_UNUSED_KHR : i,
			.closestHitShader = hit ? i : VK_SHADER_UNUSED_KHR,
			.anyHitShader = VK_SHADER_UNUSED_KHR,
			.intersectionShader = VK_SHADER_UNUSED_KHR,
		};
	}
	drop_pipeline(device);
	return device->vk.vkCreateRayTracingPipelinesKHR(device->handle, VK_NULL_HANDLE, VK_NULL_HANDLE, 1,
	                                                 &info, NULL, &device->pipeline);
}

/* Puts one shader of each kind into a table, each at an offset that is aligned as the start of a section. */
static VkResult make_table(struct vtr_trial_device *device,
                           VkStridedDeviceAddressRegionKHR out_parts[MAX_STAGES])
{
	VkPhysicalDeviceRayTracingPipelinePropertiesKHR rays = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR
	};
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &rays };
	uint8_t handles[MAX_STAGES * 256];
	VkResult ret;

	device->physical->procs->vkGetPhysicalDeviceProperties2(device->physical->handle, &props);
	const size_t each = rays.shaderGroupHandleSize;
	if (each == 0 || each > sizeof(handles) / MAX_STAGES || rays.shaderGroupBaseAlignment < 1) {
		return VK_ERROR_UNKNOWN;
	}
	ret = device->vk.vkGetRayTracingShaderGroupHandlesKHR(device->handle, device->pipeline, 0, MAX_STAGES,
	                                                      MAX_STAGES * each, handles);
	if (ret != VK_SUCCESS) {
		return ret;
	}
	const VkDeviceSize align = rays.shaderGroupBaseAlignment;
	const VkDeviceSize stride = (each + align - 1) / align * align;
	const struct vtr_trial_buffer *table = make_buffer(
		device, (MAX_STAGES + 1) * stride, VK_BUFFER_USAGE_SHADER_BINDING_TABLE_BIT_KHR, true, &ret);
	if (table == NULL) {
		return ret;
	}
	const VkDeviceSize skip = (align - table->address % align) % align;
	for (uint32_t i = 0; i < MAX_STAGES; i++) {
		memcpy((uint8_t *)table->bytes + skip + i * stride, handles + i * each, each);
		out_parts[i] = (VkStridedDeviceAddressRegionKHR){ table->address + skip + i * stride, stride,
			                                          stride };
	}
	return VK_SUCCESS;
}

VkResult vtr_trial_ray_tracing(struct vtr_trial_device *device)
{
	static const struct shader shaders[MAX_STAGES] = {
		SHADER(RAYGEN_BIT_KHR, trace_rgen),
		SHADER(MISS_BIT_KHR, trace_rmiss),
		SHADER(CLOSEST_HIT_BIT_KHR, trace_rchit),
	};
	const VkStridedDeviceAddressRegionKHR none = { 0 };
	const uint32_t no_structure[PUSH_BYTES / sizeof(uint32_t)] = { 0 };
	const struct vtw_device_procs *vk = &device->vk;
	VkStridedDeviceAddressRegionKHR parts[MAX_STAGES];
	VkPipelineShaderStageCreateInfo stages[MAX_STAGES];
	VkResult ret = make_modules(device, shaders, MAX_STAGES, stages);

	if (ret != VK_SUCCESS) {
		return ret;
	}
	ret = make_rays(device, stages);
	destroy_modules(device, stages, MAX_STAGES);
	if (ret == VK_SUCCESS) {
		ret = make_table(device, parts);
	}
	if (ret == VK_SUCCESS) {
		ret = begin(device);
	}
	if (ret != VK_SUCCESS) {
		return ret;
	}
	vk->vkCmdBindPipeline(device->commands, VK_PIPELINE_BIND_POINT_RAY_TRACING_KHR, device->pipeline);
	vk->vkCmdPushConstants(device->commands, device->layout, VK_SHADER_STAGE_ALL, 0, PUSH_BYTES,
	                       no_structure);
	vk->vkCmdTraceRaysKHR(device->commands, &parts[0], &parts[1], &parts[2], &none, 1, 1, 1);
	return finish(device);
}

/* One triangle. */
static VkResult make_geometry(struct vtr_trial_device *device,
                              VkAccelerationStructureGeometryKHR *out_geometry)
{
	static const float corners[] = { 0.0f, 0.0f, 1.0f, 1.0f, 0.0f, 1.0f, 0.0f, 1.0f, 1.0f };
	const VkBufferUsageFlags usage = VK_BUFFER_USAGE_ACCELERATION_STRUCTURE_BUILD_INPUT_READ_ONLY_BIT_KHR;
	VkResult ret;
	const struct vtr_trial_buffer *vertices = make_buffer(device, sizeof(corners), usage, true, &ret);

	if (vertices == NULL) {
		return ret;
	}
	memcpy(vertices->bytes, corners, sizeof(corners));
	*out_geometry = (VkAccelerationStructureGeometryKHR){
		.sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_KHR,
		.geometryType = VK_GEOMETRY_TYPE_TRIANGLES_KHR,
		.geometry.triangles = {
			.sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_GEOMETRY_TRIANGLES_DATA_KHR,
			.vertexFormat = VK_FORMAT_R32G32B32_SFLOAT,
			.vertexData.deviceAddress = vertices->address,
			.vertexStride = 3 * sizeof(float),
			.maxVertex = 2,
			.indexType = VK_INDEX_TYPE_NONE_KHR,
		},
	};
	return VK_SUCCESS;
}

/* Creates the structure, and the memory to build it in. */
static VkResult make_structure(struct vtr_trial_device *device,
                               VkAccelerationStructureBuildGeometryInfoKHR *build)
{
	VkPhysicalDeviceAccelerationStructurePropertiesKHR limits = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_PROPERTIES_KHR
	};
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &limits };
	VkAccelerationStructureBuildSizesInfoKHR sizes = {
		.sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_BUILD_SIZES_INFO_KHR
	};
	VkAccelerationStructureCreateInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_CREATE_INFO_KHR, .type = build->type
	};
	const struct vtr_trial_buffer *storage, *scratch;
	const uint32_t one = 1;
	VkResult ret;

	device->physical->procs->vkGetPhysicalDeviceProperties2(device->physical->handle, &props);
	device->vk.vkGetAccelerationStructureBuildSizesKHR(
		device->handle, VK_ACCELERATION_STRUCTURE_BUILD_TYPE_DEVICE_KHR, build, &one, &sizes);
	const VkDeviceSize align = vtr_max(limits.minAccelerationStructureScratchOffsetAlignment, 1);
	storage = make_buffer(device, sizes.accelerationStructureSize,
	                      VK_BUFFER_USAGE_ACCELERATION_STRUCTURE_STORAGE_BIT_KHR, false, &ret);
	if (storage == NULL) {
		return ret;
	}
	scratch = make_buffer(device, sizes.buildScratchSize + align, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	                      false, &ret);
	if (scratch == NULL) {
		return ret;
	}
	info.buffer = storage->handle;
	info.size = sizes.accelerationStructureSize;
	ret = device->vk.vkCreateAccelerationStructureKHR(device->handle, &info, NULL, &device->structure);
	build->dstAccelerationStructure = device->structure;
	build->scratchData.deviceAddress = (scratch->address + align - 1) / align * align;
	return ret;
}

VkResult vtr_trial_structure(struct vtr_trial_device *device)
{
	VkAccelerationStructureGeometryKHR geometry;
	VkAccelerationStructureBuildGeometryInfoKHR build = {
		.sType = VK_STRUCTURE_TYPE_ACCELERATION_STRUCTURE_BUILD_GEOMETRY_INFO_KHR,
		.type = VK_ACCELERATION_STRUCTURE_TYPE_BOTTOM_LEVEL_KHR,
		.geometryCount = 1,
		.pGeometries = &geometry,
	};
	const VkAccelerationStructureBuildRangeInfoKHR range = { .primitiveCount = 1 };
	const VkAccelerationStructureBuildRangeInfoKHR *ranges = &range;
	VkResult ret = make_geometry(device, &geometry);

	if (ret == VK_SUCCESS) {
		ret = make_structure(device, &build);
	}
	if (ret == VK_SUCCESS) {
		ret = begin(device);
	}
	if (ret != VK_SUCCESS) {
		return ret;
	}
	device->vk.vkCmdBuildAccelerationStructuresKHR(device->commands, 1, &build, &ranges);
	return finish(device);
}

/* --- the end ---------------------------------------------------------------------------------------- */

void vtr_trial_finish(struct vtr_trial_device *device)
{
	const struct vtw_device_procs *vk = &device->vk;

	if (device->handle == VK_NULL_HANDLE) {
		return;
	}
	(void)vk->vkDeviceWaitIdle(device->handle);
	if (device->structure != VK_NULL_HANDLE) { /* otherwise the command may not exist */
		vk->vkDestroyAccelerationStructureKHR(device->handle, device->structure, NULL);
	}
	for (uint32_t i = 0; i < device->buffer_count; i++) {
		vk->vkDestroyBuffer(device->handle, device->buffers[i].handle, NULL);
		vk->vkFreeMemory(device->handle, device->buffers[i].memory, NULL);
	}
	vk->vkDestroyPipeline(device->handle, device->pipeline, NULL);
	vk->vkDestroyFramebuffer(device->handle, device->framebuffer, NULL);
	vk->vkDestroyRenderPass(device->handle, device->pass, NULL);
	vk->vkDestroyFence(device->handle, device->fence, NULL);
	vk->vkDestroyCommandPool(device->handle, device->pool, NULL);
	vk->vkDestroyPipelineLayout(device->handle, device->layout, NULL);
	vk->vkDestroyDevice(device->handle, NULL);
	*device = (struct vtr_trial_device){ .physical = device->physical };
}
