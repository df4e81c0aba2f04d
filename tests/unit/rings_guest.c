/* SPDX-License-Identifier: MIT */
#include "rings_guest.h"

struct guest guest;
uint8_t *streams;
size_t stream_used;
static uint8_t *rings[2];
bool strict = true;
size_t hostmem;

/* --- rings ------------------------------------------------------------------------------------------------ */

uint32_t *word(unsigned ring, size_t at)
{
	return (uint32_t *)(void *)(rings[ring] + at);
}

void make_ring(unsigned ring)
{
	rings[ring] = guest_make_shm(&guest, RING_RES + ring, RING_SIZE);
	CHECK_OK(guest_create_ring(&guest, ring, RING_RES + ring));
}

bool is_broken(unsigned ring)
{
	return (__atomic_load_n(word(ring, STATUS_AT), __ATOMIC_SEQ_CST) & VK_RING_STATUS_FATAL_BIT_MESA) !=
	       0;
}

/* Waits until the ring has no more than `left` bytes. Returns: false if the context has died. */
bool wait_ring(unsigned ring, uint32_t left)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (*word(ring, TAIL_AT) - __atomic_load_n(word(ring, HEAD_AT), __ATOMIC_ACQUIRE) > left) {
		if (is_broken(ring)) {
			return false;
		}
		CHECK(vtr_os_now_ns() < limit);
		usleep(100);
	}
	return !is_broken(ring);
}

/* Puts what was encoded into a ring. */
void write_ring(unsigned ring)
{
	const size_t size = (size_t)(guest.w.cur - guest.bytes);
	const uint32_t tail = *word(ring, TAIL_AT);

	CHECK(!guest.w.full && size <= BUFFER_SIZE);
	if (!wait_ring(ring, (uint32_t)(BUFFER_SIZE - size))) {
		return;
	}
	for (size_t i = 0; i < size; i++) {
		rings[ring][BUFFER_AT + (tail + i) % BUFFER_SIZE] = guest.bytes[i];
	}
	__atomic_store_n(word(ring, TAIL_AT), tail + (uint32_t)size, __ATOMIC_SEQ_CST);
	if ((__atomic_load_n(word(ring, STATUS_AT), __ATOMIC_SEQ_CST) & VK_RING_STATUS_IDLE_BIT_MESA) != 0) {
		(void)SEND(&guest, vkNotifyRingMESA, .ring = 100 + ring); /* fails if the context has died */
	}
}

/* --- recordings ------------------------------------------------------------------------------------------- */

struct vtr_cs_writer writer;

void open_stream(void)
{
	if (stream_used > STREAM_SIZE / 2 && wait_ring(0, 0) && wait_ring(1, 0)) {
		stream_used = 0; /* what was sent has been read */
	}
	writer = (struct vtr_cs_writer){ .cur = streams + stream_used, .end = streams + STREAM_SIZE };
}

/* Sends what was written to the stream since, in `parts` pieces of which all but the last have `first` bytes. */
void send_stream(unsigned ring, size_t first)
{
	const size_t size = (size_t)(writer.cur - streams) - stream_used;
	const VkCommandStreamDescriptionMESA list[] = {
		{ .resourceId = STREAM_RES, .offset = stream_used, .size = first != 0 ? first : size },
		{ .resourceId = STREAM_RES, .offset = stream_used + first, .size = size - first },
	};

	CHECK(!writer.full);
	RING(ring, vkExecuteCommandStreamsMESA, .streamCount = first != 0 ? 2 : 1, .pStreams = list);
	stream_used += size;
}

void put_begin(uint64_t id)
{
	PUT(vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, id),
	    .pBeginInfo =
	            &(VkCommandBufferBeginInfo){ .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO });
}

void put_end(uint64_t id)
{
	PUT(vkEndCommandBuffer, .commandBuffer = ID(VkCommandBuffer, id));
}

void put_draws(uint64_t id, uint32_t value, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		PUT(vkCmdDraw, .commandBuffer = ID(VkCommandBuffer, id), .vertexCount = value + i,
		    .firstVertex = i);
	}
}

