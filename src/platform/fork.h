/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_FORK_H
#define PLATFORM_FORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "platform/proc.h"

/* What a process needs that others are forked from (worker/zygote.h). */

/**
 * Forks this process. The new process is a child of this process's parent, as if that had started it.
 *
 * *out_pid is 0 in the new process. Handlers of pthread_atfork() do not run, so neither the caller nor a library may
 * have called that for something that the new process needs.
 *
 * Returns: VTR_ERR_UNSUPPORTED (another thread runs, or the kernel lacks something), VTR_ERR_OS.
 * Thread:  the process must have only this one.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_fork_sibling(pid_t *out_pid);

/* Returns: whether vtr_os_fork_sibling() is possible here. */
bool vtr_os_can_fork_sibling(void);

/* Has *out_death_fd become readable when a child ends that vtr_os_fork_sibling() made; vtr_os_wait() reaps it. Owner:
 * *out_death_fd is the caller's. Returns: VTR_ERR_GONE (it is not a child of this process), VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_watch_child(pid_t pid, int *out_death_fd);

/* Gives this process exactly these fds, and closes all others. Returns: VTR_ERR_OS; some are closed then. */
VTR_MUST_CHECK enum vtr_err vtr_os_replace_fds(const struct vtr_os_spawn_fd *fds, size_t count);

/* Loads a library, which then stays loaded until the process ends. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_pin_library(const char *path);

/* Writes the paths of the libraries that are loaded, in the order of loading, each with its NUL. Paths that do not fit
 * are left out. Returns: the bytes that were written. */
size_t vtr_os_list_libraries(char *out, size_t size);

/* Returns: when a file was last changed, in nanoseconds since 1970. */
struct stat;
int64_t vtr_os_mtime_ns(const struct stat *st);

/* Returns: the number of this process's threads; 0: it is unknown. */
uint32_t vtr_os_thread_count(void);

#endif
