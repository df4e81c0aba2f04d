/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cube_scene.h"
#include "suite.h"

/* From tests/e2e/shaders, compiled. */
#include "draw_id_vert.h"
#include "full_vert.h"
#include "mesh_frag.h"
#include "sample_frag.h"
#include "shape_geom.h"
#include "shape_tesc.h"
#include "shape_tese.h"
#include "two_frag.h"

#define RGBA VK_FORMAT_R8G8B8A8_UNORM
#define ATTACHMENT VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL

static const VkPipelineColorBlendAttachmentState blend_over = {
	.blendEnable = VK_TRUE,
	.srcColorBlendFactor = VK_BLEND_FACTOR_SRC_ALPHA,
	.dstColorBlendFactor = VK_BLEND_FACTOR_ONE_MINUS_SRC_ALPHA,
	.srcAlphaBlendFactor = VK_BLEND_FACTOR_CONSTANT_ALPHA,
	.dstAlphaBlendFactor = VK_BLEND_FACTOR_ONE,
	.alphaBlendOp = VK_BLEND_OP_REVERSE_SUBTRACT,
	.colorWriteMask = 0xf,
};

/* Draws the mesh once with a pipeline of these parameters and gives the picture. */
static void draw_and_put(struct suite *s, const char *item, const struct suite_mesh *mesh,
                         const struct vkc_graphics_params *params, uint32_t vertices)
{
	struct vkc_image color = suite_color(s, RGBA, 0);
	VkPipeline pipeline = vkc_graphics(&s->c, params);
	struct vkc_target target = { .color = &color, .clear = { 0.1f, 0.2f, 0.3f, 1 } };
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_render_begin(&s->c, cmd, &target);
	suite_mesh_bind(s, mesh, cmd, pipeline, SUITE_PUSH);
	s->c.vk.CmdDraw(cmd, vertices, 1, 0, 0);
	s->c.vk.CmdEndRendering(cmd);
	vkc_end(&s->c, cmd);
	suite_put_image(s, item, &color, ATTACHMENT, 4);
	s->c.vk.DestroyPipeline(s->c.device, pipeline, NULL);
	vkc_image_destroy(&s->c, &color);
}

static void scene_triangle(struct suite *s)
{
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	draw_and_put(s, "color", &mesh, &params, 3);
	suite_mesh_finish(s, &mesh);
}

static void scene_blend(struct suite *s)
{
	static const VkDynamicState dynamic = VK_DYNAMIC_STATE_BLEND_CONSTANTS;
	static const float constants[4] = { 0.25f, 0.5f, 0.75f, 0.4f };
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.blend = &blend_over;
	params.dynamic = &dynamic;
	params.dynamic_count = 1;
	VkPipeline pipeline = vkc_graphics(&s->c, &params);
	struct vkc_image color = suite_color(s, RGBA, 0);
	struct vkc_target target = { .color = &color, .clear = { 0.5f, 0.5f, 0, 1 } };
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_render_begin(&s->c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, pipeline, SUITE_PUSH);
	s->c.vk.CmdSetBlendConstants(cmd, constants);
	s->c.vk.CmdDraw(cmd, 6, 1, 0, 0);
	s->c.vk.CmdEndRendering(cmd);
	vkc_end(&s->c, cmd);
	suite_put_image(s, "color", &color, ATTACHMENT, 4);
	s->c.vk.DestroyPipeline(s->c.device, pipeline, NULL);
	vkc_image_destroy(&s->c, &color);
	suite_mesh_finish(s, &mesh);
}

