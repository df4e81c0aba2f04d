/* SPDX-License-Identifier: MIT */
/* Commands with host memory, private data, pipelines and barriers; and commands that a driver does not have. */
#include "base/mem.h"
#include "venus_guest.h"

enum { POOL = FREE, COMMANDS, BUFFER, IMAGE, SLOT, EVENT, QUERIES, PIPELINES };

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define ON_COMMANDS .commandBuffer = ID(VkCommandBuffer, COMMANDS)
#define CREATE(g, Name, info, member, id) \
	CHECK_EQ(CALL(g, vkCreate##Name, ON_DEVICE, .pCreateInfo = &(info), .member = (id)), VK_SUCCESS)

static const VkCommandPoolCreateInfo pool_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO };
static const VkPrivateDataSlotCreateInfo slot_info = {
	.sType = VK_STRUCTURE_TYPE_PRIVATE_DATA_SLOT_CREATE_INFO
};
static const VkEventCreateInfo event_info = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
static const VkQueryPoolCreateInfo query_info = { .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
	                                          .queryType = VK_QUERY_TYPE_OCCLUSION,
	                                          .queryCount = 8 };
static const VkBufferCreateInfo buffer_info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 64 };
static const VkImageCreateInfo image_info = { .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
	                                      .imageType = VK_IMAGE_TYPE_2D,
	                                      .format = VK_FORMAT_R8G8B8A8_UNORM,
	                                      .extent = { 4, 4, 1 },
	                                      .mipLevels = 1,
	                                      .arrayLayers = 1,
	                                      .samples = VK_SAMPLE_COUNT_1_BIT,
	                                      .usage = VK_IMAGE_USAGE_SAMPLED_BIT };

/* One object of each kind that the tests need. */
static void make_objects(struct guest *g)
{
	const VkCommandBufferAllocateInfo info = { .commandPool = ID(VkCommandPool, POOL),
		                                   .commandBufferCount = 1 };
	uint64_t id = COMMANDS;

	CREATE(g, CommandPool, pool_info, pCommandPool, POOL);
	CHECK_EQ(CALL(g, vkAllocateCommandBuffers, ON_DEVICE, .pAllocateInfo = &info, .pCommandBuffers = &id),
	         VK_SUCCESS);
	CREATE(g, Buffer, buffer_info, pBuffer, BUFFER);
	CREATE(g, Image, image_info, pImage, IMAGE);
	CREATE(g, PrivateDataSlot, slot_info, pPrivateDataSlot, SLOT);
	CREATE(g, Event, event_info, pEvent, EVENT);
	CREATE(g, QueryPool, query_info, pQueryPool, QUERIES);
}

static void open_with_objects(struct guest *g, const struct guest_setup *setup)
{
	guest_open(g, setup);
	make_objects(g);
}

/* Like CHECK_REFUSED(), and makes the objects again. */
#define CHECK_REFUSED_WITH_OBJECTS(g, why, name, ...)     \
	do {                                              \
		CHECK_REFUSED(g, why, name, __VA_ARGS__); \
		make_objects(g);                          \
	} while (0)

/* --- what a driver lacks ---------------------------------------------------------------------------- */

static const char *lacking;

static void lack(void)
{
	fake_loader_replace(lacking, NULL);
}

#define CHECK_LACKING(driver_name, why, name, ...)                                     \
	do {                                                                           \
		struct guest without;                                                  \
                                                                                       \
		lacking = driver_name;                                                 \
		open_with_objects(&without, &(struct guest_setup){ .replace = lack }); \
		CHECK_REFUSED(&without, why, name, __VA_ARGS__);                       \
		guest_close(&without);                                                 \
	} while (0)
