/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

/* From tests/e2e/shaders, compiled. */
#include "capture_vert.h"
#include "numbers_comp.h"

#define STORAGE VK_DESCRIPTOR_TYPE_STORAGE_BUFFER

/* A cache filled, saved, loaded and merged; its bytes are the driver's own business. Mesa 26's lavapipe saves fewer
 * than a header has. */
static void scene_pipeline_cache(struct suite *s)
{
	struct vkc *c = &s->c;
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	VkPipelineCacheCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO };
	VkPipelineCache first;
	vkc_check(c->vk.CreatePipelineCache(c->device, &info, NULL, &first));
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.cache = first;
	VkPipeline pipeline = vkc_graphics(c, &params);
	size_t size = 0;
	vkc_check(c->vk.GetPipelineCacheData(c->device, first, &size, NULL));
	uint8_t *data = vkc_alloc(1, size + 32);
	vkc_check(c->vk.GetPipelineCacheData(c->device, first, &size, data));
	uint32_t header[4];
	if (size >= sizeof(header) + VK_UUID_SIZE) {
		memcpy(header, data, sizeof(header));
		suite_expect(s,
		             header[1] == 1 && header[2] == c->props.vendorID &&
		                     header[3] == c->props.deviceID &&
		                     !memcmp(data + sizeof(header), c->props.pipelineCacheUUID, VK_UUID_SIZE),
		             "the cache's header does not fit the device");
	}
	size_t less = 16;
	uint8_t part[16];
	VkResult result = c->vk.GetPipelineCacheData(c->device, first, &less, part);
	suite_expect(s, result == VK_INCOMPLETE || size <= 16, "a short buffer is not VK_INCOMPLETE");
	info.initialDataSize = size;
	info.pInitialData = data;
	VkPipelineCache second;
	vkc_check(c->vk.CreatePipelineCache(c->device, &info, NULL, &second));
	vkc_check(c->vk.MergePipelineCaches(c->device, second, 1, &first));
	params.cache = second;
	VkPipeline again = vkc_graphics(c, &params);
	c->vk.DestroyPipeline(c->device, again, NULL);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyPipelineCache(c->device, second, NULL);
	c->vk.DestroyPipelineCache(c->device, first, NULL);
	free(data);
	suite_mesh_finish(s, &mesh);
	suite_put(s, "ok", "ok", 2);
}

