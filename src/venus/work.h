/* SPDX-License-Identifier: MIT */
#ifndef VENUS_WORK_H
#define VENUS_WORK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "vk_gen.h"

struct vtr_device;
struct vtr_queue;

/*
 * What was submitted to queues and has not completed, and since when it could have run. The ends of batches show on the
 * queue's timeline (venus/fence.c), which submits signal.
 *
 * A batch waits legally for semaphores. The signal of a binary semaphore must be submitted before the wait, so the
 * batch waits for what the device's other queues got earlier. A timeline semaphore may be waited for first: the wait is
 * open until the host signals the value, or something that does is submitted. A queue's clock runs while it makes no
 * progress, no wait of its next batches is open, and, if they wait for anything, the other queues have completed what
 * they got before that. So the clock never runs too early.
 *
 * Thread: any, with the lock of vtr_device_work, which is the innermost.
 */

/* Open waits of a queue. With more of them, the queue is not judged until it is idle. */
#define VTR_WORK_MAX_OPEN 16
/* Signals of a queue whose batches are known one by one. A tick may find more; they share what is known. */
#define VTR_WORK_GROUPS 64

/* The batches between two signals. Submits of a device are numbered from 1 on. */
struct vtr_work_group {
	uint32_t batches;
	uint64_t first; /* the submit of the first one */
	uint64_t after; /* they wait for submits up to this one; 0: for nothing */
};

struct vtr_work {
	uint64_t signalled; /* the last value that was or will be signalled */
	uint64_t completed; /* the last value that was seen */
	struct vtr_work_group groups[VTR_WORK_GROUPS]; /* by the value that shows their end */
	struct vtr_work_group tail; /* after the last signal */
	int64_t signal_ns; /* of the coarse clock, at the last signal; written under queue->lock, too */
	struct vtr_work_open {
		VkSemaphore semaphore;
		uint64_t value;
		uint64_t at; /* the value that shows the end of the waiting batch */
	} open[VTR_WORK_MAX_OPEN];
	uint32_t open_count;
	bool open_lost; /* there was no room for an open wait */
	bool runs; /* the clock */
	int64_t elapsed_ns;
};

/* A timeline semaphore. */
struct vtr_work_timeline {
	VkSemaphore semaphore; /* NULL: the row is free */
	uint64_t promised; /* the highest value that is signalled, or will be by what was submitted */
	uint64_t submit; /* which submit will; 0: it is signalled */
};

struct vtr_device_work {
	pthread_mutex_t lock;
	bool watched; /* constant once the device is in use; false: nothing here is used */
	bool unsure; /* see vtr_work_unsure() */
	uint64_t submits;
	struct vtr_work_timeline *timelines; /* a hash table; it keeps semaphores that are destroyed */
	uint32_t timeline_count, timeline_room;
};

void vtr_device_work_init(struct vtr_device *device);
void vtr_device_work_finish(struct vtr_device *device);

/* A semaphore was created. `timeline`: it is one, of this value. Returns: false without memory. */
VTR_MUST_CHECK bool vtr_work_created(struct vtr_device *device, VkSemaphore semaphore, bool timeline,
                                     uint64_t value);
/* The host signals a timeline. */
void vtr_work_promise(struct vtr_device *device, VkSemaphore semaphore, uint64_t value);
/* Something cannot be followed: a submit that failed, or a command buffer that waits for events, which the host may set
 * at any time. The device's work is not judged any more. */
void vtr_work_unsure(struct vtr_device *device);

/* Called with queue->lock held. Returns: whether the next submit should signal the queue's timeline. */
bool vtr_work_wants_signal(struct vtr_queue *queue);

/* The driver is about to be called with this. `value` is what it signals behind that; 0:
 * nothing. Called with queue->lock held. */
/* A signal of the queue's timeline, and nothing else. */
void vtr_work_signal(struct vtr_queue *queue, uint64_t value);
void vtr_work_submit(struct vtr_queue *queue, uint32_t count, const VkSubmitInfo *infos, uint64_t value);
void vtr_work_submit2(struct vtr_queue *queue, uint32_t count, const VkSubmitInfo2 *infos, uint64_t value);
void vtr_work_bind(struct vtr_queue *queue, uint32_t count, const VkBindSparseInfo *infos);

/* Returns: whether the queue has work that has not completed, as far as is known. *out_signalled: whether its timeline
 * exists, and tells more. */
bool vtr_work_pending(struct vtr_queue *queue, bool *out_signalled);
/* Tells up to which value the queue's work has completed. Returns: whether there is more that no signal follows. */
bool vtr_work_see(struct vtr_queue *queue, uint64_t completed);

/**
 * A tick, `passed_ns` after the last one. Call it for all queues of a device, after vtr_work_see() for those that have
 * pending work.
 *
 * Returns: how long a batch of the queue has been running; 0 if none does. With several batches between two
 *          signals, the time is divided by their number.
 */
int64_t vtr_work_tick(struct vtr_queue *queue, int64_t passed_ns);

#endif