#define CHECK_MISSING(name, ...) \
	CHECK_LACKING(#name, "the host's driver does not have this command", name, __VA_ARGS__)

static const VkImageSubresource2 subresource = { .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2 };
static VkMemoryRequirements2 requirements = { .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2 };
static VkSubresourceLayout2 layout = { .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2 };

static void commands_about_memory(void)
{
	const VkBufferMemoryRequirementsInfo2 buffer = { .buffer = ID(VkBuffer, BUFFER) };
	const VkImageMemoryRequirementsInfo2 image = { .image = ID(VkImage, IMAGE) };
	const VkDeviceBufferMemoryRequirements new_buffer = { .pCreateInfo = &buffer_info };
	const VkDeviceImageMemoryRequirements new_image = { .pCreateInfo = &image_info };
	const VkDeviceImageSubresourceInfo part = { .pCreateInfo = &image_info,
		                                    .pSubresource = &subresource };
	uint32_t n = 0;

	CHECK_MISSING(vkGetBufferMemoryRequirements2, ON_DEVICE, .pInfo = &buffer,
	              .pMemoryRequirements = &requirements);
	CHECK_MISSING(vkGetImageMemoryRequirements2, ON_DEVICE, .pInfo = &image,
	              .pMemoryRequirements = &requirements);
	CHECK_MISSING(vkGetDeviceBufferMemoryRequirements, ON_DEVICE, .pInfo = &new_buffer,
	              .pMemoryRequirements = &requirements);
	CHECK_MISSING(vkGetDeviceImageMemoryRequirements, ON_DEVICE, .pInfo = &new_image,
	              .pMemoryRequirements = &requirements);
	CHECK_MISSING(vkGetDeviceImageSparseMemoryRequirements, ON_DEVICE, .pInfo = &new_image,
	              .pSparseMemoryRequirementCount = &n);
	CHECK_MISSING(vkGetImageSubresourceLayout2, ON_DEVICE, .image = ID(VkImage, IMAGE),
	              .pSubresource = &subresource, .pLayout = &layout);
	CHECK_MISSING(vkGetDeviceImageSubresourceLayout, ON_DEVICE, .pInfo = &part, .pLayout = &layout);
}

static void other_commands(void)
{
	const VkDependencyInfo dependency = { .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO };
	const VkEvent event = ID(VkEvent, EVENT);
	const VkResourceDescriptorInfoEXT resource = { .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
	const VkCopyImageToMemoryInfoMESA out = { .srcImage = ID(VkImage, IMAGE) };
	const VkMemoryToImageCopyMESA region = { .sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_MESA };
	const VkCopyMemoryToImageInfoMESA in = { .dstImage = ID(VkImage, IMAGE),
		                                 .regionCount = 1,
		                                 .pRegions = &region };
	uint64_t data = 0;

	CHECK_MISSING(vkCmdPipelineBarrier2, ON_COMMANDS, .pDependencyInfo = &dependency);
	CHECK_MISSING(vkCmdSetEvent2, ON_COMMANDS, .event = event, .pDependencyInfo = &dependency);
	CHECK_MISSING(vkCmdWaitEvents2, ON_COMMANDS, .eventCount = 1, .pEvents = &event,
	              .pDependencyInfos = &dependency);
	CHECK_MISSING(vkSetPrivateData, ON_DEVICE, .objectType = VK_OBJECT_TYPE_BUFFER,
	              .objectHandle = BUFFER, .privateDataSlot = ID(VkPrivateDataSlot, SLOT));
	CHECK_MISSING(vkGetPrivateData, ON_DEVICE, .objectType = VK_OBJECT_TYPE_BUFFER,
	              .objectHandle = BUFFER, .privateDataSlot = ID(VkPrivateDataSlot, SLOT), .pData = &data);
	CHECK_MISSING(vkResetQueryPool, ON_DEVICE, .queryPool = ID(VkQueryPool, QUERIES));
	CHECK_LACKING("vkCopyImageToMemory", "does not have this command", vkCopyImageToMemoryMESA, ON_DEVICE,
	              .pCopyImageToMemoryInfo = &out, .dataSize = 4);
	CHECK_LACKING("vkCopyMemoryToImage", "does not have this command", vkCopyMemoryToImageMESA, ON_DEVICE,
	              .pCopyMemoryToImageInfo = &in);
	CHECK_LACKING("vkWriteSamplerDescriptorsEXT", "does not have this command",
	              vkWriteSamplerDescriptorMESA, ON_DEVICE, .pSampler = &(VkSamplerCreateInfo){ 0 },
	              .dataSize = 16, .pData = &data);
	CHECK_LACKING("vkWriteResourceDescriptorsEXT", "does not have this command",
	              vkWriteResourceDescriptorMESA, ON_DEVICE, .pResource = &resource, .dataSize = 16,
	              .pData = &data);
}

static void commands_for_rays(void)
{
	uint64_t data[8], id = PIPELINES;
	const VkRayTracingPipelineCreateInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR
	};
	const VkAccelerationStructureKHR none[] = { NULL };

	CHECK_LACKING("vkGetRayTracingShaderGroupHandlesKHR", "shader group handles do not fit",
	              vkGetRayTracingShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 1,
	              .dataSize = sizeof(data), .pData = data);
	CHECK_LACKING("vkGetRayTracingCaptureReplayShaderGroupHandlesKHR", "shader group handles do not fit",
	              vkGetRayTracingCaptureReplayShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 1,
	              .dataSize = sizeof(data), .pData = data);
	CHECK_LACKING("vkWriteAccelerationStructuresPropertiesKHR",
	              "acceleration structure properties do not fit",
	              vkWriteAccelerationStructuresPropertiesKHR, ON_DEVICE, .accelerationStructureCount = 1,
	              .pAccelerationStructures = none, .dataSize = sizeof(data), .pData = data, .stride = 8);
	CHECK_LACKING("vkCreateRayTracingPipelinesKHR", "the driver cannot create ray tracing pipelines",
	              vkCreateRayTracingPipelinesKHR, ON_DEVICE, .createInfoCount = 1, .pCreateInfos = &info,
	              .pPipelines = &id);
}

/* --- results in host memory ------------------------------------------------------------------------- */

/* The size of a shader group's handle, and of its capture. */
enum { HANDLE = 32, CAPTURE = 64 };

static uint32_t calls;

static VkResult get_handles(VkDevice device, VkPipeline pipeline, uint32_t first, uint32_t count, size_t size,
                            void *data)
{
	(void)device;
	(void)pipeline;
	(void)first;
	(void)count;
	memset(data, 0x31, size);
	calls++;
	return VK_SUCCESS;
}

static VkResult get_properties(VkDevice device, uint32_t count, const VkAccelerationStructureKHR *structures,
                               VkQueryType type, size_t size, void *data, size_t stride)
{
	(void)device;
	(void)structures;
	(void)type;
	(void)size;
	for (uint32_t i = 0; i < count; i++) {
		memset((uint8_t *)data + i * stride, 0x32, sizeof(uint64_t));
	}
	calls++;
	return VK_SUCCESS;
}

static void replace_rays(void)
{
	calls = 0;
	fake_loader_set_group_sizes(HANDLE, CAPTURE, 0);
	REPLACE(vkGetRayTracingShaderGroupHandlesKHR, get_handles);
	REPLACE(vkGetRayTracingCaptureReplayShaderGroupHandlesKHR, get_handles);
	REPLACE(vkWriteAccelerationStructuresPropertiesKHR, get_properties);
}

/* The largest result that the driver may write behind the bytes that were asked for. */
enum { SLACK = VTR_CS_OUT_SLACK };

static void shader_groups(void)
{
	static uint8_t data[256];
	static const char why[] = "shader group handles do not fit their memory";
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_rays });
	CHECK_EQ(CALL(&g, vkGetRayTracingShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 2,
	              .dataSize = 2 * HANDLE, .pData = data),
	         VK_SUCCESS);
	CHECK_EQ(guest_wide(&g, 8), 2 * HANDLE);
	CHECK_EQ(guest_word(&g, 16), 0x31313131);
	CHECK_EQ(CALL(&g, vkGetRayTracingCaptureReplayShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 2,
	              .dataSize = 2 * CAPTURE, .pData = data),
	         VK_SUCCESS);
	CHECK_EQ(guest_wide(&g, 8), 2 * CAPTURE);
	CHECK_EQ(calls, 2);
	CHECK_REFUSED(&g, why, vkGetRayTracingShaderGroupHandlesKHR, ON_DEVICE,
	              .groupCount = SLACK / HANDLE + 3, .dataSize = HANDLE, .pData = data);
	CHECK_REFUSED(&g, why, vkGetRayTracingShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 1);
	CHECK_REFUSED(&g, why, vkGetRayTracingCaptureReplayShaderGroupHandlesKHR, ON_DEVICE,
	              .groupCount = SLACK / CAPTURE + 3, .dataSize = CAPTURE, .pData = data);
	CHECK_REFUSED(&g, why, vkGetRayTracingCaptureReplayShaderGroupHandlesKHR, ON_DEVICE, .groupCount = 1);
	CHECK_EQ(calls, 0);
	guest_close(&g);
}

