/* SPDX-License-Identifier: MIT */
/* What no system but Linux has other than this. */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/proc.h"

int vtr_os_highest_fd(void)
{
	DIR *dir = opendir("/dev/fd");
	int highest = -1;

	if (!dir) {
		const long limit = sysconf(_SC_OPEN_MAX);

		return limit < 0 || limit > INT32_MAX ? INT32_MAX : (int)limit - 1;
	}
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		const int fd = entry->d_name[0] == '.' ? -1 : (int)strtol(entry->d_name, NULL, 10);

		highest = fd > highest ? fd : highest;
	}
	closedir(dir);
	return highest;
}

enum vtr_err vtr_os_die_with_parent(void)
{
	return VTR_ERR_UNSUPPORTED;
}

/* Without such limits a process without privileges cannot raise its priority anyway. */
enum vtr_err vtr_os_limit_priority(void)
{
	return VTR_OK;
}

void vtr_os_heap_share(void)
{
}

void vtr_os_heap_split_large(void)
{
}

/* POSIX has one of each. */
bool vtr_os_shares_namespaces(pid_t pid)
{
	(void)pid;
	return true;
}
