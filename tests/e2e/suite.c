/* SPDX-License-Identifier: MIT */
#include "suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From tests/e2e/shaders, compiled. */
#include "mesh_frag.h"
#include "mesh_vert.h"

static const struct suite_scene *const groups[] = {
	suite_draw_scenes, suite_pass_scenes,  suite_compute_scenes, suite_transfer_scenes,
	suite_sync_scenes, suite_queue_scenes, suite_object_scenes,  suite_sparse_scenes,
};

const struct suite_vertex suite_triangles[6] = {
	{ { -0.9f, 0.8f, 0.3f }, { 1.0f, 0.1f, 0.2f, 1.0f } },
	{ { 0.6f, 0.8f, 0.3f }, { 0.2f, 1.0f, 0.1f, 0.8f } },
	{ { -0.2f, -0.9f, 0.3f }, { 0.1f, 0.2f, 1.0f, 0.6f } },
	{ { -0.5f, -0.6f, 0.6f }, { 1.0f, 1.0f, 0.0f, 0.5f } },
	{ { 0.1f, 0.9f, 0.6f }, { 0.0f, 1.0f, 1.0f, 0.7f } },
	{ { 0.9f, -0.7f, 0.6f }, { 1.0f, 0.0f, 1.0f, 0.9f } },
};

const VkVertexInputAttributeDescription suite_attributes[2] = {
	{ 0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct suite_vertex, position) },
	{ 1, 0, VK_FORMAT_R32G32B32A32_SFLOAT, offsetof(struct suite_vertex, color) },
};

static void write_dump(const struct suite *s, const char *item, const void *data, size_t size)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s.%s", s->dump, s->scene, item);
	FILE *file = fopen(path, "wb");
	if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
		vkc_fail("%s: cannot write", path);
	}
}

void suite_put(struct suite *s, const char *item, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
	for (size_t i = 0; i < size; i++) {
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	}
	printf("%s\t%s\t%zu\t%016" PRIx64 "\n", s->scene, item, size, hash);
	if (s->dump) {
		write_dump(s, item, data, size);
	}
}

void suite_skip(struct suite *s, const char *reason)
{
	s->skipped = true;
	printf("%s\tskipped\t%s\n", s->scene, reason);
}

void suite_expect(struct suite *s, bool ok, const char *what)
{
	if (!ok) {
		s->failed = true;
		printf("%s\tfailed\t%s\n", s->scene, what);
	}
}

