/* SPDX-License-Identifier: MIT */
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/linux/sandbox.h"
#include "platform/proc.h"

/*
 * This is a list of what is refused, not of what is allowed: drivers and compilers make system calls that are
 * not documented, and change with every release. Each refusal is an error code, so that a driver that probes
 * for a feature goes on without it. The names are text because name resolution then skips those that this
 * libseccomp does not know.
 */
static const char *const refused[] = {
	/* Starting programs and processes. clone() is handled below. */
	"execve",
	"execveat",
	"fork",
	"vfork",
	/* Access to other processes, and signals to them. kill() and the like are handled below. */
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"process_madvise",
	"process_mrelease",
	"kcmp",
	"pidfd_open",
	"pidfd_getfd",
	"pidfd_send_signal",
	"tkill",
	/* System V and POSIX IPC. */
	"shmget",
	"shmat",
	"shmctl",
	"semget",
	"semctl",
	"msgget",
	"msgctl",
	"mq_open",
	"mq_unlink",
	/* Mounts, namespaces, root directories. */
	"mount",
	"umount",
	"umount2",
	"pivot_root",
	"chroot",
	"move_mount",
	"open_tree",
	"fsopen",
	"fsconfig",
	"fsmount",
	"fspick",
	"mount_setattr",
	"setns",
	"unshare",
	/* The kernel itself. */
	"init_module",
	"finit_module",
	"delete_module",
	"kexec_load",
	"kexec_file_load",
	"reboot",
	"swapon",
	"swapoff",
	"sethostname",
	"setdomainname",
	"syslog",
	"acct",
	"quotactl",
	"quotactl_fd",
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"iopl",
	"ioperm",
	"nfsservctl",
	"vhangup",
	"lookup_dcookie",
	/* Interfaces with a history of vulnerabilities that no driver needs. */
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"add_key",
	"request_key",
	"keyctl",
	"modify_ldt",
	"personality",
	"fanotify_init",
	"fanotify_mark",
	"name_to_handle_at",
	"open_by_handle_at",
	/* What Landlock does not cover: owners, modes, times, attributes, truncation by name, new nodes. */
	"chmod",
	"fchmod",
	"fchmodat",
	"fchmodat2",
	"chown",
	"fchown",
	"lchown",
	"fchownat",
	"utime",
	"utimes",
	"futimesat",
	"utimensat",
	"setxattr",
	"lsetxattr",
	"fsetxattr",
	"removexattr",
	"lremovexattr",
	"fremovexattr",
	"truncate",
	"truncate64",
	"mknod",
	"mknodat",
	/* Changing users. */
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setgroups",
	"setfsuid",
	"setfsgid",
	"capset",
};

/* Allowed for processes that serve an inherited socket. */
static const char *const serving[] = { "accept", "accept4" };

/* Allowed for processes that run a driver: see add_socket_rules(). */
static const char *const listening[] = { "socket", "bind", "listen" };

/* Refused with ENOSYS, so that callers fall back to an older call. */
static const char *const unknown[] = {
	"clone3", /* a filter cannot see its flags; the C library falls back to clone() */
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
};

/*
 * The comparisons below are of whole registers, of which the kernel uses the low half. Where "not equal" is
 * refused, garbage in the high half can only cause more refusals.
 */

/* For these calls, a signal to another process is refused; the first argument is a pid. */
static const char *const signals[] = { "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo" };

struct rules {
	scmp_filter_ctx filter;
	bool server;
	bool watched;
};

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

/* Returns: the filter's action for a refusal. It is an error code, or a notification to the watching process,
 *          which answers with that code. */
static uint32_t refuse_with(const struct rules *rules, int code)
{
	return rules->watched ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(code);
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		/* Calls of other architectures have negative numbers; those need no rule. */
		if (number >= 0) {
			int result = seccomp_rule_add(filter, action, number, 0);
			if (result != 0) {
				return result;
			}
		}
	}
	return 0;
}

static int add_signal_rules(const struct rules *rules)
{
	const scmp_datum_t self = (scmp_datum_t)getpid();

	for (size_t i = 0; i < VTR_ARRAY_LEN(signals); i++) {
		int number = seccomp_syscall_resolve_name(signals[i]);
		int result = seccomp_rule_add(rules->filter, refuse_with(rules, EPERM), number, 1,
		                              SCMP_A0(SCMP_CMP_NE, self));
		if (result != 0) {
			return result;
		}
	}
	return 0;
}

