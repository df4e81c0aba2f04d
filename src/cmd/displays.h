/* SPDX-License-Identifier: MIT */
#ifndef CMD_DISPLAYS_H
#define CMD_DISPLAYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* How the processes begin that `vitrine gpu` starts to see the displays. Thread: the main thread. */
struct vtr_command;
struct vtr_log;
struct vtr_screen;

/* Whether it was `vitrine gpu` that started this; says so if not. */
bool vtr_displays_are_given(const struct vtr_command *command);

/* Takes the fds of enum vtr_screen_fd. `window_size` 0: there is no window. Owner: *out_screen is the caller's.
 * Returns: as vtr_screen_create(). */
VTR_MUST_CHECK enum vtr_err vtr_displays_open(struct vtr_log *log, uint64_t window_size,
                                              struct vtr_screen **out_screen);

#endif
