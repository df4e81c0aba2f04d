/* SPDX-License-Identifier: MIT */
/*
 * Command buffers that a guest records in its rings, or in indirect streams as Mesa sends long ones: what the driver
 * gets is what the guest has sent, in the order of the ring, and the driver is called as Vulkan demands it
 * (strict_commands.h).
 */
#include "rings_guest.h"

enum { COUNT = 16, LENT_RES = 20 };

static const VkCommandBufferBeginInfo begin_info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };

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

static void wait_dead(unsigned ring)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (!is_broken(ring)) {
		CHECK(vtr_os_now_ns() < limit);
		usleep(1000);
	}
}

/* --- what is recorded ------------------------------------------------------------------------------------- */

static void many(void)
{
	open_guest();
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
	close_guest();
}

/* The same buffer again and again: in streams, and in the ring itself. */
static void the_same_buffer_again(void)
{
	open_guest();
	for (uint32_t i = 0; i < 50; i++) {
		record(0, FIRST, i);
		record(0, FIRST, 1000 + i);
		submit_buffers(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		check_submitted(0, 1000 + i);
		record(0, FIRST, i);
		RING(0, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST),
		     .pBeginInfo = &begin_info);
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

static void secondaries(void)
{
	uint64_t want;

	open_guest();
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

/* Streams that are not one whole recording. */
static void other_streams(void)
{
	open_guest();
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
	/* The same buffer twice. */
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
	close_guest();
}

/* In several streams, as Mesa sends what is longer than its buffers. */
static void in_pieces(void)
{
	size_t first;

	open_guest();
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

/* --- order ------------------------------------------------------------------------------------------------ */

/* A submit comes after the recording before it, and before what follows in a stream. */
static void in_the_order_of_the_ring(void)
{
	open_guest();
	make_buffer();
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	submit_buffers(0, FIRST, 1);
	open_stream();
	put_begin(FIRST + 1);
	put_draws(FIRST + 1, 2, DRAWS);
	PUT(vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
	put_end(FIRST + 1);
	send_stream(0, 0);
	submit_more(0, FIRST + 1, 1);
	wait_held(1);
	check_stuck(0);
	CHECK_EQ(atomic_load(&strict_submits) + atomic_load(&strict_destroyed), 0);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_destroyed), 1);
	CHECK_EQ(atomic_load(&strict_submits_at_destroy), 1);
	check_submitted(0, 1);
	check_submitted(1, 2);
	close_guest();
}

/* With a second pool, which has one buffer. */
static void open_two_pools(VkCommandBufferLevel level)
{
	open_guest();
	make_pool(POOL2);
	make_buffers(POOL2, OTHER, 1, level);
	CHECK(wait_ring(0, 0));
}

/* Each of two recordings goes on only when both have begun. */
static void rings_record_at_once(void)
{
	open_two_pools(VK_COMMAND_BUFFER_LEVEL_PRIMARY);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	record(1, OTHER, 2);
	wait_held(2);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(1, 0));
	submit_buffers(0, FIRST, 1);
	submit_more(0, OTHER, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1);
	check_submitted(1, 2);
	close_guest();
}

/* --- the ring's head -------------------------------------------------------------------------------------- */

/* The ring's thread stops until strict_block changes. */
static void open_busy(void)
{
	open_guest();
	atomic_store(&strict_block, 1);
	RING(0, vkWaitForFences, ON_DEVICE); /* not in this thread */
	wait_called(1);
}

static void record_all(void)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		record(0, FIRST + i, i);
	}
}

static void check_all(void)
{
	submit_buffers(0, FIRST, COUNT);
	CHECK(wait_ring(0, 0));
	for (uint32_t i = 0; i < COUNT; i++) {
		check_submitted(i, i);
	}
}

/* Each recording lies at the same place, which is overwritten as soon as the head has passed. */
static void the_guest_reuses_its_memory(void)
{
	open_guest();
	for (uint32_t round = 0; round < 8; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			stream_used = 0;
			record(0, FIRST + i, 100 * round + i);
			while (head(0) != *word(0, TAIL_AT)) {
				CHECK(!is_broken(0));
			}
			memset(streams, 0xff, stream_used);
		}
		submit_buffers(0, FIRST, COUNT);
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < COUNT; i++) {
			check_submitted(i, 100 * round + i);
		}
	}
	close_guest();
}

