/* SPDX-License-Identifier: MIT */
/*
 * Lanes: what they record must be what the guest has sent, in the order that Vulkan asks for, and the driver must be
 * called as Vulkan demands it (strict_commands.h).
 */
#include "lanes_guest.h"

static void many(uint8_t lanes)
{
	open_guest(lanes);
	for (uint32_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < 32; i++) {
			record(0, FIRST + i, round * 1000 + i);
		}
		submit_buffers(0, FIRST, 32);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < 32; i++) {
			check_submitted(i, round * 1000 + i);
		}
		if (round % 3 == 0) {
			RING(0, vkResetCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL));
		} else if (round % 3 == 1) {
			RING(0, vkTrimCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL));
			RING(0, vkResetCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST + 3));
		}
	}
	CHECK(guest_log_has(&guest, "lanes record") == (lanes != 0));
	close_guest();
}

static void what_they_record(void)
{
	many(0);
	many(1);
	many(LANES);
	many(16);
}

/* Each of four recordings goes on only when all four have begun. */
static void at_once(void)
{
	open_guest(LANES);
	atomic_store(&strict_hold, true);
	for (uint32_t i = 0; i < LANES; i++) {
		record(0, FIRST + i, i);
	}
	wait_held(LANES);
	atomic_store(&strict_hold, false);
	submit_buffers(0, FIRST, LANES);
	CHECK(wait_ring(0, 0));
	for (uint32_t i = 0; i < LANES; i++) {
		check_submitted(i, i);
	}
	close_guest();
}

/* A recording lets the ring get on, but not a destroy behind it, through whatever ring it comes. */
static void destroys_wait(unsigned ring)
{
	open_guest(LANES);
	make_buffer();
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_hold, true);
	record(0, FIRST, 7);
	CHECK(wait_ring(0, 0));
	wait_held(1);
	RING(ring, vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
	check_stuck(ring);
	CHECK_EQ(atomic_load(&strict_destroyed), 0);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(ring, 0));
	CHECK_EQ(atomic_load(&strict_destroyed), 1);
	close_guest();
}

static void destroys_wait_in_order(void)
{
	destroys_wait(0);
	destroys_wait(1);
}

/* What is made or asked for does not wait. */
static void others_pass(void)
{
	open_guest(LANES);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 7);
	wait_held(1);
	make_buffer();
	RING(0, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST + 1),
	     .pBeginInfo =
	             &(VkCommandBufferBeginInfo){ .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO });
	RING(0, vkEndCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST + 1));
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_held), 1);
	atomic_store(&strict_hold, false);
	close_guest();
}

/* The same buffer again, before its first recording has ended: by a lane, and in the ring. */
static void again(void)
{
	open_guest(LANES);
	for (uint32_t i = 0; i < 50; i++) {
		record(0, FIRST, i);
		record(0, FIRST, 1000 + i);
		submit_buffers(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		check_submitted(0, 1000 + i);
		record(0, FIRST, i);
		RING(0, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST),
		     .pBeginInfo = &(VkCommandBufferBeginInfo){
			     .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO });
		for (uint32_t n = 0; n < DRAWS; n++) {
			RING(0, vkCmdDraw, .commandBuffer = ID(VkCommandBuffer, FIRST),
			     .vertexCount = 2000 + i + n, .firstVertex = n);
		}
		RING(0, vkEndCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST));
		submit_buffers(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		check_submitted(0, 2000 + i);
	}
	close_guest();
}

/* A guest that breaks the rules records into a buffer that a lane has, with a stream that comes back from there. */
static void meddling(void)
{
	open_guest(LANES);
	atomic_store(&strict_ignores, true);
	for (uint32_t round = 0; round < 20; round++) {
		atomic_store(&strict_hold, true);
		open_stream();
		put_begin(FIRST);
		put_draws(FIRST, round, DRAWS);
		PUT(vkDestroyFence, ON_DEVICE);
		put_end(FIRST);
		send_stream(0, 0);
		wait_held(1);
		RING(0, vkCmdDraw, .commandBuffer = ID(VkCommandBuffer, FIRST), .firstVertex = 1);
		usleep(1000);
		CHECK(*word(0, TAIL_AT) != __atomic_load_n(word(0, HEAD_AT), __ATOMIC_ACQUIRE));
		atomic_store(&strict_hold, false);
		CHECK(wait_ring(0, 0));
	}
	atomic_store(&strict_ignores, false);
	close_guest();
}

