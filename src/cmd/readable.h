/* SPDX-License-Identifier: MIT */
#ifndef CMD_READABLE_H
#define CMD_READABLE_H

#include <stddef.h>

#include "base/err.h"

/*
 * Files outside of the system's folders that the user's variables have the Vulkan loader open: the
 * manifests of drivers with their libraries, folders of layers and libraries. A worker's sandbox
 * must let them through.
 */

#define VTR_READABLE_MAX 32

struct vtr_readable {
	char *paths[VTR_READABLE_MAX + 1]; /* NULL at the end; owned */
	size_t count;
};

/* What does not fit is left out. Returns: VTR_ERR_NOMEM; *out_readable is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_readable_init(struct vtr_readable *out_readable);
void vtr_readable_finish(struct vtr_readable *readable);

#endif
