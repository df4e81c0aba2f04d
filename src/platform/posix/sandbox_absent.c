/* SPDX-License-Identifier: MIT */
/* In place of sandbox_install.c, sandbox_syscalls.c and sandbox_watch.c in a build without libseccomp (meson option
 * "sandbox"): system calls are not filtered. The callers report that as they do for a kernel that cannot filter. */
#include "base/mem.h"
#include "platform/os.h"
#include "platform/watch.h"

bool vtr_os_sandbox_have_filters(void)
{
	return false;
}

enum vtr_err vtr_os_sandbox_syscalls(const struct vtr_os_syscalls *params, uint32_t *out_applied)
{
	(void)params;
	*out_applied = 0;
	return VTR_OK;
}

enum vtr_err vtr_os_watch_create(enum vtr_os_role role, enum vtr_os_watch_mode mode, int *take_fd,
                                 struct vtr_os_watch **out_watch)
{
	(void)role;
	(void)mode;
	(void)out_watch;
	vtr_close(take_fd);
	return VTR_ERR_UNSUPPORTED;
}

void vtr_os_watch_destroy(struct vtr_os_watch *watch)
{
	(void)watch;
}

int vtr_os_watch_fd(const struct vtr_os_watch *watch)
{
	(void)watch;
	return -1;
}

enum vtr_err vtr_os_watch_next(struct vtr_os_watch *watch, struct vtr_os_watched *out_watched)
{
	(void)watch;
	(void)out_watched;
	return VTR_ERR_GONE;
}