static void properties_of_structures(void)
{
	static const char why[] = "acceleration structure properties do not fit their memory";
	const VkAccelerationStructureKHR none[3] = { NULL };
	uint64_t data[3] = { 0 };
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_rays });
	CHECK_EQ(CALL(&g, vkWriteAccelerationStructuresPropertiesKHR, ON_DEVICE,
	              .accelerationStructureCount = 3, .pAccelerationStructures = none,
	              .dataSize = sizeof(data), .pData = data, .stride = 8),
	         VK_SUCCESS);
	CHECK_EQ(guest_wide(&g, 8), sizeof(data));
	CHECK_EQ(guest_word(&g, 16), 0x32323232);
	CHECK_EQ(calls, 1);
	/* The last one begins behind the memory; the second product overflows. */
	CHECK_REFUSED(&g, why, vkWriteAccelerationStructuresPropertiesKHR, ON_DEVICE,
	              .accelerationStructureCount = 3, .pAccelerationStructures = none,
	              .dataSize = sizeof(data), .pData = data, .stride = 16);
	CHECK_REFUSED(&g, why, vkWriteAccelerationStructuresPropertiesKHR, ON_DEVICE,
	              .accelerationStructureCount = 3, .pAccelerationStructures = none,
	              .dataSize = sizeof(data), .pData = data, .stride = SIZE_MAX - 7);
	CHECK_REFUSED(&g, why, vkWriteAccelerationStructuresPropertiesKHR, ON_DEVICE,
	              .accelerationStructureCount = 1, .pAccelerationStructures = none, .stride = 8);
	guest_close(&g);
}

