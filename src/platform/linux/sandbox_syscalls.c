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
 * A list of what is refused, not of what is allowed: drivers and compilers make system calls that
 * nobody has listed, and change with every release. Each refusal is an error code, since a driver
 * that probes for a feature goes on without it. Names that this libseccomp does not know are left
 * out by name resolution, which is why they are text.
 */
static const char *const refused[] = {
	/* Programs and processes. clone() is below. */
	"execve",
	"execveat",
	"fork",
	"vfork",
	/* Looking into other processes, and signals to them. kill() and its kind are below. */
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
	/* Memory and queues of others. */
	"shmget",
	"shmat",
	"shmctl",
	"semget",
	"semctl",
	"msgget",
	"msgctl",
	"mq_open",
	"mq_unlink",
	/* Mounts, namespaces, roots. */
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
	/* Interfaces with a history of holes, of which no driver needs any. */
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
	/* What Landlock does not cover: owners, modes, times, attributes, sizes by name, new nodes. */
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
	/* Other users. */
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

/* Left to those that serve a socket which they were given. */
static const char *const serving[] = { "accept", "accept4" };

/* Left to those that run a driver: see add_socket_rules(). */
static const char *const listening[] = { "socket", "bind", "listen" };

/* Refused as if this kernel had never heard of them, so that callers take their second choice. */
static const char *const unknown[] = {
	"clone3", /* its flags cannot be seen by a filter; the C library falls back to clone() */
	"io_uring_setup",
	"io_uring_enter",
	"io_uring_register",
};

/*
 * The comparisons below are of whole registers, of which the kernel uses the low half: where "not
 * equal" is refused, dirt in the high half can only refuse too much.
 */

/* With any of these a signal that is not for this process is refused; the first argument is a pid. */
static const char *const signals[] = { "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo" };

struct rules {
	scmp_filter_ctx filter;
	bool server;
	bool watched;
};

#if VTR_ASAN
/*
 * The leak checker starts a process of its own kind at the end and would fail loudly: in a locked
 * process it stays off. The name is the sanitizer's.
 */
static atomic_bool locked;
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return atomic_load(&locked);
}
#endif

/* What a refusal does: the error code, or a question to the process that watches, which answers with that code. */
static uint32_t refuse_with(const struct rules *rules, int code)
{
	return rules->watched ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO(code);
}

static int add_names(scmp_filter_ctx filter, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(names[i]);
		/* Calls of other architectures have numbers below zero; there is nothing to refuse. */
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

/* Of clone() only the making of threads is left: a new process would lack one of these two flags. */
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

/* Refuses calls whose second argument is one of `values`. Of that the kernel looks at the low half alone, so the filter
 * must, too. */
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

/* Two ways out: typing into the terminal that our log goes to; and having the kernel send a signal to whom we say, when
 * something comes in at an fd. */
static int add_fd_rules(const struct rules *rules)
{
	static const scmp_datum_t requests[] = { TIOCSTI, TIOCLINUX, FIOSETOWN, SIOCSPGRP };
	static const scmp_datum_t commands[] = { F_SETOWN, F_SETOWN_EX, F_SETSIG };
	int result = refuse_second(rules, SCMP_SYS(ioctl), requests, VTR_ARRAY_LEN(requests));

	return result != 0 ? result :
	                     refuse_second(rules, SCMP_SYS(fcntl), commands, VTR_ARRAY_LEN(commands));
}

/* The second choice where there is no Landlock, and for memory: an fd that was given for reading alone
 * could be opened anew through /proc, which Landlock does not cover. */
static int add_open_rules(scmp_filter_ctx filter)
{
	static const char *const openers[] = { "creat" };
	static const char *const unknown_openers[] = { "openat2" }; /* hides its flags in memory */
	static const scmp_datum_t writing[] = { O_WRONLY, O_RDWR };
	int result = add_names(filter, SCMP_ACT_ERRNO(EACCES), openers, VTR_ARRAY_LEN(openers));

	if (result == 0) {
		result = add_names(filter, SCMP_ACT_ERRNO(ENOSYS), unknown_openers,
		                   VTR_ARRAY_LEN(unknown_openers));
	}
	for (size_t i = 0; result == 0 && i < VTR_ARRAY_LEN(writing); i++) {
		int number = seccomp_syscall_resolve_name("open"); /* newer machines have none */
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

/* Refuses the types of sockets that are not in `allowed`, a bit for each, in a call's second argument. */
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
 * The network, and sockets of others. NVIDIA's driver makes no device that traces rays unless it can listen at an
 * abstract address, for other processes that want a share of its memory. So a driver may listen, too, where only
 * sockets of this kind can connect, which hardly any program uses, and it can accept no connection. To connect is
 * refused as if nothing were there, which is what drivers are used to. Pairs are of kinds that cannot send to an
 * address.
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

/* All calls by which a file is opened, whatever comes of them. */
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

/* Returns: 0, or an errno with a minus. */
static int load_filter(const struct rules *rules)
{
	scmp_filter_ctx filter = rules->filter;
	/* All threads, those included that the sanitizers start before main(). A filter that asks is for one. */
	int result = rules->watched ? 0 : seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (result == 0) {
		result = add_rules(rules);
	}
	if (result == 0) {
		/* A tree: the filter runs in front of every system call, also those of each submit. It is
		 * a matter of speed only, so an old libseccomp without it will do. */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
		result = seccomp_load(filter);
	}
	return result;
}

/* Whether the kernel, or a container around us, lets a process filter its system calls at all. */
static bool have_filters(void)
{
	return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* `out_watch_fd`: NULL, or to get the fd at which the filter asks. */
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
