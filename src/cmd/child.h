/* SPDX-License-Identifier: MIT */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include <stddef.h>

#include "base/err.h"

#define VTR_CHILD_FD 3

/**
 * Runs a program to its end and captures its output; its standard error is ours.
 *
 * `argv`   argv[0] is the program's file; ends with NULL.
 * `env`    NAME=VALUE to add, ends with NULL; or NULL.
 * `fd`     passed to it as VTR_CHILD_FD; -1: none.
 * *out_text: the output, or as much as fits, terminated.
 * Returns: VTR_ERR_OS (it cannot be started), VTR_ERR_GONE (it failed, or died).
 */
VTR_MUST_CHECK enum vtr_err vtr_child_run(char *const *argv, const char *const *env, int fd, char *out_text,
                                          size_t size);

/* The same, but the program's standard output is ours, too, so that the user sees it. */
VTR_MUST_CHECK enum vtr_err vtr_child_show(char *const *argv);

#endif
