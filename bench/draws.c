/* SPDX-License-Identifier: MIT */
#include "draws.h"
#include "measure.h"
#include "vkpipeline.h"

/* From bench/shaders, compiled. */
#include "draw_vert.h"
#include "fill_comp.h"
#include "flat_frag.h"

VkPipeline draw_pipeline(struct vkc *c, const struct draw_setup *s)
{
	struct vkc_graphics_params params = {
		.layout = s->layout,
		.vert = VKC_CODE(draw_vert),
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { s->color.format },
		.color_count = 1,
		.discard = true,
	};
	return vkc_graphics(c, &params);
}

void draw_setup_init(struct vkc *c, struct draw_setup *s, uint32_t push_size)
{
	VkDescriptorType type = VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER;
	s->set_layout = vkc_set_layout(c, 1, &type, 0);
	s->layout = vkc_pipeline_layout(c, s->set_layout, push_size);
	s->pool = vkc_descriptor_pool(c, DRAW_SETS, DRAW_SETS);
	s->uniforms = vkc_buffer_host(c, 256,
	                              VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT | VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
	for (int i = 0; i < DRAW_SETS; i++) {
		s->sets[i] = vkc_descriptor_set(c, s->pool, s->set_layout);
		vkc_write_buffer(c, s->sets[i], 0, type, s->uniforms.buffer);
	}
	struct vkc_image_params image = {
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.width = 64,
		.height = 64,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT,
	};
	s->color = vkc_image_create(c, &image);
	s->pipeline = draw_pipeline(c, s);
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &s->color, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL);
	vkc_end(c, cmd);
}

void draw_setup_finish(struct vkc *c, struct draw_setup *s)
{
	c->vk.DestroyPipeline(c->device, s->pipeline, NULL);
	vkc_image_destroy(c, &s->color);
	vkc_buffer_destroy(c, &s->uniforms);
	c->vk.DestroyDescriptorPool(c->device, s->pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, s->layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, s->set_layout, NULL);
}

void draw_record(struct vkc *c, const struct draw_setup *s, VkCommandBuffer cmd, uint32_t draws)
{
	const struct vkc_functions *vk = &c->vk;
	struct vkc_target target = { .color = &s->color };
	vkc_render_begin(c, cmd, &target);
	vk->CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->pipeline);
	float push[4] = { 0 };
	for (uint32_t i = 0; i < draws; i++) {
		push[0] = (float)i;
		vk->CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->layout, 0, 1,
		                          &s->sets[i % DRAW_SETS], 0, NULL);
		vk->CmdPushConstants(cmd, s->layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), push);
		vk->CmdDraw(cmd, 3, 1, 0, 0);
	}
	vk->CmdEndRendering(cmd);
}

/* From vkBeginCommandBuffer to the fence; the time of the recording alone is a figure of its own. */
void measure_draws(struct vkc *c, const struct bench_options *o)
{
	const struct vkc_functions *vk = &c->vk;
	struct draw_setup s;
	draw_setup_init(c, &s, 16);
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.commandBufferCount = 1,
	};
	VkCommandBuffer cmd;
	vkc_check(vk->AllocateCommandBuffers(c->device, &allocate, &cmd));
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &cmd,
	};
	struct samples record = { 0 };
	struct samples wall = { 0 };
	uint32_t repeat = 8;
	for (uint32_t i = 0; i < repeat; i++) {
		uint64_t start = vkc_now_ns();
		vkc_check(vk->BeginCommandBuffer(cmd, &begin));
		draw_record(c, &s, cmd, o->draws);
		vkc_check(vk->EndCommandBuffer(cmd));
		uint64_t recorded = vkc_now_ns();
		vkc_check(vk->QueueSubmit(c->queue, 1, &submit, c->fence));
		vkc_check(vk->WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
		uint64_t end = vkc_now_ns();
		vkc_check(vk->ResetFences(c->device, 1, &c->fence));
		if (i > 0) { /* the first one fills caches and grows pools */
			samples_add(&record, (double)(recorded - start));
			samples_add(&wall, (double)(end - start));
		}
	}
	samples_print(&wall, "draws_wall", "ns/draw", o->draws);
	samples_print(&record, "draws_record", "ns/draw", o->draws);
	vk->FreeCommandBuffers(c->device, c->pool, 1, &cmd);
	draw_setup_finish(c, &s);
}