static void results_of_queries(void)
{
	static const char why[] = "query results do not fit their memory";
	uint8_t data[64] = { 0 };
	struct guest g;

	open_with_objects(&g, NULL);
	CHECK_EQ(CALL(&g, vkGetQueryPoolResults, ON_DEVICE, .queryPool = ID(VkQueryPool, QUERIES),
	              .queryCount = 8, .dataSize = 64, .pData = data, .stride = 8,
	              .flags = VK_QUERY_RESULT_64_BIT),
	         VK_SUCCESS);
	CHECK_EQ(guest_wide(&g, 8), 64);
	CHECK_EQ(guest_wide(&g, 16), 0);
	CHECK_EQ(CALL(&g, vkGetQueryPoolResults, ON_DEVICE, .queryPool = ID(VkQueryPool, QUERIES),
	              .dataSize = 64, .pData = data, .stride = UINT64_MAX),
	         VK_SUCCESS); /* of no query */
	CHECK_REFUSED_WITH_OBJECTS(&g, why, vkGetQueryPoolResults, ON_DEVICE,
	                           .queryPool = ID(VkQueryPool, QUERIES), .queryCount = 8, .dataSize = 48,
	                           .pData = data, .stride = 8);
	CHECK_REFUSED_WITH_OBJECTS(&g, why, vkGetQueryPoolResults, ON_DEVICE,
	                           .queryPool = ID(VkQueryPool, QUERIES), .queryCount = 8, .dataSize = 64,
	                           .pData = data, .stride = UINT64_MAX / 2);
	CHECK_REFUSED_WITH_OBJECTS(&g, why, vkGetQueryPoolResults, ON_DEVICE,
	                           .queryPool = ID(VkQueryPool, QUERIES), .queryCount = 1, .stride = 8);
	guest_close(&g);
}

static void results_of_a_lost_device(void)
{
	const struct guest_setup setup = { .driver = "fail=vkGetQueryPoolResults:VK_ERROR_DEVICE_LOST" };
	uint8_t data[8];
	struct guest g;

	open_with_objects(&g, &setup);
	CHECK_EQ(CALL(&g, vkGetQueryPoolResults, ON_DEVICE, .queryPool = ID(VkQueryPool, QUERIES),
	              .queryCount = 1, .dataSize = 8, .pData = data, .stride = 8),
	         VK_ERROR_DEVICE_LOST);
	CHECK_REFUSED(&g, "the host's device is lost", vkGetQueryPoolResults, ON_DEVICE,
	              .queryPool = ID(VkQueryPool, QUERIES), .queryCount = 1, .dataSize = 8, .pData = data,
	              .stride = 8);
	guest_close(&g);
}

/* --- private data and descriptors ------------------------------------------------------------------- */

static uint64_t kept_handle, kept_data;

static VkResult keep_data(VkDevice device, VkObjectType type, uint64_t handle, VkPrivateDataSlot slot,
                          uint64_t data)
{
	(void)device;
	(void)slot;
	CHECK_EQ(type, VK_OBJECT_TYPE_BUFFER);
	kept_handle = handle;
	kept_data = data;
	return VK_SUCCESS;
}

static void give_data(VkDevice device, VkObjectType type, uint64_t handle, VkPrivateDataSlot slot,
                      uint64_t *out)
{
	(void)device;
	(void)slot;
	CHECK_EQ(type, VK_OBJECT_TYPE_BUFFER);
	CHECK_EQ(handle, kept_handle);
	*out = kept_data;
}

static VkResult write_sampler(VkDevice device, uint32_t count, const VkSamplerCreateInfo *samplers,
                              const VkHostAddressRangeEXT *ranges)
{
	(void)device;
	(void)samplers;
	CHECK_EQ(count, 1);
	memset(ranges[0].address, 0x41, ranges[0].size);
	return VK_SUCCESS;
}

static VkResult write_resource(VkDevice device, uint32_t count, const VkResourceDescriptorInfoEXT *resources,
                               const VkHostAddressRangeEXT *ranges)
{
	(void)device;
	(void)resources;
	CHECK_EQ(count, 1);
	memset(ranges[0].address, 0x42, ranges[0].size);
	return VK_SUCCESS;
}

static void replace_data(void)
{
	REPLACE(vkSetPrivateData, keep_data);
	REPLACE(vkGetPrivateData, give_data);
	REPLACE(vkWriteSamplerDescriptorsEXT, write_sampler);
	REPLACE(vkWriteResourceDescriptorsEXT, write_resource);
}

