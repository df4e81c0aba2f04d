/* SPDX-License-Identifier: MIT */
/*
 * Lanes: submits and resets wait for the recordings that they need, and for no others.
 */
#include "lanes_guest.h"

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
	RUN(others_stay_behind_submits);
	RUN(many_submits);
	RUN(resets_wait_for_their_own);
	return 0;
}
