/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "draws.h"
#include "measure.h"
#include "vkpipeline.h"

/* From bench/shaders, compiled. */
#include "fill_comp.h"

/*
 * What one command of a kind costs, in three figures: the recording, in the processor time of this thread; the
 * processor time of whoever executes it, which the script reads between two marks; and the time from the begin of
 * the recording to the fence.
 */

#define MANY_WRITES 1000
/* Few enough calls to fit a ring, so that the time of the caller has no waiting in it. */
#define FEW_CALLS 200
/* Longer than a renderer polls: then it sleeps, and what it does between two marks is the work itself. */
static const struct timespec settle = { 0, 8000000 };

struct kit {
	struct vkc *c;
	struct draw_setup draws;
	VkPipeline second;
	VkDescriptorSetLayout storage_layout; /* two storage buffers */
	VkPipelineLayout compute_layout;
	VkDescriptorPool pool;
	VkDescriptorSet storage;
	VkPipeline compute;
	struct vkc_buffer buffers[2];
	VkCommandBuffer cmd;
	VkWriteDescriptorSet *writes; /* MANY_WRITES */
	VkDescriptorBufferInfo infos[2];
};

static void fill_writes(struct kit *k)
{
	k->writes = vkc_alloc(MANY_WRITES, sizeof(*k->writes));
	for (int i = 0; i < 2; i++) {
		k->infos[i] = (VkDescriptorBufferInfo){ k->buffers[i].buffer, 0, 256 };
	}
	for (uint32_t i = 0; i < MANY_WRITES; i++) {
		k->writes[i] = (VkWriteDescriptorSet){
			.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
			.dstSet = k->storage,
			.dstBinding = i & 1,
			.descriptorCount = 1,
			.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
			.pBufferInfo = &k->infos[i >> 1 & 1],
		};
	}
}

static void kit_init(struct vkc *c, struct kit *k)
{
	static const VkDescriptorType types[2] = {
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
	};
	k->c = c;
	draw_setup_init(c, &k->draws, 64);
	k->second = draw_pipeline(c, &k->draws);
	k->storage_layout = vkc_set_layout(c, 2, types, 0);
	k->compute_layout = vkc_pipeline_layout(c, k->storage_layout, 0);
	k->pool = vkc_descriptor_pool(c, 1, 2);
	k->storage = vkc_descriptor_set(c, k->pool, k->storage_layout);
	k->compute = vkc_compute(c, k->compute_layout, VKC_CODE(fill_comp), NULL);
	for (uint32_t i = 0; i < 2; i++) {
		k->buffers[i] = vkc_buffer_host(c, 256,
		                                VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
		                                        VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
		                                        VK_BUFFER_USAGE_TRANSFER_DST_BIT);
		vkc_write_buffer(c, k->storage, i, types[i], k->buffers[i].buffer);
	}
	fill_writes(k);
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.commandBufferCount = 1,
	};
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &k->cmd));
}

static void kit_finish(struct vkc *c, struct kit *k)
{
	c->vk.FreeCommandBuffers(c->device, c->pool, 1, &k->cmd);
	for (int i = 0; i < 2; i++) {
		vkc_buffer_destroy(c, &k->buffers[i]);
	}
	free(k->writes);
	c->vk.DestroyPipeline(c->device, k->compute, NULL);
	c->vk.DestroyPipeline(c->device, k->second, NULL);
	c->vk.DestroyDescriptorPool(c->device, k->pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, k->compute_layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, k->storage_layout, NULL);
	draw_setup_finish(c, &k->draws);
}

/* --- commands that are recorded ------------------------------------------------------------------ */

static void do_none(struct kit *k, uint32_t count)
{
	(void)k;
	(void)count;
}

static void do_draw(struct kit *k, uint32_t count)
{
	k->c->vk.CmdBindPipeline(k->cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, k->draws.pipeline);
	k->c->vk.CmdBindDescriptorSets(k->cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, k->draws.layout, 0, 1,
	                               &k->draws.sets[0], 0, NULL);
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdDraw(k->cmd, 3, 1, 0, 0);
	}
}

static void do_sets(struct kit *k, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdBindDescriptorSets(k->cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, k->draws.layout, 0, 1,
		                               &k->draws.sets[i % DRAW_SETS], 0, NULL);
	}
}

