/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "suite.h"

/* From tests/e2e/shaders, compiled. */
#include "full_vert.h"
#include "subpass_frag.h"

#define RGBA VK_FORMAT_R8G8B8A8_UNORM
#define ATTACHMENT VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL
#define SOURCE VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL

/* A render pass with two subpasses: the second reads what the first drew. */
static VkRenderPass create_pass(struct vkc *c)
{
	VkAttachmentDescription attachments[2];
	for (int i = 0; i < 2; i++) {
		attachments[i] = (VkAttachmentDescription){
			.format = RGBA,
			.samples = VK_SAMPLE_COUNT_1_BIT,
			.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR,
			.storeOp = VK_ATTACHMENT_STORE_OP_STORE,
			.stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE,
			.stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE,
			.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
			.finalLayout = SOURCE,
		};
	}
	static const VkAttachmentReference first = { 0, ATTACHMENT };
	static const VkAttachmentReference input = { 0, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL };
	static const VkAttachmentReference second = { 1, ATTACHMENT };
	VkSubpassDescription subpasses[2] = {
		{ .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
		  .colorAttachmentCount = 1,
		  .pColorAttachments = &first },
		{ .pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS,
		  .inputAttachmentCount = 1,
		  .pInputAttachments = &input,
		  .colorAttachmentCount = 1,
		  .pColorAttachments = &second },
	};
	VkSubpassDependency dependencies[2] = {
		{ 0, 1, VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT, VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT,
		  VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT, VK_ACCESS_INPUT_ATTACHMENT_READ_BIT,
		  VK_DEPENDENCY_BY_REGION_BIT },
		{ 1, VK_SUBPASS_EXTERNAL, VK_PIPELINE_STAGE_ALL_GRAPHICS_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT,
		  VK_ACCESS_MEMORY_WRITE_BIT, VK_ACCESS_TRANSFER_READ_BIT, 0 },
	};
	VkRenderPassCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO,
		.attachmentCount = 2,
		.pAttachments = attachments,
		.subpassCount = 2,
		.pSubpasses = subpasses,
		.dependencyCount = 2,
		.pDependencies = dependencies,
	};
	VkRenderPass pass;
	vkc_check(c->vk.CreateRenderPass(c->device, &info, NULL, &pass));
	return pass;
}

static VkFramebuffer create_framebuffer(struct vkc *c, VkRenderPass pass, const struct vkc_image *images)
{
	VkImageView views[2] = { images[0].view, images[1].view };
	VkFramebufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO,
		.renderPass = pass,
		.attachmentCount = 2,
		.pAttachments = views,
		.width = SUITE_WIDTH,
		.height = SUITE_HEIGHT,
		.layers = 1,
	};
	VkFramebuffer framebuffer;
	vkc_check(c->vk.CreateFramebuffer(c->device, &info, NULL, &framebuffer));
	return framebuffer;
}

/* The pipeline of the second subpass, which reads the picture of the first as an input attachment. */
static VkPipeline create_second_pipeline(struct vkc *c, VkRenderPass pass, VkPipelineLayout layout)
{
	struct vkc_graphics_params params = {
		.layout = layout,
		.vert = VKC_CODE(full_vert),
		.frag = VKC_CODE(subpass_frag),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.color_count = 1,
		.pass = pass,
		.subpass = 1,
	};
	return vkc_graphics(c, &params);
}

static void scene_subpasses(struct suite *s)
{
	struct vkc *c = &s->c;
	const VkDescriptorType type = VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT;
	struct vkc_image images[2] = {
		suite_color(s, RGBA, VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT),
		suite_color(s, RGBA, 0),
	};
	VkRenderPass pass = create_pass(c);
	VkFramebuffer framebuffer = create_framebuffer(c, pass, images);
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_graphics_params params = suite_mesh_params(mesh.layout);
	params.pass = pass;
	VkPipeline first = vkc_graphics(c, &params);

	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 1, &type, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 0);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 1);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, set_layout);
	vkc_write_image(c, set, 0, type, VK_NULL_HANDLE, images[0].view,
	                VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
	VkPipeline second = create_second_pipeline(c, pass, layout);

	VkClearValue clears[2] = { { .color.float32 = { 0.2f, 0.4f, 0.6f, 1 } }, { { { 0 } } } };
	VkRenderPassBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
		.renderPass = pass,
		.framebuffer = framebuffer,
		.renderArea = { { 0, 0 }, { SUITE_WIDTH, SUITE_HEIGHT } },
		.clearValueCount = 2,
		.pClearValues = clears,
	};
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdBeginRenderPass(cmd, &begin, VK_SUBPASS_CONTENTS_INLINE);
	vkc_viewport(c, cmd, SUITE_WIDTH, SUITE_HEIGHT);
	suite_mesh_bind(s, &mesh, cmd, first, SUITE_PUSH);
	c->vk.CmdDraw(cmd, 6, 1, 0, 0);
	c->vk.CmdNextSubpass(cmd, VK_SUBPASS_CONTENTS_INLINE);
	c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, second);
	c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, layout, 0, 1, &set, 0, NULL);
	c->vk.CmdDraw(cmd, 3, 1, 0, 0);
	c->vk.CmdEndRenderPass(cmd);
	vkc_end(c, cmd);
	suite_put_image(s, "first", &images[0], SOURCE, 4);
	suite_put_image(s, "second", &images[1], SOURCE, 4);

	c->vk.DestroyPipeline(c->device, first, NULL);
	c->vk.DestroyPipeline(c->device, second, NULL);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
	suite_mesh_finish(s, &mesh);
	c->vk.DestroyFramebuffer(c->device, framebuffer, NULL);
	c->vk.DestroyRenderPass(c->device, pass, NULL);
	vkc_image_destroy(c, &images[0]);
	vkc_image_destroy(c, &images[1]);
}

