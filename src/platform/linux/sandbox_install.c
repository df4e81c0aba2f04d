/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/sandbox.h"
#include "platform/linux/syscall_filter.h"
#include "platform/os.h"
#include "platform/proc.h"
#include "platform/sock.h"

/* Linux 5.7. Debian 12's headers have it, older ones do not. */
#ifndef SECCOMP_FILTER_FLAG_TSYNC_ESRCH
#define SECCOMP_FILTER_FLAG_TSYNC_ESRCH (1UL << 4)
#endif

#if VTR_ASAN
/*
 * The leak checker clones a process at exit and fails loudly if it cannot: it stays off in a sandboxed
 * process. The function's name is fixed by the sanitizer.
 */
static atomic_bool locked;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return atomic_load(&locked);
}
#endif

/* Has all calls that open a file reported, whether they succeed or not. */
static void report_openers(struct vtr_os_filter *filter)
{
	static const char *const reported[] = { "open", "openat", "openat2" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(reported); i++) {
		vtr_os_filter_set(filter, seccomp_syscall_resolve_name(reported[i]), SECCOMP_RET_USER_NOTIF);
	}
}

/* Applies to all threads, including those that sanitizers start before main(). Returns: an fd for
 * notifications, or 0; -1 with errno. */
static int install(const struct vtr_os_filter *filter, bool watched)
{
	struct sock_filter instructions[VTR_OS_FILTER_PROGRAM];
	const struct sock_fprog program = {
		.len = vtr_os_filter_compile(filter, seccomp_arch_native(), watched, instructions),
		.filter = instructions,
	};
	const unsigned long watch = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -1;
	}
	const long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
	                            SECCOMP_FILTER_FLAG_TSYNC | (watched ? watch : 0), &program);
	if (result > 0 && !watched) {
		errno = EBUSY; /* the number of a thread that has a filter of its own */
		return -1;
	}
	return (int)result;
}

bool vtr_os_sandbox_have_filters(void)
{
	/* The address of the filter is NULL. A kernel that takes filters therefore fails with EFAULT. */
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 &&
	       syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == EFAULT;
}

/* Installs a filter that reports. Returns: VTR_ERR_UNSUPPORTED (nothing is filtered; for instance, a container's own
 * filter already reports to another process), VTR_ERR_NOMEM, VTR_ERR_OS. */
static enum vtr_err install_watched(struct vtr_os_filter *filter, const struct vtr_os_syscalls *params)
{
	struct vtr_os_filter watched = *filter;

	if (params->files) {
		report_openers(&watched);
	}
	vtr_autofd int listen_fd = install(&watched, true);
	const enum vtr_err err = listen_fd >= 0  ? VTR_OK :
	                         errno == ENOMEM ? VTR_ERR_NOMEM :
	                                           VTR_ERR_UNSUPPORTED;
	const struct iovec byte = { (void *)"", 1 };
	/* If the other process has ended, this fails, and refused calls fail with ENOSYS. */
	(void)(vtr_os_sock_send(params->report_fd, &byte, 1, &listen_fd, listen_fd >= 0 ? 1 : 0) == VTR_OK);
	return err;
}

/* With root's capabilities a process could raise its limits again, run in real time, or open what belongs to others. */
static bool drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	return syscall(SYS_capset, &header, none) == 0;
}

enum vtr_err vtr_os_sandbox_syscalls(const struct vtr_os_syscalls *params, uint32_t *out_applied)
{
	struct vtr_os_filter filter;
	enum vtr_err err = VTR_ERR_UNSUPPORTED;

	if (!vtr_os_sandbox_have_filters()) {
		*out_applied = 0;
		return VTR_OK;
	}
	if (!params->permissive && !drop_capabilities()) {
		return VTR_ERR_OS;
	}
	vtr_os_sandbox_fill(&filter, params->role, getpid());
	if (params->report_fd >= 0) {
		err = install_watched(&filter, params);
	}
	if (err == VTR_ERR_UNSUPPORTED && params->permissive) {
		*out_applied = 0;
		return VTR_OK;
	}
	if (err == VTR_ERR_UNSUPPORTED) {
		err = install(&filter, false) >= 0 ? VTR_OK : errno == ENOMEM ? VTR_ERR_NOMEM : VTR_ERR_OS;
	}
	if (err != VTR_OK) {
		return err;
	}
#if VTR_ASAN
	atomic_store(&locked, true);
#endif
	*out_applied = VTR_OS_SANDBOX_SYSCALLS;
	return VTR_OK;
}
