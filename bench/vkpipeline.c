/* SPDX-License-Identifier: MIT */
#include "vkpipeline.h"

#include <string.h>

#define MAX_BINDINGS 16
#define MAX_DYNAMIC 8

static VkPipelineShaderStageCreateInfo stage_info(struct vkc *c, VkShaderStageFlagBits stage,
                                                  struct vkc_code code,
                                                  const VkSpecializationInfo *specialization)
{
	return (VkPipelineShaderStageCreateInfo){
		.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
		.stage = stage,
		.module = vkc_shader(c, code.words, code.size),
		.pName = "main",
		.pSpecializationInfo = specialization,
	};
}

static uint32_t fill_stages(struct vkc *c, const struct vkc_graphics_params *p,
                            VkPipelineShaderStageCreateInfo stages[5])
{
	uint32_t count = 0;
	stages[count++] = stage_info(c, VK_SHADER_STAGE_VERTEX_BIT, p->vert, NULL);
	if (p->tesc.size) {
		stages[count++] = stage_info(c, VK_SHADER_STAGE_TESSELLATION_CONTROL_BIT, p->tesc, NULL);
		stages[count++] = stage_info(c, VK_SHADER_STAGE_TESSELLATION_EVALUATION_BIT, p->tese, NULL);
	}
	if (p->geom.size) {
		stages[count++] = stage_info(c, VK_SHADER_STAGE_GEOMETRY_BIT, p->geom, NULL);
	}
	if (p->frag.size) {
		stages[count++] = stage_info(c, VK_SHADER_STAGE_FRAGMENT_BIT, p->frag, p->specialization);
	}
	return count;
}

static VkPipelineDepthStencilStateCreateInfo depth_info(const struct vkc_graphics_params *p)
{
	VkPipelineDepthStencilStateCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_DEPTH_STENCIL_STATE_CREATE_INFO,
		.depthTestEnable = p->depth != VK_FORMAT_UNDEFINED,
		.depthWriteEnable = p->depth != VK_FORMAT_UNDEFINED,
		.depthCompareOp = p->depth_op,
		.stencilTestEnable = p->stencil_op != NULL,
		.maxDepthBounds = 1.0f,
	};
	if (p->stencil_op) {
		info.front = *p->stencil_op;
		info.back = *p->stencil_op;
	}
	return info;
}

static VkPipelineVertexInputStateCreateInfo input_info(const struct vkc_graphics_params *p,
                                                       VkVertexInputBindingDescription *binding)
{
	*binding = (VkVertexInputBindingDescription){ 0, p->stride, VK_VERTEX_INPUT_RATE_VERTEX };
	return (VkPipelineVertexInputStateCreateInfo){
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
		.vertexBindingDescriptionCount = p->stride ? 1 : 0,
		.pVertexBindingDescriptions = binding,
		.vertexAttributeDescriptionCount = p->attribute_count,
		.pVertexAttributeDescriptions = p->attributes,
	};
}

static VkPipelineRasterizationStateCreateInfo raster_info(const struct vkc_graphics_params *p)
{
	return (VkPipelineRasterizationStateCreateInfo){
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RASTERIZATION_STATE_CREATE_INFO,
		.rasterizerDiscardEnable = p->discard,
		.cullMode = p->cull,
		.frontFace = VK_FRONT_FACE_COUNTER_CLOCKWISE,
		.lineWidth = 1.0f,
	};
}

static VkPipelineColorBlendStateCreateInfo blend_info(
	const struct vkc_graphics_params *p, VkPipelineColorBlendAttachmentState blends[VKC_MAX_COLORS])
{
	for (uint32_t i = 0; i < p->color_count; i++) {
		blends[i] = p->blend ? *p->blend :
		                       (VkPipelineColorBlendAttachmentState){ .colorWriteMask = 0xf };
	}
	return (VkPipelineColorBlendStateCreateInfo){
		.sType = VK_STRUCTURE_TYPE_PIPELINE_COLOR_BLEND_STATE_CREATE_INFO,
		.attachmentCount = p->color_count,
		.pAttachments = blends,
	};
}

static VkPipelineDynamicStateCreateInfo dynamic_info(const struct vkc_graphics_params *p,
                                                     VkDynamicState dynamics[MAX_DYNAMIC])
{
	dynamics[0] = VK_DYNAMIC_STATE_VIEWPORT;
	dynamics[1] = VK_DYNAMIC_STATE_SCISSOR;
	for (uint32_t i = 0; i < p->dynamic_count && i + 2 < MAX_DYNAMIC; i++) {
		dynamics[2 + i] = p->dynamic[i];
	}
	return (VkPipelineDynamicStateCreateInfo){
		.sType = VK_STRUCTURE_TYPE_PIPELINE_DYNAMIC_STATE_CREATE_INFO,
		.dynamicStateCount = 2 + p->dynamic_count,
		.pDynamicStates = dynamics,
	};
}