/* A guest that waits for a reply polls the head. */
static void replies_move_the_head(void)
{
	const VkCommandStreamDescriptionMESA reply = { .resourceId = REPLY_RES, .size = REPLY_SIZE };
	uint32_t version = 0;
	uint32_t position;

	open_busy();
	RING(0, vkSetReplyCommandStreamMESA, .pStream = &reply);
	record_all();
	enc_vkEnumerateInstanceVersion(guest_begin(&guest), VK_COMMAND_GENERATE_REPLY_BIT_EXT,
	                               &(struct vtw_vkEnumerateInstanceVersion){ .pApiVersion = &version });
	write_ring(0);
	position = *word(0, TAIL_AT);
	make_buffer();
	atomic_store(&strict_block, 2);
	wait_called(2); /* the ring's thread makes the buffer */
	CHECK_EQ(head(0), position);
	atomic_store(&strict_block, 0);
	check_all();
	close_guest();
}

/* The ring waits for a number that the context's thread sends when the ring has got to a position before. */
static void waits_move_the_head(void)
{
	uint32_t position;

	open_busy();
	record_all();
	position = *word(0, TAIL_AT);
	RING(0, vkWaitVirtqueueSeqnoMESA, .seqno = 1);
	atomic_store(&strict_block, 0);
	usleep(20000); /* so that the ring's thread waits first */
	CHECK_OK(SEND(&guest, vkWaitRingSeqnoMESA, .ring = 100, .seqno = position));
	CHECK_OK(SEND(&guest, vkSubmitVirtqueueSeqnoMESA, .ring = 100, .seqno = 1));
	CHECK(wait_ring(0, 0));
	check_all();
	close_guest();
}

/* Recordings and other commands, many times as many as the ring has room for. */
static void the_ring_does_not_fill_up(void)
{
	open_guest();
	for (uint32_t i = 0; i < 200; i++) {
		record(0, FIRST + i % COUNT, i % COUNT);
		for (uint32_t n = 0; n < 50; n++) {
			RING(0, vkResetFences, ON_DEVICE);
		}
	}
	record_all();
	check_all();
	close_guest();
}

/* --- memory ----------------------------------------------------------------------------------------------- */

/* The guest drops the memory of a recording that is being read: it stays until the stream's end. */
static void dropped_memory_is_kept(void)
{
	open_guest();
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	CHECK(vtr_venus_resource_destroy(guest.venus, STREAM_RES));
	atomic_store(&strict_hold, false);
	submit_buffers(0, FIRST, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1);
	close_guest();
}

/* If it was lent, it is taken away at once. What is left are zeros, which end the context. */
static void lent_memory_is_taken_away(void)
{
	hostmem = STREAM_SIZE / 2;
	open_guest();
	CHECK_OK(vtr_venus_resource_hostmem(guest.venus, LENT_RES, 0, STREAM_SIZE / 2));
	open_stream();
	put_begin(FIRST);
	put_draws(FIRST, 1, DRAWS);
	put_end(FIRST);
	stream_used = (size_t)(writer.cur - streams);
	CHECK_EQ(pwrite(guest.hostmem_fd, streams, stream_used, 0), (ssize_t)stream_used);
	atomic_store(&strict_hold, true);
	RING(0, vkExecuteCommandStreamsMESA, .streamCount = 1,
	     .pStreams = &(VkCommandStreamDescriptionMESA){ .resourceId = LENT_RES, .size = stream_used });
	wait_held(1);
	CHECK(vtr_venus_resource_destroy(guest.venus, LENT_RES));
	CHECK_EQ(guest_released(&guest), 1);
	atomic_store(&strict_hold, false);
	wait_dead(0);
	close_guest();
	hostmem = 0;
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
static void full_budget(void)
{
	open_guest();
	for (uint32_t round = 0; round < 4; round++) {
		record_all();
		submit_buffers(0, FIRST, COUNT);
		if (round == 2) {
			RING(0, vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER));
		}
		CHECK(wait_ring(0, 0));
		for (uint32_t i = 0; i < COUNT; i++) {
			check_submitted(i, i);
		}
		if (round == 0) {
			make_buffer();
			CHECK(wait_ring(0, 0));
			fill_budget();
		}
	}
	close_guest();
}

