/* SPDX-License-Identifier: MIT */
#ifndef CMD_SANDBOX_PATHS_H
#define CMD_SANDBOX_PATHS_H

#include <stdbool.h>

#include "vk/renderer_config.h"

/*
 * What a worker's sandbox must allow in addition to the system's folders: the folders of drivers that are
 * installed elsewhere, with their manifests, and what the user's variables make the Vulkan loader and the
 * dynamic linker open.
 *
 * A driver opens more than its library, and some of it only when a program uses a feature. So the library's
 * whole folder is allowed, if it can belong to the driver.
 */

/* Adds them to a configuration. `driver`: the manifests to use instead of those that the loader finds, joined by ':';
 * or NULL. *out_outside: there is a driver outside of the system's folders. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_sandbox_paths_add(struct vtr_renderer_config *config, const char *driver,
                                                  bool *out_outside);

#endif