static void scene_private_data(struct suite *s)
{
	struct vkc *c = &s->c;
	if (!c->features.v13.privateData) {
		suite_skip(s, "no private data");
		return;
	}
	VkPrivateDataSlotCreateInfo info = { .sType = VK_STRUCTURE_TYPE_PRIVATE_DATA_SLOT_CREATE_INFO };
	VkPrivateDataSlot slots[2];
	vkc_check(c->vk.CreatePrivateDataSlot(c->device, &info, NULL, &slots[0]));
	vkc_check(c->vk.CreatePrivateDataSlot(c->device, &info, NULL, &slots[1]));
	struct vkc_buffer b = vkc_buffer_host(c, 64, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	uint64_t handle = (uint64_t)(uintptr_t)b.buffer;
	uint64_t values[3];
	vkc_check(c->vk.SetPrivateData(c->device, VK_OBJECT_TYPE_BUFFER, handle, slots[0], 1234567890123));
	c->vk.GetPrivateData(c->device, VK_OBJECT_TYPE_BUFFER, handle, slots[0], &values[0]);
	c->vk.GetPrivateData(c->device, VK_OBJECT_TYPE_BUFFER, handle, slots[1], &values[1]);
	vkc_check(c->vk.SetPrivateData(c->device, VK_OBJECT_TYPE_DEVICE, (uint64_t)(uintptr_t)c->device,
	                               slots[1], 77));
	c->vk.GetPrivateData(c->device, VK_OBJECT_TYPE_DEVICE, (uint64_t)(uintptr_t)c->device, slots[1],
	                     &values[2]);
	suite_expect(s, values[0] == 1234567890123 && values[1] == 0 && values[2] == 77, "private data");
	suite_put(s, "values", values, sizeof(values));
	c->vk.DestroyPrivateDataSlot(c->device, slots[0], NULL);
	c->vk.DestroyPrivateDataSlot(c->device, slots[1], NULL);
	vkc_buffer_destroy(c, &b);
}

/* What the device writes to each mappable type must be seen through the mapping, and back. */
static void scene_memory_types(struct suite *s)
{
	struct vkc *c = &s->c;
	VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
	const VkDeviceSize size = 3 * 4096 + 100;
	uint32_t tried = 0;
	for (uint32_t i = 0; i < c->memory.memoryTypeCount; i++) {
		VkMemoryPropertyFlags flags = c->memory.memoryTypes[i].propertyFlags;
		if (!(flags & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)) {
			continue;
		}
		VkBufferCreateInfo info = {
			.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
			.size = size,
			.usage = usage,
		};
		VkBuffer buffer;
		vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &buffer));
		VkMemoryRequirements need;
		c->vk.GetBufferMemoryRequirements(c->device, buffer, &need);
		if (!(need.memoryTypeBits >> i & 1)) {
			c->vk.DestroyBuffer(c->device, buffer, NULL);
			continue;
		}
		/* Bound behind an offset, mapped from another one. */
		VkDeviceSize offset = (4096 + need.alignment - 1) / need.alignment * need.alignment;
		VkMemoryAllocateInfo allocate = {
			.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
			.allocationSize = offset + need.size,
			.memoryTypeIndex = i,
		};
		VkDeviceMemory memory;
		vkc_check(c->vk.AllocateMemory(c->device, &allocate, NULL, &memory));
		vkc_check(c->vk.BindBufferMemory(c->device, buffer, memory, offset));
		VkCommandBuffer cmd = vkc_begin(c);
		c->vk.CmdFillBuffer(cmd, buffer, 0, 4096, 0xa0a0a0a0 + i);
		vkc_barrier(c, cmd);
		vkc_end(c, cmd);
		uint32_t *mapped;
		vkc_check(c->vk.MapMemory(c->device, memory, offset, size, 0, (void **)&mapped));
		suite_expect(s, mapped[0] == 0xa0a0a0a0 + i && mapped[1023] == 0xa0a0a0a0 + i,
		             "the device's writes are not in the mapping");
		mapped[1] = 0x12345678;
		VkBufferCopy copy = { 4, 8192, 4 };
		cmd = vkc_begin(c);
		c->vk.CmdCopyBuffer(cmd, buffer, buffer, 1, &copy);
		vkc_barrier(c, cmd);
		vkc_end(c, cmd);
		suite_expect(s, mapped[2048] == 0x12345678, "the CPU's write did not reach the device");
		c->vk.UnmapMemory(c->device, memory);
		vkc_check(c->vk.MapMemory(c->device, memory, 0, VK_WHOLE_SIZE, 0, (void **)&mapped));
		suite_expect(s, mapped[(offset + 8192) / 4] == 0x12345678,
		             "a second mapping is another memory");
		c->vk.DestroyBuffer(c->device, buffer, NULL);
		c->vk.FreeMemory(c->device, memory, NULL); /* still mapped: freeing unmaps */
		tried++;
	}
	suite_expect(s, tried > 0, "no memory type can be mapped");
	suite_put(s, "ok", "ok", 2);
}

/* Many objects, destroyed in another order; then as many again. */
static void scene_many_objects(struct suite *s)
{
	enum { COUNT = 3000 };
	struct vkc *c = &s->c;
	VkBuffer *buffers = vkc_alloc(COUNT, sizeof(*buffers));
	for (int round = 0; round < 2; round++) {
		uint64_t alignments = 0;
		for (uint32_t i = 0; i < COUNT; i++) {
			VkBufferCreateInfo info = {
				.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
				.size = 16 + i,
				.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
			};
			vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &buffers[i]));
			VkMemoryRequirements need;
			c->vk.GetBufferMemoryRequirements(c->device, buffers[i], &need);
			suite_expect(s, need.size >= info.size, "a buffer that needs less than its size");
			alignments += need.alignment;
		}
		for (uint32_t i = 0; i < COUNT; i++) {
			c->vk.DestroyBuffer(c->device, buffers[(i * 7) % COUNT], NULL);
		}
		suite_put(s, round ? "again" : "first", &alignments, sizeof(alignments));
	}
	free(buffers);
}

/* Too much of everything: whether the driver grants it is its own business, but it must answer, and
 * the device has to live on. */
static void scene_excess(struct suite *s)
{
	struct vkc *c = &s->c;
	VkMemoryAllocateInfo huge = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = (VkDeviceSize)1 << 46,
	};
	VkDeviceMemory memory;
	VkResult result = c->vk.AllocateMemory(c->device, &huge, NULL, &memory);
	if (result == VK_SUCCESS) {
		c->vk.FreeMemory(c->device, memory, NULL);
	} else {
		suite_expect(s,
		             result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY,
		             "64 TiB of memory fail with another error");
	}

	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	VkDescriptorPoolSize size = { STORAGE, 2 };
	VkDescriptorPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &size,
	};
	VkDescriptorPool pool;
	vkc_check(c->vk.CreateDescriptorPool(c->device, &info, NULL, &pool));
	VkDescriptorSetLayout layouts[2] = { set_layout, set_layout };
	VkDescriptorSetAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorPool = pool,
		.descriptorSetCount = 2,
		.pSetLayouts = layouts,
	};
	VkDescriptorSet sets[2] = { VK_NULL_HANDLE, VK_NULL_HANDLE };
	result = c->vk.AllocateDescriptorSets(c->device, &allocate, sets);
	suite_expect(s,
	             result == VK_SUCCESS || (result == VK_ERROR_OUT_OF_POOL_MEMORY && !sets[0] && !sets[1]),
	             "an exhausted pool");
	vkc_check(c->vk.ResetDescriptorPool(c->device, pool, 0));
	allocate.descriptorSetCount = 1;
	vkc_check(c->vk.AllocateDescriptorSets(c->device, &allocate, sets));
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);

	VkCommandBuffer cmd = vkc_begin(c);
	vkc_end(c, cmd);
	suite_put(s, "ok", "ok", 2);
}

