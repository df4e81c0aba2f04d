/* SPDX-License-Identifier: MIT */
/* For systems without control groups. */
#include "platform/cgroup.h"

enum vtr_err vtr_os_cgroup_prepare(const char *folder)
{
	(void)folder;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_cgroup_join(const char *folder, const char *name, pid_t pid)
{
	(void)folder;
	(void)name;
	(void)pid;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_cgroup_limit_memory(const char *folder, const char *name, uint64_t bytes)
{
	(void)folder;
	(void)name;
	(void)bytes;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_os_cgroup_remove(const char *folder, const char *name)
{
	(void)folder;
	(void)name;
	return VTR_ERR_UNSUPPORTED;
}
