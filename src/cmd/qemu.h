/* SPDX-License-Identifier: MIT */
#ifndef CMD_QEMU_H
#define CMD_QEMU_H

#include <limits.h>

#include "base/err.h"

/* Finds a QEMU that `vitrine gpu` can serve. Thread: one. */

/* The requirement, for messages. */
#define VTR_QEMU_WANTED "QEMU 11.1 or newer"

struct vtr_qemu {
	char path[PATH_MAX];
	unsigned major, minor;
	char problems[512]; /* what is wrong with unsuitable ones; "" if none */
};

/**
 * Checks the named QEMU, or else the system's and then the ones that tools/fetch-qemu has put into the build
 * folder, or `vitrine demo` into the user's cache.
 *
 * *out_qemu is filled in also on failure, for its problems.
 * Returns: VTR_ERR_GONE if none is suitable.
 */
VTR_MUST_CHECK enum vtr_err vtr_qemu_find(const char *named, struct vtr_qemu *out_qemu);

#endif
