/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ram.h"

/*
 * A split virtqueue, the device's side (virtio 1.3, 2.7), with indirect descriptors and event index.
 * It lies in guest RAM, so all that is read from it is hostile: read once, checked, limited.
 *
 * Requests may be completed in any order, also after the queue was stopped and started again, as long
 * as the guest did not reset the device in between.
 *
 * Thread: the device's.
 */
struct vtr_queue;

/* Readable bytes of one request that are copied out; of more than that only these. */
#define VTR_QUEUE_MAX_OUT (4u << 20)
/* Writable segments of one request that are kept; the guest's driver uses one or two. */
#define VTR_QUEUE_MAX_IN 8

struct vtr_queue_segment {
	uint64_t gpa;
	uint32_t size;
};

/* One descriptor chain. Owner: whoever popped it, until vtr_queue_push(). */
struct vtr_queue_request {
	uint16_t head;
	bool cut; /* there were more readable bytes, or more writable segments */
	uint8_t *out; /* what the driver wrote: a private copy, aligned for any type; NULL: nothing */
	size_t out_size;
	struct vtr_queue_segment in[VTR_QUEUE_MAX_IN]; /* where the driver expects an answer */
	uint32_t in_count;
	size_t in_size; /* sum of in[] */
};

/**
 * Takes the next request.
 *
 * Owner:   *out_request is the caller's; give it back by vtr_queue_push(), or vtr_queue_drop().
 * Returns: VTR_ERR_AGAIN  there is none now; the queue will be kicked
 *          VTR_ERR_GUEST  the ring makes no sense; the queue answers nothing more until it is reset
 *          VTR_ERR_NOMEM  try again later
 */
VTR_MUST_CHECK enum vtr_err vtr_queue_pop(struct vtr_queue *queue, struct vtr_queue_request **out_request);

/* Writes the answer from its start. Returns: bytes written; fewer than `size` if the driver left less
 * room, or none if its memory went away. */
size_t vtr_queue_write(struct vtr_queue *queue, const struct vtr_queue_request *request, const void *data,
                       size_t size);

/* Completes a request with `written` bytes of answer; frees it. The driver hears of it by
 * vtr_queue_notify(). While the queue is stopped this is remembered, and done, with an interrupt, when
 * it goes on. A request from before a reset is only freed. */
void vtr_queue_push(struct vtr_queue *queue, struct vtr_queue_request *request, size_t written);

/* Frees request->out (NULL afterwards). For a request that is executed and answered only later: a
 * guest may have as many of them as the queue has entries, each of VTR_QUEUE_MAX_OUT bytes. */
void vtr_queue_forget_out(struct vtr_queue_request *request);

/* Frees a request whose queue was reset, or is gone: nobody waits for it. */
void vtr_queue_drop(struct vtr_queue_request *request);

/* Interrupts the driver if there is something new and it wants to know. Once for a batch. */
void vtr_queue_notify(struct vtr_queue *queue);

#endif
