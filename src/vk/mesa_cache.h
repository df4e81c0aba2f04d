/* SPDX-License-Identifier: MIT */
#ifndef VK_MESA_CACHE_H
#define VK_MESA_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Where Mesa's drivers keep compiled shaders: a database in a folder that MESA_SHADER_CACHE_DIR names
 * (https://docs.mesa3d.org/envvars.html; Mesa 24.0 and newer). Mesa spreads it over 50 parts, whose files it creates
 * when it first needs them; MESA_DISK_CACHE_DATABASE_NUM_PARTS makes it one. It fills in empty files. RADV has a second
 * database for its own shaders, which are a few MiB (radv_physical_device.c).
 */

/* The folders and the files below MESA_SHADER_CACHE_DIR, parents first. Both lists end with NULL. */
extern const char *const vtr_mesa_cache_dirs[];
extern const char *const vtr_mesa_cache_files[];

/* The size that Mesa keeps each database below, as it does with the first one by default. */
#define VTR_MESA_CACHE_BYTES (UINT64_C(1) << 30)

/**
 * Sets the variables with which this process's drivers use the folder; NULL: they use none. Call it before a driver is
 * loaded, without other threads. MESA_SHADER_CACHE_DISABLE of the user still has its effect.
 *
 * Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_mesa_cache_set(const char *dir);

#endif
