/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/sandbox.h"
#include "platform/proc.h"
#include "platform/shm.h"

/* Reads a string from another process's memory, up to its NUL or the end of the mapping. Returns: whether
 * there was a NUL. */
static bool read_text(pid_t pid, uint64_t address, char *out, size_t size)
{
	size_t have = 0;

	while (have < size) {
		/* Read only up to the page boundary, since the next page may be unmapped. */
		const size_t page = vtr_os_page_size();
		const size_t chunk = vtr_min(size - have, page - (address + have) % page);
		const struct iovec here = { out + have, chunk };
		const struct iovec there = { (void *)(uintptr_t)(address + have), chunk };

		if (process_vm_readv(pid, &here, 1, &there, 1, 0) != (ssize_t)chunk) {
			return false;
		}
		if (memchr(out + have, '\0', chunk) != NULL) {
			return true;
		}
		have += chunk;
	}
	return false;
}

/* Makes a relative path absolute by the folder it starts in. Returns: whether it fits. */
static bool make_absolute(pid_t pid, int dir_fd, char path[VTR_OS_WATCH_PATH])
{
	char link[64];
	char dir[VTR_OS_WATCH_PATH];
	char relative[VTR_OS_WATCH_PATH];

	if (path[0] == '/') {
		return true;
	}
	if (dir_fd == AT_FDCWD) {
		snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	} else {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, dir_fd);
	}
	const ssize_t n = readlink(link, dir, sizeof(dir) - 1);
	if (n <= 0) {
		return false;
	}
	dir[n] = '\0';
	memcpy(relative, path, sizeof(relative));
	return snprintf(path, VTR_OS_WATCH_PATH, "%s/%s", dir, relative) < VTR_OS_WATCH_PATH;
}

/* Returns: whether the call opens a file; *out_watched is then filled in. */
static bool describe_open(const struct seccomp_notif *request, struct vtr_os_watched *out_watched)
{
	const __u64 *args = request->data.args;
	const bool by_path = request->data.nr == seccomp_syscall_resolve_name("open");
	const bool with_struct = request->data.nr == seccomp_syscall_resolve_name("openat2");
	const pid_t pid = (pid_t)request->pid;
	const uint64_t path = by_path ? args[0] : args[1];
	uint64_t flags = by_path ? args[1] : args[2];

	if (!by_path && !with_struct && request->data.nr != SCMP_SYS(openat)) {
		return false;
	}
	if (with_struct) {
		const struct iovec here = { &flags, sizeof(flags) }; /* the first member of struct open_how */
		const struct iovec there = { (void *)(uintptr_t)args[2], sizeof(flags) };

		if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(flags)) {
			return true;
		}
	}
	out_watched->writes = (flags & O_ACCMODE) != O_RDONLY;
	if (!read_text(pid, path, out_watched->path, VTR_OS_WATCH_PATH) ||
	    !make_absolute(pid, by_path ? AT_FDCWD : (int)args[0], out_watched->path)) {
		out_watched->path[0] = '\0';
	}
	return true;
}

static void describe_call(int number, struct vtr_os_watched *out_watched)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

	snprintf(out_watched->call, sizeof(out_watched->call), "%s", name != NULL ? name : "?");
	free(name);
}

/* Receives a notification into `request` and answers it. */
static enum vtr_err serve(int watch_fd, struct seccomp_notif *request, struct seccomp_notif_resp *response,
                          struct vtr_os_watched *out_watched)
{
	int result = seccomp_notify_receive(watch_fd, request);

	if (result != 0) {
		/* ENOENT: the call was interrupted, or its thread has ended. */
		return errno == ENOENT || errno == EINTR ? VTR_OK : VTR_ERR_GONE;
	}
	response->id = request->id;
	if (describe_open(request, out_watched)) {
		response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else {
		response->error = -vtr_os_sandbox_refusal(&request->data);
		if (!vtr_os_sandbox_has_fallback(request->data.nr)) {
			describe_call(request->data.nr, out_watched);
		}
	}
	return seccomp_notify_respond(watch_fd, response) == 0 || errno == ENOENT ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_watch_next(int watch_fd, struct vtr_os_watched *out_watched)
{
	struct seccomp_notif *request = NULL;
	struct seccomp_notif_resp *response = NULL;

	out_watched->path[0] = '\0';
	out_watched->call[0] = '\0';
	if (seccomp_notify_alloc(&request, &response) != 0) {
		return VTR_ERR_OS;
	}
	enum vtr_err err = serve(watch_fd, request, response, out_watched);
	seccomp_notify_free(request, response);
	return err;
}
