/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

/* posix_spawn_file_actions_addclosefrom_np() does it. */
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

enum vtr_err vtr_os_spawn_close_from(posix_spawn_file_actions_t *actions, int first)
{
	return posix_spawn_file_actions_addclosefrom_np(actions, first) == 0 ? VTR_OK : VTR_ERR_NOMEM;
}

enum vtr_err vtr_os_die_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_limit_priority(void)
{
	static const int resources[] = { RLIMIT_NICE, RLIMIT_RTPRIO, RLIMIT_MSGQUEUE };
	const struct rlimit none = { 0, 0 };

	for (size_t i = 0; i < VTR_ARRAY_LEN(resources); i++) {
		if (setrlimit((__rlimit_resource_t)resources[i], &none) < 0) {
			return VTR_ERR_OS;
		}
	}
	return VTR_OK;
}

enum vtr_err vtr_os_hide(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}

void vtr_os_heap_share(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
}

void vtr_os_heap_split_large(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	/* The call above fixes this limit at 128 KiB, and the heap would grow and shrink with each picture that is
	 * sent. */
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

void vtr_os_heap_trim(void)
{
	malloc_trim(0);
}

bool vtr_os_shares_namespaces(pid_t pid)
{
	static const char *const names[] = { "user", "pid", "mnt" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(names); i++) {
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
