/* SPDX-License-Identifier: MIT */
/* How far a ring has got: what the guest sees of it, and what waits for it. */
#include "venus/ring.h"

/* *head is published at least this often in each pass through the buffer. */
#define HEAD_STEPS 32
/* After polling, a wait for a ring's seqno yields, and then parks. Waking it would take the ring's thread longer than
 * most of what it waits for. */
#define SEQNO_YIELD_NS 50000
/* The interval in which a wait for a ring's seqno checks by itself, because vtr_ring_publish() has no full
 * barrier. */
#define SEQNO_LOOK_NS 2000000

static void wake_seqno_waiter(struct vtr_ring *ring)
{
	atomic_fetch_add(&ring->progress, 1);
	vtr_os_unpark(&ring->progress);
}

/* Publishes the position, up to which the guest may reuse the buffer. The guest polls this word, and each store
 * takes the cache line from it. So this is not done after each command, but when the guest may be waiting. */
static void publish_head(struct vtr_ring *ring, uint32_t value)
{
	atomic_store_explicit(ring->head, value, memory_order_release);
	ring->published = value;
}

void vtr_ring_publish(struct vtr_ring *ring, uint32_t position, bool now)
{
	if (position != ring->published && (now || position - ring->published >= ring->size / HEAD_STEPS)) {
		publish_head(ring, position);
	}
	if (position == atomic_load_explicit(&ring->done, memory_order_relaxed)) {
		return;
	}
	atomic_store_explicit(&ring->done, position, memory_order_release);
	/* A waiter that arrives at this moment may be missed; it checks again by itself. */
	if (__builtin_expect(atomic_load_explicit(&ring->seqno_waiting, memory_order_relaxed) != 0, 0)) {
		wake_seqno_waiter(ring);
	}
	if (__builtin_expect(vtr_deferred_is_due(&ring->deferred, position), 0)) {
		vtr_deferred_run(ring);
	}
}

void vtr_ring_run_deferred(struct vtr_ring *ring)
{
	atomic_thread_fence(memory_order_seq_cst); /* `done` is stored before */
	if (atomic_load_explicit(&ring->deferred.count, memory_order_relaxed) != 0) {
		vtr_deferred_run(ring);
	}
}

void vtr_ring_rest(struct vtr_ring *ring)
{
	vtr_ring_publish(ring, ring->cur, true);
	vtr_ring_run_deferred(ring);
	if (atomic_load_explicit(&ring->seqno_waiting, memory_order_relaxed) != 0) {
		wake_seqno_waiter(ring);
	}
}

int32_t vtr_ring_way_to(const struct vtr_ring *ring, uint32_t position)
{
	return (int32_t)(position - atomic_load(&ring->done));
}

bool vtr_ring_has_reached(const struct vtr_ring *ring, uint32_t position)
{
	return vtr_ring_way_to(ring, position) <= 0;
}

void vtr_ring_await(struct vtr_ring *ring, uint32_t position)
{
	const int64_t start_ns = vtr_os_now_ns();

	while (vtr_ring_way_to(ring, position) > 0 && vtr_os_now_ns() - start_ns < SEQNO_YIELD_NS) {
		vtr_os_yield();
	}
	if (vtr_ring_way_to(ring, position) <= 0) {
		return;
	}
	vtr_venus_poll_fences(ring->venus,
	                      true); /* other threads check fences meanwhile, as while this one sleeps */
	atomic_store(&ring->seqno_waiting, 1);
	for (;;) {
		const uint32_t word = atomic_load(&ring->progress);

		if (vtr_ring_way_to(ring, position) <= 0 || vtr_venus_is_dead(ring->venus)) {
			break;
		}
		(void)vtr_os_park(&ring->progress, word, SEQNO_LOOK_NS);
	}
	atomic_store(&ring->seqno_waiting, 0);
	atomic_store(&ring->venus->sleeps, false);
}