VkPipeline vkc_graphics(struct vkc *c, const struct vkc_graphics_params *p)
{
	VkPipelineShaderStageCreateInfo stages[5];
	uint32_t stage_count = fill_stages(c, p, stages);
	VkVertexInputBindingDescription binding;
	VkPipelineVertexInputStateCreateInfo input = input_info(p, &binding);
	VkPipelineInputAssemblyStateCreateInfo assembly = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_INPUT_ASSEMBLY_STATE_CREATE_INFO,
		.topology = p->topology,
	};
	VkPipelineTessellationStateCreateInfo tessellation = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_TESSELLATION_STATE_CREATE_INFO,
		.patchControlPoints = 3,
	};
	VkPipelineViewportStateCreateInfo viewport = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_VIEWPORT_STATE_CREATE_INFO,
		.viewportCount = 1,
		.scissorCount = 1,
	};
	VkPipelineRasterizationStateCreateInfo raster = raster_info(p);
	VkPipelineMultisampleStateCreateInfo samples = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_MULTISAMPLE_STATE_CREATE_INFO,
		.rasterizationSamples = p->samples ? p->samples : VK_SAMPLE_COUNT_1_BIT,
	};
	VkPipelineDepthStencilStateCreateInfo depth = depth_info(p);
	VkPipelineColorBlendAttachmentState blends[VKC_MAX_COLORS];
	VkPipelineColorBlendStateCreateInfo blend = blend_info(p, blends);
	VkDynamicState dynamics[MAX_DYNAMIC];
	VkPipelineDynamicStateCreateInfo dynamic = dynamic_info(p, dynamics);
	VkPipelineRenderingCreateInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_RENDERING_CREATE_INFO,
		.colorAttachmentCount = p->color_count,
		.pColorAttachmentFormats = p->colors,
		.depthAttachmentFormat = p->depth,
		.stencilAttachmentFormat = p->stencil,
	};
	VkGraphicsPipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_GRAPHICS_PIPELINE_CREATE_INFO,
		.pNext = p->pass ? NULL : &rendering,
		.stageCount = stage_count,
		.pStages = stages,
		.pVertexInputState = &input,
		.pInputAssemblyState = &assembly,
		.pTessellationState = p->tesc.size ? &tessellation : NULL,
		.pViewportState = &viewport,
		.pRasterizationState = &raster,
		.pMultisampleState = &samples,
		.pDepthStencilState = &depth,
		.pColorBlendState = &blend,
		.pDynamicState = &dynamic,
		.layout = p->layout,
		.renderPass = p->pass,
		.subpass = p->subpass,
	};
	VkPipeline pipeline;
	vkc_check(c->vk.CreateGraphicsPipelines(c->device, p->cache, 1, &info, NULL, &pipeline));
	for (uint32_t i = 0; i < stage_count; i++) {
		c->vk.DestroyShaderModule(c->device, stages[i].module, NULL);
	}
	return pipeline;
}

VkPipeline vkc_compute(struct vkc *c, VkPipelineLayout layout, struct vkc_code code,
                       const VkSpecializationInfo *specialization)
{
	VkComputePipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = stage_info(c, VK_SHADER_STAGE_COMPUTE_BIT, code, specialization),
		.layout = layout,
	};
	VkPipeline pipeline;
	vkc_check(c->vk.CreateComputePipelines(c->device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
	c->vk.DestroyShaderModule(c->device, info.stage.module, NULL);
	return pipeline;
}

VkDescriptorSetLayout vkc_set_layout(struct vkc *c, uint32_t count, const VkDescriptorType *types,
                                     VkDescriptorSetLayoutCreateFlags flags)
{
	VkDescriptorSetLayoutBinding bindings[MAX_BINDINGS];
	if (count > MAX_BINDINGS) {
		vkc_fail("%u bindings are more than %d", count, MAX_BINDINGS);
	}
	for (uint32_t i = 0; i < count; i++) {
		bindings[i] = (VkDescriptorSetLayoutBinding){
			.binding = i,
			.descriptorType = types[i],
			.descriptorCount = 1,
			.stageFlags = VK_SHADER_STAGE_ALL,
		};
		if (types[i] == VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT) {
			bindings[i].stageFlags = VK_SHADER_STAGE_FRAGMENT_BIT;
		}
	}
	VkDescriptorSetLayoutCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.flags = flags,
		.bindingCount = count,
		.pBindings = bindings,
	};
	VkDescriptorSetLayout layout;
	vkc_check(c->vk.CreateDescriptorSetLayout(c->device, &info, NULL, &layout));
	return layout;
}

VkPipelineLayout vkc_pipeline_layout(struct vkc *c, VkDescriptorSetLayout set, uint32_t push_size)
{
	VkPushConstantRange range = { VK_SHADER_STAGE_ALL, 0, push_size };
	VkPipelineLayoutCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = set ? 1 : 0,
		.pSetLayouts = &set,
		.pushConstantRangeCount = push_size ? 1 : 0,
		.pPushConstantRanges = &range,
	};
	VkPipelineLayout layout;
	vkc_check(c->vk.CreatePipelineLayout(c->device, &info, NULL, &layout));
	return layout;
}

