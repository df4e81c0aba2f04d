/* SPDX-License-Identifier: MIT */
/*
 * Lanes: submits and resets wait for the recordings that they need, and for no others.
 */
#include "lanes_guest.h"

enum { FENCE = 70, SIGNALLED_FENCE, SEMAPHORE };

/* A submit waits for its recordings without stopping its ring, so those of the next frame begin. The ring's position
 * does not pass it, and submits stay in order. */
static void submits_wait_aside(void)
{
	uint32_t seqno;

	open_guest(LANES);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1); /* in a lane, so that the ring's thread does not take it */
	submit_buffers(0, FIRST, 1);
	seqno = *word(0, TAIL_AT);
	RING(0, vkResetFences, ON_DEVICE);
	record(0, FIRST + 1, 2);
	submit_more(0, FIRST + 1, 1);
	record(0, FIRST + 2, 3);
	wait_held(3);
	check_stuck(0);
	CHECK((int32_t)(__atomic_load_n(word(0, HEAD_AT), __ATOMIC_ACQUIRE) - seqno) < 0);
	CHECK_EQ(atomic_load(&strict_submits), 0);
	atomic_store(&strict_hold, false);
	CHECK_OK(SEND(&guest, vkWaitRingSeqnoMESA, .ring = 100, .seqno = seqno));
	CHECK_OK(vtr_venus_fence(guest.venus, 0, 1));
	guest_wait_fences(&guest, 1);
	CHECK(atomic_load(&strict_submits) >= 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1);
	check_submitted(1, 2);
	close_guest();
}

/* Records a buffer that a lane holds, and queues its submit. */
static void hold_submit(VkFence fence)
{
	const VkCommandBuffer buffer = ID(VkCommandBuffer, FIRST);
	const VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                    .commandBufferCount = 1,
		                    .pCommandBuffers = &buffer };

	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	strict_forget_submits();
	RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1, .pSubmits = &info,
	     .fence = fence);
}

static void finish_held(void)
{
	CHECK_EQ(atomic_load(&strict_submits), 0);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_submits), 1);
	check_submitted(0, 1);
	close_guest();
}

static void make_fence(uint64_t id, VkFenceCreateFlags flags)
{
	const VkFenceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO, .flags = flags };

	CHECK_OK(SEND(&guest, vkCreateFence, ON_DEVICE, .pCreateInfo = &info, .pFence = id));
}

/* A wait that is over does not stop the ring behind a submit that waits: the next recording begins. */
static void waits_that_are_over_pass(void)
{
	const VkFence signalled = ID(VkFence, SIGNALLED_FENCE);
	const VkSemaphore semaphore = ID(VkSemaphore, SEMAPHORE);
	const VkSemaphoreTypeCreateInfo type = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		                                 .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE,
		                                 .initialValue = 5 };
	const VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
		                             .pNext = &type };
	const uint64_t value = 5;
	const VkSemaphoreWaitInfo wait = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
		                           .semaphoreCount = 1,
		                           .pSemaphores = &semaphore,
		                           .pValues = &value };

	open_guest(LANES);
	make_fence(SIGNALLED_FENCE, VK_FENCE_CREATE_SIGNALED_BIT);
	CHECK_OK(SEND(&guest, vkCreateSemaphore, ON_DEVICE, .pCreateInfo = &info, .pSemaphore = SEMAPHORE));
	hold_submit(NULL);
	RING(0, vkWaitForFences, ON_DEVICE, .fenceCount = 1, .pFences = &signalled, .timeout = UINT64_MAX);
	record(0, FIRST + 1, 2);
	wait_held(2);
	RING(0, vkWaitSemaphores, ON_DEVICE, .pWaitInfo = &wait, .timeout = UINT64_MAX);
	record(0, FIRST + 2, 3);
	wait_held(3);
	finish_held();
}

/* One that is not over comes behind the submit that ends it. */
static void other_waits_stay_behind_submits(void)
{
	const VkFence fence = ID(VkFence, FENCE);

	open_guest(LANES);
	make_fence(FENCE, 0);
	hold_submit(fence);
	RING(0, vkWaitForFences, ON_DEVICE, .fenceCount = 1, .pFences = &fence, .timeout = UINT64_MAX);
	record(0, FIRST + 1, 2);
	check_stuck(0);
	CHECK_EQ(atomic_load(&strict_held), 1);
	finish_held();
}

/* What comes behind a submit that waits, even if a lane gives it back, runs behind it. */
static void others_stay_behind_submits(void)
{
	open_guest(LANES);
	make_buffer();
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	submit_buffers(0, FIRST, 1);
	open_stream();
	put_begin(FIRST + 1);
	put_draws(FIRST + 1, 2, DRAWS);
	PUT(vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
	put_end(FIRST + 1);
	send_stream(0, 0);
	wait_held(2);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(0, 0));
	make_buffers(POOL, OTHER, 1, VK_COMMAND_BUFFER_LEVEL_PRIMARY); /* waits for what came back */
	submit_more(0, FIRST + 1, 1);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_destroyed), 1);
	CHECK_EQ(atomic_load(&strict_submits_at_destroy), 1);
	check_submitted(0, 1);
	check_submitted(1, 2);
	close_guest();
}

/* More submits than a ring queues, while none can run. */
static void many_submits(void)
{
	open_guest(LANES);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	for (int i = 0; i < 100; i++) {
		RING(0, vkQueueSubmit, .queue = ID(VkQueue, QUEUE));
	}
	check_stuck(0);
	CHECK_EQ(atomic_load(&strict_submits), 0);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_submits), 100);
	close_guest();
}

/* A reset waits for recordings of the same pool or buffer only. */
static void resets_wait_for_their_own(void)
{
	open_guest(LANES);
	make_pool(POOL2);
	make_buffers(POOL2, OTHER, 1, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
	CHECK(wait_ring(0, 0));
	for (int i = 0; i < 2; i++) {
		atomic_store(&strict_hold, true);
		record(0, OTHER, 1);
		wait_held(1);
		RING(0, vkResetCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL));
		RING(0, vkResetCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST));
		CHECK(wait_ring(0, 0));
		CHECK_EQ(atomic_load(&strict_held), 1);
		if (i == 0) {
			RING(0, vkResetCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL2));
		} else {
			RING(0, vkResetCommandBuffer, .commandBuffer = ID(VkCommandBuffer, OTHER));
		}
		check_stuck(0);
		atomic_store(&strict_hold, false);
		CHECK(wait_ring(0, 0));
	}
	close_guest();
}

int main(void)
{
	RUN(submits_wait_aside);
	RUN(waits_that_are_over_pass);
	RUN(other_waits_stay_behind_submits);
	RUN(others_stay_behind_submits);
	RUN(many_submits);
	RUN(resets_wait_for_their_own);
	return 0;
}
