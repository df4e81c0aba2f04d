/* SPDX-License-Identifier: MIT */
#include "cube_scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cube_mesh.h"
#include "vkpipeline.h"

/* From demo/shaders, compiled. */
#include "cube_frag.h"
#include "cube_vert.h"
#include "room_frag.h"
#include "room_vert.h"

#define COLOR_FORMAT VK_FORMAT_R8G8B8A8_SRGB
#define DEPTH_FORMAT VK_FORMAT_D32_SFLOAT
#define FLOOR (-1.62f)
#define PI 3.14159265f

struct mat4 {
	float m[16]; /* columns */
};

/* The uniform block of demo/shaders/studio.glsl. */
struct frame_block {
	struct mat4 view_proj;
	float eye[4];
	float right[4];
	float up[4];
	float forward[4];
	float key[4];
};

struct push_block {
	struct mat4 model;
	float opacity;
};

struct cube_scene {
	struct vkc_image color; /* multisampled; unused with one sample */
	struct vkc_image depth;
	struct vkc_image picture;
	VkSampleCountFlagBits samples;
	struct vkc_image tiles;
	VkSampler sampler;
	struct vkc_buffer vertices;
	struct vkc_buffer indices;
	struct vkc_buffer blocks[CUBE_FRAMES_IN_FLIGHT];
	VkDescriptorSetLayout set_layout;
	VkPipelineLayout layout;
	VkDescriptorPool pool;
	VkDescriptorSet sets[CUBE_FRAMES_IN_FLIGHT];
	VkPipeline room;
	VkPipeline cube;
	VkPipeline mirror;
};

static struct mat4 multiply(const struct mat4 *a, const struct mat4 *b)
{
	struct mat4 out = { { 0 } };
	for (int col = 0; col < 4; col++) {
		for (int row = 0; row < 4; row++) {
			for (int k = 0; k < 4; k++) {
				out.m[col * 4 + row] += a->m[k * 4 + row] * b->m[col * 4 + k];
			}
		}
	}
	return out;
}

/* A turn about one of the axes (0: x, 1: y, 2: z). */
static struct mat4 rotation(int axis, float angle)
{
	int u = (axis + 1) % 3;
	int v = (axis + 2) % 3;
	struct mat4 out = { { 0 } };
	out.m[axis * 5] = 1;
	out.m[15] = 1;
	out.m[u * 5] = cosf(angle);
	out.m[v * 5] = cosf(angle);
	out.m[u * 4 + v] = sinf(angle);
	out.m[v * 4 + u] = -sinf(angle);
	return out;
}

static void cross(const float a[3], const float b[3], float out[3])
{
	for (int i = 0; i < 3; i++) {
		out[i] = a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3];
	}
}

static float dot(const float a[3], const float b[3])
{
	return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void normalize(float v[3])
{
	float scale = 1.0f / sqrtf(dot(v, v));
	for (int i = 0; i < 3; i++) {
		v[i] *= scale;
	}
}

/* The camera: its matrix for the cube, its axes for the background. */
static void fill_block(struct frame_block *block, float aspect)
{
	static const float eye[3] = { 0.0f, 1.25f, 6.4f };
	static const float target[3] = { 0.0f, -0.22f, 0.0f };
	static const float world_up[3] = { 0, 1, 0 };
	float forward[3];
	float right[3];
	float up[3];
	for (int i = 0; i < 3; i++) {
		forward[i] = target[i] - eye[i];
	}
	normalize(forward);
	cross(forward, world_up, right);
	normalize(right);
	cross(right, forward, up);

	struct mat4 view = { { 0 } };
	for (int i = 0; i < 3; i++) {
		view.m[i * 4 + 0] = right[i];
		view.m[i * 4 + 1] = up[i];
		view.m[i * 4 + 2] = -forward[i];
	}
	view.m[12] = -dot(right, eye);
	view.m[13] = -dot(up, eye);
	view.m[14] = dot(forward, eye);
	view.m[15] = 1;

	float tan_half = tanf(PI / 180.0f * 18.5f);
	float near = 1.0f;
	float far = 30.0f;
	struct mat4 proj = { { 0 } };
	proj.m[0] = 1 / (tan_half * aspect);
	proj.m[5] = -1 / tan_half; /* Vulkan's y points down */
	proj.m[10] = far / (near - far);
	proj.m[11] = -1;
	proj.m[14] = near * far / (near - far);
	block->view_proj = multiply(&proj, &view);

	static const float key[3] = { -0.45f, 0.85f, 0.62f };
	for (int i = 0; i < 3; i++) {
		block->eye[i] = eye[i];
		block->right[i] = right[i] * tan_half * aspect;
		block->up[i] = up[i] * tan_half;
		block->forward[i] = forward[i];
		block->key[i] = key[i];
	}
	block->forward[3] = FLOOR;
}

/* One degree a frame about the upright axis, leaning, and gently up and down. */
static struct mat4 model_matrix(uint32_t number)
{
	float angle = (float)(number % 360) * PI / 180.0f;
	struct mat4 turn = rotation(1, angle + 0.62f);
	struct mat4 lean = rotation(0, 0.34f);
	struct mat4 tilt = rotation(2, 0.30f);
	struct mat4 own = multiply(&lean, &tilt);
	struct mat4 out = multiply(&turn, &own);
	out.m[13] = 0.05f * sinf(2 * angle);
	return out;
}

static struct mat4 mirror_matrix(const struct mat4 *model)
{
	struct mat4 flip = { { 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 2 * FLOOR, 0, 1 } };
	return multiply(&flip, model);
}

static void upload_mesh(struct vkc *c, struct cube_scene *s)
{
	s->vertices = vkc_buffer_host(c, sizeof(struct cube_vertex) * CUBE_VERTICES,
	                              VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
	s->indices = vkc_buffer_host(c, sizeof(uint16_t) * CUBE_INDICES, VK_BUFFER_USAGE_INDEX_BUFFER_BIT);
	cube_mesh_fill(s->vertices.mapped, s->indices.mapped);
}

/* Each smaller level is a blit of the one before. */
static void record_levels(struct vkc *c, VkCommandBuffer cmd, const struct vkc_image *image)
{
	for (uint32_t level = 1; level < image->levels; level++) {
		int32_t from = CUBE_TEXTURE_SIZE >> (level - 1);
		int32_t to = CUBE_TEXTURE_SIZE >> level;
		VkImageBlit region = {
			.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, level - 1, 0, CUBE_FACES },
			.srcOffsets = { { 0, 0, 0 }, { from, from, 1 } },
			.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, level, 0, CUBE_FACES },
			.dstOffsets = { { 0, 0, 0 }, { to, to, 1 } },
		};
		c->vk.CmdBlitImage(cmd, image->image, VK_IMAGE_LAYOUT_GENERAL, image->image,
		                   VK_IMAGE_LAYOUT_GENERAL, 1, &region, VK_FILTER_LINEAR);
		vkc_barrier(c, cmd);
	}
}

