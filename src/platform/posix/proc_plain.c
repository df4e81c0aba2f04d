/* SPDX-License-Identifier: MIT */
/* What no system but Linux has other than this. */
#include "platform/os.h"
#include "platform/proc.h"

enum vtr_err vtr_os_die_with_parent(void)
{
	return VTR_ERR_UNSUPPORTED;
}

/* Without such limits a process without privileges cannot raise its priority anyway. */
enum vtr_err vtr_os_limit_shared(void)
{
	return VTR_OK;
}

/* POSIX has one of each. */
bool vtr_os_shares_namespaces(pid_t pid)
{
	(void)pid;
	return true;
}

enum vtr_os_namespaces vtr_os_compare_users_and_pids(pid_t pid)
{
	(void)pid;
	return VTR_OS_NAMESPACES_SAME;
}