static void private_data(void)
{
	uint64_t data = 0;
	struct guest g;

	open_with_objects(&g, &(struct guest_setup){ .replace = replace_data });
	CHECK_EQ(CALL(&g, vkSetPrivateData, ON_DEVICE, .objectType = VK_OBJECT_TYPE_BUFFER,
	              .objectHandle = BUFFER, .privateDataSlot = ID(VkPrivateDataSlot, SLOT),
	              .data = 1234567),
	         VK_SUCCESS);
	CHECK(kept_handle != BUFFER); /* the driver knows its own handle */
	(void)CALL(&g, vkGetPrivateData, ON_DEVICE, .objectType = VK_OBJECT_TYPE_BUFFER,
	           .objectHandle = BUFFER, .privateDataSlot = ID(VkPrivateDataSlot, SLOT), .pData = &data);
	CHECK_EQ(guest_wide(&g, 12), 1234567);
	CHECK_REFUSED_WITH_OBJECTS(&g, "an object is of another type", vkSetPrivateData, ON_DEVICE,
	                           .objectType = VK_OBJECT_TYPE_IMAGE, .objectHandle = BUFFER,
	                           .privateDataSlot = ID(VkPrivateDataSlot, SLOT));
	CHECK_REFUSED_WITH_OBJECTS(&g, "vkSetPrivateData", vkSetPrivateData, ON_DEVICE,
	                           .objectType = VK_OBJECT_TYPE_BUFFER, .objectHandle = BUFFER);
	CHECK_REFUSED_WITH_OBJECTS(&g, "vkGetPrivateData", vkGetPrivateData, ON_DEVICE,
	                           .objectType = VK_OBJECT_TYPE_BUFFER, .objectHandle = BUFFER,
	                           .pData = &data);
	CHECK_REFUSED_WITH_OBJECTS(&g, "no such object", vkGetPrivateData, ON_DEVICE,
	                           .objectType = VK_OBJECT_TYPE_BUFFER, .objectHandle = PIPELINES,
	                           .privateDataSlot = ID(VkPrivateDataSlot, SLOT), .pData = &data);
	guest_close(&g);
}

static void descriptors_as_bytes(void)
{
	const VkSamplerCreateInfo sampler = { .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO };
	const VkResourceDescriptorInfoEXT resource = { .sType =
		                                               VK_STRUCTURE_TYPE_RESOURCE_DESCRIPTOR_INFO_EXT,
		                                       .type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
	uint8_t data[16];
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_data });
	CHECK_EQ(CALL(&g, vkWriteSamplerDescriptorMESA, ON_DEVICE, .pSampler = &sampler, .dataSize = 16,
	              .pData = data),
	         VK_SUCCESS);
	CHECK_EQ(guest_word(&g, 16), 0x41414141);
	CHECK_EQ(CALL(&g, vkWriteResourceDescriptorMESA, ON_DEVICE, .pResource = &resource, .dataSize = 16,
	              .pData = data),
	         VK_SUCCESS);
	CHECK_EQ(guest_word(&g, 16), 0x42424242);
	CHECK_REFUSED(&g, "vkWriteSamplerDescriptorMESA", vkWriteSamplerDescriptorMESA, ON_DEVICE,
	              .pSampler = &sampler);
	CHECK_REFUSED(&g, "vkWriteResourceDescriptorMESA", vkWriteResourceDescriptorMESA, ON_DEVICE,
	              .pResource = &resource);
	guest_close(&g);
}

/* --- pipelines -------------------------------------------------------------------------------------- */

/* The driver creates all but one of them. */
static uint32_t failing;

static VkResult all_but_one(VkPipeline *out, uint32_t count, VkResult ret)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i == failing) {
			ORIGINAL(vkDestroyPipeline)(NULL, out[i], NULL);
			out[i] = NULL;
		}
	}
	return ret != VK_SUCCESS || failing >= count ? ret : VK_ERROR_UNKNOWN;
}

static VkResult create_graphics(VkDevice device, VkPipelineCache cache, uint32_t count,
                                const VkGraphicsPipelineCreateInfo *infos,
                                const VkAllocationCallbacks *allocator, VkPipeline *out)
{
	return all_but_one(out, count,
	                   ORIGINAL(vkCreateGraphicsPipelines)(device, cache, count, infos, allocator, out));
}

static VkResult create_compute(VkDevice device, VkPipelineCache cache, uint32_t count,
                               const VkComputePipelineCreateInfo *infos,
                               const VkAllocationCallbacks *allocator, VkPipeline *out)
{
	return all_but_one(out, count,
	                   ORIGINAL(vkCreateComputePipelines)(device, cache, count, infos, allocator, out));
}

