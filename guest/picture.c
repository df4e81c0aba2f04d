/* SPDX-License-Identifier: MIT */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

#include "counter.h"
#include "vkpipeline.h"

/* From guest/shaders, compiled. */
#include "face_frag.h"
#include "face_vert.h"
#include "sky_frag.h"
#include "sky_vert.h"

#define FACES 6
#define VERTICES (FACES * 6)
#define TEXTURE 128 /* pixels along an edge */
#define TILES 4     /* along an edge of a face */
#define BORDER 4    /* pixels around a face */
#define FOCAL 2.6   /* 1 / tan of half the field of view */
#define DISTANCE 5.4

struct push_block {
	float clip[16]; /* columns */
	float turn[12]; /* rows of four */
};

struct picture {
	uint32_t width;
	uint32_t height;
	bool direct;
	struct vkc_image own; /* not with `direct` */
	struct vkc_image tiles;
	VkSampler sampler;
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet set;
	VkPipeline sky;
	VkPipeline cube;
};

/* --- numbers ---------------------------------------------------------------------------------------- */

/* Taylor about 0, for up to a quarter of pi: the last term is below 1e-12. libm's functions differ from
 * CPU to CPU by their last bit. */
static void small_sin_cos(double x, double *out_sin, double *out_cos)
{
	double xx = x * x;
	double s = 1, c = 1;
	for (int i = 6; i > 0; i--) {
		s = 1 - s * xx / (double)((2 * i) * (2 * i + 1));
		c = 1 - c * xx / (double)((2 * i - 1) * (2 * i));
	}
	*out_sin = s * x;
	*out_cos = c;
}

static void sin_cos(uint32_t degrees, double *out_sin, double *out_cos)
{
	uint32_t octant = degrees % 360 / 45;
	uint32_t rest = degrees % 45;
	double s, c;
	small_sin_cos((double)(octant % 2 ? 45 - rest : rest) * 3.14159265358979323846 / 180.0, &s, &c);
	bool swap = (octant + 1) / 2 % 2;
	double a = swap ? c : s;
	double b = swap ? s : c;
	*out_sin = octant < 4 ? a : -a;
	*out_cos = octant < 2 || octant > 5 ? b : -b;
}

/* One degree a frame about the upright axis, seen from above. */
static void fill_push(struct push_block *push, uint32_t number, double aspect)
{
	const double near = 1, far = 20;
	double sy, cy, sx, cx;
	sin_cos(number % 360 + 25, &sy, &cy);
	sin_cos(24, &sx, &cx);
	double turn[3][3] = { { cy, 0, sy }, { sx * sy, cx, -sx * cy }, { -cx * sy, sx, cx * cy } };
	double scale = far / (near - far);
	memset(push, 0, sizeof(*push));
	for (int column = 0; column < 3; column++) {
		push->clip[column * 4 + 0] = (float)(FOCAL / aspect * turn[0][column]);
		push->clip[column * 4 + 1] = (float)(-FOCAL * turn[1][column]); /* Vulkan's y points down */
		push->clip[column * 4 + 2] = (float)(scale * turn[2][column]);
		push->clip[column * 4 + 3] = (float)-turn[2][column];
		for (int row = 0; row < 3; row++) {
			push->turn[row * 4 + column] = (float)turn[row][column];
		}
	}
	push->clip[14] = (float)(scale * -DISTANCE + near * scale);
	push->clip[15] = (float)DISTANCE;
}

/* --- texture ---------------------------------------------------------------------------------------- */

static const uint8_t palette[][3] = {
	{ 241, 233, 218 }, { 231, 111, 81 }, { 42, 157, 143 },
	{ 233, 196, 106 }, { 30, 58, 95 },   { 244, 162, 97 },
};
#define COLORS (sizeof(palette) / sizeof(palette[0]))

/* Whether a pixel of a tile of `size` belongs to its figure: discs, quarters, triangles. */
static bool in_figure(uint32_t kind, int x, int y, int size)
{
	switch (kind) {
	case 0:
		return x * x + y * y < size * size;
	case 1:
		return (2 * x - size) * (2 * x - size) + (2 * y - size) * (2 * y - size) < size * size / 2;
	case 2:
		return x + y < size;
	default:
		return (size - x) * (size - x) + y * y < size * size;
	}
}

static const uint8_t *texel(uint32_t face, int x, int y)
{
	const int size = (TEXTURE - 2 * BORDER) / TILES;
	x -= BORDER;
	y -= BORDER;
	if (x < 0 || y < 0 || x >= size * TILES || y >= size * TILES) {
		return palette[4];
	}
	uint32_t h = (face * 16 + (uint32_t)(y / size * TILES + x / size) + 7) * 2654435761u;
	uint32_t ground = (h >> 8) % COLORS;
	uint32_t figure = (ground + 1 + (h >> 16) % (COLORS - 1)) % COLORS;
	return palette[in_figure(h >> 28 & 3, x % size, y % size, size) ? figure : ground];
}

