/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cube_scene.h"

/* vitrine-cube: an ordinary Vulkan program that draws the demo's picture and says how fast. */

struct options {
	uint32_t width;
	uint32_t height;
	uint32_t frames;
	uint32_t png_frame;
	const char *png;
};

static const char usage[] = "usage: vitrine-cube [--frames N] [--size WxH] [--png FILE] [--png-frame N]\n"
			    "  --frames     how many frames to draw (300)\n"
			    "  --size       of the picture (1280x800)\n"
			    "  --png        writes one frame to FILE\n"
			    "  --png-frame  which one (0)\n";

/* One frame: recorded, submitted, its fence signalled when its slot is free again. */
struct slot {
	VkCommandBuffer cmd;
	VkFence fence;
	bool busy;
};

static void write_png(const char *path, const uint8_t *pixels, uint32_t width, uint32_t height)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = width,
		.height = height,
		.format = PNG_FORMAT_RGBA,
	};
	if (!png_image_write_to_file(&image, path, 0, pixels, 0, NULL)) {
		vkc_fail("%s: %s", path, image.message);
	}
}

static void wait_slot(struct vkc *c, struct slot *slot)
{
	if (slot->busy) {
		vkc_check(c->vk.WaitForFences(c->device, 1, &slot->fence, VK_TRUE, UINT64_MAX));
		vkc_check(c->vk.ResetFences(c->device, 1, &slot->fence));
		slot->busy = false;
	}
}

static void submit_frame(struct vkc *c, struct cube_scene *scene, struct slot *slots, uint32_t number)
{
	struct slot *slot = &slots[number % CUBE_FRAMES_IN_FLIGHT];
	wait_slot(c, slot);
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	vkc_check(c->vk.BeginCommandBuffer(slot->cmd, &begin));
	cube_scene_record(c, scene, slot->cmd, number % CUBE_FRAMES_IN_FLIGHT, number);
	vkc_check(c->vk.EndCommandBuffer(slot->cmd));
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &slot->cmd,
	};
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, slot->fence));
	slot->busy = true;
}

static void save_frame(struct vkc *c, struct cube_scene *scene, struct slot *slots, const char *path,
                       uint32_t number)
{
	submit_frame(c, scene, slots, number);
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		wait_slot(c, &slots[i]);
	}
	const struct vkc_image *picture = cube_scene_picture(scene);
	size_t size;
	uint8_t *pixels = vkc_image_read(c, picture, VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 4, &size);
	write_png(path, pixels, picture->extent.width, picture->extent.height);
	free(pixels);
}

static void create_slots(struct vkc *c, struct slot *slots)
{
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		VkCommandBufferAllocateInfo allocate = {
			.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
			.commandPool = c->pool,
			.commandBufferCount = 1,
		};
		vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &slots[i].cmd));
		VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
		vkc_check(c->vk.CreateFence(c->device, &fence, NULL, &slots[i].fence));
	}
}

static void run(const struct options *o)
{
	struct vkc c;
	vkc_open(&c, "vitrine-cube", false);
	struct slot slots[CUBE_FRAMES_IN_FLIGHT] = { 0 };
	create_slots(&c, slots);
	struct cube_scene *scene = cube_scene_create(&c, o->width, o->height);

	submit_frame(&c, scene, slots, 0); /* drivers compile at the first draw: not counted */
	wait_slot(&c, &slots[0]);
	uint64_t start = vkc_now_ns();
	for (uint32_t i = 0; i < o->frames; i++) {
		submit_frame(&c, scene, slots, i);
	}
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		wait_slot(&c, &slots[i]);
	}
	double seconds = (double)(vkc_now_ns() - start) / 1e9;
	printf("device: %s\n", c.props.deviceName);
	printf("picture: %ux%u, %u samples\n", o->width, o->height, cube_scene_samples(scene));
	if (o->frames > 0) {
		printf("frames/s: %.1f\n", (double)o->frames / seconds);
	}
	if (o->png) {
		save_frame(&c, scene, slots, o->png, o->png_frame);
	}

	cube_scene_destroy(&c, scene);
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		c.vk.DestroyFence(c.device, slots[i].fence, NULL);
	}
	vkc_close(&c);
}

static bool parse_number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (end == text || *end || value > max) {
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

static bool parse_size(const char *text, struct options *o)
{
	char excess;
	return sscanf(text, "%ux%u%c", &o->width, &o->height, &excess) == 2 && o->width >= 16 &&
	       o->height >= 16 && o->width <= 8192 && o->height <= 8192;
}

static bool parse_option(struct options *o, const char *name, const char *value)
{
	if (!strcmp(name, "--frames")) {
		return parse_number(value, 100000000, &o->frames);
	}
	if (!strcmp(name, "--png-frame")) {
		return parse_number(value, 100000000, &o->png_frame);
	}
	if (!strcmp(name, "--size")) {
		return parse_size(value, o);
	}
	if (!strcmp(name, "--png")) {
		o->png = value;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct options o = { .width = 1280, .height = 800, .frames = 300 };

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		fputs(usage, stdout);
		return 0;
	}
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 >= argc || !parse_option(&o, argv[i], argv[i + 1])) {
			fputs(usage, stderr);
			return 2;
		}
	}
	run(&o);
	return 0;
}
