/* SPDX-License-Identifier: MIT */
/* In place of sandbox_syscalls.c and sandbox_watch.c in a build without libseccomp (meson option "sandbox"): system
 * calls are not filtered. The callers report that as they do for a kernel that cannot filter. */
#include "platform/linux/sandbox.h"

enum vtr_err vtr_os_sandbox_syscalls(uint32_t *out_applied)
{
	*out_applied = 0;
	return VTR_OK;
}

enum vtr_err vtr_os_sandbox_syscalls_watched(int *out_watch_fd, uint32_t *out_applied)
{
	*out_watch_fd = -1;
	*out_applied = 0;
	return VTR_OK;
}

enum vtr_err vtr_os_sandbox_server(uint32_t *out_applied)
{
	return vtr_os_sandbox_landlock(true, NULL, out_applied);
}

enum vtr_err vtr_os_watch_next(int watch_fd, struct vtr_os_watched *out_watched)
{
	(void)watch_fd;
	(void)out_watched;
	return VTR_ERR_GONE;
}
