/* SPDX-License-Identifier: MIT */
#ifndef CMD_READABLE_H
#define CMD_READABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * What a worker's sandbox must let through besides the system's folders: the folders of drivers that are installed
 * elsewhere, with the manifests that name them, and what the user's variables have the Vulkan loader and the dynamic
 * linker open.
 *
 * A driver opens more than its library, and some of it only when a program asks for a feature: so the whole folder
 * is let through that the library is in, if it can be the driver's own.
 */

#define VTR_READABLE_MAX 64

struct vtr_readable {
	char *paths[VTR_READABLE_MAX + 1]; /* NULL at the end; owned */
	size_t count;
	bool outside; /* there is a driver outside of the system's folders */
};

/* `driver`: the manifests to use instead of those that the loader finds, joined by ':'; or NULL. What does not fit
 * is left out. Returns: VTR_ERR_NOMEM; *out_readable is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_readable_init(struct vtr_readable *out_readable, const char *driver);
void vtr_readable_finish(struct vtr_readable *readable);

/* One more; left out if it does not fit. `path` is copied. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_readable_add(struct vtr_readable *readable, const char *path);

#endif
