/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LINUX_SANDBOX_H
#define PLATFORM_LINUX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "platform/proc.h"

struct seccomp_data;

/* The part of the sandboxes that restricts files. `nothing`: no file may be opened, and `paths` is ignored.
 * For the rest see vtr_os_sandbox_files(). */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_landlock(bool nothing, const struct vtr_os_sandbox_paths *paths,
                                                    uint32_t *out_applied);

/* Returns: the errno with which the filter of vtr_os_sandbox_syscalls() refuses a call. */
int vtr_os_sandbox_refusal(const struct seccomp_data *call);

/* Returns: whether callers of a call that does not exist are known to go on with an older one. */
bool vtr_os_sandbox_has_fallback(int number);

#endif
