/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vkpipeline.h"
#include "work_comp.h"

/*
 * bench-share: programs that share a GPU, for tests/e2e/test_sharing.py. One makes frames and counts them; the others
 * take what they can until they are killed.
 */

/* A few milliseconds of lavapipe on two cores. */
#define VALUES (1u << 15)
#define GROUP 64
#define IN_FLIGHT 8
#define PIECE (UINT64_C(16) << 20)

struct work {
	struct vkc_buffer values;
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	VkPipeline pipeline;
};

static void work_init(struct vkc *c, struct work *w, uint32_t endless)
{
	const VkDescriptorType type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
	const VkSpecializationMapEntry entry = { .size = sizeof(endless) };
	const VkSpecializationInfo specialization = {
		.mapEntryCount = 1, .pMapEntries = &entry, .dataSize = sizeof(endless), .pData = &endless
	};

	w->values = vkc_buffer_create(c, VALUES * sizeof(uint32_t), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
	                              VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
	w->set_layout = vkc_set_layout(c, 1, &type, 0);
	w->layout = vkc_pipeline_layout(c, w->set_layout, 0);
	w->pool = vkc_descriptor_pool(c, 1, 1);
	w->set = vkc_descriptor_set(c, w->pool, w->set_layout);
	vkc_write_buffer(c, w->set, 0, type, w->values.buffer);
	w->pipeline = vkc_compute(c, w->layout, VKC_CODE(work_comp), &specialization);
}

/* Records the work once, for any number of submits. */
static VkCommandBuffer record(struct vkc *c, const struct work *w)
{
	const VkCommandBufferAllocateInfo allocate = { .sType =
		                                               VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		                                       .commandPool = c->pool,
		                                       .commandBufferCount = 1 };
	const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		                                 .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT };
	VkCommandBuffer cmd;

	vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &cmd));
	vkc_check(c->vk.BeginCommandBuffer(cmd, &begin));
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, w->pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, w->layout, 0, 1, &w->set, 0, NULL);
	c->vk.CmdDispatch(cmd, VALUES / GROUP, 1, 1);
	vkc_check(c->vk.EndCommandBuffer(cmd));
	return cmd;
}

static void submit(struct vkc *c, VkCommandBuffer cmd, VkFence fence)
{
	const VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                    .commandBufferCount = 1,
		                    .pCommandBuffers = &cmd };

	vkc_check(c->vk.QueueSubmit(c->queue, 1, &info, fence));
}

static void say_ready(void)
{
	printf("READY\n");
	fflush(stdout);
}

/* Frames, one after the other, for so many seconds. */
static void make_frames(struct vkc *c, double seconds)
{
	struct work w;
	unsigned count = 0;

	work_init(c, &w, 0);
	VkCommandBuffer cmd = record(c, &w);
	uint64_t begun = vkc_now_ns();
	for (int warm_up = 1; warm_up >= 0; warm_up--) {
		const double limit = warm_up ? 0.5 : seconds;

		begun = vkc_now_ns();
		for (count = 0; (double)(vkc_now_ns() - begun) < limit * 1e9; count++) {
			submit(c, cmd, c->fence);
			vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
			vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
		}
	}
	printf("%.2f frames/s\n", count / ((double)(vkc_now_ns() - begun) / 1e9));
}

/* Submits without an end, always several ahead. */
_Noreturn static void submit_endlessly(struct vkc *c)
{
	const VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	VkFence fences[IN_FLIGHT];
	struct work w;

	work_init(c, &w, 0);
	VkCommandBuffer cmd = record(c, &w);
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		vkc_check(c->vk.CreateFence(c->device, &info, NULL, &fences[i]));
		submit(c, cmd, fences[i]);
	}
	say_ready();
	for (size_t i = 0;; i = (i + 1) % IN_FLIGHT) {
		vkc_check(c->vk.WaitForFences(c->device, 1, &fences[i], VK_TRUE, UINT64_MAX));
		vkc_check(c->vk.ResetFences(c->device, 1, &fences[i]));
		submit(c, cmd, fences[i]);
	}
}

_Noreturn static void run_an_endless_shader(struct vkc *c)
{
	struct work w;

	work_init(c, &w, 1);
	submit(c, record(c, &w), VK_NULL_HANDLE);
	say_ready();
	for (;;) {
		pause();
	}
}

/* Takes memory until there is none, and keeps it. */
_Noreturn static void take_memory(struct vkc *c)
{
	const VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = PIECE,
		.memoryTypeIndex = vkc_memory_type(c, UINT32_MAX, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT),
	};
	uint64_t bytes = 0;
	VkDeviceMemory memory;
	VkResult result;

	while ((result = c->vk.AllocateMemory(c->device, &info, NULL, &memory)) == VK_SUCCESS) {
		bytes += PIECE;
	}
	printf("%llu MiB, then %d\n", (unsigned long long)(bytes >> 20), (int)result);
	say_ready();
	for (;;) {
		pause();
	}
}

int main(int argc, char **argv)
{
	struct vkc c;

	if (argc < 2) {
		vkc_fail("usage: bench-share frames SECONDS | submits | shader | memory");
	}
	vkc_open(&c, "bench-share", false);
	if (strcmp(argv[1], "frames") == 0 && argc == 3) {
		make_frames(&c, atof(argv[2]));
	} else if (strcmp(argv[1], "submits") == 0) {
		submit_endlessly(&c);
	} else if (strcmp(argv[1], "shader") == 0) {
		run_an_endless_shader(&c);
	} else if (strcmp(argv[1], "memory") == 0) {
		take_memory(&c);
	} else {
		vkc_fail("unknown words: see the usage");
	}
	return 0;
}
