/* SPDX-License-Identifier: MIT */
/*
 * vk-failures SCENARIO [COMMAND]: what a program sees when the driver fails. Prints a line for each call,
 * "CALL RESULT", and ends with status 0 whatever the results are.
 *
 * Before the calls in question it calls vkTrimCommandPool, which means nothing: the test driver
 * (tests/driver) fails calls that come after it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vkclient.h"

#define SECOND 1000000000ull
#define FN(c, name) ((PFN_vk##name)(c)->vk.GetDeviceProcAddr((c)->device, "vk" #name))

static const char *result_name(VkResult result)
{
	static char other[32];

	switch ((int)result) {
	case VK_SUCCESS:
		return "SUCCESS";
	case VK_NOT_READY:
		return "NOT_READY";
	case VK_TIMEOUT:
		return "TIMEOUT";
	case VK_ERROR_OUT_OF_HOST_MEMORY:
		return "OUT_OF_HOST_MEMORY";
	case VK_ERROR_OUT_OF_DEVICE_MEMORY:
		return "OUT_OF_DEVICE_MEMORY";
	case VK_ERROR_INITIALIZATION_FAILED:
		return "INITIALIZATION_FAILED";
	case VK_ERROR_DEVICE_LOST:
		return "DEVICE_LOST";
	case VK_ERROR_MEMORY_MAP_FAILED:
		return "MEMORY_MAP_FAILED";
	default:
		snprintf(other, sizeof(other), "%d", (int)result);
		return other;
	}
}

static VkResult say(const char *call, VkResult result)
{
	printf("%s %s\n", call, result_name(result));
	fflush(stdout);
	return result;
}

static void mark(struct vkc *c)
{
	FN(c, TrimCommandPool)(c->device, c->pool, 0);
}

/* --- creating --------------------------------------------------------------------------------------- */

#define INFO(type, stype, ...) const Vk##type info = { .sType = VK_STRUCTURE_TYPE_##stype, __VA_ARGS__ }
#define CREATE(name, type, stype, ...)                                                       \
	static VkResult create_##name(struct vkc *c, void **out)                             \
	{                                                                                    \
		INFO(type, stype, __VA_ARGS__);                                              \
		return FN(c, Create##name)(c->device, &info, NULL, (Vk##name *)(void *)out); \
	}                                                                                    \
	static void destroy_##name(struct vkc *c, void *object)                              \
	{                                                                                    \
		FN(c, Destroy##name)(c->device, object, NULL);                               \
	}

static struct vkc_buffer some_buffer;
static struct vkc_image some_image;
static VkDescriptorSetLayout some_layout;
static VkPipelineLayout some_pipeline_layout;
static VkShaderModule some_shader;

/* Enough for a driver that does not compile. */
static const uint32_t no_code[] = { 0x07230203, 0x00010000, 0, 1, 0 };

static const VkDescriptorPoolSize pool_size = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1 };
static const VkSemaphoreTypeCreateInfo timeline_type = {
	.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO, .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE
};

CREATE(Buffer, BufferCreateInfo, BUFFER_CREATE_INFO, .size = 12345, .usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT)
CREATE(Image, ImageCreateInfo, IMAGE_CREATE_INFO, .imageType = VK_IMAGE_TYPE_2D,
       .format = VK_FORMAT_R8G8B8A8_UNORM, .extent = { 77, 33, 1 }, .mipLevels = 1, .arrayLayers = 1,
       .samples = VK_SAMPLE_COUNT_1_BIT, .usage = VK_IMAGE_USAGE_SAMPLED_BIT)
CREATE(BufferView, BufferViewCreateInfo, BUFFER_VIEW_CREATE_INFO, .buffer = some_buffer.buffer,
       .format = VK_FORMAT_R8G8B8A8_UNORM, .range = VK_WHOLE_SIZE)
CREATE(ImageView, ImageViewCreateInfo, IMAGE_VIEW_CREATE_INFO, .image = some_image.image,
       .viewType = VK_IMAGE_VIEW_TYPE_2D, .format = some_image.format,
       .subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 })
