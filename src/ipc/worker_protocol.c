/* SPDX-License-Identifier: MIT */
#include "ipc/worker_protocol.h"

const struct vtr_ipc_rule vtr_worker_rules[VTR_WORKER_OP_COUNT] = {
	[VTR_WORKER_RING] = { .name = "RING",
	                      .size = sizeof(struct vtr_worker_ring),
	                      .min_fds = 1,
	                      .max_fds = 1 },
	[VTR_WORKER_HOSTMEM_RING] = { .name = "HOSTMEM_RING", .size = sizeof(struct vtr_worker_ring) },
	[VTR_WORKER_RING_GONE] = { .name = "RING_GONE", .size = sizeof(struct vtr_worker_ring_gone) },
	[VTR_WORKER_FENCE_DONE] = { .name = "FENCE_DONE", .size = sizeof(struct vtr_worker_fence_done) },
	[VTR_WORKER_DETACHED] = { .name = "DETACHED", .size = sizeof(struct vtr_worker_detached) },
	[VTR_WORKER_DEVICE] = { .name = "DEVICE", .size = sizeof(struct vtr_worker_device) },
	[VTR_WORKER_STALL] = { .name = "STALL", .size = sizeof(struct vtr_worker_stall) },
	[VTR_WORKER_FDS_TAKEN] = { .name = "FDS_TAKEN", .size = sizeof(struct vtr_worker_fds_taken) },
};

const struct vtr_ipc_rule vtr_context_rules[VTR_CONTEXT_OP_COUNT] = {
	[VTR_CONTEXT_INIT] = { .name = "INIT",
	                       .size = sizeof(struct vtr_context_init),
	                       .min_fds = 1,
	                       .max_fds = 1 },
	[VTR_CONTEXT_ATTACH] = { .name = "ATTACH", .size = sizeof(struct vtr_context_attach) },
	[VTR_CONTEXT_ATTACH_PIECES] = { .name = "ATTACH_PIECES",
	                                .size = sizeof(struct vtr_context_attach_pieces),
	                                .max_tail = VTR_CONTEXT_MAX_PIECES * sizeof(struct vtr_context_piece),
	                                .tail_step = sizeof(struct vtr_context_piece),
	                                .min_fds = 1,
	                                .max_fds = VTR_IPC_MAX_FDS },
	[VTR_CONTEXT_DETACH] = { .name = "DETACH", .size = sizeof(struct vtr_context_detach) },
	[VTR_CONTEXT_SUBMIT] = { .name = "SUBMIT", .max_tail = VTR_CONTEXT_MAX_SUBMIT },
	[VTR_CONTEXT_FENCE] = { .name = "FENCE", .size = sizeof(struct vtr_context_fence) },
};
