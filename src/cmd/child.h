/* SPDX-License-Identifier: MIT */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include <stddef.h>

#include "base/err.h"

/**
 * Runs a program to its end and takes down what it prints; its standard error is ours.
 *
 * `argv`   argv[0] is the program's file; NULL at the end.
 * `env`    NAME=VALUE to add, NULL at the end; or NULL.
 * *out_text: what it printed, or as much as fits, terminated.
 * Returns: VTR_ERR_OS (it cannot be started), VTR_ERR_GONE (it failed, or died).
 */
VTR_MUST_CHECK enum vtr_err vtr_child_run(char *const *argv, const char *const *env, char *out_text,
                                          size_t size);

#endif