static void do_pipeline(struct kit *k, uint32_t count)
{
	const VkPipeline pipelines[2] = { k->draws.pipeline, k->second };
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdBindPipeline(k->cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, pipelines[i & 1]);
	}
}

static void do_vertices(struct kit *k, uint32_t count)
{
	static const VkDeviceSize offsets[2] = { 0, 64 };
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdBindVertexBuffers(k->cmd, 0, 1, &k->draws.uniforms.buffer, &offsets[i & 1]);
	}
}

static void do_push(struct kit *k, uint32_t count)
{
	uint32_t values[16] = { 0 };
	for (uint32_t i = 0; i < count; i++) {
		values[0] = i;
		k->c->vk.CmdPushConstants(k->cmd, k->draws.layout, VK_SHADER_STAGE_ALL, 0, sizeof(values),
		                          values);
	}
}

static void do_barrier(struct kit *k, uint32_t count)
{
	VkImageMemoryBarrier2 barrier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER_2,
		.srcStageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
		.srcAccessMask = VK_ACCESS_2_MEMORY_WRITE_BIT,
		.dstStageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
		.dstAccessMask = VK_ACCESS_2_MEMORY_READ_BIT,
		.oldLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.newLayout = VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = k->draws.color.image,
		.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
	};
	VkDependencyInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO,
		.imageMemoryBarrierCount = 1,
		.pImageMemoryBarriers = &barrier,
	};
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdPipelineBarrier2(k->cmd, &info);
	}
}

static void do_dispatch(struct kit *k, uint32_t count)
{
	k->c->vk.CmdBindPipeline(k->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, k->compute);
	k->c->vk.CmdBindDescriptorSets(k->cmd, VK_PIPELINE_BIND_POINT_COMPUTE, k->compute_layout, 0, 1,
	                               &k->storage, 0, NULL);
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdDispatch(k->cmd, 1, 1, 1);
	}
}

static void do_copy(struct kit *k, uint32_t count)
{
	VkBufferCopy region = { 0, 0, 16 };
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.CmdCopyBuffer(k->cmd, k->buffers[0].buffer, k->buffers[1].buffer, 1, &region);
	}
}

static void do_mixed(struct kit *k, uint32_t count)
{
	draw_record(k->c, &k->draws, k->cmd, count);
}

/* --- commands that go to the device directly ------------------------------------------------------ */

static void do_update(struct kit *k, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		k->c->vk.UpdateDescriptorSets(k->c->device, 2, &k->writes[i & 2], 0, NULL);
	}
}

/* One call is one large command: unlike many calls, it is complete before a renderer sees the first byte. */
static void do_update_many(struct kit *k, uint32_t count)
{
	for (uint32_t i = 0; i < count; i += MANY_WRITES) {
		k->c->vk.UpdateDescriptorSets(k->c->device, MANY_WRITES, k->writes, 0, NULL);
	}
}

static void do_reset(struct kit *k, uint32_t count)
{
	VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	for (uint32_t i = 0; i < count; i++) {
		vkc_check(k->c->vk.ResetCommandBuffer(k->cmd, 0));
		vkc_check(k->c->vk.BeginCommandBuffer(k->cmd, &begin));
		vkc_check(k->c->vk.EndCommandBuffer(k->cmd));
	}
}

/* --- measuring ------------------------------------------------------------------------------------ */

static const struct kind {
	const char *name;
	void (*record)(struct kit *k, uint32_t count);
	bool pass;      /* inside of a render pass */
	bool direct;    /* not into a command buffer */
	uint32_t share; /* one of so many of the commands that the user asked for */
	uint32_t step;  /* the smallest count that `record` can do */
} kinds[] = {
	{ "none", do_none, false, false, 1, 1 },
	{ "draw", do_draw, true, false, 1, 1 },
	{ "bind_sets", do_sets, false, false, 1, 1 },
	{ "bind_pipeline", do_pipeline, false, false, 1, 1 },
	{ "bind_vertex_buffers", do_vertices, false, false, 1, 1 },
	{ "push_constants", do_push, false, false, 1, 1 },
	{ "barrier", do_barrier, false, false, 1, 1 },
	{ "dispatch", do_dispatch, false, false, 1, 1 },
	{ "copy_buffer", do_copy, false, false, 1, 1 },
	{ "mixed", do_mixed, false, false, 1, 1 },
	{ "drain", do_none, false, true, 1, 1 },
	{ "update", do_update, false, true, 4, 1 },
	{ "update_many", do_update_many, false, true, 1, MANY_WRITES },
	{ "reset_begin_end", do_reset, false, true, 10, 1 },
};