static void secondaries(void)
{
	uint64_t want;

	open_guest(LANES);
	make_pool(POOL2);
	make_buffers(POOL2, OTHER, 8, VK_COMMAND_BUFFER_LEVEL_SECONDARY);
	for (uint32_t round = 0; round < 20; round++) {
		VkCommandBuffer list[8];

		want = 0;
		for (uint32_t i = 0; i < 8; i++) {
			list[i] = ID(VkCommandBuffer, OTHER + i);
			record(0, OTHER + i, 100 * round + i);
			want = strict_add(want, sum_of(100 * round + i, DRAWS));
		}
		open_stream();
		put_begin(FIRST);
		PUT(vkCmdExecuteCommands, .commandBuffer = ID(VkCommandBuffer, FIRST),
		    .commandBufferCount = 8, .pCommandBuffers = list);
		put_draws(FIRST, 5, DRAWS);
		put_end(FIRST);
		send_stream(0, 0);
		for (uint32_t i = 0; i < DRAWS; i++) {
			want = strict_add(want, 5 + i);
		}
		submit_buffers(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		CHECK_EQ(strict_sum(0), want);
	}
	close_guest();
}

/* Streams that are not one whole recording: the ring's thread runs them. */
static void other_streams(void)
{
	open_guest(LANES);
	/* Two recordings in one stream, and one in two. */
	open_stream();
	put_begin(FIRST);
	put_draws(FIRST, 1, DRAWS);
	put_end(FIRST);
	put_begin(FIRST + 1);
	put_draws(FIRST + 1, 2, DRAWS);
	put_end(FIRST + 1);
	send_stream(0, 0);
	open_stream();
	put_begin(FIRST + 2);
	put_draws(FIRST + 2, 3, DRAWS / 2);
	send_stream(0, 0);
	open_stream();
	put_draws(FIRST + 2, 3 + DRAWS / 2, DRAWS / 2);
	put_end(FIRST + 2);
	send_stream(0, 0);
	/* The same buffer twice: only what is in between shows that it is no recording. */
	open_stream();
	put_begin(FIRST + 3);
	put_draws(FIRST + 3, 9, DRAWS);
	put_end(FIRST + 3);
	put_begin(FIRST + 3);
	put_draws(FIRST + 3, 4, DRAWS);
	put_end(FIRST + 3);
	send_stream(0, 0);
	/* Another command, and another buffer's, in the middle. */
	open_stream();
	put_begin(FIRST + 4);
	put_draws(FIRST + 4, 5, DRAWS / 2);
	PUT(vkCreateEvent, ON_DEVICE, .pEvent = EVENT,
	    .pCreateInfo = &(VkEventCreateInfo){ .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO });
	put_begin(FIRST + 5);
	put_draws(FIRST + 5, 6, DRAWS);
	put_end(FIRST + 5);
	put_draws(FIRST + 4, 5 + DRAWS / 2, DRAWS / 2);
	put_end(FIRST + 4);
	send_stream(0, 0);
	RING(0, vkDestroyEvent, ON_DEVICE, .event = ID(VkEvent, EVENT)); /* fatal if it was not created */
	submit_buffers(0, FIRST, 6);
	CHECK(wait_ring(0, 0));
	for (uint32_t i = 0; i < 6; i++) {
		check_submitted(i, i + 1);
	}
	CHECK(guest_log_has(&guest, "gave back") || !guest_log_has(&guest, "TRACE"));
	close_guest();
}

/* A job that comes back is run even if the guest sends nothing more. */
static void returns_to_an_idle_ring(void)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	open_guest(LANES);
	make_buffer();
	open_stream();
	put_begin(FIRST);
	put_draws(FIRST, 1, DRAWS);
	PUT(vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
	put_end(FIRST);
	send_stream(0, 0);
	while (atomic_load(&strict_destroyed) == 0) {
		CHECK(vtr_os_now_ns() < limit);
		usleep(1000);
	}
	submit_buffers(0, FIRST, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1);
	close_guest();
}

/* In several streams, as Mesa sends what is longer than its buffers. */
static void in_pieces(void)
{
	size_t first;

	open_guest(LANES);
	open_stream();
	put_begin(FIRST);
	put_draws(FIRST, 1, DRAWS / 2);
	first = (size_t)(writer.cur - streams) - stream_used;
	put_draws(FIRST, 1 + DRAWS / 2, DRAWS / 2);
	put_end(FIRST);
	send_stream(0, first);
	submit_buffers(0, FIRST, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1);
	close_guest();
}

static void wait_dead(unsigned ring)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (!is_broken(ring)) {
		CHECK(vtr_os_now_ns() < limit);
		usleep(1000);
	}
}