/* Secondary command buffers that inherit a dynamic rendering. */
static void scene_secondary(struct suite *s)
{
	struct vkc *c = &s->c;
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_image color = suite_color(s, RGBA, 0);
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_SECONDARY,
		.commandBufferCount = 2,
	};
	VkCommandBuffer parts[2];
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, parts));
	VkFormat format = RGBA;
	VkCommandBufferInheritanceRenderingInfo rendering = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_RENDERING_INFO,
		.colorAttachmentCount = 1,
		.pColorAttachmentFormats = &format,
		.rasterizationSamples = VK_SAMPLE_COUNT_1_BIT,
	};
	VkCommandBufferInheritanceInfo inherit = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_INHERITANCE_INFO,
		.pNext = &rendering,
	};
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_RENDER_PASS_CONTINUE_BIT |
		         VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT,
		.pInheritanceInfo = &inherit,
	};
	for (int i = 0; i < 2; i++) {
		struct suite_push push = { { i ? 0.4f : -0.3f, 0, 0.6f, 0 }, { 1, 1, i ? 0.2f : 1, 1 } };
		vkc_check(c->vk.BeginCommandBuffer(parts[i], &begin));
		vkc_viewport(c, parts[i], SUITE_WIDTH, SUITE_HEIGHT);
		suite_mesh_bind(s, &mesh, parts[i], mesh.pipeline, push);
		c->vk.CmdDraw(parts[i], 6, 1, 0, 0);
		vkc_check(c->vk.EndCommandBuffer(parts[i]));
	}
	struct vkc_target target = {
		.color = &color,
		.flags = VK_RENDERING_CONTENTS_SECONDARY_COMMAND_BUFFERS_BIT,
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_render_begin(c, cmd, &target);
	c->vk.CmdExecuteCommands(cmd, 2, parts);
	c->vk.CmdEndRendering(cmd);
	vkc_end(c, cmd);
	suite_put_image(s, "color", &color, ATTACHMENT, 4);
	c->vk.FreeCommandBuffers(c->device, c->pool, 2, parts);
	vkc_image_destroy(c, &color);
	suite_mesh_finish(s, &mesh);
}

/* One command buffer, recorded once and submitted three times, then reset and recorded anew. */
static void scene_resubmit(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_buffer b =
		vkc_buffer_host(c, 4096, VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	memset(b.mapped, 0, 4096);
	memset(b.mapped, 1, 16);
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.commandBufferCount = 1,
	};
	VkCommandBuffer cmd;
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &cmd));
	for (uint32_t round = 0; round < 2; round++) {
		VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
		vkc_check(c->vk.BeginCommandBuffer(cmd, &begin));
		/* Each submission moves the bytes on by 256. */
		for (uint32_t i = 8; i > 0; i--) {
			VkBufferCopy copy = { 256 * (i - 1), 256 * i, 16 + 16 * round };
			c->vk.CmdCopyBuffer(cmd, b.buffer, b.buffer, 1, &copy);
			vkc_barrier(c, cmd);
		}
		vkc_check(c->vk.EndCommandBuffer(cmd));
		for (int i = 0; i < 3; i++) {
			VkSubmitInfo submit = {
				.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
				.commandBufferCount = 1,
				.pCommandBuffers = &cmd,
			};
			vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, VK_NULL_HANDLE));
			vkc_check(c->vk.QueueWaitIdle(c->queue));
		}
		memset((char *)b.mapped + 16, 2, 16);
		vkc_check(c->vk.ResetCommandBuffer(
			cmd, round ? VK_COMMAND_BUFFER_RESET_RELEASE_RESOURCES_BIT : 0));
	}
	suite_put(s, "bytes", b.mapped, 2048);
	c->vk.FreeCommandBuffers(c->device, c->pool, 1, &cmd);
	vkc_buffer_destroy(c, &b);
}

static void scene_conditional(struct suite *s)
{
	struct vkc *c = &s->c;
	if (!c->features.conditional.conditionalRendering) {
		suite_skip(s, "no VK_EXT_conditional_rendering");
		return;
	}
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_image color = suite_color(s, RGBA, 0);
	struct vkc_buffer b = vkc_buffer_host(c, 16, VK_BUFFER_USAGE_CONDITIONAL_RENDERING_BIT_EXT);
	((uint32_t *)b.mapped)[0] = 0;
	((uint32_t *)b.mapped)[1] = 1;
	struct vkc_target target = { .color = &color };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_render_begin(c, cmd, &target);
	for (uint32_t i = 0; i < 2; i++) {
		VkConditionalRenderingBeginInfoEXT condition = {
			.sType = VK_STRUCTURE_TYPE_CONDITIONAL_RENDERING_BEGIN_INFO_EXT,
			.buffer = b.buffer,
			.offset = 4 * i,
		};
		c->vk.CmdBeginConditionalRenderingEXT(cmd, &condition);
		suite_mesh_bind(s, &mesh, cmd, mesh.pipeline, SUITE_PUSH);
		c->vk.CmdDraw(cmd, 3, 1, 3 * i, 0);
		c->vk.CmdEndConditionalRenderingEXT(cmd);
	}
	c->vk.CmdEndRendering(cmd);
	vkc_end(c, cmd);
	suite_put_image(s, "color", &color, ATTACHMENT, 4);
	vkc_buffer_destroy(c, &b);
	vkc_image_destroy(c, &color);
	suite_mesh_finish(s, &mesh);
}

const struct suite_scene suite_pass_scenes[] = {
	{ "subpasses", scene_subpasses },
	{ "secondary", scene_secondary },
	{ "resubmit", scene_resubmit },
	{ "conditional", scene_conditional },
	{ NULL, NULL },
};