static double thread_time(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Without the part that a mark may follow: the end of the recording gives the commands to the renderer. */
static void record(struct kit *k, const struct kind *kind, uint32_t count)
{
	struct vkc_target target = { .color = &k->draws.color };
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	vkc_check(k->c->vk.BeginCommandBuffer(k->cmd, &begin));
	if (kind->pass) {
		vkc_render_begin(k->c, k->cmd, &target);
	}
	kind->record(k, count);
	if (kind->pass) {
		k->c->vk.CmdEndRendering(k->cmd);
	}
}

/* Executes what was recorded, or waits until what was called directly is done. */
static void finish(struct kit *k, const struct kind *kind)
{
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &k->cmd,
	};
	if (kind->direct) {
		bench_drain(k->c);
		return;
	}
	vkc_check(k->c->vk.QueueSubmit(k->c->queue, 1, &info, k->c->fence));
	vkc_check(k->c->vk.WaitForFences(k->c->device, 1, &k->c->fence, VK_TRUE, UINT64_MAX));
	vkc_check(k->c->vk.ResetFences(k->c->device, 1, &k->c->fence));
}

/* One round between two marks. */
static void mark_round(struct kit *k, const struct kind *kind, uint32_t count, const struct bench_options *o)
{
	char name[64];
	snprintf(name, sizeof(name), "cmd_%s", kind->name);
	if (!kind->direct) {
		record(k, kind, count);
	}
	nanosleep(&settle, NULL);
	bench_begin(o, name);
	if (kind->direct) {
		kind->record(k, count);
	} else {
		vkc_check(k->c->vk.EndCommandBuffer(k->cmd));
	}
	finish(k, kind);
	bench_end(o, name, "ns", count);
}

/* The caller's share of direct commands: as many as fit a ring that has just woken up. */
static double time_few(struct kit *k, const struct kind *kind)
{
	const uint32_t count = kind->step > FEW_CALLS ? kind->step : FEW_CALLS;
	kind->record(k, kind->step);
	double clock = 1e9; /* reading it is a system call */
	for (int i = 0; i < 8; i++) {
		double before = thread_time();
		double between = thread_time() - before;
		clock = between < clock ? between : clock;
	}
	double start = thread_time();
	kind->record(k, count);
	double end = thread_time();
	finish(k, kind);
	return (end - start - clock) / count;
}

static double time_round(struct kit *k, const struct kind *kind, uint32_t count, double *out_wall)
{
	uint64_t start = vkc_now_ns();
	double began = thread_time();
	if (kind->direct) {
		kind->record(k, count);
	} else {
		record(k, kind, count);
		vkc_check(k->c->vk.EndCommandBuffer(k->cmd));
	}
	double recorded = thread_time();
	finish(k, kind);
	*out_wall = (double)(vkc_now_ns() - start) / count;
	return kind->direct ? time_few(k, kind) : (recorded - began) / count;
}

static void measure_kind(struct kit *k, const struct kind *kind, const struct bench_options *o)
{
	struct samples wall = { 0 };
	struct samples call = { 0 };
	char name[64];
	uint32_t count = o->draws / kind->share;
	count = count > kind->step ? count - count % kind->step : kind->step;
	for (uint32_t i = 0; i < 2 + 2 * o->repeat; i++) {
		double total;
		double recorded = time_round(k, kind, count, &total);
		if (i > 1) { /* the first ones fill caches and grow pools */
			samples_add(&wall, total);
			samples_add(&call, recorded);
		}
	}
	for (uint32_t i = 0; o->pause && i < 2 * o->repeat; i++) {
		mark_round(k, kind, count, o);
	}
	snprintf(name, sizeof(name), "cmd_%s_wall", kind->name);
	samples_print(&wall, name, "ns", 1);
	snprintf(name, sizeof(name), "cmd_%s_record", kind->name);
	samples_print(&call, name, "ns", 1);
}

void measure_commands(struct vkc *c, const struct bench_options *o)
{
	struct kit k;
	kit_init(c, &k);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		measure_kind(&k, &kinds[i], o);
	}
	kit_finish(c, &k);
}
