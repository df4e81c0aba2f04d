/* SPDX-License-Identifier: MIT */
#ifndef CMD_CDI_DRIVER_H
#define CMD_CDI_DRIVER_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/json.h"

/* The guest's driver in a CDI specification: its folder becomes a mount, and a hook makes it known to the container's
 * dynamic linker. Thread: any. */

struct vtr_cdi_driver {
	char folder[PATH_MAX]; /* on the host; "": none */
	char hook[PATH_MAX]; /* the program that engines run */
	bool own_program; /* it is cdi-hook, and not `vitrine cdi-hook` */
	char manifests[PATH_MAX]; /* of Vulkan drivers, in containers; joined by ':' */
	char ldconfig[PATH_MAX]; /* the folder's own, or the host's */
	bool cpu; /* OpenGL may use a processor */
};

/* `folder`: NULL for the one that is installed with vitrine, if there is one; "none" for none. Prints what is wrong.
 * Returns: VTR_ERR_ARG, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_cdi_driver_find(const char *folder, bool cpu,
                                                struct vtr_cdi_driver *out_driver);

/* Writes the member of a specification that applies to all of its devices; nothing without a folder. */
void vtr_cdi_driver_write(struct vtr_json *json, const struct vtr_cdi_driver *driver);

#endif