CREATE(Sampler, SamplerCreateInfo, SAMPLER_CREATE_INFO, .maxLod = 1.0f)
CREATE(ShaderModule, ShaderModuleCreateInfo, SHADER_MODULE_CREATE_INFO, .codeSize = sizeof(no_code),
       .pCode = no_code)
CREATE(PipelineCache, PipelineCacheCreateInfo, PIPELINE_CACHE_CREATE_INFO, .flags = 0)
CREATE(PipelineLayout, PipelineLayoutCreateInfo, PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1,
       .pSetLayouts = &some_layout)
CREATE(DescriptorSetLayout, DescriptorSetLayoutCreateInfo, DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
       .bindingCount = 0)
CREATE(DescriptorPool, DescriptorPoolCreateInfo, DESCRIPTOR_POOL_CREATE_INFO, .maxSets = 1,
       .poolSizeCount = 1, .pPoolSizes = &pool_size)
CREATE(RenderPass, RenderPassCreateInfo, RENDER_PASS_CREATE_INFO, .subpassCount = 1,
       .pSubpasses = &(const VkSubpassDescription){ .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS })
CREATE(CommandPool, CommandPoolCreateInfo, COMMAND_POOL_CREATE_INFO, .queueFamilyIndex = c->family)
CREATE(Fence, FenceCreateInfo, FENCE_CREATE_INFO, .flags = 0)
CREATE(Semaphore, SemaphoreCreateInfo, SEMAPHORE_CREATE_INFO, .pNext = &timeline_type)
CREATE(Event, EventCreateInfo, EVENT_CREATE_INFO, .flags = 0)
CREATE(QueryPool, QueryPoolCreateInfo, QUERY_POOL_CREATE_INFO, .queryType = VK_QUERY_TYPE_OCCLUSION,
       .queryCount = 1)

static VkResult create_ComputePipelines(struct vkc *c, void **out)
{
	INFO(ComputePipelineCreateInfo, COMPUTE_PIPELINE_CREATE_INFO,
	     .stage = { .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
	                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
	                .module = some_shader,
	                .pName = "main" },
	     .layout = some_pipeline_layout);

	return c->vk.CreateComputePipelines(c->device, NULL, 1, &info, NULL, (VkPipeline *)(void *)out);
}

static void destroy_ComputePipelines(struct vkc *c, void *object)
{
	c->vk.DestroyPipeline(c->device, object, NULL);
}

