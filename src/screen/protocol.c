/* SPDX-License-Identifier: MIT */
#include "screen/protocol.h"

const struct vtr_ipc_rule vtr_screen_rules[VTR_SCREEN_OP_COUNT] = {
	[VTR_SCREEN_BUFFER] = { .name = "BUFFER",
	                        .size = sizeof(struct vtr_screen_buffer),
	                        .min_fds = 1,
	                        .max_fds = 1 },
	[VTR_SCREEN_BUFFER_GONE] = { .name = "BUFFER_GONE",
	                             .size = sizeof(struct vtr_screen_buffer_gone) },
	[VTR_SCREEN_MODE] = { .name = "MODE", .size = sizeof(struct vtr_screen_mode) },
};
