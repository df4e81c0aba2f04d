/* SPDX-License-Identifier: MIT */
#ifndef CMD_CONFINEMENT_H
#define CMD_CONFINEMENT_H

#include "cmd/checks.h"

/* What the system that vitrine runs in forbids it, and what that means for the sandbox. See struct vtr_check. */

/* Landlock: which files a sandboxed process may open. */
void vtr_check_landlock(struct vtr_check *check);

/* A filter of system calls that a container or a service manager has put around vitrine. */
void vtr_check_outer_filter(struct vtr_check *check);

/* AppArmor or SELinux. */
void vtr_check_security_module(struct vtr_check *check);

#endif
