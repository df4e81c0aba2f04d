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
 * The transport's side of a virtqueue (queue.h has the device's): where it lies, when it runs, how the driver
 * is interrupted. Thread: the device's.
 */

/* The set-up as the driver chose it; untrusted. */
struct vtr_queue_setup {
	uint32_t size;      /* entries */
	uint64_t desc_addr; /* the rings' addresses in the VMM's address space */
	uint64_t avail_addr;
	uint64_t used_addr;
	uint16_t base;    /* the available entry to continue with */
	bool indirect;    /* VIRTIO_F_INDIRECT_DESC is negotiated */
	bool event_index; /* VIRTIO_F_EVENT_IDX is negotiated */
};

/**
 * Creates queue number `index`. `log` and `ram` must outlive it.
 *
 * Owner:   *out_queue is the caller's. Popped requests that were not pushed are not part of it: their owner
 *          drops them, before or after the queue is destroyed.
 * Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_queue_create(struct vtr_log *log, uint32_t index, const struct vtr_ram *ram,
                                             struct vtr_queue **out_queue);

/* Accepts NULL. */
void vtr_queue_destroy(struct vtr_queue *queue);

/* Resets the queue: popped requests are detached from it, parked answers are dropped. The queue must be
 * stopped. */
void vtr_queue_reset(struct vtr_queue *queue);

/**
 * Starts a stopped queue. After a reset it reads what is in the rings. Otherwise it continues where it was
 * stopped, and publishes the answers that were pushed in the meantime. An invalid set-up is logged;
 * vtr_queue_pop() then returns VTR_ERR_PROTOCOL.
 */
void vtr_queue_start(struct vtr_queue *queue, const struct vtr_queue_setup *setup);

/* Stops the queue if it runs: its memory is not accessed any more. Returns: the available entry to continue
 * with. */
uint16_t vtr_queue_stop(struct vtr_queue *queue);

/**
 * A driver that adds a request and then checks whether it must kick, or requests an interrupt and then checks
 * for entries, needs a full barrier in between. QEMU's TCG omits the one that Linux uses there (a locked
 * instruction) if the VM has one processor. A kick or an interrupt can then be missing, and both sides wait
 * without end. `maybe_missed` is called when the queue has requested a kick or has not interrupted. The
 * caller must call vtr_queue_look_again() a moment later, when the driver's writes are visible for sure.
 */
void vtr_queue_on_maybe_missed_kick(struct vtr_queue *queue, void (*maybe_missed)(void *data), void *data);

/* Interrupts the driver if it waits for that. Returns: whether there are requests without a kick; the device
 * must be kicked then. */
VTR_MUST_CHECK bool vtr_queue_look_again(struct vtr_queue *queue);

/* The memory table has changed: looks up the rings again. */
void vtr_queue_remap(struct vtr_queue *queue);

/* Sets the eventfds that interrupt the driver and report an invalid queue to the VMM; -1 for none. Owner:
 * they are consumed. A new call fd is signalled once: a pending interrupt may have gone to the old one. */
void vtr_queue_set_call(struct vtr_queue *queue, int take_fd);
void vtr_queue_set_err(struct vtr_queue *queue, int take_fd);

#endif