static VkResult create_rays(VkDevice device, VkDeferredOperationKHR operation, VkPipelineCache cache,
                            uint32_t count, const VkRayTracingPipelineCreateInfoKHR *infos,
                            const VkAllocationCallbacks *allocator, VkPipeline *out)
{
	return all_but_one(out, count,
	                   ORIGINAL(vkCreateRayTracingPipelinesKHR)(device, operation, cache, count, infos,
	                                                            allocator, out));
}

static void replace_pipelines(void)
{
	REPLACE(vkCreateGraphicsPipelines, create_graphics);
	REPLACE(vkCreateComputePipelines, create_compute);
	REPLACE(vkCreateRayTracingPipelinesKHR, create_rays);
}

static const VkGraphicsPipelineCreateInfo graphics[] = {
	{ .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO },
	{ .sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO },
};
static const VkComputePipelineCreateInfo compute[] = {
	{ .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
	  .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .pName = "main" } },
	{ .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
	  .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO, .pName = "main" } },
};
static const VkRayTracingPipelineCreateInfoKHR rays[] = {
	{ .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR },
	{ .sType = VK_STRUCTURE_TYPE_RAY_TRACING_PIPELINE_CREATE_INFO_KHR },
};

static VkResult make_pipelines(struct guest *g, int kind, uint64_t *ids)
{
	switch (kind) {
	case 0:
		return CALL(g, vkCreateGraphicsPipelines, ON_DEVICE, .createInfoCount = 2,
		            .pCreateInfos = graphics, .pPipelines = ids);
	case 1:
		return CALL(g, vkCreateComputePipelines, ON_DEVICE, .createInfoCount = 2,
		            .pCreateInfos = compute, .pPipelines = ids);
	default:
		return CALL(g, vkCreateRayTracingPipelinesKHR, ON_DEVICE, .createInfoCount = 2,
		            .pCreateInfos = rays, .pPipelines = ids);
	}
}

static void destroy_pipeline(struct guest *g, uint64_t id)
{
	CHECK_OK(SEND(g, vkDestroyPipeline, ON_DEVICE, .pipeline = ID(VkPipeline, id)));
}

/* Those that were created can be used; of the others the guest hears, and their ids are free. */
static void pipelines_fail_one_by_one(void)
{
	uint64_t ids[] = { PIPELINES, PIPELINES + 1 };
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_pipelines });
	for (int kind = 0; kind < 3; kind++) {
		for (failing = 0; failing < 3; failing++) {
			CHECK_EQ(make_pipelines(&g, kind, ids), failing < 2 ? VK_ERROR_UNKNOWN : VK_SUCCESS);
			/* Behind the result and the array's length. */
			CHECK_EQ(guest_wide(&g, 16), failing == 0 ? 0 : PIPELINES);
			CHECK_EQ(guest_wide(&g, 24), failing == 1 ? 0 : PIPELINES + 1);
			if (failing != 0) {
				destroy_pipeline(&g, PIPELINES);
			}
			if (failing != 1) {
				destroy_pipeline(&g, PIPELINES + 1);
			}
		}
	}
	/* Without a reply, a command may name the one that failed. */
	failing = 1;
	CHECK_OK(SEND(&g, vkCreateComputePipelines, ON_DEVICE, .createInfoCount = 2, .pCreateInfos = compute,
	              .pPipelines = ids));
	destroy_pipeline(&g, PIPELINES);
	destroy_pipeline(&g, PIPELINES + 1);
	CHECK_REFUSED(&g, "no such object", vkDestroyPipeline, ON_DEVICE,
	              .pipeline = ID(VkPipeline, PIPELINES + 1));
	guest_close(&g);
}

static uint32_t created, destroyed;

static VkResult count_created(VkDevice device, VkPipelineCache cache, uint32_t count,
                              const VkComputePipelineCreateInfo *infos,
                              const VkAllocationCallbacks *allocator, VkPipeline *out)
{
	created += count;
	return ORIGINAL(vkCreateComputePipelines)(device, cache, count, infos, allocator, out);
}

static void count_destroyed(VkDevice device, VkPipeline pipeline, const VkAllocationCallbacks *allocator)
{
	destroyed += pipeline != NULL;
	ORIGINAL(vkDestroyPipeline)(device, pipeline, allocator);
}

static void replace_counted(void)
{
	created = destroyed = 0;
	REPLACE(vkCreateComputePipelines, count_created);
	REPLACE(vkDestroyPipeline, count_destroyed);
}

