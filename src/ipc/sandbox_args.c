/* SPDX-License-Identifier: MIT */
#include "ipc/sandbox_args.h"

#include <stdio.h>

#include "ipc/child.h"

void vtr_sandbox_args_fill(enum vtr_os_sandbox_mode mode, struct vtr_sandbox_args *out_args)
{
	/* The number 0 stands for a process without a sandbox, which does not have the fd. */
	const int fd = mode == VTR_OS_SANDBOX_OFF ? 0 : VTR_CHILD_REFUSALS_FD;

	snprintf(out_args->texts[0], VTR_SANDBOX_ARG_TEXT, "%d", (int)mode);
	snprintf(out_args->texts[1], VTR_SANDBOX_ARG_TEXT, "%d", fd);
	out_args->args[0] = "--sandbox";
	out_args->args[1] = out_args->texts[0];
	out_args->args[2] = "--refusals-fd";
	out_args->args[3] = out_args->texts[1];
}
