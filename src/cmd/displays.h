/* SPDX-License-Identifier: MIT */
#ifndef CMD_DISPLAYS_H
#define CMD_DISPLAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/opts.h"

/* The start of the processes that `vitrine gpu` runs to show the displays. Thread: the main thread. */
struct vtr_log;
struct vtr_display_client;

/* The row --hostmem-size for a command's table of options. At `offset_`, the command's options have a uint64_t. */
#define VTR_HOSTMEM_SIZE_OPT(offset_) \
	{ .name = "hostmem-size",     \
	  .kind = VTR_OPT_SIZE,       \
	  .offset = (offset_),        \
	  .arg = "SIZE",              \
	  .help = "take the guest's hostmem of this size at fd 7" }

/* Returns: whether `vitrine gpu` started this process; prints a message if not. */
bool vtr_displays_are_given(const struct vtr_command *command);

/* Takes the fds of enum vtr_display_fd. `hostmem_size` 0: there is no hostmem. Owner: *out_screen is the
 * caller's.
 * Returns: as vtr_display_client_create(). */
VTR_MUST_CHECK enum vtr_err vtr_displays_open(struct vtr_log *log, uint64_t hostmem_size,
                                              struct vtr_display_client **out_screen);

#endif