/* The second one has no object that would end it. */
static void two_pipelines_of_one_id(void)
{
	uint64_t ids[] = { PIPELINES, PIPELINES };
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_counted });
	CHECK_ERR(SEND(&g, vkCreateComputePipelines, ON_DEVICE, .createInfoCount = 2, .pCreateInfos = compute,
	               .pPipelines = ids),
	          VTR_ERR_PROTOCOL);
	CHECK(guest_log_has(&g, "a new object's id cannot be used"));
	guest_close(&g);
	CHECK_EQ(created, 2);
	CHECK_EQ(destroyed, 2);
}

static void pipelines_that_are_refused(void)
{
	uint64_t ids[] = { PIPELINES, QUEUE }, deferred[] = { PIPELINES };
	struct guest g;

	guest_open(&g, NULL);
	CHECK_REFUSED(&g, "the number of pipelines is 0", vkCreateGraphicsPipelines, ON_DEVICE);
	CHECK_REFUSED(&g, "the number of pipelines is 0", vkCreateComputePipelines, ON_DEVICE);
	CHECK_REFUSED(&g, "the number of pipelines is 0", vkCreateRayTracingPipelinesKHR, ON_DEVICE);
	/* The second id is in use, after the first was reserved. */
	CHECK_REFUSED(&g, "a new object's id", vkCreateComputePipelines, ON_DEVICE, .createInfoCount = 2,
	              .pCreateInfos = compute, .pPipelines = ids);
	CHECK_EQ(CALL(&g, vkCreateDeferredOperationKHR, ON_DEVICE, .pDeferredOperation = EVENT), VK_SUCCESS);
	CHECK_REFUSED(&g, "or they are deferred", vkCreateRayTracingPipelinesKHR, ON_DEVICE,
	              .deferredOperation = ID(VkDeferredOperationKHR, EVENT), .createInfoCount = 1,
	              .pCreateInfos = rays, .pPipelines = deferred);
	guest_close(&g);
}

/* --- barriers --------------------------------------------------------------------------------------- */

static uint32_t seen_families[4];
static uint32_t barriers;

static void see(uint32_t at, uint32_t src, uint32_t dst)
{
	seen_families[2 * at] = src;
	seen_families[2 * at + 1] = dst;
	barriers++;
}

static void barrier(VkCommandBuffer cmd, VkPipelineStageFlags src, VkPipelineStageFlags dst,
                    VkDependencyFlags flags, uint32_t memory_count, const VkMemoryBarrier *memory,
                    uint32_t buffer_count, const VkBufferMemoryBarrier *b, uint32_t image_count,
                    const VkImageMemoryBarrier *i)
{
	(void)cmd;
	(void)src;
	(void)dst;
	(void)flags;
	(void)memory_count;
	(void)memory;
	CHECK(buffer_count == 1 && image_count == 1);
	see(0, b->srcQueueFamilyIndex, b->dstQueueFamilyIndex);
	see(1, i->srcQueueFamilyIndex, i->dstQueueFamilyIndex);
}

static void wait_events(VkCommandBuffer cmd, uint32_t count, const VkEvent *events, VkPipelineStageFlags src,
                        VkPipelineStageFlags dst, uint32_t memory_count, const VkMemoryBarrier *memory,
                        uint32_t buffer_count, const VkBufferMemoryBarrier *b, uint32_t image_count,
                        const VkImageMemoryBarrier *i)
{
	CHECK(count == 1 && events[0] != NULL);
	barrier(cmd, src, dst, 0, memory_count, memory, buffer_count, b, image_count, i);
}

static void barrier2(VkCommandBuffer cmd, const VkDependencyInfo *info)
{
	const VkBufferMemoryBarrier2 *b = info->pBufferMemoryBarriers;
	const VkImageMemoryBarrier2 *i = info->pImageMemoryBarriers;

	(void)cmd;
	CHECK(info->bufferMemoryBarrierCount == 1 && info->imageMemoryBarrierCount == 1);
	see(0, b->srcQueueFamilyIndex, b->dstQueueFamilyIndex);
	see(1, i->srcQueueFamilyIndex, i->dstQueueFamilyIndex);
}

static void set_event2(VkCommandBuffer cmd, VkEvent event, const VkDependencyInfo *info)
{
	CHECK(event != NULL);
	barrier2(cmd, info);
}

static void wait_events2(VkCommandBuffer cmd, uint32_t count, const VkEvent *events,
                         const VkDependencyInfo *infos)
{
	CHECK(count == 1 && events[0] != NULL);
	barrier2(cmd, infos);
}

static void replace_barriers(void)
{
	barriers = 0;
	REPLACE(vkCmdPipelineBarrier, barrier);
	REPLACE(vkCmdWaitEvents, wait_events);
	REPLACE(vkCmdPipelineBarrier2, barrier2);
	REPLACE(vkCmdSetEvent2, set_event2);
	REPLACE(vkCmdWaitEvents2, wait_events2);
}

