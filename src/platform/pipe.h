/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_PIPE_H
#define PLATFORM_PIPE_H

#include <stdbool.h>

#include "base/err.h"

/**
 * Makes a pipe; out_fds[0] is read. `blocks` applies to both ends.
 *
 * Owner:   both fds are the caller's, close-on-exec.
 * Returns: VTR_ERR_OS; out_fds is untouched then.
 * Thread:  any.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_pipe(bool blocks, int out_fds[2]);

#endif
