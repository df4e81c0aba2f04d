/* SPDX-License-Identifier: MIT */
#ifndef BENCH_VKPIPELINE_H
#define BENCH_VKPIPELINE_H

#include "vkclient.h"

/* Pipelines, descriptor sets and passes of the client programs. Errors and threads: vkclient.h. */

#define VKC_MAX_COLORS 4

/* SPIR-V as glslangValidator writes it into a header. */
struct vkc_code {
	const uint32_t *words;
	size_t size;
};
#define VKC_CODE(array) ((struct vkc_code){ (array), sizeof(array) })

struct vkc_graphics_params {
	VkPipelineLayout layout;
	struct vkc_code vert;
	struct vkc_code frag; /* empty: none */
	struct vkc_code geom; /* empty: none */
	struct vkc_code tesc; /* empty: none; with tese, patches of three points */
	struct vkc_code tese;
	const VkSpecializationInfo *specialization; /* of the fragment shader; may be NULL */
	uint32_t stride;      /* of the one vertex buffer; 0: none */
	const VkVertexInputAttributeDescription *attributes;
	uint32_t attribute_count;
	VkPrimitiveTopology topology;
	VkCullModeFlags cull;
	VkFormat colors[VKC_MAX_COLORS];
	uint32_t color_count;
	VkFormat depth;        /* VK_FORMAT_UNDEFINED: none */
	VkCompareOp depth_op;
	VkFormat stencil;      /* VK_FORMAT_UNDEFINED: none */
	const VkStencilOpState *stencil_op; /* both faces; NULL: no stencil test */
	VkSampleCountFlagBits samples;      /* 0: 1 */
	const VkPipelineColorBlendAttachmentState *blend; /* of all attachments; NULL: none */
	bool discard;          /* rasteriser discard */
	VkRenderPass pass;     /* VK_NULL_HANDLE: dynamic rendering */
	uint32_t subpass;
	VkPipelineCache cache; /* may be VK_NULL_HANDLE */
	const VkDynamicState *dynamic; /* beside viewport and scissor */
	uint32_t dynamic_count;
};

VkPipeline vkc_graphics(struct vkc *c, const struct vkc_graphics_params *params);
VkPipeline vkc_compute(struct vkc *c, VkPipelineLayout layout, struct vkc_code code,
                       const VkSpecializationInfo *specialization);

/* Bindings 0.. of the given types, one descriptor each, seen by all stages. */
VkDescriptorSetLayout vkc_set_layout(struct vkc *c, uint32_t count, const VkDescriptorType *types,
                                     VkDescriptorSetLayoutCreateFlags flags);

/* One set (or none: VK_NULL_HANDLE) and `push_size` bytes of push constants for all stages. */
VkPipelineLayout vkc_pipeline_layout(struct vkc *c, VkDescriptorSetLayout set, uint32_t push_size);

/* A pool for `sets` sets with `each` descriptors of every plain type in all. */
VkDescriptorPool vkc_descriptor_pool(struct vkc *c, uint32_t sets, uint32_t each);
VkDescriptorSet vkc_descriptor_set(struct vkc *c, VkDescriptorPool pool, VkDescriptorSetLayout layout);

/* Writes one buffer (whole) or image to a binding. */
void vkc_write_buffer(struct vkc *c, VkDescriptorSet set, uint32_t binding, VkDescriptorType type,
                      VkBuffer buffer);
void vkc_write_image(struct vkc *c, VkDescriptorSet set, uint32_t binding, VkDescriptorType type,
                     VkSampler sampler, VkImageView view, VkImageLayout layout);

VkSampler vkc_sampler(struct vkc *c, VkFilter filter, VkSamplerAddressMode address);

/* Begins dynamic rendering into whole images: clears them and sets viewport and scissor. The images
 * are in the layout for attachments. `resolve` and `depth` may be NULL. */
struct vkc_target {
	const struct vkc_image *color;
	const struct vkc_image *resolve;
	const struct vkc_image *depth;
	float clear[4];
	float clear_depth;
	VkRenderingFlags flags;
};
void vkc_render_begin(struct vkc *c, VkCommandBuffer cmd, const struct vkc_target *target);
void vkc_viewport(struct vkc *c, VkCommandBuffer cmd, uint32_t width, uint32_t height);

#endif
