/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RING_H
#define VENUS_RING_H

#include "venus/context.h"
#include "venus/deferred.h"

/*
 * A command ring in guest memory and the thread that runs it (Mesa: vn_ring.c).
 *
 * Thread: created, notified and destroyed by the context's thread. The holder of run_lock runs commands. Any thread
 *         may access the atomics and the status word.
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
	uint64_t idle_ns;        /* the time that it polls before it sleeps */
	uint64_t monitor_ns;     /* the longest time between two ALIVE reports; 0: none wanted */
	int32_t nice;
	uint64_t status_offset;  /* in the resource's fd */

	pthread_mutex_t run_lock; /* held while running commands, by any thread */
	uint32_t cur;            /* bytes consumed; guarded by run_lock */
	uint32_t published;      /* the last value of *head; guarded by run_lock */
	uint32_t batch_commands; /* of the last batch; guarded by run_lock, like the next member */
	bool batch_replies;      /* whether one of them wanted a reply */
	uint32_t gather;         /* pauses after the last small batch; used by the ring's thread */
	bool gentle;             /* used by the ring's thread: it yields instead of spinning */
	_Atomic uint32_t done;   /* `cur` for other threads */
	_Atomic uint32_t wake;   /* counts wake-ups of the ring's thread, which parks on it */
	_Atomic bool parks;      /* the ring's thread is parked, or about to park */
	_Atomic bool stop;
	_Atomic uint32_t seqno_waiting; /* a thread waits for a seqno, on `progress` */
	_Atomic uint32_t progress;      /* incremented if a thread waits */
	struct vtr_deferred deferred;   /* what the context's stream wants behind positions of this ring */
	_Atomic uint64_t virtqueue_seqno;
	_Atomic uint32_t virtqueue_word; /* the thread parks on it until virtqueue_seqno changes */
	struct vtr_os_thread thread;
	struct vtr_dispatch dispatch;
};

/* Mesa creates a ring for each thread that creates pipelines, so a program has as many rings as such threads. Each
 * ring is a thread here, too. The limit is more than any program needs. */
#define VTR_MAX_RINGS 4096
/* The part of the context's budget that a ring takes, besides its memory and the copies of it: the used part of its
 * thread's stack, the thread itself and its arena. */
#define VTR_RING_BYTES ((size_t)256 << 10)

/* Sets bits in the status of all rings. Thread: any. */
void vtr_rings_set_status(struct vtr_venus *venus, uint32_t bits);
/* Makes all ring threads check their state; those of a dead context end. Thread: any. */
void vtr_rings_wake(struct vtr_venus *venus);
/* The driver's threads have got work: until there are more commands, the ring's thread leaves them its processor
 * instead of polling there. Accepts NULL. Thread: the one that runs the ring's commands. */
void vtr_ring_be_gentle(struct vtr_ring *ring);

/* --- how far a ring has got (progress.c). Thread: the one that runs the ring's commands, as for the next ones. --- */

/* All commands before this position have run. The guest sees it `now`, or soon enough that it has room in the ring. */
void vtr_ring_publish(struct vtr_ring *ring, uint32_t position, bool now);
/* Does what was deferred before the ring got to its position. */
void vtr_ring_run_deferred(struct vtr_ring *ring);
/* The thread may do nothing for a while: lets all that waits see what has run. */
void vtr_ring_rest(struct vtr_ring *ring);
/* Returns: the bytes from the ring's position to this one; 0 or less if the ring has reached it. Thread: any, as for
 * the next ones. */
int32_t vtr_ring_way_to(const struct vtr_ring *ring, uint32_t position);
/* Returns: whether everything before this position has run. */
bool vtr_ring_has_reached(const struct vtr_ring *ring, uint32_t position);
/* Waits for that, or until the context has died. Thread: the context's. */
void vtr_ring_await(struct vtr_ring *ring, uint32_t position);
void vtr_ring_set_virtqueue_seqno(struct vtr_ring *ring, uint64_t seqno);
void vtr_ring_destroy(struct vtr_ring *ring);
void vtr_rings_destroy(struct vtr_venus *venus);

#endif