static void replace_barriers_with_foreign(void)
{
	replace_barriers();
	fake_loader_offer("VK_EXT_queue_family_foreign");
}

#define FOREIGN VK_QUEUE_FAMILY_FOREIGN_EXT
#define IGNORED VK_QUEUE_FAMILY_IGNORED

static void check_families(uint32_t b_src, uint32_t b_dst, uint32_t i_src, uint32_t i_dst)
{
	CHECK_EQ(seen_families[0], b_src);
	CHECK_EQ(seen_families[1], b_dst);
	CHECK_EQ(seen_families[2], i_src);
	CHECK_EQ(seen_families[3], i_dst);
	memset(seen_families, 0xee, sizeof(seen_families));
}

/* Sends each command with barriers, a buffer's from and an image's to another driver, or within this one. */
static void send_barriers(struct guest *g, uint32_t src, uint32_t dst, bool fixed)
{
	const VkEvent event = ID(VkEvent, EVENT);
	const VkBufferMemoryBarrier b = { .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER,
		                          .srcQueueFamilyIndex = src,
		                          .dstQueueFamilyIndex = dst,
		                          .buffer = ID(VkBuffer, BUFFER) };
	const VkImageMemoryBarrier i = { .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		                         .srcQueueFamilyIndex = dst,
		                         .dstQueueFamilyIndex = src,
		                         .image = ID(VkImage, IMAGE) };
	const VkBufferMemoryBarrier2 b2 = { .sType = VK_STRUCTURE_TYPE_BUFFER_MEMORY_BARRIER_2,
		                            .srcQueueFamilyIndex = src,
		                            .dstQueueFamilyIndex = dst,
		                            .buffer = ID(VkBuffer, BUFFER) };
	const VkImageMemoryBarrier2 i2 = { .sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER_2,
		                           .srcQueueFamilyIndex = dst,
		                           .dstQueueFamilyIndex = src,
		                           .image = ID(VkImage, IMAGE) };
	const VkDependencyInfo info = { .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
		                        .bufferMemoryBarrierCount = 1,
		                        .pBufferMemoryBarriers = &b2,
		                        .imageMemoryBarrierCount = 1,
		                        .pImageMemoryBarriers = &i2 };
	const uint32_t from = fixed ? IGNORED : src, to = fixed ? IGNORED : dst;

	CHECK_OK(SEND(g, vkCmdPipelineBarrier, ON_COMMANDS, .bufferMemoryBarrierCount = 1,
	              .pBufferMemoryBarriers = &b, .imageMemoryBarrierCount = 1, .pImageMemoryBarriers = &i));
	check_families(from, to, to, from);
	CHECK_OK(SEND(g, vkCmdWaitEvents, ON_COMMANDS, .eventCount = 1, .pEvents = &event,
	              .bufferMemoryBarrierCount = 1, .pBufferMemoryBarriers = &b,
	              .imageMemoryBarrierCount = 1, .pImageMemoryBarriers = &i));
	check_families(from, to, to, from);
	CHECK_OK(SEND(g, vkCmdPipelineBarrier2, ON_COMMANDS, .pDependencyInfo = &info));
	check_families(from, to, to, from);
	CHECK_OK(SEND(g, vkCmdSetEvent2, ON_COMMANDS, .event = event, .pDependencyInfo = &info));
	check_families(from, to, to, from);
	CHECK_OK(SEND(g, vkCmdWaitEvents2, ON_COMMANDS, .eventCount = 1, .pEvents = &event,
	              .pDependencyInfos = &info));
	check_families(from, to, to, from);
}

/* A driver that does not know this family would take its number for one of its own. */
static void barriers_with_foreign_queues(void)
{
	struct guest g;

	open_with_objects(&g, &(struct guest_setup){ .replace = replace_barriers });
	send_barriers(&g, 0, FOREIGN, true);
	send_barriers(&g, FOREIGN, 0, true);
	send_barriers(&g, 0, 1, false);
	CHECK_EQ(barriers, 30);
	guest_close(&g);
	open_with_objects(&g, &(struct guest_setup){ .replace = replace_barriers_with_foreign });
	send_barriers(&g, 0, FOREIGN, false);
	send_barriers(&g, 0, 1, false);
	guest_close(&g);
}

int main(void)
{
	RUN(commands_about_memory);
	RUN(other_commands);
	RUN(commands_for_rays);
	RUN(shader_groups);
	RUN(properties_of_structures);
	RUN(results_of_queries);
	RUN(results_of_a_lost_device);
	RUN(private_data);
	RUN(descriptors_as_bytes);
	RUN(pipelines_fail_one_by_one);
	RUN(two_pipelines_of_one_id);
	RUN(pipelines_that_are_refused);
	RUN(barriers_with_foreign_queues);
	return 0;
}
