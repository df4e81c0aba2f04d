/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_BELL_H
#define PLATFORM_BELL_H

#include "base/err.h"

/*
 * Wakes another process. The two ends are different open files. With an eventfd both sides would share flags
 * and value, and an untrusted process that holds the receiving end could make the ringing side block. Thread:
 * any.
 */

/**
 * Owner:   both fds are the caller's, close-on-exec; neither blocks. *out_hear_fd is readable while the bell
 *          rings.
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_bell_create(int *out_ring_fd, int *out_hear_fd);

/* Rings the bell. Never blocks, never raises SIGPIPE; does nothing if the bell rings already or the other end
 * is closed. */
void vtr_os_bell_ring(int ring_fd);

/* Stops the ringing. Check for work after this call, not before. */
void vtr_os_bell_stop(int hear_fd);

#endif
