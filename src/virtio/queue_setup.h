/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_QUEUE_SETUP_H
#define VIRTIO_QUEUE_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "core/ram.h"
#include "virtio/queue.h"

/*
 * The transport's side of a virtqueue (queue.h has the device's): where it lies, when it runs, how
 * the driver is interrupted. Thread: the device's.
 */

/* How a driver set the queue up: its word, so nothing of it need make sense. */
struct vtr_queue_setup {
	uint32_t size;      /* entries */
	uint64_t desc_addr; /* the rings' addresses in the VMM's address space */
	uint64_t avail_addr;
	uint64_t used_addr;
	uint16_t base;    /* the available entry to go on with */
	bool indirect;    /* VIRTIO_F_INDIRECT_DESC is negotiated */
	bool event_index; /* VIRTIO_F_EVENT_IDX is */
};

/**
 * Makes queue number `index`. `log` and `ram` must outlive it.
 *
 * Owner:   *out_queue is the caller's. Requests that were popped and not pushed are not: whoever has
 *          them drops them, before or after the queue's end.
 * Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_queue_create(struct vtr_log *log, uint32_t index, const struct vtr_ram *ram,
                                             struct vtr_queue **out_queue);

/* Accepts NULL. */
void vtr_queue_destroy(struct vtr_queue *queue);

/* The driver began anew: requests that were popped are nobody's, answers that wait are forgotten. The
 * queue must be stopped. */
void vtr_queue_reset(struct vtr_queue *queue);

/**
 * Lets a stopped queue run. After a reset with whatever is in the rings; else it goes on where it was
 * stopped, and answers that were pushed in the meantime are published. A set-up that makes no sense is
 * logged; vtr_queue_pop() says VTR_ERR_GUEST then.
 */
void vtr_queue_start(struct vtr_queue *queue, const struct vtr_queue_setup *setup);

/* Stops it, if it runs: its memory is left alone. Returns: the available entry to go on with. */
uint16_t vtr_queue_stop(struct vtr_queue *queue);

/**
 * A driver that adds a request and looks whether it must kick, or asks for an interrupt and looks whether there is
 * something, needs a full barrier in between. QEMU's TCG leaves out the one that Linux has there (a locked
 * instruction) if the machine has one processor, so a kick or an interrupt can be missing, and nobody moves
 * again. `doubt` is called when the queue has gone to sleep or has not interrupted: a moment later, when what was
 * written then is visible for sure, vtr_queue_look_again() must be called.
 */
void vtr_queue_on_doubt(struct vtr_queue *queue, void (*doubt)(void *data), void *data);

/* Interrupts the driver if it waits for that. Returns: whether there are requests of which we were not told; the
 * device must be kicked then. */
VTR_MUST_CHECK bool vtr_queue_look_again(struct vtr_queue *queue);

/* The memory table has changed: finds the rings again. */
void vtr_queue_remap(struct vtr_queue *queue);

/* How to interrupt the driver, and how to tell the VMM of a queue that makes no sense: eventfds, or -1
 * for not at all. Owner: they are consumed. A new call fd is signalled once: an interrupt that was
 * owed may have gone to the old one. */
void vtr_queue_set_call(struct vtr_queue *queue, int take_fd);
void vtr_queue_set_err(struct vtr_queue *queue, int take_fd);

#endif