static uint32_t host_type(const struct vkc *c)
{
	return vkc_memory_type(c, UINT32_MAX, VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
}

static VkResult create_Memory(struct vkc *c, void **out)
{
	INFO(MemoryAllocateInfo, MEMORY_ALLOCATE_INFO, .allocationSize = 123456,
	     .memoryTypeIndex = host_type(c));

	return c->vk.AllocateMemory(c->device, &info, NULL, (VkDeviceMemory *)(void *)out);
}

static VkResult create_LocalMemory(struct vkc *c, void **out)
{
	INFO(MemoryAllocateInfo, MEMORY_ALLOCATE_INFO, .allocationSize = 123456, .memoryTypeIndex = 0);

	return c->vk.AllocateMemory(c->device, &info, NULL, (VkDeviceMemory *)(void *)out);
}

static void destroy_Memory(struct vkc *c, void *object)
{
	c->vk.FreeMemory(c->device, object, NULL);
}

static VkResult create_DescriptorSets(struct vkc *c, void **out)
{
	VkDescriptorPool pool;
	VkResult ret = create_DescriptorPool(c, (void **)(void *)&pool);
	INFO(DescriptorSetAllocateInfo, DESCRIPTOR_SET_ALLOCATE_INFO, .descriptorPool = pool,
	     .descriptorSetCount = 1, .pSetLayouts = &some_layout);

	return ret == VK_SUCCESS ?
	               c->vk.AllocateDescriptorSets(c->device, &info, (VkDescriptorSet *)(void *)out) :
	               ret;
}

static VkResult create_CommandBuffers(struct vkc *c, void **out)
{
	INFO(CommandBufferAllocateInfo, COMMAND_BUFFER_ALLOCATE_INFO, .commandPool = c->pool,
	     .commandBufferCount = 1);

	return c->vk.AllocateCommandBuffers(c->device, &info, (VkCommandBuffer *)(void *)out);
}

static void destroy_nothing(struct vkc *c, void *object)
{
	(void)c;
	(void)object;
}

/* A call that names the new object and whose outcome comes back, where there is one. */
static void use_Memory(struct vkc *c, void *object)
{
	void *map = NULL;

	if (say("vkMapMemory", c->vk.MapMemory(c->device, object, 0, VK_WHOLE_SIZE, 0, &map)) == VK_SUCCESS) {
		memset(map, 1, 123456);
	}
}

static void use_LocalMemory(struct vkc *c, void *object)
{
	say("vkBindBufferMemory", c->vk.BindBufferMemory(c->device, some_buffer.buffer, object, 0));
}

static void use_Buffer(struct vkc *c, void *object)
{
	VkMemoryRequirements need;

	c->vk.GetBufferMemoryRequirements(c->device, object, &need);
	say("vkBindBufferMemory", c->vk.BindBufferMemory(c->device, object, some_buffer.memory, 0));
}

static void use_Image(struct vkc *c, void *object)
{
	say("vkBindImageMemory", c->vk.BindImageMemory(c->device, object, some_image.memory, 0));
}

static void submit_with(struct vkc *c, VkFence fence, VkCommandBuffer cmd, VkSemaphore semaphore)
{
	const uint64_t value = 1;
	const VkTimelineSemaphoreSubmitInfo timeline = {
		.sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
		.signalSemaphoreValueCount = semaphore != NULL,
		.pSignalSemaphoreValues = &value,
	};
	INFO(SubmitInfo, SUBMIT_INFO, .pNext = semaphore != NULL ? &timeline : NULL,
	     .commandBufferCount = cmd != NULL, .pCommandBuffers = &cmd,
	     .signalSemaphoreCount = semaphore != NULL, .pSignalSemaphores = &semaphore);

	say("vkQueueSubmit", c->vk.QueueSubmit(c->queue, 1, &info, fence));
}

static void wait_for(struct vkc *c, VkFence fence)
{
	say("vkWaitForFences", c->vk.WaitForFences(c->device, 1, &fence, VK_TRUE, SECOND));
}

static void use_Fence(struct vkc *c, void *object)
{
	submit_with(c, object, NULL, NULL);
	wait_for(c, object);
}

static void use_Semaphore(struct vkc *c, void *object)
{
	VkSemaphore semaphore = object;
	const uint64_t value = 1;
	INFO(SemaphoreWaitInfo, SEMAPHORE_WAIT_INFO, .semaphoreCount = 1, .pSemaphores = &semaphore,
	     .pValues = &value);

	submit_with(c, NULL, NULL, semaphore);
	say("vkWaitSemaphores", c->vk.WaitSemaphores(c->device, &info, SECOND));
}

static void use_CommandBuffers(struct vkc *c, void *object)
{
	INFO(CommandBufferBeginInfo, COMMAND_BUFFER_BEGIN_INFO, .flags = 0);

	say("vkBeginCommandBuffer", c->vk.BeginCommandBuffer(object, &info));
	c->vk.CmdFillBuffer(object, some_buffer.buffer, 0, VK_WHOLE_SIZE, 1);
	say("vkEndCommandBuffer", c->vk.EndCommandBuffer(object));
	submit_with(c, c->fence, object, NULL);
	wait_for(c, c->fence);
}

#define ROW(name, use) { #name, create_##name, use, destroy_##name }
static const struct {
	const char *name;
	VkResult (*create)(struct vkc *c, void **out);
	void (*use)(struct vkc *c, void *object); /* NULL: nothing answers */
	void (*destroy)(struct vkc *c, void *object);
} objects[] = {
	ROW(Buffer, use_Buffer),
	ROW(Image, use_Image),
	ROW(BufferView, NULL),
	ROW(ImageView, NULL),
	ROW(Sampler, NULL),
	ROW(ShaderModule, NULL),
	ROW(PipelineCache, NULL),
	ROW(PipelineLayout, NULL),
	ROW(DescriptorSetLayout, NULL),
	ROW(DescriptorPool, NULL),
	ROW(RenderPass, NULL),
	ROW(CommandPool, NULL),
	ROW(Fence, use_Fence),
	ROW(Semaphore, use_Semaphore),
	ROW(Event, NULL),
	ROW(QueryPool, NULL),
	ROW(ComputePipelines, NULL),
	ROW(Memory, use_Memory),
	{ "LocalMemory", create_LocalMemory, use_LocalMemory, destroy_Memory },
	{ "DescriptorSets", create_DescriptorSets, NULL, destroy_nothing },
	{ "CommandBuffers", create_CommandBuffers, use_CommandBuffers, destroy_nothing },
};

/* What the objects under test are made of. */
static void make_parts(struct vkc *c)
{
	const struct vkc_image_params params = { .format = VK_FORMAT_R8G8B8A8_UNORM,
		                                 .width = 128,
		                                 .height = 64,
		                                 .usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT };
	void *object;

	some_buffer = vkc_buffer_host(
		c, 65536, VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT);
	some_image = vkc_image_create(c, &params);
	vkc_check(create_DescriptorSetLayout(c, &object));
	some_layout = object;
	vkc_check(create_PipelineLayout(c, &object));
	some_pipeline_layout = object;
	vkc_check(create_ShaderModule(c, &object));
	some_shader = object;
}

static void scene_create(struct vkc *c, const char *name)
{
	make_parts(c);
	say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		void *object = NULL;

		if (strcmp(objects[i].name, name) != 0) {
			continue;
		}
		mark(c);
		if (say("create", objects[i].create(c, &object)) == VK_SUCCESS) {
			if (objects[i].use != NULL) {
				objects[i].use(c, object);
			}
			objects[i].destroy(c, object);
		}
		say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
		if (objects[i].create(c, &object) != VK_SUCCESS) {
			printf("a second try fails\n");
			return;
		}
		if (objects[i].use != NULL) {
			objects[i].use(c, object);
		}
		objects[i].destroy(c, object);
		printf("a second try is made\n");
		return;
	}
	vkc_fail("no object %s", name);
}