void suite_put_image(struct suite *s, const char *item, const struct vkc_image *image, VkImageLayout layout,
                     size_t texel)
{
	if (layout != VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL) {
		VkCommandBuffer cmd = vkc_begin(&s->c);
		vkc_layout(&s->c, cmd, image, layout, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
		vkc_end(&s->c, cmd);
	}
	VkImageAspectFlags aspect = image->aspect;
	if (aspect & VK_IMAGE_ASPECT_DEPTH_BIT) {
		aspect = VK_IMAGE_ASPECT_DEPTH_BIT;
	}
	size_t size;
	void *data = vkc_image_read(&s->c, image, aspect, 0, 0, texel, &size);
	suite_put(s, item, data, size);
	free(data);
}

struct vkc_image suite_color(struct suite *s, VkFormat format, VkImageUsageFlags more)
{
	struct vkc_image_params params = {
		.format = format,
		.width = SUITE_WIDTH,
		.height = SUITE_HEIGHT,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT | more,
	};
	struct vkc_image image = vkc_image_create(&s->c, &params);
	VkCommandBuffer cmd = vkc_begin(&s->c);
	vkc_layout(&s->c, cmd, &image, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_end(&s->c, cmd);
	return image;
}

struct vkc_graphics_params suite_mesh_params(VkPipelineLayout layout)
{
	return (struct vkc_graphics_params){
		.layout = layout,
		.vert = VKC_CODE(mesh_vert),
		.frag = VKC_CODE(mesh_frag),
		.stride = sizeof(struct suite_vertex),
		.attributes = suite_attributes,
		.attribute_count = 2,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { VK_FORMAT_R8G8B8A8_UNORM },
		.color_count = 1,
	};
}

void suite_mesh_init(struct suite *s, struct suite_mesh *mesh)
{
	mesh->vertices = vkc_buffer_host(&s->c, sizeof(suite_triangles), VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
	memcpy(mesh->vertices.mapped, suite_triangles, sizeof(suite_triangles));
	mesh->layout = vkc_pipeline_layout(&s->c, VK_NULL_HANDLE, sizeof(struct suite_push));
	struct vkc_graphics_params params = suite_mesh_params(mesh->layout);
	mesh->pipeline = vkc_graphics(&s->c, &params);
}

void suite_mesh_finish(struct suite *s, struct suite_mesh *mesh)
{
	vkc_buffer_destroy(&s->c, &mesh->vertices);
	s->c.vk.DestroyPipeline(s->c.device, mesh->pipeline, NULL);
	s->c.vk.DestroyPipelineLayout(s->c.device, mesh->layout, NULL);
}

void suite_mesh_bind(struct suite *s, const struct suite_mesh *mesh, VkCommandBuffer cmd, VkPipeline pipeline,
                     struct suite_push push)
{
	const VkDeviceSize offset = 0;
	s->c.vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipeline);
	s->c.vk.CmdBindVertexBuffers(cmd, 0, 1, &mesh->vertices.buffer, &offset);
	s->c.vk.CmdPushConstants(cmd, mesh->layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
}

static bool run_scene(struct suite *s, const struct suite_scene *scene)
{
	s->scene = scene->name;
	s->skipped = false;
	s->failed = false;
	scene->run(s);
	vkc_check(s->c.vk.DeviceWaitIdle(s->c.device));
	fflush(stdout);
	return !s->failed;
}

/* The scenes by that name, or all. */
static int run_scenes(struct suite *s, const char *only)
{
	int ran = 0;
	bool ok = true;
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (const struct suite_scene *scene = groups[g]; scene->name; scene++) {
			if (!only || !strcmp(only, scene->name)) {
				ok = run_scene(s, scene) && ok;
				ran++;
			}
		}
	}
	if (ran == 0) {
		vkc_fail("no scene is called %s", only);
	}
	return ok ? 0 : 1;
}

/* Makes each recording longer than what Mesa sends in its ring, by commands that change no picture: no pipeline of the
 * scenes has dynamic blend constants. */
enum { PADDING = 400 };
static PFN_vkBeginCommandBuffer begin_command_buffer;
static PFN_vkCmdSetBlendConstants set_blend_constants;

static VkResult begin_long(VkCommandBuffer cmd, const VkCommandBufferBeginInfo *info)
{
	const VkResult result = begin_command_buffer(cmd, info);

	for (int i = 0; result == VK_SUCCESS && i < PADDING; i++) {
		set_blend_constants(cmd, (const float[4]){ 0 });
	}
	return result;
}

static void make_recordings_long(struct vkc *c)
{
	begin_command_buffer = c->vk.BeginCommandBuffer;
	set_blend_constants = c->vk.CmdSetBlendConstants;
	c->vk.BeginCommandBuffer = begin_long;
}

static void list_scenes(void)
{
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
		for (const struct suite_scene *scene = groups[g]; scene->name; scene++) {
			printf("%s\n", scene->name);
		}
	}
}

int main(int argc, char **argv)
{
	struct suite s = { 0 };
	const char *only = NULL;
	bool is_long = false;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--list")) {
			list_scenes();
			return 0;
		} else if (!strcmp(argv[i], "--dump") && i + 1 < argc) {
			s.dump = argv[++i];
		} else if (!strcmp(argv[i], "--scene") && i + 1 < argc) {
			only = argv[++i];
		} else if (!strcmp(argv[i], "--long")) {
			is_long = true;
		} else {
			fprintf(stderr, "usage: vk-suite [--list] [--scene NAME] [--dump FOLDER] [--long]\n");
			return 2;
		}
	}
	vkc_open(&s.c, "vk-suite", true);
	if (is_long) {
		make_recordings_long(&s.c);
	}
	printf("device\t%s\n", s.c.props.deviceName);
	int status = run_scenes(&s, only);
	vkc_close(&s.c);
	return status;
}
