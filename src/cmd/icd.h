/* SPDX-License-Identifier: MIT */
#ifndef CMD_ICD_H
#define CMD_ICD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Finds drivers, which the Vulkan loader calls "ICDs", by their manifests; in particular Mesa's Venus driver. */

/**
 * Searches where the Vulkan loader does for manifests of virtio_icd, of any architecture.
 *
 * *out_paths: the files, joined by ':' as in VK_DRIVER_FILES. Owner: the caller, free().
 * Returns: VTR_ERR_UNSUPPORTED (there is none), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_icd_find_venus(char **out_paths);

/* The same for the manifests of all drivers. */
VTR_MUST_CHECK enum vtr_err vtr_icd_find_all(char **out_paths);

/* Returns: whether a ':'-joined list of manifests contains a virtio_icd. */
bool vtr_icd_list_has_venus(const char *paths);

/**
 * Reads the driver's library and the Vulkan version from a manifest.
 *
 * Returns: VTR_ERR_OS, VTR_ERR_UNSUPPORTED (not a manifest). The buffers are untouched then.
 */
VTR_MUST_CHECK enum vtr_err vtr_icd_read(const char *path, char *out_library, size_t library_size,
                                         char *out_api_version, size_t api_version_size);

/**
 * Finds the version of Mesa, for instance "25.0.7", in the library that a manifest of it names.
 *
 * Returns: whether it was found. out_version is untouched if not.
 */
bool vtr_icd_mesa_version(const char *manifest, char *out_version, size_t size);

/* Returns: whether the Venus driver of this version of Mesa cannot work with vitrine. */
bool vtr_icd_is_too_old(const char *version);

/* What to do where the Venus driver is missing or too old, for messages. */
#define VTR_ICD_ADVICE                                                                                    \
	"Install Mesa 25.0 or newer, on Debian by 'apt install mesa-vulkan-drivers'. Debian 12's is too " \
	"old: add "                                                                                       \
	"bookworm-backports to apt's sources, then run 'apt install -t bookworm-backports "               \
	"mesa-vulkan-drivers'"

#endif
