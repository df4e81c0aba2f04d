/* SPDX-License-Identifier: MIT */
#ifndef WORKER_PROTOCOL_H
#define WORKER_PROTOCOL_H

#include <stdint.h>

#include "worker/ipc.h"

/* What the process that started a worker and the worker tell each other. */

/* --- the worker says ------------------------------------------------------------------------------ */

enum vtr_worker_op {
	VTR_WORKER_RING = 1,        /* vtest: a ring was made; its shared memory comes along */
	VTR_WORKER_WINDOW_RING = 2, /* VMs: a ring was made, in the window */
	VTR_WORKER_RING_GONE = 3,   /* and destroyed */
	VTR_WORKER_FENCE_DONE = 4,
	VTR_WORKER_DETACHED = 5, /* nothing of a detached resource's memory is in use any more */
	VTR_WORKER_FDS_TAKEN = 6, /* fds that came to a context's worker are out of the socket */
	VTR_WORKER_OP_COUNT,
};

struct vtr_worker_ring {
	uint64_t ring_id;
	uint64_t status_offset; /* of the 32-bit status word in the memory */
};

struct vtr_worker_ring_gone {
	uint64_t ring_id;
};

struct vtr_worker_fence_done {
	uint32_t timeline;
	uint32_t zero;
	uint64_t fence_id;
};

struct vtr_worker_detached {
	uint32_t res_id;
	uint32_t zero;
};

struct vtr_worker_fds_taken {
	uint32_t count;
	uint32_t zero;
};

extern const struct vtr_ipc_rule vtr_worker_rules[VTR_WORKER_OP_COUNT];

/* --- the worker of a VM's context hears ----------------------------------------------------------- */

/*
 * A vtest worker is told nothing. In either case: when the other side closes the socket, the worker
 * ends. Everything is done in order.
 */
enum vtr_context_op {
	VTR_CONTEXT_INIT = 1, /* first of all, once; the window's fd comes along */
	VTR_CONTEXT_ATTACH = 2,
	VTR_CONTEXT_ATTACH_PIECES = 3, /* memory outside of the window: fds, and a tail of pieces */
	VTR_CONTEXT_DETACH = 4,
	VTR_CONTEXT_SUBMIT = 5, /* the tail: Venus commands */
	VTR_CONTEXT_FENCE = 6,
	VTR_CONTEXT_OP_COUNT,
};

/* What RESOURCE_ATTACH_BACKING may have at most, as in QEMU's own device. */
#define VTR_CONTEXT_MAX_PIECES 16384
/* A request of the guest's, as long as the device copies it (VTR_QUEUE_MAX_OUT). */
#define VTR_CONTEXT_MAX_SUBMIT (4u << 20)

struct vtr_context_init {
	uint64_t window_size;
};

struct vtr_context_attach {
	uint32_t res_id;
	uint32_t zero;
	uint64_t offset; /* in the window */
	uint64_t size;
};

struct vtr_context_attach_pieces {
	uint32_t res_id;
	uint32_t zero;
};

struct vtr_context_piece {
	uint32_t fd; /* which of those that came along */
	uint32_t zero;
	uint64_t offset;
	uint64_t size;
};

struct vtr_context_detach {
	uint32_t res_id;
	uint32_t zero;
};

struct vtr_context_fence {
	uint32_t timeline;
	uint32_t zero;
	uint64_t fence_id;
};

extern const struct vtr_ipc_rule vtr_context_rules[VTR_CONTEXT_OP_COUNT];

#endif
