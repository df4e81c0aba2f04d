/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "suite.h"

/* From tests/e2e/shaders, compiled. */
#include "numbers_comp.h"

#define ATTACHMENT VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL
#define STORAGE VK_DESCRIPTOR_TYPE_STORAGE_BUFFER

static VkQueryPool create_queries(struct vkc *c, VkQueryType type, uint32_t count,
                                  VkQueryPipelineStatisticFlags statistics)
{
	VkQueryPoolCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
		.queryType = type,
		.queryCount = count,
		.pipelineStatistics = statistics,
	};
	VkQueryPool pool;
	vkc_check(c->vk.CreateQueryPool(c->device, &info, NULL, &pool));
	return pool;
}

/* Samples that pass: of one triangle, of nothing, of both; read by the CPU and by a command. */
static void scene_occlusion(struct suite *s)
{
	struct vkc *c = &s->c;
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_image color = suite_color(s, VK_FORMAT_R8G8B8A8_UNORM, 0);
	struct vkc_buffer copied = vkc_buffer_host(c, 64, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	memset(copied.mapped, 0, 64);
	VkQueryControlFlags precise =
		c->features.core.features.occlusionQueryPrecise ? VK_QUERY_CONTROL_PRECISE_BIT : 0;
	VkQueryPool pool = create_queries(c, VK_QUERY_TYPE_OCCLUSION, 3, 0);
	struct vkc_target target = { .color = &color };
	static const uint32_t vertices[3] = { 3, 0, 6 };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdResetQueryPool(cmd, pool, 0, 3);
	vkc_render_begin(c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, mesh.pipeline, SUITE_PUSH);
	for (uint32_t i = 0; i < 3; i++) {
		c->vk.CmdBeginQuery(cmd, pool, i, precise);
		if (vertices[i]) {
			c->vk.CmdDraw(cmd, vertices[i], 1, 0, 0);
		}
		c->vk.CmdEndQuery(cmd, pool, i);
	}
	c->vk.CmdEndRendering(cmd);
	c->vk.CmdCopyQueryPoolResults(cmd, pool, 0, 3, copied.buffer, 8, 8, VK_QUERY_RESULT_WAIT_BIT);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	uint64_t results[3][2];
	vkc_check(c->vk.GetQueryPoolResults(c->device, pool, 0, 3, sizeof(results), results, 16,
	                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT |
	                                            VK_QUERY_RESULT_WAIT_BIT));
	suite_expect(s, results[0][1] && results[0][0] > 0 && results[1][0] == 0, "occlusion counts");
	suite_put(s, "results", results, sizeof(results));
	suite_put(s, "copied", copied.mapped, 64);
	c->vk.ResetQueryPool(c->device, pool, 0, 3);
	VkResult result = c->vk.GetQueryPoolResults(c->device, pool, 0, 3, sizeof(results), results, 16,
	                                            VK_QUERY_RESULT_64_BIT);
	suite_expect(s, result == VK_NOT_READY, "a reset query is not unavailable");
	c->vk.DestroyQueryPool(c->device, pool, NULL);
	vkc_buffer_destroy(c, &copied);
	vkc_image_destroy(c, &color);
	suite_mesh_finish(s, &mesh);
}

static void scene_statistics(struct suite *s)
{
	struct vkc *c = &s->c;
	if (!c->features.core.features.pipelineStatisticsQuery) {
		suite_skip(s, "no pipeline statistics");
		return;
	}
	struct suite_mesh mesh;
	suite_mesh_init(s, &mesh);
	struct vkc_image color = suite_color(s, VK_FORMAT_R8G8B8A8_UNORM, 0);
	VkQueryPool pool = create_queries(c, VK_QUERY_TYPE_PIPELINE_STATISTICS, 1,
	                                  VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_VERTICES_BIT |
	                                          VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_PRIMITIVES_BIT |
	                                          VK_QUERY_PIPELINE_STATISTIC_CLIPPING_INVOCATIONS_BIT);
	struct vkc_target target = { .color = &color };
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdResetQueryPool(cmd, pool, 0, 1);
	c->vk.CmdBeginQuery(cmd, pool, 0, 0);
	vkc_render_begin(c, cmd, &target);
	suite_mesh_bind(s, &mesh, cmd, mesh.pipeline, SUITE_PUSH);
	c->vk.CmdDraw(cmd, 6, 5, 0, 0);
	c->vk.CmdEndRendering(cmd);
	c->vk.CmdEndQuery(cmd, pool, 0);
	vkc_end(c, cmd);
	uint32_t results[3];
	vkc_check(c->vk.GetQueryPoolResults(c->device, pool, 0, 1, sizeof(results), results, sizeof(results),
	                                    VK_QUERY_RESULT_WAIT_BIT));
	suite_expect(s, results[0] == 30 && results[1] == 10, "vertices and primitives");
	suite_put(s, "results", results, sizeof(results));
	c->vk.DestroyQueryPool(c->device, pool, NULL);
	vkc_image_destroy(c, &color);
	suite_mesh_finish(s, &mesh);
}

/* Times differ from run to run: only their order is a result. */
static void scene_timestamps(struct suite *s)
{
	struct vkc *c = &s->c;
	if (!c->family_props.timestampValidBits) {
		suite_skip(s, "no timestamps on this queue");
		return;
	}
	struct vkc_buffer b = vkc_buffer_host(c, 1 << 20, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	VkQueryPool pool = create_queries(c, VK_QUERY_TYPE_TIMESTAMP, 2, 0);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdResetQueryPool(cmd, pool, 0, 2);
	c->vk.CmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, pool, 0);
	c->vk.CmdFillBuffer(cmd, b.buffer, 0, VK_WHOLE_SIZE, 7);
	vkc_barrier(c, cmd);
	c->vk.CmdWriteTimestamp2(cmd, VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT, pool, 1);
	vkc_end(c, cmd);
	uint64_t times[2];
	vkc_check(c->vk.GetQueryPoolResults(c->device, pool, 0, 2, sizeof(times), times, 8,
	                                    VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
	suite_expect(s, times[1] > times[0], "time runs backwards");
	suite_put(s, "filled", b.mapped, 64);
	c->vk.DestroyQueryPool(c->device, pool, NULL);
	vkc_buffer_destroy(c, &b);
}

static VkEvent create_event(struct vkc *c)
{
	VkEventCreateInfo info = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	VkEvent event;
	vkc_check(c->vk.CreateEvent(c->device, &info, NULL, &event));
	return event;
}

static void expect_event(struct suite *s, VkEvent event, VkResult state, const char *what)
{
	suite_expect(s, s->c.vk.GetEventStatus(s->c.device, event) == state, what);
}

/* The device waits for what the CPU has set and sets what the CPU looks at; then waits for its own. */
static void scene_events(struct suite *s)
{
	struct vkc *c = &s->c;
	VkEvent from_host = create_event(c);
	VkEvent from_device = create_event(c);
	struct vkc_buffer b = vkc_buffer_host(c, 64, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	expect_event(s, from_host, VK_EVENT_RESET, "a new event is set");
	vkc_check(c->vk.SetEvent(c->device, from_host));
	expect_event(s, from_host, VK_EVENT_SET, "an event is not set");
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_HOST_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
	};
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdWaitEvents(cmd, 1, &from_host, VK_PIPELINE_STAGE_HOST_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT, 1,
	                    &barrier, 0, NULL, 0, NULL);
	c->vk.CmdFillBuffer(cmd, b.buffer, 0, 64, 0x11111111);
	c->vk.CmdSetEvent(cmd, from_device, VK_PIPELINE_STAGE_TRANSFER_BIT);
	barrier.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
	c->vk.CmdWaitEvents(cmd, 1, &from_device, VK_PIPELINE_STAGE_TRANSFER_BIT,
	                    VK_PIPELINE_STAGE_TRANSFER_BIT, 1, &barrier, 0, NULL, 0, NULL);
	c->vk.CmdFillBuffer(cmd, b.buffer, 16, 16, 0x22222222);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	expect_event(s, from_device, VK_EVENT_SET, "the device's event is not set");
	vkc_check(c->vk.ResetEvent(c->device, from_device));
	expect_event(s, from_device, VK_EVENT_RESET, "a reset event is still set");

	VkDependencyInfo dependency = { .sType = VK_STRUCTURE_TYPE_DEPENDENCY_INFO };
	cmd = vkc_begin(c);
	c->vk.CmdSetEvent2(cmd, from_device, &dependency);
	c->vk.CmdWaitEvents2(cmd, 1, &from_device, &dependency);
	c->vk.CmdResetEvent(cmd, from_host, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT);
	vkc_end(c, cmd);
	expect_event(s, from_device, VK_EVENT_SET, "the device's second event is not set");
	expect_event(s, from_host, VK_EVENT_RESET, "the device's reset of an event is not seen");
	suite_put(s, "filled", b.mapped, 64);
	c->vk.DestroyEvent(c->device, from_host, NULL);
	c->vk.DestroyEvent(c->device, from_device, NULL);
	vkc_buffer_destroy(c, &b);
}

static VkSemaphore create_semaphore(struct vkc *c, bool timeline, uint64_t value)
{
	VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
		.initialValue = value,
	};
	VkSemaphoreCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		.pNext = timeline ? &type : NULL,
	};
	VkSemaphore semaphore;
	vkc_check(c->vk.CreateSemaphore(c->device, &info, NULL, &semaphore));
	return semaphore;
}

struct late_signal {
	struct vkc *c;
	VkSemaphore semaphore;
	uint64_t value;
};

static void *signal_late(void *arg)
{
	struct late_signal *late = arg;
	struct timespec pause = { 0, 20000000 };
	nanosleep(&pause, NULL);
	VkSemaphoreSignalInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		.semaphore = late->semaphore,
		.value = late->value,
	};
	vkc_check(late->c->vk.SignalSemaphore(late->c->device, &info));
	return NULL;
}

