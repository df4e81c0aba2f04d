/* SPDX-License-Identifier: MIT */
#include "ipc/zygote_protocol.h"

const struct vtr_ipc_rule vtr_zygote_request_rules[VTR_ZYGOTE_REQUEST_COUNT] = {
	[VTR_ZYGOTE_LOAD] = { .name = "LOAD", .max_tail = VTR_ZYGOTE_PATHS },
	[VTR_ZYGOTE_START] = { .name = "START",
	                       .size = sizeof(struct vtr_zygote_start),
	                       .max_tail = VTR_ZYGOTE_ARGUMENTS,
	                       .min_fds = 1,
	                       .max_fds = VTR_IPC_MAX_FDS },
};

const struct vtr_ipc_rule vtr_zygote_rules[VTR_ZYGOTE_OP_COUNT] = {
	[VTR_ZYGOTE_READY] = { .name = "READY", .size = sizeof(struct vtr_zygote_ready) },
};