static double time_update(struct vkc *c, VkDescriptorSet set, const struct vkc_buffer *buffers,
                          uint32_t calls, double *out_total)
{
	VkDescriptorBufferInfo infos[2][2] = {
		{ { buffers[0].buffer, 0, 256 }, { buffers[1].buffer, 0, 256 } },
		{ { buffers[1].buffer, 0, 256 }, { buffers[0].buffer, 0, 256 } },
	};
	uint64_t start = vkc_now_ns();
	for (uint32_t i = 0; i < calls; i++) {
		VkWriteDescriptorSet writes[2];
		for (uint32_t k = 0; k < 2; k++) {
			writes[k] = (VkWriteDescriptorSet){
				.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
				.dstSet = set,
				.dstBinding = k,
				.descriptorCount = 1,
				.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
				.pBufferInfo = &infos[i & 1][k],
			};
		}
		c->vk.UpdateDescriptorSets(c->device, 2, writes, 0, NULL);
	}
	uint64_t called = vkc_now_ns();
	bench_drain(c);
	uint64_t end = vkc_now_ns();
	*out_total = (double)(end - start);
	return (double)(called - start);
}

void measure_descriptors(struct vkc *c, const struct bench_options *o)
{
	static const VkDescriptorType types[2] = {
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
	};
	VkDescriptorSetLayout layout = vkc_set_layout(c, 2, types, 0);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 2);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, layout);
	struct vkc_buffer buffers[2];
	for (int i = 0; i < 2; i++) {
		buffers[i] = vkc_buffer_host(c, 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	}
	const uint32_t calls = 10000;
	struct samples call = { 0 };
	struct samples total = { 0 };
	for (uint32_t i = 0; i < 4 + 4 * o->repeat; i++) {
		double all;
		double made = time_update(c, set, buffers, calls, &all);
		if (i > 0) {
			samples_add(&call, made);
			samples_add(&total, all);
		}
	}
	samples_print(&total, "update_descriptors_total", "ns/call", calls);
	samples_print(&call, "update_descriptors_call", "ns/call", calls);
	for (int i = 0; i < 2; i++) {
		vkc_buffer_destroy(c, &buffers[i]);
	}
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, layout, NULL);
}

/* Pipelines are made in batches and the device is used behind each, for a driver may answer before
 * its work is done. Each gets a constant of its own, or a cache would answer. */
#define BATCH 8

static void wait_for_device(struct vkc *c)
{
	VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO };
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, c->fence));
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
}

static VkPipeline create_pipeline(struct vkc *c, VkPipelineLayout layout, bool compute)
{
	uint32_t factor = (uint32_t)vkc_now_ns() | 1;
	VkSpecializationMapEntry entry = { 0, 0, sizeof(factor) };
	VkSpecializationInfo constant = { 1, &entry, sizeof(factor), &factor };
	if (compute) {
		return vkc_compute(c, layout, VKC_CODE(fill_comp), &constant);
	}
	struct vkc_graphics_params params = {
		.layout = layout,
		.vert = VKC_CODE(draw_vert),
		.frag = VKC_CODE(flat_frag),
		.specialization = &constant,
		.topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
		.colors = { VK_FORMAT_R8G8B8A8_UNORM },
		.color_count = 1,
	};
	return vkc_graphics(c, &params);
}

void measure_pipelines(struct vkc *c, const struct bench_options *o)
{
	VkDescriptorType type = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 1, &type, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	for (int compute = 0; compute < 2; compute++) {
		struct samples s = { 0 };
		for (uint32_t i = 0; i < 4 + 4 * o->repeat; i++) {
			VkPipeline pipelines[BATCH];
			uint64_t start = vkc_now_ns();
			for (int k = 0; k < BATCH; k++) {
				pipelines[k] = create_pipeline(c, layout, compute);
			}
			wait_for_device(c);
			samples_add(&s, (double)(vkc_now_ns() - start));
			for (int k = 0; k < BATCH; k++) {
				c->vk.DestroyPipeline(c->device, pipelines[k], NULL);
			}
		}
		samples_print(&s, compute ? "pipeline_compute" : "pipeline_graphics", "us", BATCH * 1e3);
	}
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
}
