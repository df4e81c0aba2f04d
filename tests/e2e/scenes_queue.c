/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "suite.h"

/* Work that waits for what is submitted or signalled later, as timeline semaphores allow: nothing that
 * waits may hold up what it waits for. */

#define STEP_SIZE 64

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

/* A value of a timeline. */
struct point {
	VkSemaphore timeline;
	uint64_t value;
};

/* Submits `cmd` (may be NULL) to run between two points. */
static void submit_between(struct vkc *c, VkQueue queue, struct point wait, struct point signal,
                           VkCommandBuffer cmd, VkFence fence)
{
	VkSemaphoreSubmitInfo wait_info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SUBMIT_INFO,
		.semaphore = wait.timeline,
		.value = wait.value,
		.stageMask = VK_PIPELINE_STAGE_2_ALL_COMMANDS_BIT,
	};
	VkSemaphoreSubmitInfo signal_info = wait_info;
	signal_info.semaphore = signal.timeline;
	signal_info.value = signal.value;
	VkCommandBufferSubmitInfo cmd_info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_SUBMIT_INFO,
		.commandBuffer = cmd,
	};
	VkSubmitInfo2 submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO_2,
		.waitSemaphoreInfoCount = 1,
		.pWaitSemaphoreInfos = &wait_info,
		.commandBufferInfoCount = cmd != NULL,
		.pCommandBufferInfos = &cmd_info,
		.signalSemaphoreInfoCount = 1,
		.pSignalSemaphoreInfos = &signal_info,
	};
	vkc_check(c->vk.QueueSubmit2(queue, 1, &submit, fence));
}

static void signal_point(struct vkc *c, struct point point)
{
	VkSemaphoreSignalInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_SIGNAL_INFO,
		.semaphore = point.timeline,
		.value = point.value,
	};
	vkc_check(c->vk.SignalSemaphore(c->device, &info));
}

/* Records a copy of the bytes that the step before has written, and submits it to wait for that step. */
static VkCommandBuffer submit_step(struct vkc *c, VkBuffer buffer, VkSemaphore timeline, VkQueue queue,
                                   uint32_t step)
{
	VkBufferCopy copy = { STEP_SIZE * step, STEP_SIZE * (step + 1), STEP_SIZE };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyBuffer(cmd, buffer, buffer, 1, &copy);
	vkc_barrier(c, cmd);
	vkc_check(c->vk.EndCommandBuffer(cmd));
	submit_between(c, queue, (struct point){ timeline, 1 + step }, (struct point){ timeline, 2 + step },
	               cmd, VK_NULL_HANDLE);
	return cmd;
}

/* A step on each queue and one more on the first; but for that one, the last is submitted first. In the
 * end the CPU starts the first. */
static void run_backwards(struct suite *s)
{
	struct vkc *c = &s->c;
	const uint32_t last = c->queue_count;
	const VkBufferUsageFlags usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;
	struct vkc_buffer b = vkc_buffer_host(c, STEP_SIZE * (VKC_MAX_QUEUES + 2), usage);
	VkSemaphore timeline = create_timeline(c);
	VkCommandBuffer cmds[VKC_MAX_QUEUES + 1];
	memset(b.mapped, 0, b.size);
	memset(b.mapped, 0x5a, STEP_SIZE);
	for (uint32_t i = last; i-- > 0;) {
		cmds[i] = submit_step(c, b.buffer, timeline, c->queues[i], i);
	}
	cmds[last] = submit_step(c, b.buffer, timeline, c->queues[0], last);
	signal_point(c, (struct point){ timeline, 1 });
	vkc_check(c->vk.DeviceWaitIdle(c->device));
	const uint8_t *end = b.mapped;
	suite_expect(s, end[STEP_SIZE * (last + 1)] == 0x5a, "the last step has copied nothing");
	c->vk.FreeCommandBuffers(c->device, c->pool, last + 1, cmds);
	c->vk.DestroySemaphore(c->device, timeline, NULL);
	vkc_buffer_destroy(c, &b);
}

