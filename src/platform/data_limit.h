/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_DATA_LIMIT_H
#define PLATFORM_DATA_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The kernel's limit for a process's private memory (RLIMIT_DATA): all private writable mappings by their size,
 * touched or not, among them the heap and the threads' stacks. Shared memory does not count. Linux only: elsewhere
 * each function returns VTR_ERR_UNSUPPORTED.
 *
 * Thread: any.
 */

/* Opens what vtr_os_data_size() reads; it can be read in a sandbox, too. `pid`: 0 is this process. Returns:
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_data_open(pid_t pid, int *out_fd);

/* Reads how many bytes count now, rounded up by a few pages. Returns: VTR_ERR_OS (the process has ended). */
VTR_MUST_CHECK enum vtr_err vtr_os_data_size(int fd, uint64_t *out_bytes);

/**
 * Sets the limit that applies, to `bytes` or to the highest limit that the process may have, if that is lower. What the
 * process already has stays. `finally`: the limit cannot be raised any more. `pid` as above: a process of this user.
 *
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_data_limit(pid_t pid, uint64_t bytes, bool finally);

/**
 * Limits the size of each file that this process makes larger, among them memory files (memfd), for good. A larger one
 * fails with EFBIG, after SIGXFSZ.
 *
 * Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_file_limit(uint64_t bytes);

/* What a process has in RAM, in bytes. */
struct vtr_os_in_ram {
	uint64_t own;
	uint64_t shared; /* with other processes, or in files without a name */
};

/* Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_memory_in_ram(pid_t pid, struct vtr_os_in_ram *out_ram);

#endif
