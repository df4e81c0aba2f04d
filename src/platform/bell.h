/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_BELL_H
#define PLATFORM_BELL_H

#include "base/err.h"

/*
 * Wakes another process. The two ends are different open files, so that a process that holds the
 * hearing end, and is not trusted, cannot make whoever rings wait (as it could with an eventfd, whose
 * flags and value both sides share). Thread: any.
 */

/**
 * Owner:   both fds are the caller's, close-on-exec; neither blocks. The hearing one is readable
 *          while the bell rings.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_bell_create(int *out_ring_fd, int *out_hear_fd);

/* Rings. Never waits, never raises SIGPIPE; does nothing if it rings enough or nobody can hear it. */
void vtr_os_bell_ring(int ring_fd);

/* Stops it ringing: look for what it was rung for afterwards. */
void vtr_os_bell_stop(int hear_fd);

#endif