VkDescriptorPool vkc_descriptor_pool(struct vkc *c, uint32_t sets, uint32_t each)
{
	static const VkDescriptorType types[] = {
		VK_DESCRIPTOR_TYPE_SAMPLER,          VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
		VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE,    VK_DESCRIPTOR_TYPE_STORAGE_IMAGE,
		VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,   VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT, VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
	};
	VkDescriptorPoolSize sizes[sizeof(types) / sizeof(types[0])];
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		sizes[i] = (VkDescriptorPoolSize){ types[i], each };
	}
	VkDescriptorPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT,
		.maxSets = sets,
		.poolSizeCount = sizeof(types) / sizeof(types[0]),
		.pPoolSizes = sizes,
	};
	VkDescriptorPool pool;
	vkc_check(c->vk.CreateDescriptorPool(c->device, &info, NULL, &pool));
	return pool;
}

VkDescriptorSet vkc_descriptor_set(struct vkc *c, VkDescriptorPool pool, VkDescriptorSetLayout layout)
{
	VkDescriptorSetAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorPool = pool,
		.descriptorSetCount = 1,
		.pSetLayouts = &layout,
	};
	VkDescriptorSet set;
	vkc_check(c->vk.AllocateDescriptorSets(c->device, &info, &set));
	return set;
}

void vkc_write_buffer(struct vkc *c, VkDescriptorSet set, uint32_t binding, VkDescriptorType type,
                      VkBuffer buffer)
{
	VkDescriptorBufferInfo info = { buffer, 0, VK_WHOLE_SIZE };
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = set,
		.dstBinding = binding,
		.descriptorCount = 1,
		.descriptorType = type,
		.pBufferInfo = &info,
	};
	c->vk.UpdateDescriptorSets(c->device, 1, &write, 0, NULL);
}

void vkc_write_image(struct vkc *c, VkDescriptorSet set, uint32_t binding, VkDescriptorType type,
                     VkSampler sampler, VkImageView view, VkImageLayout layout)
{
	VkDescriptorImageInfo info = { sampler, view, layout };
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.dstSet = set,
		.dstBinding = binding,
		.descriptorCount = 1,
		.descriptorType = type,
		.pImageInfo = &info,
	};
	c->vk.UpdateDescriptorSets(c->device, 1, &write, 0, NULL);
}

VkSampler vkc_sampler(struct vkc *c, VkFilter filter, VkSamplerAddressMode address)
{
	VkSamplerCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
		.magFilter = filter,
		.minFilter = filter,
		.mipmapMode = filter == VK_FILTER_LINEAR ? VK_SAMPLER_MIPMAP_MODE_LINEAR :
		                                           VK_SAMPLER_MIPMAP_MODE_NEAREST,
		.addressModeU = address,
		.addressModeV = address,
		.addressModeW = address,
		.maxLod = VK_LOD_CLAMP_NONE,
	};
	VkSampler sampler;
	vkc_check(c->vk.CreateSampler(c->device, &info, NULL, &sampler));
	return sampler;
}

void vkc_viewport(struct vkc *c, VkCommandBuffer cmd, uint32_t width, uint32_t height)
{
	VkViewport viewport = { 0, 0, (float)width, (float)height, 0, 1 };
	VkRect2D scissor = { { 0, 0 }, { width, height } };
	c->vk.CmdSetViewport(cmd, 0, 1, &viewport);
	c->vk.CmdSetScissor(cmd, 0, 1, &scissor);
}

void vkc_render_begin(struct vkc *c, VkCommandBuffer cmd, const struct vkc_target *target)
{
	VkRenderingAttachmentInfo color = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = target->color->view,
		.imageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
	};
	memcpy(color.clearValue.color.float32, target->clear, sizeof(target->clear));
	if (target->resolve) {
		color.resolveMode = VK_RESOLVE_MODE_AVERAGE_BIT;
		color.resolveImageView = target->resolve->view;
		color.resolveImageLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL;
	}
	VkRenderingAttachmentInfo depth = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_ATTACHMENT_INFO,
		.imageView = target->depth ? target->depth->view : VK_NULL_HANDLE,
		.imageLayout = VK_IMAGE_LAYOUT_DEPTH_STENCIL_ATTACHMENT_OPTIMAL,
		.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
		.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
		.clearValue.depthStencil = { target->clear_depth, 0 },
	};
	bool stencil = target->depth && (target->depth->aspect & VK_IMAGE_ASPECT_STENCIL_BIT);
	VkExtent2D extent = { target->color->extent.width, target->color->extent.height };
	VkRenderingInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDERING_INFO,
		.flags = target->flags,
		.renderArea.extent = extent,
		.layerCount = 1,
		.colorAttachmentCount = 1,
		.pColorAttachments = &color,
		.pDepthAttachment = target->depth ? &depth : NULL,
		.pStencilAttachment = stencil ? &depth : NULL,
	};
	c->vk.CmdBeginRendering(cmd, &info);
	/* A pass whose contents are secondary command buffers sets nothing itself. */
	if (!(target->flags & VK_RENDERING_CONTENTS_SECONDARY_COMMAND_BUFFERS_BIT)) {
		vkc_viewport(c, cmd, extent.width, extent.height);
	}
}