/* The queue waits for a value that a thread signals later; the CPU waits for the queue's. */
static void scene_timeline(struct suite *s)
{
	struct vkc *c = &s->c;
	VkSemaphore go = create_semaphore(c, true, 5);
	VkSemaphore done = create_semaphore(c, true, 0);
	uint64_t value;
	vkc_check(c->vk.GetSemaphoreCounterValue(c->device, go, &value));
	suite_expect(s, value == 5, "the initial value is not there");
	struct late_signal late = { c, go, 9 };
	VkSemaphoreSubmitInfo wait = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
		.semaphore = go,
		.value = 8,
		.stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
	};
	VkSemaphoreSubmitInfo signal = wait;
	signal.semaphore = done;
	signal.value = 100;
	VkSubmitInfo2 submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
		.waitSemaphoreInfoCount = 1,
		.pWaitSemaphoreInfos = &wait,
		.signalSemaphoreInfoCount = 1,
		.pSignalSemaphoreInfos = &signal,
	};
	pthread_t thread;
	if (pthread_create(&thread, NULL, signal_late, &late)) {
		vkc_fail("pthread_create");
	}
	vkc_check(c->vk.QueueSubmit2(c->queue, 1, &submit, VK_NULL_HANDLE));
	VkSemaphore both[2] = { go, done };
	uint64_t values[2] = { 1000, 100 };
	VkSemaphoreWaitInfo any = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		.flags = VK_SEMAPHORE_WAIT_ANY_BIT,
		.semaphoreCount = 2,
		.pSemaphores = both,
		.pValues = values,
	};
	vkc_check(c->vk.WaitSemaphores(c->device, &any, UINT64_MAX));
	any.flags = 0;
	suite_expect(s, c->vk.WaitSemaphores(c->device, &any, 1000000) == VK_TIMEOUT, "no timeout");
	pthread_join(thread, NULL);
	uint64_t seen[2];
	vkc_check(c->vk.GetSemaphoreCounterValue(c->device, go, &seen[0]));
	vkc_check(c->vk.GetSemaphoreCounterValue(c->device, done, &seen[1]));
	suite_put(s, "values", seen, sizeof(seen));
	c->vk.DestroySemaphore(c->device, go, NULL);
	c->vk.DestroySemaphore(c->device, done, NULL);
}

