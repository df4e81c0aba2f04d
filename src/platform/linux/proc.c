/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
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

/* Lowers a limit to `most`, and to this share of what it is. Returns: whether it is at most that now. */
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

static enum vtr_os_namespaces compare_links(pid_t pid, const char *name)
{
	char path[64];
	struct stat own;
	struct stat other;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (stat(path, &own) < 0) {
		return VTR_OS_NAMESPACES_UNKNOWN;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	if (stat(path, &other) < 0) {
		return VTR_OS_NAMESPACES_UNKNOWN;
	}
	return own.st_ino == other.st_ino && own.st_dev == other.st_dev ? VTR_OS_NAMESPACES_SAME :
	                                                                  VTR_OS_NAMESPACES_OTHER;
}

bool vtr_os_shares_namespaces(pid_t pid)
{
	return vtr_os_compare_users_and_pids(pid) == VTR_OS_NAMESPACES_SAME &&
	       compare_links(pid, "mnt") == VTR_OS_NAMESPACES_SAME;
}

#define LINE_SIZE 256

/* Reads the line of a file below /proc/PID that begins with these characters; "": there is none. Returns: whether the
 * file can be read. */
static bool read_line(pid_t pid, const char *name, const char *begin, char out_line[LINE_SIZE])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	FILE *file = fopen(path, "re");
	if (!file) {
		return false;
	}
	do {
		out_line[0] = '\0';
	} while (fgets(out_line, LINE_SIZE, file) && strncmp(out_line, begin, strlen(begin)) != 0);
	fclose(file);
	return true;
}

static size_t count_words(const char *line)
{
	size_t count = 0;

	while (*line) {
		line += strspn(line, " \t\n");
		count += *line != '\0';
		line += strcspn(line, " \t\n");
	}
	return count;
}

/* What everybody may read of a process of another user: how its user namespace maps ids, and its pids in all namespaces
 * from this one to its own. Returns: whether they differ. */
static bool differs_visibly(pid_t pid)
{
	char own[LINE_SIZE];
	char other[LINE_SIZE];

	if (read_line(getpid(), "uid_map", "", own) && read_line(pid, "uid_map", "", other) &&
	    strcmp(own, other) != 0) {
		return true;
	}
	return read_line(getpid(), "status", "NSpid:", own) && read_line(pid, "status", "NSpid:", other) &&
	       count_words(own) != count_words(other);
}

enum vtr_os_namespaces vtr_os_compare_users_and_pids(pid_t pid)
{
	const enum vtr_os_namespaces users = compare_links(pid, "user");
	const enum vtr_os_namespaces pids = compare_links(pid, "pid");

	if (users == VTR_OS_NAMESPACES_OTHER || pids == VTR_OS_NAMESPACES_OTHER) {
		return VTR_OS_NAMESPACES_OTHER;
	}
	if (users == VTR_OS_NAMESPACES_SAME && pids == VTR_OS_NAMESPACES_SAME) {
		return VTR_OS_NAMESPACES_SAME;
	}
	return differs_visibly(pid) ? VTR_OS_NAMESPACES_OTHER : VTR_OS_NAMESPACES_UNKNOWN;
}
