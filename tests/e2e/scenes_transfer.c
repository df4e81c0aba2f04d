/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define RGBA VK_FORMAT_R8G8B8A8_UNORM
#define GENERAL VK_IMAGE_LAYOUT_GENERAL
#define BOTH_WAYS (VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT)

static void fill_bytes(void *data, size_t size, uint32_t seed)
{
	uint8_t *bytes = data;
	for (size_t i = 0; i < size; i++) {
		seed = seed * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(seed >> 24);
	}
}

/* An image in GENERAL whose first level and layer hold bytes made from the seed. */
static struct vkc_image filled_image(struct suite *s, const struct vkc_image_params *params, size_t texel,
                                     uint32_t seed)
{
	struct vkc *c = &s->c;
	struct vkc_image image = vkc_image_create(c, params);
	size_t size = (size_t)image.extent.width * image.extent.height * image.extent.depth * texel;
	struct vkc_buffer staging = vkc_buffer_host(c, size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	fill_bytes(staging.mapped, size, seed);
	VkImageAspectFlags aspect = image.aspect & VK_IMAGE_ASPECT_DEPTH_BIT ? VK_IMAGE_ASPECT_DEPTH_BIT :
	                                                                       image.aspect;
	VkBufferImageCopy region = {
		.imageSubresource = { aspect, 0, 0, 1 },
		.imageExtent = image.extent,
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, GENERAL);
	c->vk.CmdCopyBufferToImage(cmd, staging.buffer, image.image, GENERAL, 1, &region);
	vkc_end(c, cmd);
	vkc_buffer_destroy(c, &staging);
	return image;
}

static struct vkc_image_params plain_params(VkFormat format, uint32_t width, uint32_t height)
{
	return (struct vkc_image_params){
		.format = format,
		.width = width,
		.height = height,
		.usage = BOTH_WAYS | VK_IMAGE_USAGE_SAMPLED_BIT,
	};
}

/* Copies with several regions, fills, and an update that travels inside the command. */
static void scene_buffers(struct suite *s)
{
	struct vkc *c = &s->c;
	VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
	struct vkc_buffer from = vkc_buffer_host(c, 70000, usage);
	struct vkc_buffer to = vkc_buffer_create(c, 70000, usage, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
	struct vkc_buffer back = vkc_buffer_host(c, 70000, usage);
	uint8_t update[65536];
	fill_bytes(from.mapped, 70000, 1);
	fill_bytes(update, sizeof(update), 2);
	VkBufferCopy regions[3] = { { 0, 64000, 999 }, { 1001, 3, 40000 }, { 69999, 69999, 1 } };
	VkBufferCopy all = { 0, 0, 70000 };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdFillBuffer(cmd, to.buffer, 0, VK_WHOLE_SIZE, 0xdeadbeef);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyBuffer(cmd, from.buffer, to.buffer, 3, regions);
	vkc_barrier(c, cmd);
	c->vk.CmdFillBuffer(cmd, to.buffer, 400, 800, 0x01020304);
	vkc_barrier(c, cmd);
	c->vk.CmdUpdateBuffer(cmd, to.buffer, 2000, 44, update);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyBuffer(cmd, to.buffer, back.buffer, 1, &all);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	suite_put(s, "regions", back.mapped, 70000);
	cmd = vkc_begin(c);
	c->vk.CmdUpdateBuffer(cmd, back.buffer, 4096, sizeof(update) - 4096,
	                      update); /* larger than a ring's limit */
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	suite_put(s, "update", back.mapped, 70000);
	vkc_buffer_destroy(c, &back);
	vkc_buffer_destroy(c, &to);
	vkc_buffer_destroy(c, &from);
}

/* A copy by the form of the command that VK_KHR_copy_commands2 brought. */
static void copy_by_info(struct vkc *c, const struct vkc_image *from, const struct vkc_image *to)
{
	VkImageCopy2 region = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_COPY_2,
		.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstOffset = { 20, 1, 0 },
		.extent = { 64, 64, 1 },
	};
	VkCopyImageInfo2 copy = {
		.sType = VK_STRUCTURE_TYPE_COPY_IMAGE_INFO_2,
		.srcImage = from->image,
		.srcImageLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
		.dstImage = to->image,
		.dstImageLayout = GENERAL,
		.regionCount = 1,
		.pRegions = &region,
	};
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyImage2(cmd, &copy);
	vkc_end(c, cmd);
}

static void scene_copies(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_image_params params = plain_params(RGBA, 100, 80);
	struct vkc_image from = filled_image(s, &params, 4, 3);
	struct vkc_image to = filled_image(s, &params, 4, 4);
	VkImageCopy regions[2] = {
		{ { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		  { 10, 20, 0 },
		  { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		  { 3, 5, 0 },
		  { 33, 21, 1 } },
		{ { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		  { 0, 0, 0 },
		  { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		  { 60, 40, 0 },
		  { 40, 40, 1 } },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyImage(cmd, from.image, GENERAL, to.image, GENERAL, 2, regions);
	vkc_end(c, cmd);
	suite_put_image(s, "image", &to, GENERAL, 4);

	/* A buffer whose rows are longer than the region's. */
	struct vkc_buffer rows = vkc_buffer_host(c, 64 * 40 * 4, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	memset(rows.mapped, 0x5a, rows.size);
	VkBufferImageCopy wide = {
		.bufferOffset = 128,
		.bufferRowLength = 64,
		.bufferImageHeight = 39,
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageOffset = { 7, 9, 0 },
		.imageExtent = { 50, 30, 1 },
	};
	cmd = vkc_begin(c);
	c->vk.CmdCopyImageToBuffer(cmd, from.image, GENERAL, rows.buffer, 1, &wide);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	suite_put(s, "rows", rows.mapped, rows.size);

	copy_by_info(c, &to, &from);
	suite_put_image(s, "image2", &from, GENERAL, 4);
	vkc_buffer_destroy(c, &rows);
	vkc_image_destroy(c, &to);
	vkc_image_destroy(c, &from);
}

static void scene_volumes(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_image_params params = plain_params(VK_FORMAT_R16G16_UINT, 20, 12);
	params.depth = 9;
	struct vkc_image volume = filled_image(s, &params, 4, 5);
	params = plain_params(VK_FORMAT_R16G16_UINT, 20, 12);
	params.layers = 6;
	struct vkc_image layers = vkc_image_create(c, &params);
	VkImageCopy region = {
		{ VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		{ 2, 1, 3 },
		{ VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 4 },
		{ 1, 2, 0 },
		{ 15, 9, 4 },
	};
	VkClearColorValue clear = { .uint32 = { 1, 2, 3, 4 } };
	VkImageSubresourceRange range = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 6 };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &layers, VK_IMAGE_LAYOUT_UNDEFINED, GENERAL);
	c->vk.CmdClearColorImage(cmd, layers.image, GENERAL, &clear, 1, &range);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyImage(cmd, volume.image, GENERAL, layers.image, GENERAL, 1, &region);
	vkc_layout(c, cmd, &layers, GENERAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_end(c, cmd);
	suite_put_image(s, "volume", &volume, GENERAL, 4);
	for (uint32_t layer = 0; layer < 6; layer += 2) {
		static const char *const items[] = { "layer0", "layer2", "layer4" };
		size_t size;
		void *data = vkc_image_read(c, &layers, VK_IMAGE_ASPECT_COLOR_BIT, 0, layer, 4, &size);
		suite_put(s, items[layer / 2], data, size);
		free(data);
	}
	vkc_image_destroy(c, &layers);
	vkc_image_destroy(c, &volume);
}

/* Scaled, mirrored, and from one format to another. */
static void scene_blits(struct suite *s)
{
	static const struct {
		const char *name;
		VkFormat format;
		VkFilter filter;
	} cases[] = {
		{ "same", RGBA, VK_FILTER_NEAREST },
		{ "linear", RGBA, VK_FILTER_LINEAR },
		{ "bgra", VK_FORMAT_B8G8R8A8_UNORM, VK_FILTER_NEAREST },
		{ "half", VK_FORMAT_R16G16B16A16_SFLOAT, VK_FILTER_LINEAR },
		{ "packed", VK_FORMAT_A2B10G10R10_UNORM_PACK32, VK_FILTER_NEAREST },
	};
	struct vkc *c = &s->c;
	struct vkc_image_params params = plain_params(RGBA, 64, 64);
	struct vkc_image from = filled_image(s, &params, 4, 6);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (!vkc_format_has(c, cases[i].format, VK_FORMAT_FEATURE_BLIT_DST_BIT)) {
			continue;
		}
		size_t texel = cases[i].format == VK_FORMAT_R16G16B16A16_SFLOAT ? 8 : 4;
		params = plain_params(cases[i].format, 90, 70);
		struct vkc_image to = filled_image(s, &params, texel, 0);
		VkImageBlit regions[2] = {
			{ { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
			  { { 0, 0, 0 }, { 64, 64, 1 } },
			  { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
			  { { 45, 0, 0 }, { 0, 70, 1 } } },
			{ { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
			  { { 8, 8, 0 }, { 40, 24, 1 } },
			  { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
			  { { 45, 69, 0 }, { 90, 2, 1 } } },
		};
		VkCommandBuffer cmd = vkc_begin(c);
		c->vk.CmdBlitImage(cmd, from.image, GENERAL, to.image, GENERAL, 2, regions, cases[i].filter);
		vkc_end(c, cmd);
		suite_put_image(s, cases[i].name, &to, GENERAL, texel);
		vkc_image_destroy(c, &to);
	}
	vkc_image_destroy(c, &from);
}

static void scene_clears(struct suite *s)
{
	static const struct {
		const char *name;
		VkFormat format;
		size_t texel;
		VkClearColorValue value;
	} cases[] = {
		{ "unorm", RGBA, 4, { .float32 = { 0.1f, 0.5f, 2.0f, -1.0f } } },
		{ "srgb", VK_FORMAT_R8G8B8A8_SRGB, 4, { .float32 = { 0.1f, 0.5f, 0.9f, 0.25f } } },
		{ "float", VK_FORMAT_R32G32B32A32_SFLOAT, 16, { .float32 = { 1e20f, -0.0f, 3.5f, 1e-40f } } },
		{ "uint", VK_FORMAT_R32G32_UINT, 8, { .uint32 = { 0xffffffff, 0x80000001, 3, 4 } } },
		{ "sint", VK_FORMAT_R16G16B16A16_SINT, 8, { .int32 = { -1, -32768, 32767, 5 } } },
		{ "packed", VK_FORMAT_B10G11R11_UFLOAT_PACK32, 4, { .float32 = { 0.3f, 100.0f, 7.0f, 0 } } },
	};
	struct vkc *c = &s->c;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vkc_image_params params = plain_params(cases[i].format, 30, 20);
		struct vkc_image image = filled_image(s, &params, cases[i].texel, 7);
		VkImageSubresourceRange range = { VK_IMAGE_ASPECT_COLOR_BIT, 0, VK_REMAINING_MIP_LEVELS, 0,
			                          VK_REMAINING_ARRAY_LAYERS };
		VkCommandBuffer cmd = vkc_begin(c);
		c->vk.CmdClearColorImage(cmd, image.image, GENERAL, &cases[i].value, 1, &range);
		vkc_end(c, cmd);
		suite_put_image(s, cases[i].name, &image, GENERAL, cases[i].texel);
		vkc_image_destroy(c, &image);
	}
}

static void scene_depth_copies(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_image_params params = plain_params(VK_FORMAT_D16_UNORM, 48, 40);
	struct vkc_image from = filled_image(s, &params, 2, 8);
	struct vkc_image to = vkc_image_create(c, &params);
	VkClearDepthStencilValue clear = { 0.625f, 0 };
	VkImageSubresourceRange range = { VK_IMAGE_ASPECT_DEPTH_BIT, 0, 1, 0, 1 };
	VkImageCopy region = {
		{ VK_IMAGE_ASPECT_DEPTH_BIT, 0, 0, 1 },
		{ 4, 4, 0 },
		{ VK_IMAGE_ASPECT_DEPTH_BIT, 0, 0, 1 },
		{ 20, 10, 0 },
		{ 24, 24, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &to, VK_IMAGE_LAYOUT_UNDEFINED, GENERAL);
	c->vk.CmdClearDepthStencilImage(cmd, to.image, GENERAL, &clear, 1, &range);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyImage(cmd, from.image, GENERAL, to.image, GENERAL, 1, &region);
	vkc_end(c, cmd);
	suite_put_image(s, "depth", &to, GENERAL, 2);
	vkc_image_destroy(c, &to);
	vkc_image_destroy(c, &from);
}

/* An image that the CPU writes and reads through a mapping. */
static void scene_linear_image(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_image_params params = plain_params(RGBA, 61, 37);
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2 };

	c->vk.GetPhysicalDeviceFormatProperties2(c->physical, RGBA, &props);
	if (!(props.formatProperties.linearTilingFeatures & VK_FORMAT_FEATURE_TRANSFER_SRC_BIT)) {
		suite_skip(s, "no linear images");
		return;
	}
	params.usage = BOTH_WAYS;
	params.linear = true;
	struct vkc_image linear = vkc_image_create(c, &params);
	VkImageSubresource first = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0 };
	VkSubresourceLayout layout;
	c->vk.GetImageSubresourceLayout(c->device, linear.image, &first, &layout);
	suite_put(s, "layout", &layout, sizeof(layout));
	uint8_t *mapped;
	vkc_check(c->vk.MapMemory(c->device, linear.memory, 0, VK_WHOLE_SIZE, 0, (void **)&mapped));
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &linear, VK_IMAGE_LAYOUT_UNDEFINED, GENERAL);
	vkc_end(c, cmd);
	for (uint32_t y = 0; y < 37; y++) {
		fill_bytes(mapped + layout.offset + y * layout.rowPitch, 61 * 4, y);
	}
	VkMappedMemoryRange whole = {
		.sType = VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE,
		.memory = linear.memory,
		.size = VK_WHOLE_SIZE,
	};
	vkc_check(c->vk.FlushMappedMemoryRanges(c->device, 1, &whole));
	params = plain_params(RGBA, 61, 37);
	struct vkc_image optimal = filled_image(s, &params, 4, 9);
	VkImageCopy region = {
		{ VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		{ 0, 0, 0 },
		{ VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		{ 0, 0, 0 },
		{ 61, 30, 1 },
	};
	cmd = vkc_begin(c);
	c->vk.CmdCopyImage(cmd, linear.image, GENERAL, optimal.image, GENERAL, 1, &region);
	vkc_end(c, cmd);
	suite_put_image(s, "copied", &optimal, GENERAL, 4);

	VkImageCopy shifted = region;
	shifted.dstOffset = (VkOffset3D){ 0, 7, 0 };
	cmd = vkc_begin(c);
	c->vk.CmdCopyImage(cmd, optimal.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, linear.image, GENERAL, 1,
	                   &shifted);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	vkc_check(c->vk.InvalidateMappedMemoryRanges(c->device, 1, &whole));
	uint8_t rows[37][61 * 4];
	for (uint32_t y = 0; y < 37; y++) {
		memcpy(rows[y], mapped + layout.offset + y * layout.rowPitch, sizeof(rows[y]));
	}
	suite_put(s, "mapped", rows, sizeof(rows));
	vkc_image_destroy(c, &optimal);
	vkc_image_destroy(c, &linear);
}

/* An image in GENERAL that the host copies to and from. The host itself brings it into this layout. */
static struct vkc_image host_copied_image(struct vkc *c, uint32_t width, uint32_t height)
{
	struct vkc_image_params params = plain_params(RGBA, width, height);
	params.usage |= VK_IMAGE_USAGE_HOST_TRANSFER_BIT;
	struct vkc_image image = vkc_image_create(c, &params);
	VkHostImageLayoutTransitionInfo transition = {
		.sType = VK_STRUCTURE_TYPE_HOST_IMAGE_LAYOUT_TRANSITION_INFO,
		.image = image.image,
		.newLayout = GENERAL,
		.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
	};
	vkc_check(c->vk.TransitionImageLayout(c->device, 1, &transition));
	return image;
}

/* All columns of `rows` rows from row `top` on, from memory with `pitch` texels a row (0: as many as the image). */
static VkMemoryToImageCopy upload_of(const struct vkc_image *image, uint32_t top, uint32_t rows,
                                     const void *data, uint32_t pitch)
{
	return (VkMemoryToImageCopy){
		.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY,
		.pHostPointer = data,
		.memoryRowLength = pitch,
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageOffset = { 0, (int32_t)top, 0 },
		.imageExtent = { image->extent.width, rows, 1 },
	};
}

static void host_upload(struct vkc *c, const struct vkc_image *image, uint32_t count,
                        const VkMemoryToImageCopy *regions)
{
	VkCopyMemoryToImageInfo info = {
		.sType = VK_STRUCTURE_TYPE_COPY_MEMORY_TO_IMAGE_INFO,
		.dstImage = image->image,
		.dstImageLayout = GENERAL,
		.regionCount = count,
		.pRegions = regions,
	};
	vkc_check(c->vk.CopyMemoryToImage(c->device, &info));
}

/* Reads `rows` rows of the image from row `top` on, without gaps. */
static void host_download(struct vkc *c, const struct vkc_image *image, uint32_t top, uint32_t rows,
                          void *data)
{
	VkImageToMemoryCopy region = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_TO_MEMORY_COPY,
		.pHostPointer = data,
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageOffset = { 0, (int32_t)top, 0 },
		.imageExtent = { image->extent.width, rows, 1 },
	};
	VkCopyImageToMemoryInfo info = {
		.sType = VK_STRUCTURE_TYPE_COPY_IMAGE_TO_MEMORY_INFO,
		.srcImage = image->image,
		.srcImageLayout = GENERAL,
		.regionCount = 1,
		.pRegions = &region,
	};
	vkc_check(c->vk.CopyImageToMemory(c->device, &info));
}

static void scene_host_image_copy(struct suite *s)
{
	enum { WIDTH = 50, HEIGHT = 30, PITCH = 64, TOP = 5, ROWS = 20 };
	struct vkc *c = &s->c;
	if (!c->features.host_copy.hostImageCopy) {
		suite_skip(s, "no VK_EXT_host_image_copy");
		return;
	}
	struct vkc_image image = host_copied_image(c, WIDTH, HEIGHT);
	uint8_t in[PITCH * HEIGHT * 4];
	uint8_t out[WIDTH * ROWS * 4];
	fill_bytes(in, sizeof(in), 10);
	VkMemoryToImageCopy upload = upload_of(&image, 0, HEIGHT, in, PITCH);
	host_upload(c, &image, 1, &upload);
	host_download(c, &image, TOP, ROWS, out);
	suite_expect(s, !memcmp(out, in + TOP * PITCH * 4, WIDTH * 4),
	             "the host copy gives other bytes back");
	suite_put(s, "download", out, sizeof(out));
	suite_put_image(s, "image", &image, GENERAL, 4);
	vkc_image_destroy(c, &image);
}

/* Commands and a reply of more bytes than a ring has: they are read and written where they lie. */
static void scene_host_image_copy_large(struct suite *s)
{
	enum { WIDTH = 700, HEIGHT = 500, UPPER = 123 };
	struct vkc *c = &s->c;
	if (!c->features.host_copy.hostImageCopy) {
		suite_skip(s, "no VK_EXT_host_image_copy");
		return;
	}
	struct vkc_image image = host_copied_image(c, WIDTH, HEIGHT);
	static uint8_t in[WIDTH * HEIGHT * 4];
	static uint8_t out[sizeof(in)];
	fill_bytes(in, sizeof(in), 11);
	/* The lower part first. */
	const VkMemoryToImageCopy uploads[2] = {
		upload_of(&image, UPPER, HEIGHT - UPPER, in + (size_t)UPPER * WIDTH * 4, 0),
		upload_of(&image, 0, UPPER, in, 0),
	};
	host_upload(c, &image, 2, uploads);
	host_download(c, &image, 0, HEIGHT, out);
	suite_expect(s, !memcmp(out, in, sizeof(in)), "the large host copy gives other bytes back");
	suite_put_image(s, "image", &image, GENERAL, 4);
	vkc_image_destroy(c, &image);
}

const struct suite_scene suite_transfer_scenes[] = {
	{ "buffers", scene_buffers },
	{ "copies", scene_copies },
	{ "volumes", scene_volumes },
	{ "blits", scene_blits },
	{ "clears", scene_clears },
	{ "depth_copies", scene_depth_copies },
	{ "linear_image", scene_linear_image },
	{ "host_image_copy", scene_host_image_copy },
	{ "host_image_copy_large", scene_host_image_copy_large },
	{ NULL, NULL },
};