/* A chain of submissions through binary semaphores, in one call and in several. */
static void scene_binary_semaphores(struct suite *s)
{
	struct vkc *c = &s->c;
	struct vkc_buffer b =
		vkc_buffer_host(c, 256, VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	memset(b.mapped, 0, 256);
	VkSemaphore semaphores[4];
	VkCommandBuffer cmds[5];
	VkSubmitInfo submits[5];
	static const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
	for (uint32_t i = 0; i < 5; i++) {
		if (i < 4) {
			semaphores[i] = create_semaphore(c, false, 0);
		}
		VkBufferCopy copy = { 32 * i, 32 * (i + 1), 32 };
		cmds[i] = vkc_begin(c);
		if (i == 0) {
			c->vk.CmdFillBuffer(cmds[0], b.buffer, 0, 32, 0xabcdef01);
			vkc_barrier(c, cmds[0]);
		}
		c->vk.CmdCopyBuffer(cmds[i], b.buffer, b.buffer, 1, &copy);
		vkc_barrier(c, cmds[i]);
		vkc_check(c->vk.EndCommandBuffer(cmds[i]));
		submits[i] = (VkSubmitInfo){
			.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
			.waitSemaphoreCount = i > 0,
			.pWaitSemaphores = &semaphores[i - (i > 0)],
			.pWaitDstStageMask = &stage,
			.commandBufferCount = 1,
			.pCommandBuffers = &cmds[i],
			.signalSemaphoreCount = i < 4,
			.pSignalSemaphores = &semaphores[i < 4 ? i : 0],
		};
	}
	vkc_check(c->vk.QueueSubmit(c->queue, 3, submits, VK_NULL_HANDLE));
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submits[3], VK_NULL_HANDLE));
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submits[4], c->fence));
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	suite_expect(s, c->vk.GetFenceStatus(c->device, c->fence) == VK_SUCCESS,
	             "the fence is not signalled");
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
	suite_expect(s, c->vk.GetFenceStatus(c->device, c->fence) == VK_NOT_READY, "the fence is not reset");
	suite_put(s, "bytes", b.mapped, 256);
	c->vk.FreeCommandBuffers(c->device, c->pool, 5, cmds);
	for (int i = 0; i < 4; i++) {
		c->vk.DestroySemaphore(c->device, semaphores[i], NULL);
	}
	vkc_buffer_destroy(c, &b);
}

