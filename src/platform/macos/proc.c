/* SPDX-License-Identifier: MIT */
#include "platform/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mach-o/dyld.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"
#include "platform/sock.h"

/* Of libSystem, and declared here because not all headers have them. */
int ptrace(int request, pid_t pid, char *address, int data);
#define DENY_ATTACH 31

/* In file actions, dup2() makes the fd of the child one that it gets. */
const short vtr_os_spawn_flags = POSIX_SPAWN_CLOEXEC_DEFAULT;

enum vtr_err vtr_os_self_path(char *buf, size_t size)
{
	char started[PATH_MAX]; /* may have links */
	char resolved[PATH_MAX];
	uint32_t room = sizeof(started);

	if (_NSGetExecutablePath(started, &room) != 0) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	if (!realpath(started, resolved)) {
		return VTR_ERR_OS;
	}
	if (strlen(resolved) >= size) {
		errno = ENAMETOOLONG;
		return VTR_ERR_OS;
	}
	memcpy(buf, resolved, strlen(resolved) + 1);
	return VTR_OK;
}

/* A socket whose other end is closed is readable. */
static enum vtr_err make_readable(int *out_fd)
{
	int ends[2];
	enum vtr_err err = vtr_os_sock_pair(ends);

	if (err == VTR_OK) {
		vtr_close(&ends[1]);
		*out_fd = ends[0];
	}
	return err;
}

/* A kqueue with one event, which no call takes out, is readable from then on. */
enum vtr_err vtr_os_death_fd(pid_t pid, int *out_fd)
{
	vtr_autofd int queue = kqueue();
	struct kevent event;

	if (queue < 0 || fcntl(queue, F_SETFD, FD_CLOEXEC) < 0) {
		return VTR_ERR_OS;
	}
	EV_SET(&event, pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
	if (kevent(queue, &event, 1, NULL, 0, NULL) < 0) {
		/* The child is not reaped yet, so it has ended. */
		return errno == ESRCH ? make_readable(out_fd) : VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&queue);
	return VTR_OK;
}

/* Other processes of the user cannot get this one's task port anyway, unless they have the entitlement of debuggers. A
 * debugger that is there already ends with this process. */
enum vtr_err vtr_os_hide(void)
{
	return ptrace(DENY_ATTACH, 0, NULL, 0) == 0 ? VTR_OK : VTR_ERR_OS;
}
