/* SPDX-License-Identifier: MIT */
#ifndef CMD_PROGRAM_H
#define CMD_PROGRAM_H

#include <stddef.h>

#include "base/err.h"

/**
 * Finds the file of a program as the shell does: by PATH unless the name has a slash.
 *
 * Returns: VTR_ERR_GONE (not found), VTR_ERR_UNSUPPORTED (found, but not executable). out_path is untouched
 *          then.
 */
VTR_MUST_CHECK enum vtr_err vtr_program_find(const char *name, char *out_path, size_t size);

/* "<folder of this program>/<name>", whether it exists or not. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_program_beside(const char *name, char *out_path, size_t size);

#endif
