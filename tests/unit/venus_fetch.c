/* SPDX-License-Identifier: MIT */
/*
 * Lanes copy recordings out of the guest's memory: the ring's head does not pass a recording before, but soon enough
 * that nothing waits for it without end.
 */
#include "lanes_guest.h"

enum { COUNT = 16, LENT_RES = 20 };

static uint32_t head(unsigned ring)
{
	return __atomic_load_n(word(ring, HEAD_AT), __ATOMIC_ACQUIRE);
}

static void wait_called(unsigned count)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (atomic_load(&strict_calls) < count) {
		CHECK(!is_broken(0) && vtr_os_now_ns() < limit);
		usleep(100);
	}
}

/* The only lane is in its first recording, so it copies no other, and the ring's thread stops. */
static void open_busy(void)
{
	open_guest(1);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 0);
	wait_held(1);
	atomic_store(&strict_block, 1);
	RING(0, vkWaitForFences, ON_DEVICE); /* not in this thread */
	wait_called(1);
}

/* Records FIRST + 1 and the next ones. Returns: the ring's position before. */
static uint32_t record_more(void)
{
	const uint32_t position = *word(0, TAIL_AT);

	for (uint32_t i = 1; i < COUNT; i++) {
		record(0, FIRST + i, i);
	}
	return position;
}

/* Lets the ring's thread go on until it has run what it has got, without a moment in which it has nothing to do. */
static void run_ring(void)
{
	make_buffer();
	atomic_store(&strict_block, 2);
	wait_called(2);
}

static void release_ring(void)
{
	atomic_store(&strict_block, 0);
}

static void check_all(void)
{
	atomic_store(&strict_hold, false);
	submit_buffers(0, FIRST, COUNT);
	CHECK(wait_ring(0, 0));
	for (uint32_t i = 0; i < COUNT; i++) {
		check_submitted(i, i);
	}
}

/* While nothing waits, the recordings stay where they are, and the head in front of them. When the ring's thread has
 * nothing else to do, it copies them, and then the guest reuses the memory. */
static void the_head_stays_in_front(void)
{
	uint32_t position;

	open_busy();
	position = record_more();
	run_ring();
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(head(0), position);
		usleep(1000);
	}
	release_ring();
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_held), 1);
	memset(streams, 0xff, stream_used);
	check_all();
	close_guest();
}

/* Each recording lies at the same place, which is overwritten as soon as the head has passed. */
static void memory_is_reused(uint8_t lanes)
{
	open_guest(lanes);
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			const uint32_t size = stream_used = 0;

			record(0, FIRST + i, 100 * round + i);
			while (head(0) != *word(0, TAIL_AT)) {
				CHECK(!is_broken(0));
			}
			memset(streams + size, 0xff, stream_used);
		}
		submit_buffers(0, FIRST, COUNT);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < COUNT; i++) {
			check_submitted(i, 100 * round + i);
		}
	}
	close_guest();
}

static void the_guest_reuses_its_memory(void)
{
	memory_is_reused(1);
	memory_is_reused(LANES);
}

/* A guest that waits for a reply polls the head. */
static void replies_move_the_head(void)
{
	const VkCommandStreamDescriptionMESA reply = { .resourceId = REPLY_RES, .size = REPLY_SIZE };
	uint32_t version = 0;
	uint32_t position;

	open_busy();
	RING(0, vkSetReplyCommandStreamMESA, .pStream = &reply);
	(void)record_more();
	enc_vkEnumerateInstanceVersion(guest_begin(&guest), VK_COMMAND_GENERATE_REPLY_BIT_EXT,
	                               &(struct vtw_vkEnumerateInstanceVersion){ .pApiVersion = &version });
	write_ring(0);
	position = *word(0, TAIL_AT);
	run_ring();
	CHECK_EQ(head(0), position);
	release_ring();
	check_all();
	close_guest();
}