/* A thread with a command pool, a pipeline and a buffer of its own; the queue is shared. */
struct worker {
	struct suite *s;
	pthread_mutex_t *queue_lock;
	uint32_t number;
	uint32_t result[64];
};

static void *work(void *arg)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct worker *w = arg;
	struct vkc own = w->s->c; /* the same device with a pool and fence of this thread */
	struct vkc *c = &own;
	VkCommandPoolCreateInfo pool_info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.queueFamilyIndex = c->family,
	};
	vkc_check(c->vk.CreateCommandPool(c->device, &pool_info, NULL, &own.pool));
	VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	vkc_check(c->vk.CreateFence(c->device, &fence_info, NULL, &own.fence));
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 2);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, set_layout);
	struct vkc_buffer b = vkc_buffer_host(c, 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	memset(b.mapped, (int)w->number, 256);
	vkc_write_buffer(c, set, 0, STORAGE, b.buffer);
	vkc_write_buffer(c, set, 1, STORAGE, b.buffer);
	for (uint32_t round = 0; round < 20; round++) {
		uint32_t rounds = 1 + (w->number * 20 + round) % 7;
		VkSpecializationMapEntry entry = { 0, 0, sizeof(rounds) };
		VkSpecializationInfo constant = { 1, &entry, sizeof(rounds), &rounds };
		VkPipeline pipeline = vkc_compute(c, layout, VKC_CODE(numbers_comp), &constant);
		uint32_t push[4] = { 64, round };
		VkCommandBuffer cmd = vkc_begin(c);
		c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
		c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
		c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 16, push);
		c->vk.CmdDispatch(cmd, 1, 1, 1);
		vkc_barrier(c, cmd);
		pthread_mutex_lock(w->queue_lock);
		vkc_end(c, cmd);
		pthread_mutex_unlock(w->queue_lock);
		c->vk.DestroyPipeline(c->device, pipeline, NULL);
	}
	memcpy(w->result, b.mapped, sizeof(w->result));
	vkc_buffer_destroy(c, &b);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
	c->vk.DestroyFence(c->device, own.fence, NULL);
	c->vk.DestroyCommandPool(c->device, own.pool, NULL);
	return NULL;
}