/* --- losing the device, and submits that never end ----------------------------------------------------- */

/* A command buffer with something to do. Some drivers, as Venus of Mesa 26.2, ask no host about submits without one. */
static VkCommandBuffer record(struct vkc *c)
{
	INFO(CommandBufferBeginInfo, COMMAND_BUFFER_BEGIN_INFO,
	     .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT);
	void *cmd;

	some_buffer = vkc_buffer_host(c, 12345, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	vkc_check(create_CommandBuffers(c, &cmd));
	vkc_check(c->vk.BeginCommandBuffer(cmd, &info));
	c->vk.CmdFillBuffer(cmd, some_buffer.buffer, 0, VK_WHOLE_SIZE, 1);
	vkc_check(c->vk.EndCommandBuffer(cmd));
	return cmd;
}

static void show_fence(struct vkc *c)
{
	say("vkGetFenceStatus", c->vk.GetFenceStatus(c->device, c->fence));
}

static void scene_submit(struct vkc *c, const char *unused)
{
	VkCommandBuffer cmd = record(c);

	(void)unused;
	submit_with(c, c->fence, cmd, NULL);
	wait_for(c, c->fence);
	say("vkResetFences", c->vk.ResetFences(c->device, 1, &c->fence));
	mark(c);
	submit_with(c, c->fence, cmd, NULL);
	wait_for(c, c->fence);
	show_fence(c);
	say("vkQueueWaitIdle", c->vk.QueueWaitIdle(c->queue));
	submit_with(c, NULL, cmd, NULL);
	say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
}

static void scene_timeline(struct vkc *c, const char *unused)
{
	void *semaphore;
	uint64_t value = 0;

	(void)unused;
	vkc_check(create_Semaphore(c, &semaphore));
	mark(c);
	use_Semaphore(c, semaphore);
	say("vkGetSemaphoreCounterValue", c->vk.GetSemaphoreCounterValue(c->device, semaphore, &value));
	say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
}

static void scene_idle(struct vkc *c, const char *unused)
{
	(void)unused;
	submit_with(c, c->fence, NULL, NULL);
	mark(c);
	say("vkQueueWaitIdle", c->vk.QueueWaitIdle(c->queue));
	say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
	wait_for(c, c->fence);
}

/* How a program leaves whose work never ends. */
static void scene_endless(struct vkc *c, const char *how)
{
	void *semaphore;
	uint64_t value = 0;

	vkc_check(create_Semaphore(c, &semaphore));
	mark(c);
	submit_with(c, c->fence, NULL, semaphore);
	wait_for(c, c->fence);
	show_fence(c);
	say("vkGetSemaphoreCounterValue", c->vk.GetSemaphoreCounterValue(c->device, semaphore, &value));
	printf("counter %llu\n", (unsigned long long)value);
	fflush(stdout);
	if (strcmp(how, "kill") == 0) {
		raise(SIGKILL);
	}
	if (strcmp(how, "wait") == 0) { /* until a signal ends this process */
		say("vkQueueWaitIdle", c->vk.QueueWaitIdle(c->queue));
	}
	_exit(0);
}

/* Everything that a small program needs, and whether it is right. */
static void scene_basic(struct vkc *c, const char *unused)
{
	struct vkc_buffer from = vkc_buffer_host(c, 65536, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	struct vkc_buffer to = vkc_buffer_host(c, 65536, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	const VkBufferCopy region = { .size = 32768 };
	void *semaphore;

	(void)unused;
	memset(from.mapped, 7, 65536);
	memset(to.mapped, 1, 65536);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyBuffer(cmd, from.buffer, to.buffer, 1, &region);
	c->vk.CmdFillBuffer(cmd, to.buffer, 32768, VK_WHOLE_SIZE, 0x09090909);
	vkc_end(c, cmd);
	printf("bytes %d %d\n", ((uint8_t *)to.mapped)[32767], ((uint8_t *)to.mapped)[65535]);
	vkc_check(create_Semaphore(c, &semaphore));
	use_Semaphore(c, semaphore);
	destroy_Semaphore(c, semaphore);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
	say("vkDeviceWaitIdle", c->vk.DeviceWaitIdle(c->device));
}

static const struct {
	const char *name;
	void (*run)(struct vkc *c, const char *argument);
} scenes[] = {
	{ "basic", scene_basic },       { "create", scene_create }, { "submit", scene_submit },
	{ "timeline", scene_timeline }, { "idle", scene_idle },     { "endless", scene_endless },
};

int main(int argc, char **argv)
{
	struct vkc c;

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
			printf("%s\n", objects[i].name);
		}
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < sizeof(scenes) / sizeof(scenes[0]); i++) {
		if (strcmp(argv[1], scenes[i].name) == 0) {
			vkc_open(&c, "vk-failures", false);
			scenes[i].run(&c, argc > 2 ? argv[2] : "");
			vkc_close(&c);
			printf("end\n");
			return 0;
		}
	}
	fprintf(stderr, "usage: vk-failures basic|create OBJECT|submit|timeline|idle|endless HOW|--list\n");
	return 2;
}
