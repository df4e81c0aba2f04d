/* SPDX-License-Identifier: MIT */
#ifndef CMD_GUESTENV_H
#define CMD_GUESTENV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * The environment variables that make an unmodified program use Venus over vtest. What the user
 * has set stays as it is; where that would lead the program past us, it is said instead.
 */

#define VTR_GUESTENV_MAX 8

struct vtr_guestenv {
	/* NAME=VALUE for those to add, NULL-terminated; owned */
	char *set[VTR_GUESTENV_MAX + 1];
	size_t count;
};

/**
 * Works out what to add for programs that are to connect to `socket_path`. Complains on stderr, in
 * the name of `vitrine COMMAND`, about what cannot work.
 *
 * Owner:   end *out_env with vtr_guestenv_finish(); untouched on failure.
 * Returns: VTR_ERR_UNSUPPORTED (no Venus driver, or the user's variables are against it),
 *          VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_guestenv_init(const char *command, const char *socket_path,
                                              struct vtr_guestenv *out_env);

/* Whether the environment names a Wayland compositor. */
bool vtr_guestenv_has_wayland(void);

/*
 * Whether programs' windows must get their pictures by copy, and the user has not said how. Asks the X server, unless
 * there is Wayland.
 */
bool vtr_guestenv_copies_windows(void);

/* Sets that. `on_cpu`: devices draw where the copy is made from, so it takes no detour (as lavapipe, natively). */
VTR_MUST_CHECK enum vtr_err vtr_guestenv_copy_windows(struct vtr_guestenv *env, bool on_cpu);

void vtr_guestenv_finish(struct vtr_guestenv *env);

#endif