/* Allows clone() only for threads: creating a process would lack one of these two flags. */
static int add_clone_rules(const struct rules *rules)
{
	static const scmp_datum_t needed[] = { CLONE_VM, CLONE_THREAD };

	for (size_t i = 0; i < VTR_ARRAY_LEN(needed); i++) {
		int result = seccomp_rule_add(rules->filter, refuse_with(rules, EPERM), SCMP_SYS(clone), 1,
		                              SCMP_A0(SCMP_CMP_MASKED_EQ, needed[i], 0));
		if (result != 0) {
			return result;
		}
	}
	return 0;
}

/* Refuses calls whose second argument is one of `values`. The kernel uses only the low half of that argument,
 * so the filter compares only the low half too. */
static int refuse_second(const struct rules *rules, int number, const scmp_datum_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int result = seccomp_rule_add(rules->filter, refuse_with(rules, EPERM), number, 1,
		                              SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, values[i]));
		if (result != 0) {
			return result;
		}
	}
	return 0;
}

/* Closes two ways out of the sandbox: injecting input into the terminal that the log goes to, and having the
 * kernel send a signal to a chosen process when data arrives at an fd. */
static int add_fd_rules(const struct rules *rules)
{
	static const scmp_datum_t requests[] = { TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP };
	static const scmp_datum_t commands[] = { F_SETOWN, F_SETOWN_EX, F_SETSIG };
	int result = refuse_second(rules, SCMP_SYS(ioctl), requests, VTR_ARRAY_LEN(requests));

	return result != 0 ? result :
	                     refuse_second(rules, SCMP_SYS(fcntl), commands, VTR_ARRAY_LEN(commands));
}

/* The fallback where there is no Landlock. Also needed for shared memory: an fd that was given read-only
 * could be reopened through /proc, which Landlock does not cover. */
static int add_open_rules(scmp_filter_ctx filter)
{
	static const char *const openers[] = { "creat" };
	static const char *const unknown_openers[] = { "openat2" }; /* passes its flags in memory */
	static const scmp_datum_t writing[] = { O_WRONLY, O_RDWR };
	int result = add_names(filter, SCMP_ACT_ERRNO(EACCES), openers, VTR_ARRAY_LEN(openers));

	if (result == 0) {
		result = add_names(filter, SCMP_ACT_ERRNO(ENOSYS), unknown_openers,
		                   VTR_ARRAY_LEN(unknown_openers));
	}
	for (size_t i = 0; result == 0 && i < VTR_ARRAY_LEN(writing); i++) {
		int number = seccomp_syscall_resolve_name("open"); /* newer architectures do not have it */
		if (number >= 0) {
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), number, 1,
			                          SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE, writing[i]));
		}
		if (result == 0) {
			result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
			                          SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE, writing[i]));
		}
	}
	return result;
}

/* Refuses the socket types that are not in `allowed` (one bit each) in a call's second argument. */
static int refuse_types(const struct rules *rules, int number, int code, uint32_t allowed)
{
	const scmp_datum_t mask = 0xf; /* SOCK_TYPE_MASK; the rest are flags */
	int result = 0;

	for (scmp_datum_t type = 0; result == 0 && type <= mask; type++) {
		if ((allowed & 1u << type) == 0) {
			result = seccomp_rule_add(rules->filter, refuse_with(rules, code), number, 1,
			                          SCMP_A1(SCMP_CMP_MASKED_EQ, mask, type));
		}
	}
	return result;
}

/*
 * The network, and the sockets of other processes. NVIDIA's driver creates no device with ray tracing unless
 * it can listen at an abstract address, for other processes that want to share its memory. So a driver may
 * listen, but only with a socket type that hardly any program connects with, and it can accept no connection.
 * Connecting is refused as if the address did not exist, which drivers handle. Socket pairs are limited to
 * types that cannot send to an address.
 */
static int add_socket_rules(const struct rules *rules)
{
	const uint32_t connected = 1u << SOCK_STREAM | 1u << SOCK_SEQPACKET;
	int result = seccomp_rule_add(rules->filter, refuse_with(rules, ENOENT), SCMP_SYS(connect), 0);

	if (result == 0 && rules->server) {
		result = add_names(rules->filter, refuse_with(rules, EPERM), listening,
		                   VTR_ARRAY_LEN(listening));
	} else if (result == 0) {
		result = seccomp_rule_add(rules->filter, refuse_with(rules, EPERM), SCMP_SYS(socket), 1,
		                          SCMP_A0(SCMP_CMP_NE, AF_UNIX));
		if (result == 0) {
			result = refuse_types(rules, SCMP_SYS(socket), EPERM, 1u << SOCK_SEQPACKET);
		}
	}
	if (result == 0) {
		result = seccomp_rule_add(rules->filter, refuse_with(rules, EACCES), SCMP_SYS(socketpair), 1,
		                          SCMP_A0(SCMP_CMP_NE, AF_UNIX));
	}
	return result == 0 ? refuse_types(rules, SCMP_SYS(socketpair), EACCES, connected) : result;
}