/* The guest cannot learn that a recording failed, so its submit loses the device. */
static void failures(void)
{
	atomic_int *const counters[] = { &strict_begin_fails, &strict_end_fails };

	for (size_t i = 0; i < VTR_ARRAY_LEN(counters); i++) {
		open_guest(LANES);
		CHECK(wait_ring(0, 0));
		atomic_store(counters[i], 1);
		record(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		submit_buffers(0, FIRST, 1);
		wait_dead(0);
		CHECK_EQ(strict_submitted(), 0);
		CHECK(guest_log_has(&guest, "the host's device is lost"));
		close_guest();
	}
	/* A primary one of which a part is missing. */
	open_guest(LANES);
	make_pool(POOL2);
	make_buffers(POOL2, OTHER, 1, VK_COMMAND_BUFFER_LEVEL_SECONDARY);
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_end_fails, 1);
	record(0, OTHER, 1);
	CHECK(wait_ring(0, 0));
	while (atomic_load(&strict_end_fails) != 0) {
		usleep(1000);
	}
	open_stream();
	put_begin(FIRST);
	PUT(vkCmdExecuteCommands, .commandBuffer = ID(VkCommandBuffer, FIRST), .commandBufferCount = 1,
	    .pCommandBuffers = (VkCommandBuffer[]){ ID(VkCommandBuffer, OTHER) });
	put_draws(FIRST, 5, DRAWS);
	put_end(FIRST);
	send_stream(0, 0);
	submit_buffers(0, FIRST, 1);
	wait_dead(0);
	CHECK_EQ(strict_submitted(), 0);
	close_guest();
}

/* Without a pool or a buffer for a lane, the ring's thread records. */
static void without_a_pool(void)
{
	open_guest(LANES);
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_create_fails, 3);
	for (uint32_t round = 0; round < 10; round++) {
		for (uint32_t i = 0; i < 16; i++) {
			record(0, FIRST + i, round * 100 + i);
			if (i == 3) {
				atomic_store(&strict_allocate_fails, 3);
			}
		}
		submit_buffers(0, FIRST, 16);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < 16; i++) {
			check_submitted(i, round * 100 + i);
		}
	}
	atomic_store(&strict_create_fails, 0);
	atomic_store(&strict_allocate_fails, 0);
	close_guest();
}

/* More recordings than lanes may hold, by number or by the budget, while none of them gets on: the ring's thread
 * records by itself then. */
static void back_pressure(uint64_t max_memory, uint32_t count, uint32_t draws)
{
	enum { LANES_HERE = 2 };

	open_memory(LANES_HERE, max_memory);
	for (uint32_t i = 0; i < count; i += 50) {
		make_buffers(POOL, OTHER + i, 50, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
	}
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_hold, true);
	for (uint32_t i = 0; i < count; i++) {
		open_stream();
		put_begin(OTHER + i);
		put_draws(OTHER + i, i, draws);
		put_end(OTHER + i);
		send_stream(0, 0);
	}
	wait_held(LANES_HERE + 1);
	atomic_store(&strict_hold, false);
	for (uint32_t i = 0; i < count; i += 50) {
		submit_buffers(0, OTHER + i, 50);
		CHECK(wait_ring(0, 0));
		for (uint32_t n = 0; n < 50; n++) {
			CHECK_EQ(strict_sum(n), sum_of(i + n, draws));
		}
	}
	close_guest();
}

static void exhausted(void)
{
	back_pressure(256 << 20, 300, 130);
	back_pressure(20 << 20, 50, 2500);
}

/* Takes what is left of the context's budget, but for less than a page. */
static void fill_budget(void)
{
	uint32_t res_id = 1000;
	struct vtr_blob blob;

	for (uint64_t size = 32 << 20; size >= 4096;) {
		if (vtr_venus_blob_create(guest.venus, res_id, 0, VTR_BLOB_MAPPABLE, size, &blob) == VTR_OK) {
			res_id++;
		} else {
			size /= 2;
		}
	}
}

