/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RING_H
#define VENUS_RING_H

#include "venus/context.h"

/*
 * A command ring in guest memory and the thread that runs it (venus-host.md 5).
 *
 * Thread: made, notified and destroyed by the context's thread; whoever holds run_lock runs commands;
 *         the atomics and the status word are anybody's.
 */
struct vtr_ring {
	struct vtr_venus *venus;
	uint64_t id;
	struct vtr_resource *resource; /* a reference */
	_Atomic uint32_t *head;
	_Atomic uint32_t *tail;
	_Atomic uint32_t *status;
	const uint8_t *buffer;
	uint32_t size; /* of buffer, a power of two */
	uint8_t *extra;
	size_t extra_size;
	uint64_t idle_ns;        /* polls this long before it sleeps */
	uint64_t monitor_ns;     /* longest time between two ALIVE reports, 0: none are wanted */
	int32_t nice;
	uint64_t status_offset;  /* in the resource's fd */

	pthread_mutex_t run_lock; /* who runs commands: the ring's thread, but while it sleeps */
	uint32_t cur;            /* bytes consumed; under run_lock */
	uint32_t published;      /* what the guest was told in *head; under run_lock */
	bool gentle;             /* ring thread: polls without spinning */
	_Atomic uint32_t done;   /* the same for others */
	_Atomic uint32_t wake;   /* parked on; counts who wakes the thread */
	_Atomic bool stop;
	_Atomic uint32_t seqno_waiting; /* somebody sleeps on `progress` */
	_Atomic uint32_t progress;      /* bumped when there are waiters */
	_Atomic uint64_t virtqueue_seqno;
	_Atomic uint32_t virtqueue_word; /* parked on until virtqueue_seqno moves */
	struct vtr_os_thread thread;
	struct vtr_dispatch dispatch;
};

/* Sets bits in every ring's status. Any thread. */
void vtr_rings_set_status(struct vtr_venus *venus, uint32_t bits);
/* Makes every ring thread look around; those of a dead context end. Any thread. */
void vtr_rings_wake(struct vtr_venus *venus);
void vtr_ring_destroy(struct vtr_ring *ring);
void vtr_rings_destroy(struct vtr_venus *venus);

#endif
