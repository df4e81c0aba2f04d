/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <stdlib.h>
#include <string.h>

static void create_frames(struct output *o, const struct output_params *params)
{
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = o->c.pool,
		.commandBufferCount = params->frames,
	};
	VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	vkc_check(o->c.vk.AllocateCommandBuffers(o->c.device, &allocate, o->cmds));
	for (uint32_t i = 0; i < params->frames; i++) {
		o->frames[i] =
			params->import ?
				frame_import(&o->c, o->k, params->format, o->width, o->height, o->direct) :
				frame_export(&o->c, o->k, params->format, o->width, o->height, o->direct);
		vkc_check(o->c.vk.CreateFence(o->c.device, &fence, NULL, &o->fences[i]));
	}
	o->frame_count = params->frames;
}

static void open_all(struct output *o, const struct output_params *params)
{
	static const char *const names[] = FRAME_EXTENSIONS;
	vkc_instance_open(&o->c, "vitrine-guest");
	vkc_physical_open(&o->c, 0);
	vkc_device_open_with(&o->c, false, names, FRAME_EXTENSION_COUNT);
	o->direct = frame_direct(&o->c, params->format->vulkan);
	o->picture = picture_create(&o->c, params->format->vulkan, o->width, o->height, o->direct);
	create_frames(o, params);
}

void output_open(struct output *o, struct kms *k, const struct kms_output *where,
                 const struct output_params *params)
{
	memset(o, 0, sizeof(*o));
	o->k = k;
	o->where = *where;
	o->width = where->mode.hdisplay;
	o->height = where->mode.vdisplay;
	open_all(o, params);
}

void output_open_hidden(struct output *o, uint32_t width, uint32_t height, const struct output_params *params)
{
	memset(o, 0, sizeof(*o));
	o->width = width;
	o->height = height;
	open_all(o, params);
}

void output_close(struct output *o)
{
	vkc_check(o->c.vk.DeviceWaitIdle(o->c.device));
	for (uint32_t i = 0; i < o->frame_count; i++) {
		frame_destroy(&o->c, o->k, &o->frames[i]);
		o->c.vk.DestroyFence(o->c.device, o->fences[i], NULL);
	}
	picture_destroy(&o->c, o->picture);
	vkc_close(&o->c);
}

void output_draw(struct output *o, uint32_t number)
{
	uint32_t i = number % o->frame_count;
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	vkc_check(o->c.vk.BeginCommandBuffer(o->cmds[i], &begin));
	picture_record(&o->c, o->picture, o->cmds[i], &o->frames[i].image, VK_IMAGE_LAYOUT_GENERAL, number);
	frame_finish(&o->c, o->cmds[i], &o->frames[i]);
	vkc_check(o->c.vk.EndCommandBuffer(o->cmds[i]));
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &o->cmds[i],
	};
	vkc_check(o->c.vk.QueueSubmit(o->c.queue, 1, &submit, o->fences[i]));
}

void output_wait(struct output *o, uint32_t number)
{
	VkFence *fence = &o->fences[number % o->frame_count];
	vkc_check(o->c.vk.WaitForFences(o->c.device, 1, fence, VK_TRUE, UINT64_MAX));
	vkc_check(o->c.vk.ResetFences(o->c.device, 1, fence));
}

bool output_show(struct output *o, uint32_t number)
{
	uint32_t fb = o->frames[number % o->frame_count].fb;
	bool flip = o->shown;
	int error = flip ? kms_flip(o->k, &o->where, fb) : kms_show(o->k, &o->where, fb);
	if (error) {
		vkc_fail("showing a frame: %s", strerror(error));
	}
	o->shown = true;
	return flip;
}

uint8_t *output_read(struct output *o, uint32_t number)
{
	const struct vkc_image *image = &o->frames[number % o->frame_count].image;
	VkCommandBuffer cmd = vkc_begin(&o->c);
	vkc_layout(&o->c, cmd, image, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_end(&o->c, cmd);
	size_t size;
	return vkc_image_read(&o->c, image, VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 4, &size);
}