/* What the vertex shader writes, caught in a buffer. */
static void scene_transform_feedback(struct suite *s)
{
	struct vkc *c = &s->c;
	suite_expect(s, !c->features.xfb.transformFeedback || c->vk.CmdBeginTransformFeedbackEXT,
	             "transform feedback without its commands");
	if (!c->features.xfb.transformFeedback) {
		suite_skip(s, "no VK_EXT_transform_feedback");
		return;
	}
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
		.queryType = VK_QUERY_TYPE_TRANSFORM_FEEDBACK_STREAM_EXT,
		.queryCount = 1,
	};
	VkQueryPool pool;
	vkc_check(c->vk.CreateQueryPool(c->device, &info, NULL, &pool));
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.vert = VKC_CODE(capture_vert);
	VkPipeline pipeline = vkc_graphics(c, &params);
	struct vkc_image color = suite_color(s, VK_FORMAT_R8G8B8A8_UNORM, 0);
	struct vkc_target target = { .color = &color };
	struct vkc_buffer b = vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_TRANSFORM_FEEDBACK_BUFFER_BIT_EXT);
	VkDeviceSize offset = 0;
	memset(b.mapped, 0, 4096);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdResetQueryPool(cmd, pool, 0, 1);
	vkc_render_begin(c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, pipeline, SUITE_PUSH);
	c->vk.CmdBindTransformFeedbackBuffersEXT(cmd, 0, 1, &b.buffer, &offset, &b.size);
	c->vk.CmdBeginQuery(cmd, pool, 0, 0);
	c->vk.CmdBeginTransformFeedbackEXT(cmd, 0, 0, NULL, NULL);
	c->vk.CmdDraw(cmd, 6, 2, 0, 0);
	c->vk.CmdEndTransformFeedbackEXT(cmd, 0, 0, NULL, NULL);
	c->vk.CmdEndQuery(cmd, pool, 0);
	c->vk.CmdEndRendering(cmd);
	vkc_end(c, cmd);
	uint32_t results[2];
	vkc_check(c->vk.GetQueryPoolResults(c->device, pool, 0, 1, sizeof(results), results, sizeof(results),
	                                    VK_QUERY_RESULT_WAIT_BIT));
	suite_put(s, "results", results, sizeof(results));
	suite_put(s, "bytes", b.mapped, b.size);
	vkc_buffer_destroy(c, &b);
	vkc_image_destroy(c, &color);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	suite_mesh_finish(s, &mesh);
	c->vk.DestroyQueryPool(c->device, pool, NULL);
}

/* Pipelines that were asked for in one call, one of which may not be compiled. */
static void scene_pipeline_array(struct suite *s)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct vkc *c = &s->c;
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	VkShaderModule module = vkc_shader(c, numbers_comp, sizeof(numbers_comp));
	VkComputePipelineCreateInfo infos[5];
	VkPipeline pipelines[5];
	for (uint32_t i = 0; i < 5; i++) {
		infos[i] = (VkComputePipelineCreateInfo){
			.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
			.stage = {
				.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
				.stage = VK_SHADER_STAGE_COMPUTE_BIT,
				.module = module,
				.pName = "main",
			},
			.layout = layout,
		};
	}
	vkc_check(c->vk.CreateComputePipelines(c->device, VK_NULL_HANDLE, 5, infos, NULL, pipelines));
	for (uint32_t i = 0; i < 5; i++) {
		suite_expect(s, pipelines[i] != VK_NULL_HANDLE, "a pipeline is missing");
		c->vk.DestroyPipeline(c->device, pipelines[i], NULL);
	}
	c->vk.DestroyShaderModule(c->device, module, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
	suite_put(s, "ok", "ok", 2);
}

const struct suite_scene suite_object_scenes[] = {
	{ "pipeline_cache", scene_pipeline_cache },
	{ "pipeline_array", scene_pipeline_array },
	{ "private_data", scene_private_data },
	{ "memory_types", scene_memory_types },
	{ "many_objects", scene_many_objects },
	{ "excess", scene_excess },
	{ "transform_feedback", scene_transform_feedback },
	{ NULL, NULL },
};
