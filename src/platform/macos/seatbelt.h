/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_MACOS_SEATBELT_H
#define PLATFORM_MACOS_SEATBELT_H

#include <stdbool.h>

#include "base/err.h"
#include "platform/proc.h"

/*
 * Seatbelt, macOS's sandbox: a process gives itself a profile, which is a text. sandbox_files.c applies it. What the
 * text says can be tested on any system. Thread: any.
 */

/* Writes the profile for a role. Owner: *out_profile is the caller's, to be freed. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_os_seatbelt_profile(enum vtr_os_role role,
                                                    const struct vtr_os_sandbox_paths *paths,
                                                    char **out_profile);

/* Returns: whether the profile of a driver lets it read a file, given its path without links. */
bool vtr_os_seatbelt_reads(const struct vtr_os_sandbox_paths *paths, const char *path);

#endif