/* Several times: vitrine submits otherwise once it was asked for fences. */
static void scene_backwards(struct suite *s)
{
	for (int i = 0; i < 4; i++) {
		run_backwards(s);
	}
	suite_put(s, "done", "all", 3);
}

enum wait_for { WAIT_QUEUE, WAIT_DEVICE, WAIT_FENCE, WAIT_TIMELINE, WAIT_COUNT };

struct waiter {
	struct vkc *c;
	enum wait_for what;
	VkSemaphore start; /* what the work waits for */
	VkSemaphore done;  /* what it signals */
	VkFence fence;
};

static void *wait_for(void *arg)
{
	struct waiter *w = arg;
	struct vkc *c = w->c;
	uint64_t value = 1;
	VkSemaphoreWaitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		.semaphoreCount = 1,
		.pSemaphores = &w->done,
		.pValues = &value,
	};
	switch (w->what) {
	case WAIT_QUEUE:
		vkc_check(c->vk.QueueWaitIdle(c->queues[0]));
		break;
	case WAIT_DEVICE:
		vkc_check(c->vk.DeviceWaitIdle(c->device));
		break;
	case WAIT_FENCE:
		vkc_check(c->vk.WaitForFences(c->device, 1, &w->fence, VK_TRUE, UINT64_MAX));
		break;
	case WAIT_TIMELINE:
	case WAIT_COUNT:
		vkc_check(c->vk.WaitSemaphores(c->device, &info, UINT64_MAX));
		break;
	}
	return NULL;
}

/* A thread waits in each possible way while another starts the work: from the CPU, or from another queue
 * (during a wait for the whole device, a program may use no queue).
 *
 * There are two timelines, because Mesa's Venus otherwise loses a value (26.2 still does): its
 * vkSignalSemaphore first has the host signal, then records the value where the device records values, too,
 * and the device may have recorded a later one by then. */
static void wait_while(struct suite *s, enum wait_for what, bool from_queue)
{
	struct vkc *c = &s->c;
	VkFenceCreateInfo fence_info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	struct waiter w = { .c = c, .what = what, .start = create_timeline(c), .done = create_timeline(c) };
	const struct point start = { w.start, 1 };
	struct timespec pause = { 0, 20000000 };
	pthread_t thread;
	uint64_t value;

	vkc_check(c->vk.CreateFence(c->device, &fence_info, NULL, &w.fence));
	submit_between(c, c->queues[0], start, (struct point){ w.done, 1 }, VK_NULL_HANDLE, w.fence);
	if (pthread_create(&thread, NULL, wait_for, &w)) {
		vkc_fail("pthread_create");
	}
	nanosleep(&pause, NULL); /* the thread is waiting by then, on most machines */
	if (from_queue) {
		submit_between(c, c->queues[1], (struct point){ w.start, 0 }, start, VK_NULL_HANDLE,
		               VK_NULL_HANDLE);
	} else {
		signal_point(c, start);
	}
	pthread_join(thread, NULL);
	vkc_check(c->vk.DeviceWaitIdle(c->device));
	vkc_check(c->vk.GetSemaphoreCounterValue(c->device, w.done, &value));
	suite_expect(s, value == 1, "the work is not done");
	c->vk.DestroyFence(c->device, w.fence, NULL);
	c->vk.DestroySemaphore(c->device, w.start, NULL);
	c->vk.DestroySemaphore(c->device, w.done, NULL);
}

static void scene_waits(struct suite *s)
{
	for (enum wait_for what = 0; what < WAIT_COUNT; what++) {
		wait_while(s, what, false);
		if (s->c.queue_count > 1 && what != WAIT_DEVICE) {
			wait_while(s, what, true);
		}
	}
	suite_put(s, "done", "all", 3);
}

const struct suite_scene suite_queue_scenes[] = {
	{ "backwards", scene_backwards },
	{ "waits", scene_waits },
	{ NULL, NULL },
};
