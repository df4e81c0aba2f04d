/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/sandbox.h"
#include "platform/linux/syscall_filter.h"
#include "platform/shm.h"
#include "platform/watch.h"

struct vtr_os_watch {
	int fd;
	enum vtr_os_role role;
	enum vtr_os_watch_mode mode;
	/* The rest is made when the first report comes, since most processes make none. */
	struct vtr_os_filter *filter;
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
	size_t request_size; /* this kernel's, which wants a request to be zeros */
};

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

/* Fills in which file a call opens. */
static void describe_open(const struct seccomp_notif *request, struct vtr_os_watched *out_watched)
{
	const __u64 *args = request->data.args;
	const bool by_path = request->data.nr == seccomp_syscall_resolve_name("open");
	const bool with_struct = request->data.nr == seccomp_syscall_resolve_name("openat2");
	const pid_t pid = (pid_t)request->pid;
	const uint64_t path = by_path ? args[0] : args[1];
	uint64_t flags = by_path ? args[1] : args[2];

	if (with_struct) {
		const struct iovec here = { &flags, sizeof(flags) }; /* the first member of struct open_how */
		const struct iovec there = { (void *)(uintptr_t)args[2], sizeof(flags) };

		if (process_vm_readv(pid, &here, 1, &there, 1, 0) != sizeof(flags)) {
			return;
		}
	}
	out_watched->writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC)) != 0;
	out_watched->creates = (flags & O_CREAT) != 0;
	if (!read_text(pid, path, out_watched->path, VTR_OS_WATCH_PATH) ||
	    !make_absolute(pid, by_path ? AT_FDCWD : (int)args[0], out_watched->path)) {
		out_watched->path[0] = '\0';
	}
}

/* Returns: whether the filter decides calls of this number by this argument. */
static bool is_tested(const struct vtr_os_filter *filter, int number, unsigned arg)
{
	for (size_t i = 0; i < filter->test_count; i++) {
		if (filter->numbers[i] == number && filter->tests[i].arg == arg) {
			return true;
		}
	}
	return false;
}

static void describe_call(const struct vtr_os_watch *watch, const struct seccomp_data *data,
                          struct vtr_os_watched *out_watched)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, data->nr);
	const char *separator = "(";
	unsigned arg_count = 6;
	size_t length;

	if (name != NULL) {
		snprintf(out_watched->name, sizeof(out_watched->name), "%s", name);
	} else {
		snprintf(out_watched->name, sizeof(out_watched->name), "call %d", data->nr);
	}
	free(name);
	memcpy(out_watched->call, out_watched->name, sizeof(out_watched->call));
	while (arg_count > 0 && !is_tested(watch->filter, data->nr, arg_count - 1)) {
		arg_count--;
	}
	for (unsigned i = 0; i < arg_count; i++, separator = ", ") {
		length = strlen(out_watched->call);
		if (is_tested(watch->filter, data->nr, i)) {
			snprintf(out_watched->call + length, sizeof(out_watched->call) - length, "%s0x%x",
			         separator, (unsigned)data->args[i]);
		} else {
			snprintf(out_watched->call + length, sizeof(out_watched->call) - length, "%s_",
			         separator);
		}
	}
	length = strlen(out_watched->call);
	if (arg_count > 0) {
		snprintf(out_watched->call + length, sizeof(out_watched->call) - length, ")");
	}
}

/* The name that /proc gives to every process, also for one that hides its memory. */
static void read_thread_name(pid_t thread, char out_name[VTR_OS_WATCH_THREAD])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)thread);
	vtr_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd >= 0 ? read(fd, out_name, VTR_OS_WATCH_THREAD - 1) : 0;
	out_name[n > 0 ? n : 0] = '\0';
	out_name[strcspn(out_name, "\n")] = '\0';
}

static bool is_opener(int number)
{
	return number == SCMP_SYS(openat) || number == seccomp_syscall_resolve_name("open") ||
	       number == seccomp_syscall_resolve_name("openat2");
}

/* Describes a report and decides what becomes of the call. */
static void decide(const struct vtr_os_watch *watch, struct vtr_os_watched *out_watched)
{
	const struct seccomp_notif *request = watch->request;
	const bool opens = watch->mode != VTR_OS_WATCH_REFUSES && is_opener(request->data.nr);

	if (opens) {
		describe_open(request, out_watched);
	} else {
		describe_call(watch, &request->data, out_watched);
		read_thread_name((pid_t)request->pid, out_watched->thread);
	}
	if (opens || watch->mode == VTR_OS_WATCH_PERMITS) {
		watch->response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	} else {
		watch->response->error =
			-(int)(vtr_os_filter_decide(watch->filter, &request->data) & SECCOMP_RET_DATA);
	}
}

static enum vtr_err prepare(struct vtr_os_watch *watch)
{
	if (watch->request != NULL) {
		return VTR_OK;
	}
	free(watch->filter); /* of an attempt that failed */
	watch->filter = malloc(sizeof(*watch->filter));
	if (watch->filter == NULL) {
		return VTR_ERR_NOMEM;
	}
	/* No process has this number: what the other process may do to itself does not matter, since it was
	 * refused. */
	vtr_os_sandbox_fill(watch->filter, watch->role, INT32_MIN);
	struct seccomp_notif_sizes sizes;
	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0) {
		return VTR_ERR_OS;
	}
	watch->request_size = vtr_max((size_t)sizes.seccomp_notif, sizeof(*watch->request));
	return seccomp_notify_alloc(&watch->request, &watch->response) == 0 ? VTR_OK : VTR_ERR_OS;
}

enum vtr_err vtr_os_watch_next(struct vtr_os_watch *watch, struct vtr_os_watched *out_watched)
{
	out_watched->path[0] = '\0';
	out_watched->call[0] = '\0';
	out_watched->name[0] = '\0';
	out_watched->thread[0] = '\0';
	out_watched->writes = false;
	out_watched->creates = false;
	enum vtr_err err = prepare(watch);
	if (err != VTR_OK) {
		return err;
	}
	memset(watch->request, 0, watch->request_size);
	if (seccomp_notify_receive(watch->fd, watch->request) != 0) {
		/* ENOENT: the call was interrupted, or its thread has ended. */
		return errno == ENOENT || errno == EINTR ? VTR_OK : VTR_ERR_GONE;
	}
	/* What a later kernel has beyond this stays zero. */
	*watch->response = (struct seccomp_notif_resp){ .id = watch->request->id };
	decide(watch, out_watched);
	return seccomp_notify_respond(watch->fd, watch->response) == 0 || errno == ENOENT ? VTR_OK :
	                                                                                    VTR_ERR_OS;
}

enum vtr_err vtr_os_watch_create(enum vtr_os_role role, enum vtr_os_watch_mode mode, int *take_fd,
                                 struct vtr_os_watch **out_watch)
{
	vtr_autofd int fd = vtr_take_fd(take_fd);
	struct vtr_os_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return VTR_ERR_NOMEM;
	}
	watch->fd = vtr_take_fd(&fd);
	watch->role = role;
	watch->mode = mode;
	*out_watch = watch;
	return VTR_OK;
}

void vtr_os_watch_destroy(struct vtr_os_watch *watch)
{
	if (watch == NULL) {
		return;
	}
	vtr_close(&watch->fd);
	seccomp_notify_free(watch->request, watch->response);
	free(watch->filter);
	free(watch);
}

int vtr_os_watch_fd(const struct vtr_os_watch *watch)
{
	return watch->fd;
}
