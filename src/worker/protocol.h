/* SPDX-License-Identifier: MIT */
#ifndef WORKER_PROTOCOL_H
#define WORKER_PROTOCOL_H

#include <stdint.h>

#include "worker/ipc.h"

/*
 * What a worker tells its supervisor. The supervisor tells a worker nothing: when it closes the
 * socket, the worker ends.
 */
enum vtr_worker_op {
	VTR_WORKER_RING = 1,      /* a ring was made; its shared memory comes along */
	VTR_WORKER_RING_GONE = 2, /* and destroyed */
	VTR_WORKER_OP_COUNT,
};

struct vtr_worker_ring {
	uint64_t ring_id;
	uint64_t status_offset; /* of the 32-bit status word in the memory */
};

struct vtr_worker_ring_gone {
	uint64_t ring_id;
};

extern const struct vtr_ipc_rule vtr_worker_rules[VTR_WORKER_OP_COUNT];

#endif
