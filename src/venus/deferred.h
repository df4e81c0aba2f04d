/* SPDX-License-Identifier: MIT */
#ifndef VENUS_DEFERRED_H
#define VENUS_DEFERRED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct vtr_ring;
struct vtr_venus;

/*
 * What belongs behind a position of a ring, while the context's thread goes on.
 *
 * With vkWaitRingSeqnoMESA a guest makes its context's stream wait until a ring has got to a position. Mesa 26
 * sends it for each submit with a fence, then asks for a fence of the transport, and then waits for an older
 * one over the same socket. If the context's thread waited for the ring, the program could not record the next
 * frame meanwhile. So it only notes what is to be done then: fences, and the number for which a ring waits in
 * vkWaitVirtqueueSeqnoMESA. The ring's thread does it when it has got there, or the context's thread if it sees
 * that first. Anything else in the context's stream waits.
 *
 * Thread: the context's, unless a comment says something else.
 */

/* A ring's part. */
struct vtr_deferred {
	/* Guards the list, and is held while its items are done, which keeps them in order. Outside of
	 * timeline_lock. */
	pthread_mutex_t lock;
	struct vtr_list items;
	_Atomic uint32_t count; /* of those that are not done */
	_Atomic uint32_t next; /* the first one's position */
};

/* Returns: whether something belongs behind `position` or earlier. */
static inline bool vtr_deferred_is_due(const struct vtr_deferred *deferred, uint32_t position)
{
	return atomic_load_explicit(&deferred->count, memory_order_relaxed) != 0 &&
	       (int32_t)(position - atomic_load_explicit(&deferred->next, memory_order_relaxed)) >= 0;
}

void vtr_deferred_init(struct vtr_deferred *deferred);
/* Reports the fences that are left. Thread: the context's; the ring's has ended. */
void vtr_deferred_finish(struct vtr_ring *ring);

/* What follows belongs behind this position of the ring. Returns: false if the caller has to wait until the ring gets
 * there. */
bool vtr_deferred_begin(struct vtr_ring *ring, uint32_t seqno);
/* Returns: whether the fence is reported later. */
bool vtr_deferred_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id);
/* vkSubmitVirtqueueSeqnoMESA. Returns: whether the number reaches the ring later. */
bool vtr_deferred_virtqueue_seqno(struct vtr_ring *ring, uint64_t seqno);

/* Does what belongs behind positions that the ring has reached. Thread: any. */
void vtr_deferred_run(struct vtr_ring *ring);
/* The same from time to time: a ring's thread does not see what is deferred at the very moment when it gets there. */
void vtr_deferred_check(struct vtr_venus *venus);
/* Waits until all is done. */
void vtr_deferred_settle(struct vtr_venus *venus);

/* Returns: whether these bytes of the context's stream are one command that may come while things are deferred. */
bool vtr_deferred_allows(const void *commands, size_t size);

#endif