/* `format` has four bytes a texel, red or blue first; the texture is R8G8B8A8. */
static void upload_tiles(struct vkc *c, struct picture *p)
{
	struct vkc_image_params params = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = TEXTURE,
		.height = TEXTURE,
		.layers = FACES,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	p->tiles = vkc_image_create(c, &params);
	struct vkc_buffer staging =
		vkc_buffer_host(c, TEXTURE * TEXTURE * 4 * FACES, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	uint8_t *out = staging.mapped;
	for (uint32_t i = 0; i < TEXTURE * TEXTURE * FACES; i++, out += 4) {
		memcpy(out, texel(i / (TEXTURE * TEXTURE), (int)(i % TEXTURE), (int)(i / TEXTURE % TEXTURE)),
		       3);
		out[3] = 255;
	}
	VkBufferImageCopy region = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, FACES },
		.imageExtent = { TEXTURE, TEXTURE, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &p->tiles, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
	c->vk.CmdCopyBufferToImage(cmd, staging.buffer, p->tiles.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
	                           1, &region);
	vkc_layout(c, cmd, &p->tiles, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
	           VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	vkc_end(c, cmd);
	vkc_buffer_destroy(c, &staging);
}

/* --- making ----------------------------------------------------------------------------------------- */

static void create_set(struct vkc *c, struct picture *p)
{
	static const VkDescriptorType type = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER;
	p->set_layout = vkc_set_layout(c, 1, &type, 0);
	p->layout = vkc_pipeline_layout(c, p->set_layout, sizeof(struct push_block));
	p->pool = vkc_descriptor_pool(c, 1, 1);
	p->set = vkc_descriptor_set(c, p->pool, p->set_layout);
	p->sampler = vkc_sampler(c, VK_FILTER_LINEAR, VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE);
	vkc_write_image(c, p->set, 0, type, p->sampler, p->tiles.view,
	                VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
}

static void create_pipelines(struct vkc *c, struct picture *p, VkFormat format)
{
	struct vkc_graphics_params params = {
		.layout = p->layout,
		.vert = VKC_CODE(sky_vert),
		.frag = VKC_CODE(sky_frag),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { format },
		.color_count = 1,
	};
	p->sky = vkc_graphics(c, &params);
	params.vert = VKC_CODE(face_vert);
	params.frag = VKC_CODE(face_frag);
	params.cull = VK_CULL_MODE_BACK_BIT; /* all that a cube alone needs of a depth test */
	p->cube = vkc_graphics(c, &params);
}

struct picture *picture_create(struct vkc *c, VkFormat format, uint32_t width, uint32_t height, bool direct)
{
	struct picture *p = vkc_alloc(1, sizeof(*p));
	p->width = width;
	p->height = height;
	p->direct = direct;
	if (!direct) {
		struct vkc_image_params params = {
			.format = format,
			.width = width,
			.height = height,
			.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
		};
		p->own = vkc_image_create(c, &params);
	}
	upload_tiles(c, p);
	create_set(c, p);
	create_pipelines(c, p, format);
	return p;
}

void picture_destroy(struct vkc *c, struct picture *p)
{
	if (!p) {
		return;
	}
	c->vk.DestroyPipeline(c->device, p->cube, NULL);
	c->vk.DestroyPipeline(c->device, p->sky, NULL);
	c->vk.DestroyDescriptorPool(c->device, p->pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, p->layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, p->set_layout, NULL);
	c->vk.DestroySampler(c->device, p->sampler, NULL);
	vkc_image_destroy(c, &p->tiles);
	if (!p->direct) {
		vkc_image_destroy(c, &p->own);
	}
	free(p);
}

/* --- drawing ---------------------------------------------------------------------------------------- */

static void draw_counter(struct vkc *c, struct picture *p, VkCommandBuffer cmd, uint32_t number)
{
	struct counter_rect rects[COUNTER_RECTS_MAX];
	VkClearRect areas[COUNTER_RECTS_MAX];
	uint32_t count = counter_fill(p->width, p->height, number, rects);
	for (uint32_t i = 0; i < count; i++) {
		areas[i] = (VkClearRect){
			.rect = { { (int32_t)rects[i].x, (int32_t)rects[i].y },
			          { rects[i].width, rects[i].height } },
			.layerCount = 1,
		};
	}
	VkClearAttachment black = {
		.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
		.clearValue.color.float32 = { 0, 0, 0, 1 },
	};
	VkClearAttachment white = {
		.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT,
		.clearValue.color.float32 = { 1, 1, 1, 1 },
	};
	c->vk.CmdClearAttachments(cmd, 1, &black, 1, areas);
	c->vk.CmdClearAttachments(cmd, 1, &white, count - 1, areas + 1);
}

static void copy_to(struct vkc *c, struct picture *p, VkCommandBuffer cmd, const struct vkc_image *target)
{
	VkImageCopy region = {
		.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.extent = { p->width, p->height, 1 },
	};
	vkc_layout(c, cmd, &p->own, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
	           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_layout(c, cmd, target, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
	c->vk.CmdCopyImage(cmd, p->own.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, target->image,
	                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
}

void picture_record(struct vkc *c, struct picture *p, VkCommandBuffer cmd, const struct vkc_image *target,
                    VkImageLayout layout, uint32_t number)
{
	const struct vkc_image *drawn = p->direct ? target : &p->own;
	struct vkc_target pass = { .color = drawn };
	struct push_block push;
	fill_push(&push, number, (double)p->width / (double)p->height);

	vkc_layout(c, cmd, drawn, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_render_begin(c, cmd, &pass);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, p->layout, 0, 1, &p->set, 0, NULL);
	c->vk.CmdPushConstants(cmd, p->layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, p->sky);
	c->vk.CmdDraw(cmd, 3, 1, 0, 0);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, p->cube);
	c->vk.CmdDraw(cmd, VERTICES, 1, 0, 0);
	draw_counter(c, p, cmd, number);
	c->vk.CmdEndRendering(cmd);
	if (!p->direct) {
		copy_to(c, p, cmd, target);
	}
	vkc_layout(c, cmd, target,
	           p->direct ? VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL :
	                       VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
	           layout);
}
