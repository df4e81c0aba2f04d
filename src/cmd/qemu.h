/* SPDX-License-Identifier: MIT */
#ifndef CMD_QEMU_H
#define CMD_QEMU_H

#include <limits.h>

#include "base/err.h"

/* Finding a QEMU that can have `vitrine gpu` as its GPU. Thread: one. */

/* What QEMU must be, for messages. */
#define VTR_QEMU_WANTED "QEMU 11.1 or newer"

struct vtr_qemu {
	char path[PATH_MAX];
	unsigned major, minor;
	char problems[512]; /* of those that will not do, "" if there are none */
};

/**
 * Looks at the QEMU that is named, or else at the system's and then at the one that tools/fetch-qemu brought.
 *
 * *out_qemu is filled in also on failure, for its problems.
 * Returns: VTR_ERR_GONE if none will do.
 */
VTR_MUST_CHECK enum vtr_err vtr_qemu_find(const char *named, struct vtr_qemu *out_qemu);

#endif
