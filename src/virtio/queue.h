/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_QUEUE_H
#define VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ram.h"

/*
 * A split virtqueue, the device's side (virtio 1.3, 2.7), with indirect descriptors and event index. It lies
 * in guest RAM, so everything read from it is untrusted: read once, checked, limited.
 *
 * Requests may be completed in any order, also after the queue was stopped and started again, as long as the
 * guest did not reset the device in between.
 *
 * Thread: the device's.
 */
struct vtr_queue;

/* The most readable bytes of one request that are copied; the rest is ignored. */
#define VTR_QUEUE_MAX_OUT (4u << 20)
/* The most writable segments of one request that are kept; the Linux driver uses one or two. */
#define VTR_QUEUE_MAX_IN 8

struct vtr_queue_segment {
	uint64_t gpa;
	uint32_t size;
};

/* One descriptor chain. Owner: the caller that popped it, until vtr_queue_push(). */
struct vtr_queue_request {
	uint16_t head;
	bool cut; /* there were more readable bytes or more writable segments */
	uint8_t *out; /* what the driver wrote: a private copy, aligned for any type; NULL: none */
	size_t out_size; /* the readable bytes; those in `out` unless the request was popped as ranges */
	struct vtr_queue_segment in[VTR_QUEUE_MAX_IN]; /* where the driver expects an answer */
	uint32_t in_count;
	size_t in_size; /* sum of in[] */
};

/**
 * Takes the next request.
 *
 * Owner:   *out_request is the caller's; give it back by vtr_queue_push(), or vtr_queue_drop().
 * Returns: VTR_ERR_AGAIN     there is none now; the queue will be kicked
 *          VTR_ERR_PROTOCOL  the ring is invalid; the queue is not served until it is reset
 *          VTR_ERR_NOMEM     try again later
 */
VTR_MUST_CHECK enum vtr_err vtr_queue_pop(struct vtr_queue *queue, struct vtr_queue_request **out_request);

/**
 * The same for data that is read or written later, piece by piece: nothing is copied, so `out` is NULL, and in[] is
 * empty. Only vtr_queue_read_at() and vtr_queue_write_at() reach the request's memory.
 *
 * `max_ranges`: the most pieces of guest memory that are kept, not 0; `cut` says that there were more.
 */
VTR_MUST_CHECK enum vtr_err vtr_queue_pop_ranges(struct vtr_queue *queue, uint32_t max_ranges,
                                                 struct vtr_queue_request **out_request);

/* Copies `size` readable bytes from `offset` on, of a request of vtr_queue_pop_ranges(). Returns: bytes copied; fewer
 * at the end, or if the memory is gone. */
size_t vtr_queue_read_at(struct vtr_queue *queue, const struct vtr_queue_request *request, size_t offset,
                         void *data, size_t size);

/* Writes `size` bytes at `offset` of the writable memory, of a request of vtr_queue_pop_ranges(). Returns: bytes
 * written; fewer at the end, or if the memory is gone. */
size_t vtr_queue_write_at(struct vtr_queue *queue, const struct vtr_queue_request *request, size_t offset,
                          const void *data, size_t size);

/* Writes the answer from its start. Returns: bytes written; fewer than `size` if the driver left less room,
 * or 0 if the memory is gone. */
size_t vtr_queue_write(struct vtr_queue *queue, const struct vtr_queue_request *request, const void *data,
                       size_t size);

/* Completes a request with `written` bytes of answer; frees it. vtr_queue_notify() informs the driver. While
 * the queue is stopped the answer is kept, and published with an interrupt at the next start. A request from
 * before a reset is only freed. */
void vtr_queue_push(struct vtr_queue *queue, struct vtr_queue_request *request, size_t written);

/* Frees request->out (NULL afterwards). For a request that is executed now and answered later: a guest may
 * have as many of them as the queue has entries, each of VTR_QUEUE_MAX_OUT bytes. */
void vtr_queue_forget_out(struct vtr_queue_request *request);

/* Frees a request without an answer, after its queue was reset or destroyed. */
void vtr_queue_drop(struct vtr_queue_request *request);

/* Interrupts the driver if there are new answers and it wants an interrupt. Call it once for a batch. */
void vtr_queue_notify(struct vtr_queue *queue);

#endif