static void scene_threads(struct suite *s)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[6];
	struct worker workers[6];
	uint32_t results[6][64];
	for (uint32_t i = 0; i < 6; i++) {
		workers[i] = (struct worker){ .s = s, .queue_lock = &lock, .number = i + 1 };
		if (pthread_create(&threads[i], NULL, work, &workers[i])) {
			vkc_fail("pthread_create");
		}
	}
	for (uint32_t i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		memcpy(results[i], workers[i].result, sizeof(results[i]));
	}
	suite_put(s, "results", results, sizeof(results));
}

#define COMPILERS 300

/* A thread that creates a pipeline and does nothing else: Mesa makes a ring for each of these. */
struct compiler {
	struct suite *s;
	VkPipelineLayout layout;
	pthread_barrier_t *all;
	uint32_t rounds;
	VkPipeline pipeline;
};

static void *compile(void *arg)
{
	struct compiler *w = arg;
	VkSpecializationMapEntry entry = { 0, 0, sizeof(w->rounds) };
	VkSpecializationInfo constant = { 1, &entry, sizeof(w->rounds), &w->rounds };
	w->pipeline = vkc_compute(&w->s->c, w->layout, VKC_CODE(numbers_comp), &constant);
	pthread_barrier_wait(w->all); /* so that all of them live at the same time */
	return NULL;
}

static void scene_compile_threads(struct suite *s)
{
	static const VkDescriptorType types[2] = { STORAGE, STORAGE };
	struct vkc *c = &s->c;
	VkDescriptorSetLayout set_layout = vkc_set_layout(c, 2, types, 0);
	VkPipelineLayout layout = vkc_pipeline_layout(c, set_layout, 16);
	VkDescriptorPool pool = vkc_descriptor_pool(c, 1, 2);
	VkDescriptorSet set = vkc_descriptor_set(c, pool, set_layout);
	struct vkc_buffer b = vkc_buffer_host(c, 256, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT);
	pthread_barrier_t all;
	pthread_t threads[COMPILERS];
	struct compiler compilers[COMPILERS];
	memset(b.mapped, 1, 256);
	vkc_write_buffer(c, set, 0, STORAGE, b.buffer);
	vkc_write_buffer(c, set, 1, STORAGE, b.buffer);
	pthread_barrier_init(&all, NULL, COMPILERS);
	for (uint32_t i = 0; i < COMPILERS; i++) {
		compilers[i] =
			(struct compiler){ .s = s, .layout = layout, .all = &all, .rounds = 1 + i % 7 };
		if (pthread_create(&threads[i], NULL, compile, &compilers[i])) {
			vkc_fail("pthread_create");
		}
	}
	for (uint32_t i = 0; i < COMPILERS; i++) {
		pthread_join(threads[i], NULL);
	}
	for (uint32_t i = 0; i < COMPILERS; i += 37) {
		uint32_t push[4] = { 64, i };
		VkCommandBuffer cmd = vkc_begin(c);
		c->vk.CmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, compilers[i].pipeline);
		c->vk.CmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
		c->vk.CmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 16, push);
		c->vk.CmdDispatch(cmd, 1, 1, 1);
		vkc_barrier(c, cmd);
		vkc_end(c, cmd);
	}
	suite_put(s, "numbers", b.mapped, 256);
	for (uint32_t i = 0; i < COMPILERS; i++) {
		c->vk.DestroyPipeline(c->device, compilers[i].pipeline, NULL);
	}
	pthread_barrier_destroy(&all);
	vkc_buffer_destroy(c, &b);
	c->vk.DestroyDescriptorPool(c->device, pool, NULL);
	c->vk.DestroyPipelineLayout(c->device, layout, NULL);
	c->vk.DestroyDescriptorSetLayout(c->device, set_layout, NULL);
}

const struct suite_scene suite_sync_scenes[] = {
	{ "occlusion", scene_occlusion },
	{ "statistics", scene_statistics },
	{ "timestamps", scene_timestamps },
	{ "events", scene_events },
	{ "timeline", scene_timeline },
	{ "binary_semaphores", scene_binary_semaphores },
	{ "threads", scene_threads },
	{ "compile_threads", scene_compile_threads },
	{ NULL, NULL },
};
