/* SPDX-License-Identifier: MIT */
#include "worker/protocol.h"

const struct vtr_ipc_rule vtr_worker_rules[VTR_WORKER_OP_COUNT] = {
	[VTR_WORKER_RING] = { .name = "RING",
	                      .size = sizeof(struct vtr_worker_ring),
	                      .fd_count = 1 },
	[VTR_WORKER_RING_GONE] = { .name = "RING_GONE",
	                           .size = sizeof(struct vtr_worker_ring_gone) },
};