static void upload_tiles(struct vkc *c, struct cube_scene *s)
{
	const size_t face_size = (size_t)CUBE_TEXTURE_SIZE * CUBE_TEXTURE_SIZE * 4;
	struct vkc_image_params params = {
		.format = COLOR_FORMAT,
		.width = CUBE_TEXTURE_SIZE,
		.height = CUBE_TEXTURE_SIZE,
		.levels = 8,
		.layers = CUBE_FACES,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		         VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	s->tiles = vkc_image_create(c, &params);
	struct vkc_buffer staging =
		vkc_buffer_host(c, face_size * CUBE_FACES, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	for (uint32_t face = 0; face < CUBE_FACES; face++) {
		cube_texture_fill((uint8_t *)staging.mapped + face * face_size, face);
	}
	VkBufferImageCopy region = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, CUBE_FACES },
		.imageExtent = { CUBE_TEXTURE_SIZE, CUBE_TEXTURE_SIZE, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &s->tiles, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	c->vk.CmdCopyBufferToImage(cmd, staging.buffer, s->tiles.image, VK_IMAGE_LAYOUT_GENERAL, 1, &region);
	vkc_barrier(c, cmd);
	record_levels(c, cmd, &s->tiles);
	vkc_layout(c, cmd, &s->tiles, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	vkc_end(c, cmd);
	vkc_buffer_destroy(c, &staging);
	s->sampler = vkc_sampler(c, VK_FILTER_LINEAR, VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE);
}

static void create_targets(struct vkc *c, struct cube_scene *s, uint32_t width, uint32_t height)
{
	VkSampleCountFlags offered = c->props.limits.framebufferColorSampleCounts &
	                             c->props.limits.framebufferDepthSampleCounts;
	s->samples = offered & VK_SAMPLE_COUNT_4_BIT ? VK_SAMPLE_COUNT_4_BIT : VK_SAMPLE_COUNT_1_BIT;
	struct vkc_image_params params = {
		.format = COLOR_FORMAT,
		.width = width,
		.height = height,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	s->picture = vkc_image_create(c, &params);
	params.samples = s->samples;
	params.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT;
	s->color = vkc_image_create(c, &params);
	params.format = DEPTH_FORMAT;
	params.usage = VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT;
	s->depth = vkc_image_create(c, &params);
}

static void create_sets(struct vkc *c, struct cube_scene *s, float aspect)
{
	static const VkDescriptorType types[] = {
		VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
		VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
	};
	s->set_layout = vkc_set_layout(c, 2, types, 0);
	s->layout = vkc_pipeline_layout(c, s->set_layout, sizeof(struct push_block));
	s->pool = vkc_descriptor_pool(c, CUBE_FRAMES_IN_FLIGHT, CUBE_FRAMES_IN_FLIGHT);
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		s->blocks[i] =
			vkc_buffer_host(c, sizeof(struct frame_block), VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT);
		fill_block(s->blocks[i].mapped, aspect);
		s->sets[i] = vkc_descriptor_set(c, s->pool, s->set_layout);
		vkc_write_buffer(c, s->sets[i], 0, types[0], s->blocks[i].buffer);
		vkc_write_image(c, s->sets[i], 1, types[1], s->sampler, s->tiles.view,
		                VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	}
}

static void create_pipelines(struct vkc *c, struct cube_scene *s)
{
	static const VkVertexInputAttributeDescription attributes[] = {
		{ 0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct cube_vertex, position) },
		{ 1, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct cube_vertex, normal) },
		{ 2, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct cube_vertex, texcoord) },
	};
	static const VkPipelineColorBlendAttachmentState over = {
		.blendEnable = VK_TRUE,
		.srcColorBlendFactor = VK_BLEND_FACTOR_SRC_ALPHA,
		.dstColorBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA,
		.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
		.colorWriteMask = 0xf,
	};
	struct vkc_graphics_params params = {
		.layout = s->layout,
		.vert = VKC_CODE(room_vert),
		.frag = VKC_CODE(room_frag),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { COLOR_FORMAT },
		.color_count = 1,
		.depth = DEPTH_FORMAT,
		.depth_op = VK_COMPARE_OP_LESS_OR_EQUAL,
		.samples = s->samples,
	};
	s->room = vkc_graphics(c, &params);
	params.vert = VKC_CODE(cube_vert);
	params.frag = VKC_CODE(cube_frag);
	params.stride = sizeof(struct cube_vertex);
	params.attributes = attributes;
	params.attribute_count = 3;
	params.cull = VK_CULL_MODE_BACK_BIT;
	s->cube = vkc_graphics(c, &params);
	params.cull = VK_CULL_MODE_FRONT_BIT; /* the mirror turns the faces around */
	params.blend = &over;
	s->mirror = vkc_graphics(c, &params);
}

struct cube_scene *cube_scene_create(struct vkc *c, uint32_t width, uint32_t height)
{
	struct cube_scene *s = vkc_alloc(1, sizeof(*s));
	upload_mesh(c, s);
	upload_tiles(c, s);
	create_targets(c, s, width, height);
	create_sets(c, s, (float)width / (float)height);
	create_pipelines(c, s);
	return s;
}

void cube_scene_destroy(struct vkc *c, struct cube_scene *s)
{
	c->vk.DestroyPipeline(c->device, s->mirror, NULL);
	c->vk.DestroyPipeline(c->device, s->cube, NULL);
	c->vk.DestroyPipeline(c->device, s->room, NULL);
	c->vk.DestroyDescriptorPool(c->device, s->pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, s->layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, s->set_layout, NULL);
	for (int i = 0; i < CUBE_FRAMES_IN_FLIGHT; i++) {
		vkc_buffer_destroy(c, &s->blocks[i]);
	}
	vkc_buffer_destroy(c, &s->vertices);
	vkc_buffer_destroy(c, &s->indices);
	c->vk.DestroySampler(c->device, s->sampler, NULL);
	vkc_image_destroy(c, &s->tiles);
	vkc_image_destroy(c, &s->color);
	vkc_image_destroy(c, &s->depth);
	vkc_image_destroy(c, &s->picture);
	free(s);
}

static void draw_cube(struct vkc *c, struct cube_scene *s, VkCommandBuffer cmd, VkPipeline pipeline,
                      const struct mat4 *model, float opacity)
{
	struct push_block push = { *model, opacity };
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	c->vk.CmdPushConstants(cmd, s->layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
	c->vk.CmdDrawIndexed(cmd, CUBE_INDICES, 1, 0, 0, 0);
}

void cube_scene_record(struct vkc *c, struct cube_scene *s, VkCommandBuffer cmd, uint32_t slot,
                       uint32_t number)
{
	const VkDeviceSize offset = 0;
	bool resolve = s->samples != VK_SAMPLE_COUNT_1_BIT;
	struct vkc_target target = {
		.color = resolve ? &s->color : &s->picture,
		.resolve = resolve ? &s->picture : NULL,
		.depth = &s->depth,
		.clear_depth = 1.0f,
	};
	struct mat4 model = model_matrix(number);
	struct mat4 mirror = mirror_matrix(&model);

	vkc_layout(c, cmd, &s->color, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_layout(c, cmd, &s->picture, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_layout(c, cmd, &s->depth, VK_IMAGE_LAYOUT_UNDEFINED,
	           VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL);
	vkc_render_begin(c, cmd, &target);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->layout, 0, 1, &s->sets[slot], 0,
	                            NULL);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->room);
	c->vk.CmdDraw(cmd, 3, 1, 0, 0);
	c->vk.CmdBindVertexBuffers(cmd, 0, 1, &s->vertices.buffer, &offset);
	c->vk.CmdBindIndexBuffer(cmd, s->indices.buffer, 0, VK_INDEX_TYPE_UINT16);
	draw_cube(c, s, cmd, s->mirror, &mirror, 0.20f);
	draw_cube(c, s, cmd, s->cube, &model, 1.0f);
	c->vk.CmdEndRendering(cmd);
	vkc_layout(c, cmd, &s->picture, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
	           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
}

const struct vkc_image *cube_scene_picture(const struct cube_scene *s)
{
	return &s->picture;
}

uint32_t cube_scene_samples(const struct cube_scene *s)
{
	return (uint32_t)s->samples;
}
