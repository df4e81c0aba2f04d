/* SPDX-License-Identifier: MIT */
#ifndef CMD_GPU_CHOICE_H
#define CMD_GPU_CHOICE_H

#include <stddef.h>

#include "base/err.h"
#include "cmd/opts.h"

/*
 * The option --gpu: which of the host's devices programs get. The front loads no driver, so a process lists the devices
 * (`vitrine worker --probe --list`) and ends before the first client comes. The choice is a pair of UUIDs in the
 * configuration of the workers. It is not an index, because the order of the devices may change.
 */

struct vtr_workers;
struct vtr_log;

/* The row for a command's table of options. At `offset_`, the command's options have a const char *. */
#define VTR_GPU_OPT(offset_)        \
	{ .name = "gpu",            \
	  .kind = VTR_OPT_TEXT,     \
	  .offset = (offset_),      \
	  .arg = "INDEX|UUID|NAME", \
	  .help = "offer only this device of the host, see 'vitrine doctor'; default: all" }

/**
 * Restricts the workers that will be started to the device that `text` names. Waits for the process that lists the
 * devices. NULL: to none.
 *
 * Returns: VTR_ERR_ARG (not exactly one device: the reason was printed, with `command`), VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_workers_choose_gpu(struct vtr_workers *workers, const char *command,
                                                   const char *text, struct vtr_log *log);

#endif
