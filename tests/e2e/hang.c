/* SPDX-License-Identifier: MIT */
/*
 * vk-hang loop ROUNDS | event MS: work that takes long. Prints what the wait for it returns.
 *
 * `loop` is one dispatch on a graphics queue, whose shader goes round so often; `event` waits for an event that the
 * host sets after so many milliseconds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vkclient.h"
#include "vkpipeline.h"

/* From tests/e2e/shaders, compiled. */
#include "numbers_comp.h"

#define NUMBERS 65536
#define FN(c, name) ((PFN_vk##name)(c)->vk.GetDeviceProcAddr((c)->device, "vk" #name))

static VkCommandBuffer record_loop(struct vkc *c, uint32_t rounds)
{
	static const VkDescriptorType types[2] = { VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		                                   VK_DESCRIPTOR_TYPE_STORAGE_BUFFER };
	const VkSpecializationMapEntry entry = { 0, 0, sizeof(rounds) };
	const VkSpecializationInfo constant = { 1, &entry, sizeof(rounds), &rounds };
	const VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	const VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	const VkDescriptorSet set = vkc_descriptor_set(c, vkc_descriptor_pool(c, 1, 2), set_layout);
	const VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(numbers_comp), &constant);
	const uint32_t push[4] = { NUMBERS, 42 };
	VkCommandBuffer cmd;

	for (uint32_t i = 0; i < 2; i++) {
		const struct vkc_buffer b =
			vkc_buffer_host(c, NUMBERS * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);

		vkc_write_buffer(c, set, i, types[i], b.buffer);
	}
	cmd = vkc_begin(c);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
	c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), push);
	c->vk.CmdDispatch(cmd, NUMBERS / 64, 1, 1);
	return cmd;
}

static VkCommandBuffer record_event(struct vkc *c, VkEvent *out_event)
{
	const VkEventCreateInfo info = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	VkCommandBuffer cmd = vkc_begin(c);

	vkc_check(FN(c, CreateEvent)(c->device, &info, NULL, out_event));
	FN(c, CmdWaitEvents)(cmd, 1, out_event, VK_PIPELINE_STAGE_HOST_BIT,
	                     VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, 0, NULL, 0, NULL, 0, NULL);
	return cmd;
}

int main(int argc, char **argv)
{
	const uint32_t number = argc == 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	const bool is_event = argc == 3 && strcmp(argv[1], "event") == 0;
	const struct timespec late = { .tv_sec = number / 1000, .tv_nsec = number % 1000 * 1000000L };
	VkEvent event = NULL;
	struct vkc c;

	if (argc != 3 || (!is_event && strcmp(argv[1], "loop") != 0)) {
		fprintf(stderr, "usage: vk-hang loop ROUNDS | event MS\n");
		return 2;
	}
	vkc_open(&c, "vk-hang", false);
	VkCommandBuffer cmd = is_event ? record_event(&c, &event) : record_loop(&c, number);
	const VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                    .commandBufferCount = 1,
		                    .pCommandBuffers = &cmd };

	vkc_check(c.vk.EndCommandBuffer(cmd));
	vkc_check(c.vk.QueueSubmit(c.queue, 1, &info, c.fence));
	printf("submitted\n");
	fflush(stdout);
	if (is_event) {
		(void)nanosleep(&late, NULL);
		vkc_check(FN(&c, SetEvent)(c.device, event));
	}
	printf("wait %d\n", (int)c.vk.WaitForFences(c.device, 1, &c.fence, VK_TRUE, UINT64_MAX));
	return 0;
}