/* Reports all calls that open a file, whether they succeed or not. */
static int add_watch_rules(scmp_filter_ctx filter)
{
	static const char *const openers[] = { "open", "openat", "openat2" };

	return add_names(filter, SCMP_ACT_NOTIFY, openers, VTR_ARRAY_LEN(openers));
}

static int add_rules(const struct rules *rules)
{
	scmp_filter_ctx filter = rules->filter;
	int result = add_names(filter, refuse_with(rules, EPERM), refused, VTR_ARRAY_LEN(refused));

	if (result == 0) {
		result = add_names(filter, refuse_with(rules, ENOSYS), unknown, VTR_ARRAY_LEN(unknown));
	}
	if (result == 0 && rules->server) {
		result = add_open_rules(filter);
	} else if (result == 0) {
		result = add_names(filter, refuse_with(rules, EPERM), serving, VTR_ARRAY_LEN(serving));
	}
	if (result == 0 && rules->watched) {
		result = add_watch_rules(filter);
	}
	if (result == 0) {
		result = add_signal_rules(rules);
	}
	if (result == 0) {
		result = add_clone_rules(rules);
	}
	if (result == 0) {
		result = add_fd_rules(rules);
	}
	return result == 0 ? add_socket_rules(rules) : result;
}

int vtr_os_sandbox_refusal(int number)
{
	if (number == SCMP_SYS(connect)) {
		return ENOENT;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(unknown); i++) {
		if (number == seccomp_syscall_resolve_name(unknown[i])) {
			return ENOSYS;
		}
	}
	return number == SCMP_SYS(socketpair) ? EACCES : EPERM;
}

/* Returns: 0, or a negative errno. */
static int load_filter(const struct rules *rules)
{
	scmp_filter_ctx filter = rules->filter;
	/* Applies to all threads, including those that sanitizers start before main(). A filter that notifies
	 * can only apply to one thread. */
	int result = rules->watched ? 0 : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (result == 0) {
		result = add_rules(rules);
	}
	if (result == 0) {
		/* Compiles the filter to a tree, since it runs before every system call, also those of each
		 * submit. This affects only speed, so the call may fail with an old libseccomp. */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		result = seccomp_load(filter);
	}
	return result;
}

/* Returns: whether the kernel, or the container around us, lets a process filter its system calls. */
static bool have_filters(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* `out_watch_fd`: NULL, or set to the fd that the filter's notifications arrive at. */
static enum vtr_err filter_syscalls(bool server, int *out_watch_fd, uint32_t *out_applied)
{
	if (!have_filters()) {
		*out_applied = 0;
		return VTR_OK;
	}
	const struct rules rules = { .filter = seccomp_init(SCMP_ACT_ALLOW),
		                     .server = server,
		                     .watched = out_watch_fd != NULL };
	if (rules.filter == NULL) {
		return VTR_ERR_NOMEM;
	}
	int result = load_filter(&rules);
	if (result == 0 && out_watch_fd != NULL) {
		*out_watch_fd = seccomp_notify_fd(rules.filter);
	}
	seccomp_release(rules.filter);
	if (result == -ENOMEM) {
		return VTR_ERR_NOMEM;
	}
	if (result != 0) {
		errno = -result;
		return VTR_ERR_OS;
	}
#if VTR_ASAN
	atomic_store(&locked, true);
#endif
	*out_applied = VTR_OS_SANDBOX_SYSCALLS;
	return VTR_OK;
}

enum vtr_err vtr_os_sandbox_syscalls(uint32_t *out_applied)
{
	return filter_syscalls(false, NULL, out_applied);
}

enum vtr_err vtr_os_sandbox_syscalls_watched(int *out_watch_fd, uint32_t *out_applied)
{
	*out_watch_fd = -1;
	return filter_syscalls(false, out_watch_fd, out_applied);
}

enum vtr_err vtr_os_sandbox_server(uint32_t *out_applied)
{
	uint32_t files = 0;
	uint32_t syscalls = 0;
	enum vtr_err err = vtr_os_sandbox_landlock(true, NULL, &files);

	if (err == VTR_OK) {
		err = filter_syscalls(true, NULL, &syscalls);
	}
	if (err == VTR_OK) {
		*out_applied = files | syscalls;
	}
	return err;
}