/* The ring waits for a number that the context's thread sends when the ring has got to a position before. */
static void waits_move_the_head(void)
{
	uint32_t position;

	open_busy();
	(void)record_more();
	position = *word(0, TAIL_AT);
	RING(0, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
	release_ring();
	usleep(20000); /* so that the ring's thread waits first */
	CHECK_OK(SEND(&guest, vkWaitRingSeqnoMESA, .ring = 100, .seqno = position));
	CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 100, .seqno = 1));
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_held), 1);
	check_all();
	close_guest();
}

/* Recordings and other commands, many times as many as the ring has room for. */
static void the_ring_does_not_fill_up(void)
{
	open_busy();
	release_ring();
	for (uint32_t i = 0; i < 200; i++) {
		record(0, FIRST + 1 + i % (COUNT - 1), 1 + i % (COUNT - 1));
		for (uint32_t n = 0; n < 50; n++) {
			RING(0, vkResetFences, ON_DEVICE);
		}
	}
	CHECK_EQ(atomic_load(&strict_held), 1);
	(void)record_more();
	check_all();
	close_guest();
}

/* The guest drops memory with recordings that are not copied: they keep it. */
static void dropped_memory_is_kept(void)
{
	open_busy();
	(void)record_more();
	run_ring();
	CHECK(vtr_venus_resource_destroy(guest.venus, STREAM_RES));
	release_ring();
	check_all();
	close_guest();
}

/* If it was lent, it is taken away at once. What is left are zeros, which end the context. */
static void lent_memory_is_taken_away(void)
{
	hostmem = STREAM_SIZE / 2;
	open_busy();
	CHECK_OK(vtr_venus_resource_hostmem(guest.venus, LENT_RES, 0, STREAM_SIZE / 2));
	(void)record_more();
	CHECK_EQ(pwrite(guest.hostmem_fd, streams, stream_used, 0), (ssize_t)stream_used);
	RING(0, vkExecuteCommandStreamsMESA, .streamCount = 1,
	     .pStreams = &(VkCommandStreamDescriptionMESA){
		     .resourceId = LENT_RES, .offset = stream_used / COUNT, .size = stream_used / COUNT });
	run_ring();
	CHECK(vtr_venus_resource_destroy(guest.venus, LENT_RES));
	CHECK_EQ(guest_released(&guest), 1);
	release_ring();
	atomic_store(&strict_hold, false);
	while (wait_ring(0, 0)) {
		usleep(1000);
	}
	close_guest();
	hostmem = 0;
}

/* The context ends while recordings are being copied, or wait for it. */
static void the_end(void)
{
	for (uint32_t i = 0; i < 30; i++) {
		open_guest(i % LANES + 1);
		make_pool(POOL2); /* for the second ring: a pool is for one thread of a program */
		make_buffers(POOL2, OTHER, 32, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
		CHECK(wait_ring(0, 0));
		for (uint32_t n = 0; n < 32; n++) {
			const uint64_t buffer = (n % 2 == 0 ? FIRST : OTHER) + n;
			open_stream();
			put_begin(buffer);
			put_draws(buffer, n, DRAWS * (i + 1));
			put_end(buffer);
			send_stream(n % 2, 0);
		}
		if (i % 3 == 0) {
			vtr_venus_kill(guest.venus);
		} else if (i % 3 == 1) {
			CHECK_OK(SEND(&guest, vkDestroyRingMESA, .ring = 101));
		} else {
			CHECK(vtr_venus_resource_destroy(guest.venus, STREAM_RES));
		}
		close_guest();
	}
}

int main(void)
{
	RUN(the_head_stays_in_front);
	RUN(the_guest_reuses_its_memory);
	RUN(replies_move_the_head);
	RUN(waits_move_the_head);
	RUN(the_ring_does_not_fill_up);
	RUN(dropped_memory_is_kept);
	RUN(lent_memory_is_taken_away);
	RUN(the_end);
	return 0;
}
