/* SPDX-License-Identifier: MIT */
/* POSIX has no way to limit which files a process opens, so nothing is applied, and nothing would be refused. */
#include <errno.h>

#include "platform/proc.h"

enum vtr_err vtr_os_sandbox_files(enum vtr_os_role role, const struct vtr_os_sandbox_paths *paths,
                                  uint32_t *out_applied)
{
	(void)role;
	(void)paths;
	*out_applied = 0;
	return VTR_OK;
}

int vtr_os_sandbox_files_version(void)
{
	errno = ENOSYS;
	return 0;
}

uint32_t vtr_os_sandbox_supported(void)
{
	return 0;
}

bool vtr_os_sandbox_reads(const struct vtr_os_sandbox_paths *paths, const char *path)
{
	(void)paths;
	(void)path;
	return true;
}

bool vtr_os_sandbox_opens(enum vtr_os_role role, pid_t pid, const char *path, bool writes)
{
	(void)role;
	(void)pid;
	(void)path;
	(void)writes;
	return true;
}
