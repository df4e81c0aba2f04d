/* SPDX-License-Identifier: MIT */
#ifndef IPC_WORKER_PROTOCOL_H
#define IPC_WORKER_PROTOCOL_H

#include <stdint.h>

#include "ipc/ipc.h"

/* The messages between a worker and the process that started it. */

/* --- messages from the worker --------------------------------------------------------------------- */

enum vtr_worker_op {
	VTR_WORKER_RING = 1,        /* vtest: a ring was created; with the fd of its shared memory */
	VTR_WORKER_HOSTMEM_RING = 2, /* VMs: a ring was created in hostmem */
	VTR_WORKER_RING_GONE = 3,   /* a ring was destroyed */
	VTR_WORKER_FENCE_DONE = 4,
	VTR_WORKER_DETACHED = 5, /* the worker has released the memory of a detached resource */
	VTR_WORKER_FDS_TAKEN = 6, /* VMs: the worker has received fds */
	VTR_WORKER_DEVICE = 7, /* the program has a device */
	VTR_WORKER_STALL = 8, /* something in the driver does not complete, or has after all */
	VTR_WORKER_OP_COUNT,
};

struct vtr_worker_ring {
	uint64_t ring_id;
	uint64_t status_offset; /* of the 32-bit status word in the shared memory */
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

struct vtr_worker_device {
	char name[64]; /* as the driver calls it; without NUL if it is that long */
};

/* States of VTR_WORKER_STALL. */
enum vtr_worker_stall_state {
	VTR_WORKER_STALL_OVER, /* what was slow has completed */
	VTR_WORKER_STALL_SLOW, /* it takes long */
	VTR_WORKER_STALL_HUNG, /* it has reached its limit: the worker is about to end */
};

struct vtr_worker_stall {
	uint32_t state;
	uint32_t seconds; /* that it has taken */
	char what[32]; /* without NUL if it is that long, as `program` */
	char program[32]; /* as the client calls itself, printable; empty: unknown */
};

extern const struct vtr_ipc_rule vtr_worker_rules[VTR_WORKER_OP_COUNT];

/* --- messages to the worker of a VM's context ----------------------------------------------------- */

/*
 * A vtest worker gets no messages. Each worker ends when the other side closes the socket. Messages are processed in
 * order.
 */
enum vtr_context_op {
	VTR_CONTEXT_INIT = 1, /* the first message, sent once; with hostmem's fd */
	VTR_CONTEXT_ATTACH = 2,
	VTR_CONTEXT_ATTACH_PIECES = 3, /* memory outside of hostmem; with fds and a tail of pieces */
	VTR_CONTEXT_DETACH = 4,
	VTR_CONTEXT_SUBMIT = 5, /* the tail holds Venus commands */
	VTR_CONTEXT_FENCE = 6,
	VTR_CONTEXT_OP_COUNT,
};

/* The most pieces in RESOURCE_ATTACH_BACKING; QEMU's own device has the same limit. */
#define VTR_CONTEXT_MAX_PIECES 16384
/* The longest request that the device copies (VTR_QUEUE_MAX_OUT). */
#define VTR_CONTEXT_MAX_SUBMIT (4u << 20)

struct vtr_context_init {
	uint64_t hostmem_size;
};

struct vtr_context_attach {
	uint32_t res_id;
	uint32_t zero;
	uint64_t offset; /* in hostmem */
	uint64_t size;
};

struct vtr_context_attach_pieces {
	uint32_t res_id;
	uint32_t zero;
};

struct vtr_context_piece {
	uint32_t fd; /* index into the message's fds */
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
