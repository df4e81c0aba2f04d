/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LINUX_SANDBOX_H
#define PLATFORM_LINUX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "platform/proc.h"

struct vtr_os_filter;

/* Fills in what the process `self` may do. */
void vtr_os_sandbox_fill(struct vtr_os_filter *filter, enum vtr_os_role role, pid_t self);

#endif
