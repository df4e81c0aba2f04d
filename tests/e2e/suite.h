/* SPDX-License-Identifier: MIT */
#ifndef TESTS_E2E_SUITE_H
#define TESTS_E2E_SUITE_H

#include "vkclient.h"
#include "vkpipeline.h"

/*
 * vk-suite: scenes that use a part of Vulkan each and return the resulting bytes. With two drivers, the bytes
 * must be equal; scenes.py compares them. Where the CPU can compute the expected result, the scene checks
 * that too.
 */

#define SUITE_WIDTH 256
#define SUITE_HEIGHT 256

struct suite {
	struct vkc c;
	const char *scene;
	const char *dump;  /* folder for the bytes; NULL: only their hashes */
	bool skipped;
	bool failed;
};

struct suite_scene {
	const char *name;
	void (*run)(struct suite *s);
};

/* Results of the running scene. The reason of a skip or failure is printed with it. */
void suite_put(struct suite *s, const char *item, const void *data, size_t size);
void suite_skip(struct suite *s, const char *reason);
void suite_expect(struct suite *s, bool ok, const char *what);

/* Reads the first level of an image that is in `layout`, gives its bytes and leaves it in
 * TRANSFER_SRC_OPTIMAL. */
void suite_put_image(struct suite *s, const char *item, const struct vkc_image *image, VkImageLayout layout,
                     size_t texel);

/* A colour image of the suite's size that is in COLOR_ATTACHMENT_OPTIMAL. */
struct vkc_image suite_color(struct suite *s, VkFormat format, VkImageUsageFlags more);

/* What most scenes draw: two triangles that overlap in the middle, at depth 0.3 and 0.6. */
struct suite_vertex {
	float position[3];
	float color[4];
};
struct suite_push {
	float place[4]; /* offset x and y, scale, depth */
	float tint[4];
};
extern const struct suite_vertex suite_triangles[6];
extern const VkVertexInputAttributeDescription suite_attributes[2];
#define SUITE_PUSH ((struct suite_push){ { 0, 0, 1, 0 }, { 1, 1, 1, 1 } })

/* The triangles in a vertex buffer, with the layout and the plainest pipeline that draws them. */
struct suite_mesh {
	struct vkc_buffer vertices;
	VkPipelineLayout layout;
	VkPipeline pipeline;
};

/* Parameters of mesh.vert and mesh.frag, to be changed by a scene. */
struct vkc_graphics_params suite_mesh_params(VkPipelineLayout layout);
void suite_mesh_init(struct suite *s, struct suite_mesh *mesh);
void suite_mesh_finish(struct suite *s, struct suite_mesh *mesh);
/* Binds the mesh and sets its push constants. */
void suite_mesh_bind(struct suite *s, const struct suite_mesh *mesh, VkCommandBuffer cmd, VkPipeline pipeline,
                     struct suite_push push);

extern const struct suite_scene suite_draw_scenes[];
extern const struct suite_scene suite_pass_scenes[];
extern const struct suite_scene suite_compute_scenes[];
extern const struct suite_scene suite_transfer_scenes[];
extern const struct suite_scene suite_sync_scenes[];
extern const struct suite_scene suite_object_scenes[];
extern const struct suite_scene suite_queue_scenes[];
extern const struct suite_scene suite_sparse_scenes[];

#endif