/* Records a buffer that shall have the content `value`, as Mesa does if it is long. */
void record(unsigned ring, uint64_t id, uint32_t value)
{
	open_stream();
	put_begin(id);
	put_draws(id, value, DRAWS);
	put_end(id);
	send_stream(ring, 0);
}

uint64_t sum_of(uint32_t value, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		sum = strict_add(sum, value + i);
	}
	return sum;
}

void submit_more(unsigned ring, uint64_t first, uint32_t count)
{
	VkCommandBuffer list[64];
	const VkSubmitInfo info = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                    .commandBufferCount = count,
		                    .pCommandBuffers = list };

	for (uint32_t i = 0; i < count; i++) {
		list[i] = ID(VkCommandBuffer, first + i);
	}
	RING(ring, vkQueueSubmit, .queue = ID(VkQueue, QUEUE), .submitCount = 1, .pSubmits = &info);
}

void submit_buffers(unsigned ring, uint64_t first, uint32_t count)
{
	strict_forget_submits();
	submit_more(ring, first, count);
}

/* The `at`-th of the submitted buffers has this content. */
void check_submitted(uint32_t at, uint32_t value)
{
	CHECK_EQ(strict_sum(at), sum_of(value, DRAWS));
}

void make_buffers(uint64_t pool, uint64_t first, uint32_t count, VkCommandBufferLevel level)
{
	uint64_t ids[64];
	const VkCommandBufferAllocateInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		                                   .commandPool = ID(VkCommandPool, pool),
		                                   .level = level,
		                                   .commandBufferCount = count };

	for (uint32_t i = 0; i < count; i++) {
		ids[i] = first + i;
	}
	RING(0, vkAllocateCommandBuffers, ON_DEVICE, .pAllocateInfo = &info, .pCommandBuffers = ids);
}

void make_pool(uint64_t id)
{
	const VkCommandPoolCreateInfo info = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		                               .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT };

	RING(0, vkCreateCommandPool, ON_DEVICE, .pCreateInfo = &info, .pCommandPool = id);
}

void open_memory(uint64_t max_memory)
{
	const struct guest_setup setup = { .replace = strict ? strict_replace : strict_replace_by_nothing,
		                           .hostmem = hostmem,
		                           .max_memory = max_memory };

	atomic_store(&strict_hold, false);
	atomic_store(&strict_submits, 0);
	atomic_store(&strict_calls, 0);
	atomic_store(&strict_destroyed, 0);
	guest_open(&guest, &setup);
	streams = guest_make_shm(&guest, STREAM_RES, STREAM_SIZE);
	stream_used = 0;
	make_ring(0);
	make_ring(1);
	make_pool(POOL);
	make_buffers(POOL, FIRST, 32, VK_COMMAND_BUFFER_LEVEL_PRIMARY);
	CHECK(wait_ring(0, 0));
}

void open_guest(void)
{
	open_memory(64 << 20);
}

void close_guest(void)
{
	guest_close(&guest);
	vtr_os_shm_unmap(streams, STREAM_SIZE);
	vtr_os_shm_unmap(rings[0], RING_SIZE);
	vtr_os_shm_unmap(rings[1], RING_SIZE);
}

void wait_held(unsigned count)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (atomic_load(&strict_held) < count) {
		CHECK(vtr_os_now_ns() < limit);
		usleep(100);
	}
}

void make_buffer(void)
{
	const VkBufferCreateInfo info = { .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 64 };

	RING(0, vkCreateBuffer, ON_DEVICE, .pCreateInfo = &info, .pBuffer = BUFFER);
}

/* The ring has commands that must not run yet. */
void check_stuck(unsigned ring)
{
	for (int i = 0; i < 100; i++) {
		CHECK(*word(ring, TAIL_AT) != __atomic_load_n(word(ring, HEAD_AT), __ATOMIC_ACQUIRE));
		usleep(1000);
	}
}
