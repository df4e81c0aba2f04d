/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_CGROUP_H
#define PLATFORM_CGROUP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Control groups below a folder that this process may divide: the kernel gives each an equal share of the processor,
 * for as long as their processes want it. Linux only: elsewhere each function returns VTR_ERR_UNSUPPORTED.
 *
 * Thread: any.
 */

/**
 * Checks that `folder` is a control group with the controller of the processor, and hands this controller on to the
 * groups in it; that of memory, too, if it has that.
 *
 * Returns: VTR_ERR_ARG (it is none, or lacks the controller), VTR_ERR_OS (for instance EACCES; EBUSY: it has processes
 *          of its own, beside which version 2 allows no groups).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_cgroup_prepare(const char *folder);

/* Limits all memory of the processes of a group (memory.max): the kernel ends one of them when there is no more.
 * Returns: VTR_ERR_UNSUPPORTED (the folder lacks the controller of memory, or is of version 1), VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_cgroup_limit_memory(const char *folder, const char *name, uint64_t bytes);

/* Makes the group `name` in `folder`, unless it exists, and moves a process into it, with all its threads. Returns:
 * VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_cgroup_join(const char *folder, const char *name, pid_t pid);

/* Removes a group without processes. Returns: VTR_ERR_OS (EBUSY: it has some). */
VTR_MUST_CHECK enum vtr_err vtr_os_cgroup_remove(const char *folder, const char *name);

#endif
