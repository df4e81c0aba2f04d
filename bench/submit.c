/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "measure.h"

/* Without a command buffer, or with one. */
static double time_submit(struct vkc *c, VkCommandBuffer cmd)
{
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = cmd ? 1 : 0,
		.pCommandBuffers = &cmd,
	};
	uint64_t start = vkc_now_ns();
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, c->fence));
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	uint64_t end = vkc_now_ns();
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
	return (double)(end - start);
}

static double time_wait_idle(struct vkc *c)
{
	VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO };
	uint64_t start = vkc_now_ns();
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, VK_NULL_HANDLE));
	vkc_check(c->vk.QueueWaitIdle(c->queue));
	return (double)(vkc_now_ns() - start);
}

static void time_submits(struct vkc *c, VkCommandBuffer cmd, const struct bench_options *o,
                         struct samples *busy, struct samples *idle)
{
	struct timespec pause = { 0, 5000000 };
	for (uint32_t i = 0; i < 500 * o->repeat; i++) {
		samples_add(busy, time_submit(c, cmd));
	}
	for (uint32_t i = 0; i < 50 * o->repeat; i++) {
		nanosleep(&pause, NULL);
		samples_add(idle, time_submit(c, cmd));
	}
}

/* A command buffer that is not empty, or drivers would not give it to the device. */
static VkCommandBuffer record_barrier(struct vkc *c)
{
	VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.commandBufferCount = 1,
	};
	VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	VkCommandBuffer cmd;
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &allocate, &cmd));
	vkc_check(c->vk.BeginCommandBuffer(cmd, &begin));
	vkc_barrier(c, cmd);
	vkc_check(c->vk.EndCommandBuffer(cmd));
	return cmd;
}

void measure_submit(struct vkc *c, const struct bench_options *o)
{
	struct samples busy = { 0 };
	struct samples idle = { 0 };
	struct samples wait_idle = { 0 };
	time_submits(c, VK_NULL_HANDLE, o, &busy, &idle);
	for (uint32_t i = 0; i < 500 * o->repeat; i++) {
		samples_add(&wait_idle, time_wait_idle(c));
	}
	samples_print(&busy, "submit_wait", "us", 1e3);
	samples_print(&wait_idle, "submit_wait_idle", "us", 1e3);
	samples_print(&idle, "submit_wait_after_5ms", "us", 1e3);
	VkCommandBuffer cmd = record_barrier(c);
	time_submits(c, cmd, o, &busy, &idle);
	samples_print(&busy, "submit_command", "us", 1e3);
	samples_print(&idle, "submit_command_after_5ms", "us", 1e3);
	c->vk.FreeCommandBuffers(c->device, c->pool, 1, &cmd);
}

static VkSemaphore create_timeline(struct vkc *c)
{
	VkSemaphoreTypeCreateInfo type = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
	};
	VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO, .pNext = &type };
	VkSemaphore semaphore;
	vkc_check(c->vk.CreateSemaphore(c->device, &info, NULL, &semaphore));
	return semaphore;
}

static void signal_value(struct vkc *c, VkSemaphore semaphore, uint64_t value)
{
	VkSemaphoreSignalInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		.semaphore = semaphore,
		.value = value,
	};
	vkc_check(c->vk.SignalSemaphore(c->device, &info));
}

static void wait_value(struct vkc *c, VkSemaphore semaphore, uint64_t value)
{
	VkSemaphoreWaitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		.semaphoreCount = 1,
		.pSemaphores = &semaphore,
		.pValues = &value,
	};
	vkc_check(c->vk.WaitSemaphores(c->device, &info, UINT64_MAX));
}

/* Two threads, two semaphores: each signals what the other waits for. */
struct ping_pong {
	struct vkc *c;
	VkSemaphore ping;
	VkSemaphore pong;
	uint32_t count;
};

static void *answer(void *arg)
{
	struct ping_pong *p = arg;
	for (uint32_t i = 1; i <= p->count; i++) {
		wait_value(p->c, p->ping, i);
		signal_value(p->c, p->pong, i);
	}
	return NULL;
}

void measure_timeline(struct vkc *c, const struct bench_options *o)
{
	struct samples alone = { 0 };
	VkSemaphore semaphore = create_timeline(c);
	for (uint32_t i = 1; i <= 500 * o->repeat; i++) {
		uint64_t start = vkc_now_ns();
		signal_value(c, semaphore, i);
		wait_value(c, semaphore, i);
		samples_add(&alone, (double)(vkc_now_ns() - start));
	}
	samples_print(&alone, "timeline_signal_wait", "us", 1e3);

	struct samples both = { 0 };
	struct ping_pong p = { c, create_timeline(c), create_timeline(c), 100 * o->repeat };
	pthread_t thread;
	if (pthread_create(&thread, NULL, answer, &p)) {
		vkc_fail("pthread_create");
	}
	for (uint32_t i = 1; i <= p.count; i++) {
		uint64_t start = vkc_now_ns();
		signal_value(c, p.ping, i);
		wait_value(c, p.pong, i);
		samples_add(&both, (double)(vkc_now_ns() - start));
	}
	pthread_join(thread, NULL);
	samples_print(&both, "timeline_two_threads", "us", 1e3);
	c->vk.DestroySemaphore(c->device, p.ping, NULL);
	c->vk.DestroySemaphore(c->device, p.pong, NULL);
	c->vk.DestroySemaphore(c->device, semaphore, NULL);
}