/* A program has taken all memory that it may have, and goes on. */
static void full_budget(uint8_t lanes)
{
	open_guest(lanes);
	for (uint32_t round = 0; round < 4; round++) {
		atomic_store(&strict_hold, round != 0 && lanes != 0);
		record(0, FIRST, 100 * round);
		if (lanes != 0 && round != 0) {
			wait_held(1);
		}
		for (uint32_t i = 1; i < 16; i++) {
			record(0, FIRST + i, 100 * round + i);
		}
		submit_buffers(0, FIRST, 16);
		if (round == 2) { /* waits behind them all: the ring's thread records some */
			RING(0, vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
			usleep(20000);
		}
		atomic_store(&strict_hold, false);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < 16; i++) {
			check_submitted(i, 100 * round + i);
		}
		if (round == 0) {
			make_buffer();
			CHECK(wait_ring(0, 0));
			fill_budget();
		}
	}
	close_guest();
}

static void full_budgets(void)
{
	full_budget(0);
	full_budget(1);
	full_budget(LANES);
}

/* Pools without command buffers, many times as many as the context's budget has room for. */
static void many_pools(void)
{
	struct vtr_blob blob;

	open_memory(LANES, 32 << 20);
	for (uint32_t i = 0; i < 60000; i++) {
		make_pool(POOL2);
		RING(0, vkDestroyCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL2));
	}
	CHECK(wait_ring(0, 0));
	CHECK_OK(vtr_venus_blob_create(guest.venus, 1000, 0, VTR_BLOB_MAPPABLE, 8 << 20, &blob));
	close_guest();
}

/* A ring ends with recordings under way, and the context with them. */
static void ends_in_the_middle(void)
{
	for (int i = 0; i < 3; i++) {
		open_guest(LANES);
		for (uint32_t n = 0; n < 32; n++) {
			record(1, FIRST + n, n);
		}
		submit_buffers(1, FIRST, 32);
		if (i == 0) {
			CHECK_OK(SEND(&guest, vkDestroyRingMESA, .ring = 101));
			record(0, FIRST, 3);
			submit_buffers(0, FIRST, 1);
			CHECK(wait_ring(0, 0));
			check_submitted(strict_submitted() - 1, 3);
		} else if (i == 1) {
			vtr_venus_kill(guest.venus);
		}
		close_guest();
	}
}

/* Bytes that no driver sends, where a lane finds them. */
static void refused(void)
{
	static const uint32_t junk[] = { 0xffffff, 0, 7, 0 };

	for (int i = 0; i < 2; i++) {
		open_guest(LANES);
		open_stream();
		put_begin(FIRST);
		put_draws(FIRST, 1, DRAWS);
		if (i == 0) { /* no such command */
			memcpy(writer.cur, junk, sizeof(junk));
			writer.cur += sizeof(junk);
		} else { /* an object that does not exist */
			PUT(vkCmdBindPipeline, .commandBuffer = ID(VkCommandBuffer, FIRST),
			    .pipeline = ID(VkPipeline, 999));
		}
		put_end(FIRST);
		send_stream(0, 0);
		wait_dead(0);
		close_guest();
	}
}

/* One ring records, the other frees, resets and destroys what is being recorded. Nothing is in order, so the context
 * may end at any time; the sanitizers must stay silent. */
static void against_another_ring(void)
{
	strict = false;
	for (uint32_t round = 0; round < 30; round++) {
		open_guest(LANES);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < 64; i++) {
			record(0, FIRST + i % 8, i);
			if (i == 20 + round % 10) {
				const VkCommandBuffer id = ID(VkCommandBuffer, FIRST + round % 8);

				switch (round % 3) {
				case 0:
					RING(1, vkDestroyCommandPool, ON_DEVICE,
					     .commandPool = ID(VkCommandPool, POOL));
					break;
				case 1:
					RING(1, vkFreeCommandBuffers, ON_DEVICE,
					     .commandPool = ID(VkCommandPool, POOL), .commandBufferCount = 1,
					     .pCommandBuffers = &id);
					break;
				default:
					RING(1, vkDestroyDevice, ON_DEVICE);
					break;
				}
			}
		}
		(void)wait_ring(1, 0);
		close_guest();
	}
}

int main(void)
{
	RUN(what_they_record);
	RUN(at_once);
	RUN(destroys_wait_in_order);
	RUN(others_pass);
	RUN(again);
	RUN(meddling);
	RUN(secondaries);
	RUN(other_streams);
	RUN(returns_to_an_idle_ring);
	RUN(in_pieces);
	RUN(failures);
	RUN(without_a_pool);
	RUN(exhausted);
	RUN(full_budgets);
	RUN(many_pools);
	RUN(ends_in_the_middle);
	RUN(refused);
	RUN(against_another_ring);
	return 0;
}
