/* SPDX-License-Identifier: MIT */
#ifndef IPC_SANDBOX_ARGS_H
#define IPC_SANDBOX_ARGS_H

#include "platform/proc.h"

/*
 * The arguments that tell a child how to lock itself in: --sandbox MODE, a number, and --refusals-fd N. Workers get the
 * mode with their configuration.
 *
 * Thread: the caller's.
 */
#define VTR_SANDBOX_ARGS 4
#define VTR_SANDBOX_ARG_TEXT 16

struct vtr_sandbox_args {
	const char *args[VTR_SANDBOX_ARGS]; /* point into the struct */
	char texts[2][VTR_SANDBOX_ARG_TEXT];
};

void vtr_sandbox_args_fill(enum vtr_os_sandbox_mode mode, struct vtr_sandbox_args *out_args);

#endif
