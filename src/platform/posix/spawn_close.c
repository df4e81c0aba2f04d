/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "platform/os.h"

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

/* Only those that are not close-on-exec, since some systems refuse to close what is not open. What another thread makes
 * until posix_spawn() is close-on-exec, except within the function that makes it: processes start their children before
 * they have threads that do so, or their threads make no fds. */
enum vtr_err vtr_os_spawn_close_from(posix_spawn_file_actions_t *actions, int first)
{
	const int highest = vtr_os_highest_fd();

	for (int fd = first; fd <= highest; fd++) {
		const int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && (flags & FD_CLOEXEC) == 0 &&
		    posix_spawn_file_actions_addclose(actions, fd) != 0) {
			return VTR_ERR_NOMEM;
		}
	}
	return VTR_OK;
}