/* Pools without command buffers, one after the other, leave nothing behind. */
static void many_pools(void)
{
	struct vtr_blob blob;

	open_memory(32 << 20);
	for (uint32_t i = 0; i < 60000; i++) {
		make_pool(POOL2);
		RING(0, vkDestroyCommandPool, ON_DEVICE, .commandPool = ID(VkCommandPool, POOL2));
	}
	CHECK(wait_ring(0, 0));
	CHECK_OK(vtr_venus_blob_create(guest.venus, 1000, 0, VTR_BLOB_MAPPABLE, 8 << 20, &blob));
	close_guest();
}

/* --- failures --------------------------------------------------------------------------------------------- */

/* The guest cannot learn that a recording failed, so its submit loses the device. */
static void failed_recordings(void)
{
	atomic_int *const counters[] = { &strict_begin_fails, &strict_end_fails };

	for (size_t i = 0; i < VTR_ARRAY_LEN(counters); i++) {
		open_guest();
		atomic_store(counters[i], 1);
		record(0, FIRST, 1);
		CHECK(wait_ring(0, 0));
		submit_buffers(0, FIRST, 1);
		wait_dead(0);
		CHECK_EQ(strict_submitted(), 0);
		CHECK(guest_log_has(&guest, "the host's device is lost"));
		close_guest();
	}
}

/* A buffer that executes one whose recording failed lacks a part, so it has failed, too. */
static void failed_parts(void)
{
	open_two_pools(VK_COMMAND_BUFFER_LEVEL_SECONDARY);
	atomic_store(&strict_end_fails, 1);
	record(0, OTHER, 1);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_end_fails), 0);
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

/* Bytes that no driver sends, in a recording. */
static void refused(void)
{
	static const uint32_t junk[] = { 0xffffff, 0, 7, 0 };

	for (int i = 0; i < 2; i++) {
		open_guest();
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

/* --- the end ---------------------------------------------------------------------------------------------- */

/* A ring ends with recordings under way, or the context, or their memory. */
static void ends_in_the_middle(void)
{
	for (uint32_t i = 0; i < 16; i++) {
		open_guest();
		make_pool(POOL2); /* for the second ring: a pool is for one thread of a program */
		make_buffers(POOL2, OTHER, 32, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
		CHECK(wait_ring(0, 0));
		for (uint32_t n = 0; n < 32; n++) {
			const uint64_t buffer = (n % 2 == 0 ? FIRST : OTHER) + n;
			open_stream();
			put_begin(buffer);
			put_draws(buffer, n, DRAWS * (i / 4 + 1));
			put_end(buffer);
			send_stream(n % 2, 0);
		}
		submit_buffers(1, OTHER + 1, 1);
		if (i % 4 == 0) {
			CHECK_OK(SEND(&guest, vkDestroyRingMESA, .ring = 101));
			record(0, FIRST, 3);
			submit_buffers(0, FIRST, 1);
			CHECK(wait_ring(0, 0));
			check_submitted(strict_submitted() - 1, 3);
		} else if (i % 4 == 1) {
			vtr_venus_kill(guest.venus);
		} else if (i % 4 == 2) {
			CHECK(vtr_venus_resource_destroy(guest.venus, STREAM_RES));
		}
		close_guest();
	}
}

/* One ring records, the other frees, resets and destroys what is being recorded. Nothing is in order, so the context
 * may end at any time; the sanitizers must stay silent. */
static void against_another_ring(void)
{
	strict = false;
	for (uint32_t round = 0; round < 30; round++) {
		open_guest();
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
	RUN(many);
	RUN(the_same_buffer_again);
	RUN(secondaries);
	RUN(other_streams);
	RUN(in_pieces);
	RUN(in_the_order_of_the_ring);
	RUN(rings_record_at_once);
	RUN(the_guest_reuses_its_memory);
	RUN(replies_move_the_head);
	RUN(waits_move_the_head);
	RUN(the_ring_does_not_fill_up);
	RUN(dropped_memory_is_kept);
	RUN(lent_memory_is_taken_away);
	RUN(full_budget);
	RUN(many_pools);
	RUN(failed_recordings);
	RUN(failed_parts);
	RUN(refused);
	RUN(ends_in_the_middle);
	RUN(against_another_ring);
	return 0;
}
