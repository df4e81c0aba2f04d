/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

const short vtr_os_spawn_flags = 0;

enum vtr_err vtr_os_self_path(char *buf, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", buf, size);

	if (length < 0) {
		return VTR_ERR_OS;
	}
	if ((size_t)length >= size) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	buf[length] = '\0';
	return VTR_OK;
}

enum vtr_err vtr_os_death_fd(pid_t pid, int *out_fd)
{
	/* The child is not reaped yet, so the pid cannot have been reused. A pidfd is always close-on-exec.
 */
	long fd = syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = (int)fd;
	return VTR_OK;
}

enum vtr_err vtr_os_die_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}

/* Timers and queued signals: far more than a driver needs. */
#define MAX_SIGNALS 256

/* Lowers a limit to `most`, and to this share of what it is. Returns: whether it is no higher now. */
static bool lower(int resource, rlim_t most, rlim_t quarters)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0) {
		return false;
	}
	if (limit.rlim_max != RLIM_INFINITY) {
		most = vtr_min(most, limit.rlim_max / 4 * quarters);
	}
	limit = (struct rlimit){ most, most };
	return setrlimit(resource, &limit) == 0;
}

/*
 * The kernel counts signals, threads and messages for each user, and compares the count with the limit of the process
 * that wants more. A lower limit leaves the rest to the user's other programs.
 */
enum vtr_err vtr_os_limit_shared(void)
{
	const bool done = lower(RLIMIT_NICE, 0, 4) && lower(RLIMIT_RTPRIO, 0, 4) &&
	                  lower(RLIMIT_MSGQUEUE, 0, 4) && lower(RLIMIT_SIGPENDING, MAX_SIGNALS, 4) &&
	                  lower(RLIMIT_NPROC, RLIM_INFINITY, 3);

	return done ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}

/* Returns: whether a process has the first `count` of these namespaces, too. */
static bool shares_namespaces(pid_t pid, size_t count)
{
	static const char *const names[] = { "user", "pid", "mnt" };

	for (size_t i = 0; i < count; i++) {
		char path[64];
		struct stat own;
		struct stat other;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		if (stat(path, &own) < 0) {
			return false;
		}
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, names[i]);
		if (stat(path, &other) < 0 || own.st_ino != other.st_ino || own.st_dev != other.st_dev) {
			return false;
		}
	}
	return true;
}

bool vtr_os_shares_namespaces(pid_t pid)
{
	return shares_namespaces(pid, 3);
}

bool vtr_os_shares_users_and_pids(pid_t pid)
{
	return shares_namespaces(pid, 2);
}
