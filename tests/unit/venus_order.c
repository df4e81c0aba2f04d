/* SPDX-License-Identifier: MIT */
/*
 * Lanes: recordings that the ring's thread takes back, or that a lane gives back, stay in the order of their ring.
 */
#include "lanes_guest.h"

static void wait_called(unsigned count)
{
	const int64_t limit = vtr_os_now_ns() + PATIENCE_MS * INT64_C(1000000);

	while (atomic_load(&strict_calls) < count) {
		CHECK(!is_broken(0) && vtr_os_now_ns() < limit);
		usleep(100);
	}
}

/* No other recording than these begins. */
static void check_held(unsigned count)
{
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(atomic_load(&strict_held), count);
		usleep(1000);
	}
}

/* --- a ring that ends while a lane gives a job back ------------------------------------------------------- */

struct vtr_ring;

bool __real_vtr_os_park(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns);
bool __wrap_vtr_os_park(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns);
void __real_vtr_ring_poke(struct vtr_ring *ring);
void __wrap_vtr_ring_poke(struct vtr_ring *ring);

/* A lane that gives a job back takes a while, and threads that wait do not sleep. */
static atomic_bool linger;
static atomic_bool ring_is_gone;

/* Threads may be woken for nothing. */
bool __wrap_vtr_os_park(_Atomic uint32_t *word, uint32_t value, int64_t timeout_ns)
{
	return __real_vtr_os_park(word, value, atomic_load(&linger) ? 1000 : timeout_ns);
}

void __wrap_vtr_ring_poke(struct vtr_ring *ring)
{
	if (atomic_load(&linger)) {
		usleep(50000);
		CHECK(!atomic_load(&ring_is_gone));
	}
	__real_vtr_ring_poke(ring);
}

static void release_soon(void *data)
{
	(void)data;
	usleep(50000);
	atomic_store(&strict_hold, false);
}

/* A stream with a command that a lane does not run. Its first draw does not wait. */
static void record_foreign(unsigned ring, uint64_t id, uint32_t value)
{
	open_stream();
	put_begin(id);
	for (uint32_t i = 0; i < DRAWS; i++) {
		PUT(vkCmdDraw, .commandBuffer = ID(VkCommandBuffer, id), .vertexCount = value + i,
		    .firstVertex = i + 1);
	}
	PUT(vkCreateBuffer, ON_DEVICE, .pBuffer = BUFFER,
	    .pCreateInfo =
	            &(VkBufferCreateInfo){ .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO, .size = 64 });
	put_end(id);
	send_stream(ring, 0);
}

/* For TSan: what the lane still does with the ring comes before the ring ends. */
static void rings_outlive_their_jobs(void)
{
	struct vtr_os_thread thread;

	open_guest(1);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1);
	wait_held(1);
	record_foreign(1, FIRST + 1, 2);
	CHECK(wait_ring(1, 0));
	atomic_store(&linger, true);
	CHECK_OK(vtr_os_thread_create(&thread, "release", release_soon, NULL));
	CHECK_OK(SEND(&guest, vkDestroyRingMESA, .ring = 101));
	atomic_store(&ring_is_gone, true);
	vtr_os_thread_join(&thread);
	atomic_store(&linger, false);
	CHECK(wait_ring(0, 0));
	close_guest();
}

/* --- order ------------------------------------------------------------------------------------------------ */

/* The ring's thread is in a recording that a lane has given back: the next one of the same buffer comes after it. */
static void behind_what_came_back(void)
{
	open_guest(1);
	atomic_store(&strict_hold, true);
	record(1, FIRST, 1000);
	wait_held(1);
	atomic_store(&strict_block, 1);
	record_foreign(0, FIRST + 1, 2000);
	CHECK(wait_ring(0, 0));
	record(1, FIRST + 2, 3000);
	CHECK(wait_ring(1, 0));
	record(0, FIRST + 1, 4000);
	CHECK(wait_ring(0, 0));
	atomic_store(&strict_pass, 1000); /* the lane goes on to FIRST + 2 */
	wait_called(1); /* the ring's thread is in the middle of FIRST + 1 */
	wait_held(1);
	atomic_store(&strict_pass, 3000);
	usleep(50000);
	check_held(0);
	atomic_store(&strict_hold, false);
	atomic_store(&strict_block, 0);
	submit_buffers(0, FIRST + 1, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 4000);
	close_guest();
}

/* While a submit waits for the lane, the ring's thread could do the lane's next recording. But then the lane could
 * begin with a later one of the same buffer. */
static void the_same_buffer_twice(void)
{
	open_guest(1);
	atomic_store(&strict_hold, true);
	record(0, FIRST, 1000);
	wait_held(1);
	record(0, FIRST + 1, 2000);
	submit_buffers(0, FIRST, 1);
	record(0, FIRST + 1, 3000);
	usleep(50000); /* the ring's thread helps, if it does */
	atomic_store(&strict_pass, 1000); /* the lane goes on to the next one */
	usleep(50000);
	atomic_store(&strict_pass, 3000);
	usleep(50000);
	atomic_store(&strict_hold, false);
	submit_more(0, FIRST + 1, 1);
	CHECK(wait_ring(0, 0));
	check_submitted(0, 1000);
	check_submitted(1, 3000);
	close_guest();
}

/* A ring's thread that records a lane's next job itself does so behind the submits in its queue: there may be anything
 * in the job. */
static void behind_submits(void)
{
	open_guest(1);
	make_buffer();
	CHECK(wait_ring(0, 0));
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
	RING(0, vkResetCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST + 1));
	check_stuck(0);
	atomic_store(&strict_hold, false);
	CHECK(wait_ring(0, 0));
	CHECK_EQ(atomic_load(&strict_destroyed), 1);
	CHECK_EQ(atomic_load(&strict_submits_at_destroy), 1);
	close_guest();
}

/* A ring that has recorded a buffer itself waits when a lane has got it since, through another ring. */
static void from_another_ring(void)
{
	const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };

	open_guest(LANES);
	for (int i = 0; i < 2; i++) {
		RING(1, vkBeginCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST),
		     .pBeginInfo = &begin);
		if (i == 1) {
			check_stuck(1);
			atomic_store(&strict_hold, false);
		}
		RING(1, vkCmdDraw, .commandBuffer = ID(VkCommandBuffer, FIRST), .vertexCount = 5);
		RING(1, vkEndCommandBuffer, .commandBuffer = ID(VkCommandBuffer, FIRST));
		CHECK(wait_ring(1, 0));
		if (i == 0) {
			atomic_store(&strict_hold, true);
			record(0, FIRST, 7);
			wait_held(1);
		}
	}
	submit_buffers(1, FIRST, 1);
	CHECK(wait_ring(1, 0));
	CHECK_EQ(strict_sum(0), strict_add(0, 5));
	close_guest();
}

int main(void)
{
	RUN(rings_outlive_their_jobs);
	RUN(behind_what_came_back);
	RUN(the_same_buffer_twice);
	RUN(behind_submits);
	RUN(from_another_ring);
	return 0;
}
