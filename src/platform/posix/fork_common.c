/* SPDX-License-Identifier: MIT */
#include "platform/fork.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

enum vtr_err vtr_os_watch_child(pid_t pid, int *out_death_fd)
{
	siginfo_t info;

	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) {
		return VTR_ERR_GONE;
	}
	return vtr_os_death_fd(pid, out_death_fd);
}

static bool is_target(const struct vtr_os_spawn_fd *fds, size_t count, int fd)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i].as == fd) {
			return true;
		}
	}
	return false;
}

enum vtr_err vtr_os_replace_fds(const struct vtr_os_spawn_fd *fds, size_t count)
{
	int copies[VTR_OS_SPAWN_MAX_FDS];
	int highest = -1;

	vtr_assert(count <= VTR_ARRAY_LEN(copies));
	for (size_t i = 0; i < count; i++) {
		highest = fds[i].as > highest ? fds[i].as : highest;
	}
	/* First above all numbers, so that no dup2() overwrites an fd that is still needed. */
	for (size_t i = 0; i < count; i++) {
		copies[i] = fcntl(fds[i].fd, F_DUPFD_CLOEXEC, highest + 1);
		if (copies[i] < 0) {
			return VTR_ERR_OS;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (dup2(copies[i], fds[i].as) < 0) {
			return VTR_ERR_OS;
		}
	}
	for (int fd = 0; fd < highest; fd++) {
		if (!is_target(fds, count, fd)) {
			close(fd);
		}
	}
	return vtr_os_close_from(highest + 1);
}