static struct vkc_image create_depth(struct suite *s, VkFormat format, VkSampleCountFlagBits samples)
{
	struct vkc_image_params params = {
		.format = format,
		.width = SUITE_WIDTH,
		.height = SUITE_HEIGHT,
		.samples = samples,
		.usage = VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	struct vkc_image image = vkc_image_create(&s->c, &params);
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_layout(&s->c, cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED,
	           VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL);
	vkc_end(&s->c, cmd);
	return image;
}

static void scene_depth(struct suite *s)
{
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.depth = VK_FORMAT_D32_SFLOAT;
	params.depth_op = VK_COMPARE_OP_LESS;
	VkPipeline pipeline = vkc_graphics(&s->c, &params);
	struct vkc_image color = suite_color(s, RGBA, 0);
	struct vkc_image depth = create_depth(s, VK_FORMAT_D32_SFLOAT, VK_SAMPLE_COUNT_1_BIT);
	struct vkc_target target = { .color = &color, .depth = &depth, .clear_depth = 0.7f };
	struct suite_push nearer = { { 0.3f, 0.1f, -0.6f, -0.1f }, { 0.5f, 0.5f, 0.5f, 1 } };
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_render_begin(&s->c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, pipeline, SUITE_PUSH);
	s->c.vk.CmdDraw(cmd, 6, 1, 0, 0);
	suite_mesh_bind(s, &mesh, cmd, pipeline, nearer);
	s->c.vk.CmdDraw(cmd, 6, 1, 0, 0);
	s->c.vk.CmdEndRendering(cmd);
	vkc_end(&s->c, cmd);
	suite_put_image(s, "color", &color, ATTACHMENT, 4);
	suite_put_image(s, "depth", &depth, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL, 4);
	s->c.vk.DestroyPipeline(s->c.device, pipeline, NULL);
	vkc_image_destroy(&s->c, &depth);
	vkc_image_destroy(&s->c, &color);
	suite_mesh_finish(s, &mesh);
}

/* The first triangle counts into the stencil, the second is drawn where something was counted. */
static void scene_stencil(struct suite *s)
{
	const VkFormat format = VK_FORMAT_D32_SFLOAT_S8_UINT;
	static const VkDynamicState dynamic = VK_DYNAMIC_STATE_STENCIL_REFERENCE;
	static const VkStencilOpState count = {
		VK_STENCIL_OP_KEEP,
		VK_STENCIL_OP_INCREMENT_AND_CLAMP,
		VK_STENCIL_OP_KEEP,
		VK_COMPARE_OP_ALWAYS,
		0xff,
		0xff,
		0,
	};
	static const VkStencilOpState equal = {
		VK_STENCIL_OP_INVERT,
		VK_STENCIL_OP_KEEP,
		VK_STENCIL_OP_KEEP,
		VK_COMPARE_OP_EQUAL,
		0x0f,
		0xff,
		0,
	};
	if (!vkc_format_has(&s->c, format, VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT)) {
		suite_skip(s, "no D32_SFLOAT_S8_UINT");
		return;
	}
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.depth = format;
	params.depth_op = VK_COMPARE_OP_ALWAYS;
	params.stencil = format;
	params.stencil_op = &count;
	params.dynamic = &dynamic;
	params.dynamic_count = 1;
	VkPipeline first = vkc_graphics(&s->c, &params);
	params.stencil_op = &equal;
	VkPipeline second = vkc_graphics(&s->c, &params);
	struct vkc_image color = suite_color(s, RGBA, 0);
	struct vkc_image depth = create_depth(s, format, VK_SAMPLE_COUNT_1_BIT);
	struct vkc_target target = { .color = &color, .depth = &depth, .clear_depth = 1 };
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_render_begin(&s->c, cmd, &target);
	s->c.vk.CmdSetStencilReference(cmd, VK_STENCIL_FACE_FRONT_AND_BACK, 1);
	suite_mesh_bind(s, &mesh, cmd, first, SUITE_PUSH);
	s->c.vk.CmdDraw(cmd, 3, 1, 0, 0);
	suite_mesh_bind(s, &mesh, cmd, second, SUITE_PUSH);
	s->c.vk.CmdDraw(cmd, 3, 1, 3, 0);
	s->c.vk.CmdEndRendering(cmd);
	vkc_layout(&s->c, cmd, &depth, VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL,
	           VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_end(&s->c, cmd);
	suite_put_image(s, "color", &color, ATTACHMENT, 4);
	size_t size;
	void *data = vkc_image_read(&s->c, &depth, VK_IMAGE_ASPECT_STENCIL_BIT, 0, 0, 1, &size);
	suite_put(s, "stencil", data, size);
	free(data);
	s->c.vk.DestroyPipeline(s->c.device, first, NULL);
	s->c.vk.DestroyPipeline(s->c.device, second, NULL);
	vkc_image_destroy(&s->c, &depth);
	vkc_image_destroy(&s->c, &color);
	suite_mesh_finish(s, &mesh);
}

static void scene_multisample(struct suite *s)
{
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.samples = VK_SAMPLE_COUNT_4_BIT;
	VkPipeline pipeline = vkc_graphics(&s->c, &params);
	struct vkc_image color = suite_color(s, RGBA, VK_IMAGE_USAGE_TRANSFER_DST_BIT);
	struct vkc_image_params many_params = {
		.format = RGBA,
		.width = SUITE_WIDTH,
		.height = SUITE_HEIGHT,
		.samples = VK_SAMPLE_COUNT_4_BIT,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	struct vkc_image many = vkc_image_create(&s->c, &many_params);
	struct vkc_target target = { .color = &many, .resolve = &color };
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_layout(&s->c, cmd, &many, VK_IMAGE_LAYOUT_UNDEFINED, ATTACHMENT);
	vkc_render_begin(&s->c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, pipeline, SUITE_PUSH);
	s->c.vk.CmdDraw(cmd, 6, 1, 0, 0);
	s->c.vk.CmdEndRendering(cmd);
	vkc_end(&s->c, cmd);
	suite_put_image(s, "pass", &color, ATTACHMENT, 4);

	VkImageResolve region = {
		.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstOffset = { 64, 32, 0 },
		.extent = { 128, 160, 1 },
	};
	cmd = vkc_begin(&s->c);
	vkc_layout(&s->c, cmd, &many, ATTACHMENT, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	vkc_layout(&s->c, cmd, &color, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL,
	           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
	s->c.vk.CmdResolveImage(cmd, many.image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, color.image,
	                        VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region);
	vkc_end(&s->c, cmd);
	suite_put_image(s, "command", &color, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 4);
	s->c.vk.DestroyPipeline(s->c.device, pipeline, NULL);
	vkc_image_destroy(&s->c, &many);
	vkc_image_destroy(&s->c, &color);
	suite_mesh_finish(s, &mesh);
}

static void scene_topologies(struct suite *s)
{
	static const struct {
		VkPrimitiveTopology topology;
		const char *name;
	} cases[] = {
		{ VK_PRIMITIVE_TOPOLOGY_LINE_LIST, "line_list" },
		{ VK_PRIMITIVE_TOPOLOGY_LINE_STRIP, "line_strip" },
		{ VK_PRIMITIVE_TOPOLOGY_TRIANGLE_STRIP, "triangle_strip" },
	};
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		params.topology = cases[i].topology;
		draw_and_put(s, cases[i].name, &mesh, &params, 6);
	}
	suite_mesh_finish(s, &mesh);
}

static void scene_tessellation(struct suite *s)
{
	if (!s->c.features.core.features.tessellationShader) {
		suite_skip(s, "no tessellation shaders");
		return;
	}
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.topology = VK_PRIMITIVE_TOPOLOGY_PATCH_LIST;
	params.tesc = VKC_CODE(shape_tesc);
	params.tese = VKC_CODE(shape_tese);
	draw_and_put(s, "color", &mesh, &params, 6);
	suite_mesh_finish(s, &mesh);
}

static void scene_geometry(struct suite *s)
{
	if (!s->c.features.core.features.geometryShader) {
		suite_skip(s, "no geometry shaders");
		return;
	}
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.geom = VKC_CODE(shape_geom);
	draw_and_put(s, "color", &mesh, &params, 6);
	suite_mesh_finish(s, &mesh);
}

/* A picture with eight levels, each a blit of the one before, ready for a shader. */
static struct vkc_image mipmapped_texture(struct vkc *c)
{
	struct vkc_image_params params = {
		.format = RGBA,
		.width = 128,
		.height = 128,
		.levels = 8,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		         VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	struct vkc_image texture = vkc_image_create(c, &params);
	struct vkc_buffer staging = vkc_buffer_host(c, 128 * 128 * 4, VK_BUFFER_USAGE_TRANSFER_SRC_BIT);
	uint8_t *texels = staging.mapped;
	for (uint32_t i = 0; i < 128 * 128; i++) {
		uint32_t x = i % 128;
		uint32_t y = i / 128;
		texels[4 * i] = (uint8_t)(2 * x);
		texels[4 * i + 1] = (uint8_t)(x ^ y);
		texels[4 * i + 2] = (x / 16 + y / 16) % 2 ? 255 : 0;
		texels[4 * i + 3] = 255;
	}
	VkBufferImageCopy whole = {
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageExtent = { 128, 128, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &texture, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	c->vk.CmdCopyBufferToImage(cmd, staging.buffer, texture.image, VK_IMAGE_LAYOUT_GENERAL, 1, &whole);
	for (uint32_t level = 1; level < 8; level++) {
		VkImageBlit region = {
			.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, level - 1, 0, 1 },
			.srcOffsets = { { 0, 0, 0 }, { 128 >> (level - 1), 128 >> (level - 1), 1 } },
			.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, level, 0, 1 },
			.dstOffsets = { { 0, 0, 0 }, { 128 >> level, 128 >> level, 1 } },
		};
		vkc_barrier(c, cmd);
		c->vk.CmdBlitImage(cmd, texture.image, VK_IMAGE_LAYOUT_GENERAL, texture.image,
		                   VK_IMAGE_LAYOUT_GENERAL, 1, &region, VK_FILTER_LINEAR);
	}
	vkc_layout(c, cmd, &texture, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	vkc_end(c, cmd);
	vkc_buffer_destroy(c, &staging);
	return texture;
}

/* A mipmapped picture, sampled from level 2.5 and freely. */
static void scene_mipmaps(struct suite *s)
{
	const VkDescriptorType type = VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER;
	struct vkc *c = &s->c;
	struct vkc_image texture = mipmapped_texture(c);
	VkSampler sampler = vkc_sampler(c, VK_FILTER_LINEAR, VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT);
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 1, &type, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 1);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, set_layout);
	vkc_write_image(c, set, 0, type, sampler, texture.view, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	struct vkc_graphics_params draw = {
		.layout = layout,
		.vert = VKC_CODE(full_vert),
		.frag = VKC_CODE(sample_frag),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { RGBA },
		.color_count = 1,
	};
	VkPipeline pipeline = vkc_graphics(c, &draw);
	static const float places[2][4] = { { -0.2f, 0.1f, 3.0f, 2.5f }, { 0, 0, 7.5f, -1.0f } };
	for (int i = 0; i < 2; i++) {
		struct vkc_image color = suite_color(s, RGBA, 0);
		struct vkc_target target = { .color = &color };
		VkCommandBuffer cmd = vkc_begin(c);
		vkc_render_begin(c, cmd, &target);
		c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
		c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, layout, 0, 1, &set, 0,
		                            NULL);
		c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 16, places[i]);
		c->vk.CmdDraw(cmd, 3, 1, 0, 0);
		c->vk.CmdEndRendering(cmd);
		vkc_end(c, cmd);
		suite_put_image(s, i ? "free" : "level", &color, ATTACHMENT, 4);
		vkc_image_destroy(c, &color);
	}
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
	c->vk.DestroySampler(c->device, sampler, NULL);
	vkc_image_destroy(c, &texture);
}

/* The draws by draw_id.vert: how they are called is all that makes the picture. */
struct draw_ids {
	struct vkc_image color;
	VkPipelineLayout layout;
	VkPipeline pipeline;
	struct vkc_buffer indices; /* 0 1 2 ... */
	VkCommandBuffer cmd;
};

static void draw_ids_begin(struct suite *s, struct draw_ids *d)
{
	d->color = suite_color(s, RGBA, 0);
	d->layout = vkc_pipeline_layout(&s->c, VK_NULL_HANDLE, 0);
	struct vkc_graphics_params params = {
		.layout = d->layout,
		.vert = VKC_CODE(draw_id_vert),
		.frag = VKC_CODE(mesh_frag),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { RGBA },
		.color_count = 1,
	};
	d->pipeline = vkc_graphics(&s->c, &params);
	d->indices = vkc_buffer_host(&s->c, 64 * 2, VK_BUFFER_USAGE_INDEX_BUFFER_BIT);
	uint16_t *index = d->indices.mapped;
	for (uint16_t i = 0; i < 64; i++) {
		index[i] = i;
	}
	struct vkc_target target = { .color = &d->color };
	d->cmd = vkc_begin(&s->c);
	vkc_render_begin(&s->c, d->cmd, &target);
	s->c.vk.CmdBindPipeline(d->cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, d->pipeline);
	s->c.vk.CmdBindIndexBuffer(d->cmd, d->indices.buffer, 0, VK_INDEX_TYPE_UINT16);
}

static void draw_ids_end(struct suite *s, struct draw_ids *d)
{
	s->c.vk.CmdEndRendering(d->cmd);
	vkc_end(&s->c, d->cmd);
	suite_put_image(s, "color", &d->color, ATTACHMENT, 4);
	vkc_buffer_destroy(&s->c, &d->indices);
	s->c.vk.DestroyPipeline(s->c.device, d->pipeline, NULL);
	s->c.vk.DestroyPipelineLayout(s->c.device, d->layout, NULL);
	vkc_image_destroy(&s->c, &d->color);
}

static void scene_indirect(struct suite *s)
{
	struct draw_ids d;
	struct vkc_buffer b = vkc_buffer_host(&s->c, 1024, VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT);
	uint32_t(*draws)[4] = b.mapped; /* VkDrawIndirectCommand */
	for (uint32_t i = 0; i < 6; i++) {
		uint32_t draw[4] = { 3, 2, 3 * i, i };
		memcpy(draws[i], draw, sizeof(draw));
	}
	uint32_t(*indexed)[5] = (void *)((char *)b.mapped + 256); /* VkDrawIndexedIndirectCommand */
	for (uint32_t i = 0; i < 8; i++) {
		uint32_t draw[5] = { 3, 1, 3 * i, 0, 7 };
		memcpy(indexed[i], draw, sizeof(draw));
	}
	*(uint32_t *)((char *)b.mapped + 512) = 3; /* the count for drawIndirectCount */
	draw_ids_begin(s, &d);
	s->c.vk.CmdDrawIndirect(d.cmd, b.buffer, 0, 6, sizeof(*draws));
	s->c.vk.CmdDrawIndexedIndirect(d.cmd, b.buffer, 256, 8, sizeof(*indexed));
	if (s->c.features.v12.drawIndirectCount) {
		s->c.vk.CmdDrawIndirectCount(d.cmd, b.buffer, sizeof(*draws), b.buffer, 512, 5,
		                             sizeof(*draws));
	}
	draw_ids_end(s, &d);
	vkc_buffer_destroy(&s->c, &b);
}

/* Structs inside larger ones, so that the stride is not the struct's size. */
static void scene_multi_draw(struct suite *s)
{
	struct {
		VkMultiDrawInfoEXT draw;
		uint32_t own[3];
	} draws[8];
	struct {
		uint32_t own;
		VkMultiDrawIndexedInfoEXT draw;
	} indexed[8];
	if (!s->c.features.multi_draw.multiDraw) {
		suite_skip(s, "no VK_EXT_multi_draw");
		return;
	}
	memset(draws, 0xff, sizeof(draws));
	memset(indexed, 0xff, sizeof(indexed));
	for (uint32_t i = 0; i < 8; i++) {
		draws[i].draw = (VkMultiDrawInfoEXT){ 3 * (i % 3), 3 };
		indexed[i].draw = (VkMultiDrawIndexedInfoEXT){ 3 * i, 3, 3 };
	}
	struct draw_ids d;
	int32_t offset = 6;
	draw_ids_begin(s, &d);
	s->c.vk.CmdDrawMultiEXT(d.cmd, 8, &draws[0].draw, 2, 1, sizeof(draws[0]));
	s->c.vk.CmdDrawMultiIndexedEXT(d.cmd, 7, &indexed[0].draw, 1, 4, sizeof(indexed[0]), NULL);
	s->c.vk.CmdDrawMultiIndexedEXT(d.cmd, 5, &indexed[0].draw, 1, 6, sizeof(indexed[0]), &offset);
	draw_ids_end(s, &d);
}

static void scene_cube(struct suite *s)
{
	struct cube_scene *cube = cube_scene_create(&s->c, 320, 200);
	for (uint32_t frame = 0; frame < 3; frame++) {
		VkCommandBuffer cmd = vkc_begin(&s->c);
		cube_scene_record(&s->c, cube, cmd, frame % CUBE_FRAMES_IN_FLIGHT, frame * 37);
		vkc_end(&s->c, cmd);
		const char *items[] = { "frame0", "frame37", "frame74" };
		suite_put_image(s, items[frame], cube_scene_picture(cube),
		                VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, 4);
	}
	cube_scene_destroy(&s->c, cube);
}

/* A float and an integer attachment at once. */
static void scene_two_attachments(struct suite *s)
{
	struct vkc *c = &s->c;
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_image images[2] = {
		suite_color(s, VK_FORMAT_R16G16B16A16_SFLOAT, 0),
		suite_color(s, VK_FORMAT_R32G32B32A32_UINT, 0),
	};
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.frag = VKC_CODE(two_frag);
	params.colors[0] = images[0].format;
	params.colors[1] = images[1].format;
	params.color_count = 2;
	VkPipeline pipeline = vkc_graphics(c, &params);
	VkRenderingAttachmentInfo attachments[2];
	for (int i = 0; i < 2; i++) {
		attachments[i] = (VkRenderingAttachmentInfo){
			.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
			.imageView = images[i].view,
			.imageLayout = ATTACHMENT,
			.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
			.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		};
	}
	attachments[0].clearValue.color = (VkClearColorValue){ .float32 = { 0.5f, 2.5f, -1, 1 } };
	attachments[1].clearValue.color = (VkClearColorValue){ .uint32 = { 1, 0xffffffff, 3, 0x80000000 } };
	VkRenderingInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.renderArea.extent = { SUITE_WIDTH, SUITE_HEIGHT },
		.layerCount = 1,
		.colorAttachmentCount = 2,
		.pColorAttachments = attachments,
	};
	VkClearAttachment clear = { VK_IMAGE_ASPECT_COLOR_BIT, 1, { .color.uint32 = { 9, 8, 7, 6 } } };
	VkClearRect rects[2] = { { { { 8, 8 }, { 40, 20 } }, 0, 1 }, { { { 200, 100 }, { 30, 50 } }, 0, 1 } };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBeginRendering(cmd, &info);
	vkc_viewport(c, cmd, SUITE_WIDTH, SUITE_HEIGHT);
	suite_mesh_bind(s, &mesh, cmd, pipeline, SUITE_PUSH);
	c->vk.CmdDraw(cmd, 6, 1, 0, 0);
	c->vk.CmdClearAttachments(cmd, 1, &clear, 2, rects);
	c->vk.CmdEndRendering(cmd);
	vkc_end(c, cmd);
	suite_put_image(s, "float", &images[0], ATTACHMENT, 8);
	suite_put_image(s, "uint", &images[1], ATTACHMENT, 16);
	c->vk.DestroyPipeline(c->device, pipeline, NULL);
	vkc_image_destroy(c, &images[0]);
	vkc_image_destroy(c, &images[1]);
	suite_mesh_finish(s, &mesh);
}

const struct suite_scene suite_draw_scenes[] = {
	{ "triangle", scene_triangle },
	{ "blend", scene_blend },
	{ "depth", scene_depth },
	{ "stencil", scene_stencil },
	{ "multisample", scene_multisample },
	{ "topologies", scene_topologies },
	{ "tessellation", scene_tessellation },
	{ "geometry", scene_geometry },
	{ "mipmaps", scene_mipmaps },
	{ "indirect", scene_indirect },
	{ "multi_draw", scene_multi_draw },
	{ "two_attachments", scene_two_attachments },
	{ "cube", scene_cube },
	{ NULL, NULL },
};
