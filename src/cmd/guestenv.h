/* SPDX-License-Identifier: MIT */
#ifndef CMD_GUESTENV_H
#define CMD_GUESTENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * The environment variables that make an unmodified program use Venus over vtest. The user's own settings are
 * kept; if they would keep the program from using vitrine, an error is printed instead.
 */

#define VTR_GUESTENV_MAX 8

struct vtr_guestenv {
	/* NAME=VALUE to add, ends with NULL; owned */
	char *set[VTR_GUESTENV_MAX + 1];
	size_t count;
};

/**
 * Determines what to add for programs that connect to `socket_path`. Prints errors on stderr, in the name of
 * `vitrine COMMAND`.
 *
 * Owner:   end *out_env with vtr_guestenv_finish(); untouched on failure.
 * Returns: VTR_ERR_UNSUPPORTED (no Venus driver, or the user's variables prevent its use), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_guestenv_init(const char *command, const char *socket_path,
                                              struct vtr_guestenv *out_env);

/* Returns: whether the environment names a Wayland compositor. */
bool vtr_guestenv_has_wayland(void);

/*
 * Returns: whether programs' windows must get their pictures by copy, and the user has not chosen how.
 *          Queries the X server, unless there is Wayland.
 */
bool vtr_guestenv_copies_windows(void);

/* Selects the copy. `on_cpu`: devices draw directly into the memory that is copied from (as lavapipe does
 * natively). */
VTR_MUST_CHECK enum vtr_err vtr_guestenv_copy_windows(struct vtr_guestenv *env, bool on_cpu);

void vtr_guestenv_finish(struct vtr_guestenv *env);

#endif
