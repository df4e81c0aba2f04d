/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "platform/linux/sandbox.h"
#include "platform/linux/syscall_filter.h"

/*
 * These are lists of what is allowed. A call that they do not have fails with ENOSYS, also one that a later
 * kernel brings, as if the kernel did not have it. The lists are generous with calls that affect only this
 * process: drivers and compilers make calls that are not documented, and change with every release. The names
 * are text because name resolution then skips those that this libseccomp or this architecture does not have.
 */
static const char *const allowed[] = {
	/* Memory. */
	"brk",
	"madvise",
	"membarrier",
	"memfd_create",
	"mincore",
	"mlock",
	"mlock2",
	"mmap",
	"mmap2",
	"mprotect",
	"mremap",
	"msync",
	"munlock",
	"munmap",
	"pkey_alloc",
	"pkey_free",
	"pkey_mprotect",
	/* What is open. */
	"_llseek",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"epoll_create",
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_pwait2",
	"epoll_wait",
	"eventfd",
	"eventfd2",
	"fadvise64",
	"fadvise64_64",
	"fallocate",
	"fdatasync",
	"flock",
	"fstat",
	"fstat64",
	"fstatfs",
	"fstatfs64",
	"fsync",
	"ftruncate",
	"ftruncate64",
	"lseek",
	"pipe",
	"pipe2",
	"poll",
	"ppoll",
	"ppoll_time64",
	"pread64",
	"preadv",
	"preadv2",
	"pselect6",
	"pselect6_time64",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readv",
	"select",
	"signalfd",
	"signalfd4",
	"sync_file_range",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_gettime64",
	"timerfd_settime",
	"timerfd_settime64",
	"write",
	"writev",
	/* What files there are. The C library also asks for the file of the time zone. */
	"access",
	"faccessat",
	"faccessat2",
	"fstatat64",
	"getcwd",
	"getdents",
	"getdents64",
	"lstat",
	"lstat64",
	"newfstatat",
	"readlink",
	"readlinkat",
	"stat",
	"stat64",
	"statfs",
	"statfs64",
	"statx",
	/* Sockets that are open. */
	"getpeername",
	"getsockname",
	"getsockopt",
	"recv",
	"recvfrom",
	"recvmmsg",
	"recvmmsg_time64",
	"recvmsg",
	"send",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"shutdown",
	/* Threads and signals of this process. */
	"alarm",
	"arch_prctl",
	"exit",
	"exit_group",
	"futex",
	"futex_time64",
	"futex_waitv",
	"getitimer",
	"gettid",
	"pause",
	"restart_syscall",
	"riscv_flush_icache",
	"riscv_hwprobe",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"setitimer",
	"sigaltstack",
	"sigreturn",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_gettime64",
	"timer_settime",
	"timer_settime64",
	"wait4",
	"waitid",
	/* Time. */
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"gettimeofday",
	"nanosleep",
	"time",
	"times",
	/* Facts about this process, other ones and the machine. */
	"capget",
	"getcpu",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getsid",
	"getuid",
	"ioprio_get",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getattr",
	"sched_getparam",
	"sched_getscheduler",
	"sched_rr_get_interval",
	"sched_rr_get_interval_time64",
	"setrlimit",
	"sysinfo",
	"ugetrlimit",
	"umask",
	"uname",
};

/* Newer ones that libseccomp may not know. Their numbers are the same on all architectures. */
static const uint16_t allowed_numbers[] = {
	451, /* cachestat */
	453, /* map_shadow_stack */
	454, /* futex_wake */
	455, /* futex_wait */
	456, /* futex_requeue */
	462, /* mseal */
};

/* For processes that run a driver, in addition. Landlock decides about the files. */
static const char *const driving[] = {
	"bind",
	"chdir",
	"copy_file_range",
	"creat",
	"fchdir",
	"get_mempolicy",
	"link",
	"linkat",
	"listen",
	"mbind",
	"mkdir",
	"mkdirat",
	"mlockall",
	"munlockall",
	"open",
	"openat",
	"openat2",
	"readahead",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"sendfile",
	"sendfile64",
	"set_mempolicy",
	"set_mempolicy_home_node",
	"symlink",
	"symlinkat",
	"unlink",
	"unlinkat",
};

/* For processes that serve an inherited socket. */
static const char *const serving[] = { "accept", "accept4" };

/* For windows, in addition. Displays are shared with the X server in memory of System V; input methods watch
 * files. */
static const char *const windowing[] = { "connect",
	                                 "inotify_add_watch",
	                                 "inotify_init",
	                                 "inotify_init1",
	                                 "inotify_rm_watch",
	                                 "shmat",
	                                 "shmctl",
	                                 "shmdt",
	                                 "shmget" };

/* To look up names, read certificates, and connect to a server. */
static const char *const publishing[] = { "bind", "connect", "open", "openat" };

/* Refused with EPERM rather than ENOSYS: drivers expect that of a call that every kernel has. */
static const char *const refused[] = {
	/* Starting programs and processes. clone() is decided below. */
	"execve",
	"execveat",
	"fork",
	"vfork",
	/* Access to other processes, and signals to them. kill(), kcmp() and the like are decided below. */
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

/* Sockets of a process that serves inherited ones. For drivers see add_socket_rules(). */
static const char *const new_sockets[] = { "socket", "bind", "listen" };

/* Opening files in a process that serves. Landlock refuses the same with the same error. But memory that was
 * given to be read could be opened again through /proc, which Landlock does not cover, and older kernels have
 * no Landlock. */
static const char *const openers[] = { "open", "openat", "creat" };

/* ENOSYS is what callers expect of these: they go on with an older call. Filters cannot see the flags of
 * clone3(). */
static const char *const with_fallback[] = { "clone3", "io_uring_setup", "io_uring_enter",
	                                     "io_uring_register" };

/* For these calls, a signal to another process is refused; the first argument is a pid. */
static const char *const signals[] = { "kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo" };

/*
 * These say how a thread is scheduled; the first argument is its number, or 0 for the calling one. A filter
 * cannot know whether a thread is of this process, and neither Landlock nor the kernel's own checks protect
 * other processes of the same user. The C library names the new thread by number when a thread is created
 * with a priority or a set of processors, and pthread_create() fails if the call does. So for all but the
 * calling and the first thread the call reports success and does nothing: the priority and the processors
 * are requests, and programs are correct without them.
 */
static const char *const schedulers[] = { "sched_setaffinity", "sched_setattr", "sched_setparam",
	                                  "sched_setscheduler" };
#define WITHOUT_EFFECT VTR_OS_REFUSE(0)
#define IO_PRIORITY_OF_PROCESS 1

/* All of these have to do with this thread or its memory. The rest would let a process be traced again, or
 * change what its user may do. */
static const uint32_t prctl_options[] = {
	PR_CAPBSET_READ,
	PR_GET_DUMPABLE,
	PR_GET_KEEPCAPS,
	PR_GET_NAME,
	PR_GET_NO_NEW_PRIVS,
	PR_GET_PDEATHSIG,
	PR_GET_SECCOMP,
	PR_GET_SECUREBITS,
	PR_GET_SPECULATION_CTRL,
	PR_GET_TAGGED_ADDR_CTRL,
	PR_GET_THP_DISABLE,
	PR_GET_TID_ADDRESS,
	PR_GET_TIMERSLACK,
	PR_GET_TIMING,
	PR_SET_NAME,
	PR_SET_NO_NEW_PRIVS,
	PR_SET_PDEATHSIG,
	PR_SET_TAGGED_ADDR_CTRL,
	PR_SET_THP_DISABLE,
	PR_SET_TIMERSLACK,
	PR_SET_VMA,
	PR_SVE_GET_VL,
	PR_SVE_SET_VL,
};

#ifndef F_CREATED_QUERY
#define F_DUPFD_QUERY 1027
#define F_CREATED_QUERY 1028
#endif

/* The rest would choose who gets an fd's signals (F_SETOWN, F_SETOWN_EX, F_SETSIG), delay others who open a file
 * (F_SETLEASE), watch a folder (F_NOTIFY), or use up the memory that a user may have in pipes (F_SETPIPE_SZ). */
static const uint32_t fcntl_commands[] = {
	F_DUPFD,
	F_DUPFD_CLOEXEC,
	F_GETFD,
	F_SETFD,
	F_GETFL,
	F_SETFL,
	F_GETLK,
	F_SETLK,
	F_SETLKW,
	F_OFD_GETLK,
	F_OFD_SETLK,
	F_OFD_SETLKW,
	F_GETOWN,
	F_GETOWN_EX,
	F_GETSIG,
	F_GETLEASE,
	F_GETPIPE_SZ,
	F_GET_SEALS,
	F_ADD_SEALS,
	F_GET_RW_HINT,
	F_SET_RW_HINT,
	F_GET_FILE_RW_HINT,
	F_SET_FILE_RW_HINT,
	F_DUPFD_QUERY,
	F_CREATED_QUERY,
};

/* TCGETS2, which the C library's headers lack: its structure has another layout in those of the kernel. */
#define TERMIOS2_GET _IOC(_IOC_READ, 'T', 0x2a, 44)

/* What reads the state of an fd of any kind, or changes a flag that only its owner sees. Some have the type of
 * terminals' commands. All others of that type are refused: they feed input to a terminal, change its modes
 * or its line discipline. */
static const uint32_t fd_requests[] = {
	TCGETS,     TERMIOS2_GET, /* isatty(), the second from glibc 2.42 on */
	TIOCGWINSZ, FIONREAD,     TIOCOUTQ, FIONBIO, FIOCLEX, FIONCLEX,
};

/* The types (the second byte) of the commands of device nodes that sandbox_files.c allows, and of the fds that
 * come from them. Two types of GPUs are missing. 'K' is kfd, which is for ROCm: Vulkan and OpenGL drivers do not open
 * it. 'i' is for streams of counters of i915 and xe, for queries that the Venus protocol does not have. */
static const uint8_t device_types[] = {
	0x00, /* nvidia-uvm, which numbers its commands from 1 */
	0x09, /* kgsl */
	'>', /* sync files */
	'F', /* nvidia, nvidiactl */
	'G', /* dxg */
	'H', /* dma_heap */
	'N', /* nvidia-nvlink */
	'b', /* dma-bufs */
	'd', /* DRM */
	'u', /* udmabuf */
	0x80, /* mali */
	0x82, /* older ones of mali */
};

#define MODESET_TYPE 'm' /* nvidia-modeset, which is for windows only */

#define TYPE_MASK 0xff00u

/* A thread cannot be created with namespaces of its own, even by a user who may create some. */
#define NEW_NAMESPACES                                                                                \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | \
	 CLONE_NEWNET)

#ifndef SO_ATTACH_REUSEPORT_EBPF
#define SO_ATTACH_REUSEPORT_EBPF 52
#endif

/* Programs for the kernel's virtual machine. */
static const uint32_t program_options[] = { SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF,
	                                    SO_ATTACH_REUSEPORT_EBPF };

#define SOCKET_TYPE_MASK 0xfu /* the rest are flags */

static void set_all(struct vtr_os_filter *filter, uint32_t action, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vtr_os_filter_set(filter, seccomp_syscall_resolve_name(names[i]), action);
	}
}

/* Decides calls whose argument `arg`, under `mask`, has this value. */
static void when(struct vtr_os_filter *filter, const char *name, uint8_t arg, uint32_t mask, uint32_t value,
                 uint32_t action)
{
	const struct vtr_os_filter_test test = { .arg = arg, .mask = mask, .value = value, .action = action };

	vtr_os_filter_test(filter, seccomp_syscall_resolve_name(name), &test);
}

/* Decides those where it has another value. */
static void unless(struct vtr_os_filter *filter, const char *name, uint8_t arg, uint32_t mask, uint32_t value,
                   uint32_t action)
{
	const struct vtr_os_filter_test test = {
		.arg = arg, .unless = true, .mask = mask, .value = value, .action = action
	};

	vtr_os_filter_test(filter, seccomp_syscall_resolve_name(name), &test);
}

static void otherwise(struct vtr_os_filter *filter, const char *name, uint32_t action)
{
	vtr_os_filter_set(filter, seccomp_syscall_resolve_name(name), action);
}

static void when_any(struct vtr_os_filter *filter, const char *name, uint8_t arg, const uint32_t *values,
                     size_t count, uint32_t action)
{
	for (size_t i = 0; i < count; i++) {
		when(filter, name, arg, UINT32_MAX, values[i], action);
	}
}

/* Allows a call for the process `self`, which may also name itself 0; `action` for others. */
static void only_for_self(struct vtr_os_filter *filter, const char *name, uint8_t arg, pid_t self,
                          uint32_t action)
{
	when(filter, name, arg, UINT32_MAX, 0, SECCOMP_RET_ALLOW);
	when(filter, name, arg, UINT32_MAX, (uint32_t)self, SECCOMP_RET_ALLOW);
	otherwise(filter, name, action);
}

static void add_process_rules(struct vtr_os_filter *filter, pid_t self)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(signals); i++) {
		when(filter, signals[i], 0, UINT32_MAX, (uint32_t)self, SECCOMP_RET_ALLOW);
		otherwise(filter, signals[i], VTR_OS_REFUSE(EPERM));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(schedulers); i++) {
		only_for_self(filter, schedulers[i], 0, self, WITHOUT_EFFECT);
	}
	/* The first argument says what the second one names. If that is a group or a user, the call is refused. */
	unless(filter, "setpriority", 0, UINT32_MAX, PRIO_PROCESS, VTR_OS_REFUSE(EPERM));
	only_for_self(filter, "setpriority", 1, self, WITHOUT_EFFECT);
	unless(filter, "ioprio_set", 0, UINT32_MAX, IO_PRIORITY_OF_PROCESS, VTR_OS_REFUSE(EPERM));
	only_for_self(filter, "ioprio_set", 1, self, WITHOUT_EFFECT);
	only_for_self(filter, "prlimit64", 0, self, VTR_OS_REFUSE(EPERM));
	only_for_self(filter, "move_pages", 0, self, VTR_OS_REFUSE(EPERM));
	/* Only threads: creating a process would lack one of these two flags. */
	when(filter, "clone", 0, CLONE_VM, 0, VTR_OS_REFUSE(EPERM));
	when(filter, "clone", 0, CLONE_THREAD, 0, VTR_OS_REFUSE(EPERM));
	unless(filter, "clone", 0, NEW_NAMESPACES, 0, VTR_OS_REFUSE(EPERM));
	otherwise(filter, "clone", SECCOMP_RET_ALLOW);
	when_any(filter, "prctl", 0, prctl_options, VTR_ARRAY_LEN(prctl_options), SECCOMP_RET_ALLOW);
	otherwise(filter, "prctl", VTR_OS_REFUSE(EPERM));
}

/* Huge pages are few, and the administrator has set them aside, for instance for virtual machines. */
static void add_memory_rules(struct vtr_os_filter *filter)
{
	when(filter, "memfd_create", 1, MFD_HUGETLB, MFD_HUGETLB, VTR_OS_REFUSE(EPERM));
	when(filter, "mmap", 3, MAP_HUGETLB, MAP_HUGETLB, VTR_OS_REFUSE(ENOMEM));
	when(filter, "mmap2", 3, MAP_HUGETLB, MAP_HUGETLB, VTR_OS_REFUSE(ENOMEM));
}

/* Mesa's OpenGL drivers ask whether two fds of their process are the same open file, so that they share one device
 * for both. The first two arguments are the processes that are compared. */
static void add_compare_rules(struct vtr_os_filter *filter, pid_t self)
{
	unless(filter, "kcmp", 0, UINT32_MAX, (uint32_t)self, VTR_OS_REFUSE(EPERM));
	unless(filter, "kcmp", 1, UINT32_MAX, (uint32_t)self, VTR_OS_REFUSE(EPERM));
	when(filter, "kcmp", 2, UINT32_MAX, KCMP_FILE, SECCOMP_RET_ALLOW);
	otherwise(filter, "kcmp", VTR_OS_REFUSE(EPERM));
}

static void add_fd_rules(struct vtr_os_filter *filter, enum vtr_os_role role)
{
	static const char *const fcntls[] = { "fcntl", "fcntl64" };

	for (size_t i = 0; i < VTR_ARRAY_LEN(fcntls); i++) {
		when_any(filter, fcntls[i], 1, fcntl_commands, VTR_ARRAY_LEN(fcntl_commands),
		         SECCOMP_RET_ALLOW);
		otherwise(filter, fcntls[i], VTR_OS_REFUSE(EPERM));
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(device_types); i++) {
		when(filter, "ioctl", 1, TYPE_MASK, (uint32_t)device_types[i] << 8, SECCOMP_RET_ALLOW);
	}
	if (role == VTR_OS_ROLE_WINDOW) {
		when(filter, "ioctl", 1, TYPE_MASK, (uint32_t)MODESET_TYPE << 8, SECCOMP_RET_ALLOW);
	}
	when_any(filter, "ioctl", 1, fd_requests, VTR_ARRAY_LEN(fd_requests), SECCOMP_RET_ALLOW);
	otherwise(filter, "ioctl", VTR_OS_REFUSE(EPERM));
}

/*
 * The sockets of a driver. NVIDIA's driver creates no device with ray tracing unless
 * it can listen at an abstract address, for other processes that want to share its memory. So a driver may
 * listen, but only with a socket type that hardly any program connects with, and it can accept no connection.
 * Connecting is refused as if the address did not exist, which drivers handle. Socket pairs are limited to
 * types that cannot send to an address.
 */
static void add_driver_sockets(struct vtr_os_filter *filter)
{
	otherwise(filter, "connect", VTR_OS_REFUSE(ENOENT));
	unless(filter, "socket", 0, UINT32_MAX, AF_UNIX, VTR_OS_REFUSE(EPERM));
	when(filter, "socket", 1, SOCKET_TYPE_MASK, SOCK_SEQPACKET, SECCOMP_RET_ALLOW);
	otherwise(filter, "socket", VTR_OS_REFUSE(EPERM));
}

/* The Internet protocols. A publisher also asks the kernel for the machine's addresses, as the C library does when it
 * looks up a name. It has no local sockets: services of the desktop listen there that start programs. */
static void add_internet_sockets(struct vtr_os_filter *filter, bool window)
{
	when(filter, "socket", 0, UINT32_MAX, AF_INET, SECCOMP_RET_ALLOW);
	when(filter, "socket", 0, UINT32_MAX, AF_INET6, SECCOMP_RET_ALLOW);
	if (window) {
		when(filter, "socket", 0, UINT32_MAX, AF_UNIX, SECCOMP_RET_ALLOW);
	} else {
		/* The C library tries a cache of names (nscd) first, and goes on without. */
		when(filter, "socket", 0, UINT32_MAX, AF_UNIX, VTR_OS_REFUSE_QUIETLY(EPERM));
		unless(filter, "socket", 0, UINT32_MAX, AF_NETLINK, VTR_OS_REFUSE(EPERM));
		when(filter, "socket", 2, UINT32_MAX, NETLINK_ROUTE, SECCOMP_RET_ALLOW);
	}
	otherwise(filter, "socket", VTR_OS_REFUSE(EPERM));
}

static void add_socket_rules(struct vtr_os_filter *filter, enum vtr_os_role role)
{
	set_all(filter, VTR_OS_REFUSE(EPERM), serving, VTR_ARRAY_LEN(serving));
	switch (role) {
	case VTR_OS_ROLE_DRIVER:
		add_driver_sockets(filter);
		break;
	case VTR_OS_ROLE_SERVER:
		otherwise(filter, "connect", VTR_OS_REFUSE(ENOENT));
		set_all(filter, SECCOMP_RET_ALLOW, serving, VTR_ARRAY_LEN(serving));
		set_all(filter, VTR_OS_REFUSE(EPERM), new_sockets, VTR_ARRAY_LEN(new_sockets));
		break;
	case VTR_OS_ROLE_PUBLISHER:
	case VTR_OS_ROLE_WINDOW:
		add_internet_sockets(filter, role == VTR_OS_ROLE_WINDOW);
		break;
	}
	unless(filter, "socketpair", 0, UINT32_MAX, AF_UNIX, VTR_OS_REFUSE(EACCES));
	when(filter, "socketpair", 1, SOCKET_TYPE_MASK, SOCK_STREAM, SECCOMP_RET_ALLOW);
	when(filter, "socketpair", 1, SOCKET_TYPE_MASK, SOCK_SEQPACKET, SECCOMP_RET_ALLOW);
	otherwise(filter, "socketpair", VTR_OS_REFUSE(EACCES));
	unless(filter, "setsockopt", 1, UINT32_MAX, SOL_SOCKET, SECCOMP_RET_ALLOW);
	when_any(filter, "setsockopt", 2, program_options, VTR_ARRAY_LEN(program_options),
	         VTR_OS_REFUSE(EPERM));
	otherwise(filter, "setsockopt", SECCOMP_RET_ALLOW);
}

static void add_role(struct vtr_os_filter *filter, enum vtr_os_role role)
{
	switch (role) {
	case VTR_OS_ROLE_SERVER:
		set_all(filter, VTR_OS_REFUSE(EACCES), openers, VTR_ARRAY_LEN(openers));
		break;
	case VTR_OS_ROLE_PUBLISHER:
		set_all(filter, SECCOMP_RET_ALLOW, publishing, VTR_ARRAY_LEN(publishing));
		break;
	case VTR_OS_ROLE_WINDOW:
		set_all(filter, SECCOMP_RET_ALLOW, windowing, VTR_ARRAY_LEN(windowing));
		set_all(filter, SECCOMP_RET_ALLOW, driving, VTR_ARRAY_LEN(driving));
		break;
	case VTR_OS_ROLE_DRIVER:
		set_all(filter, SECCOMP_RET_ALLOW, driving, VTR_ARRAY_LEN(driving));
		break;
	}
}

void vtr_os_sandbox_fill(struct vtr_os_filter *filter, enum vtr_os_role role, pid_t self)
{
	vtr_os_filter_init(filter);
	set_all(filter, VTR_OS_REFUSE(EPERM), refused, VTR_ARRAY_LEN(refused));
	set_all(filter, VTR_OS_REFUSE_QUIETLY(ENOSYS), with_fallback, VTR_ARRAY_LEN(with_fallback));
	set_all(filter, SECCOMP_RET_ALLOW, allowed, VTR_ARRAY_LEN(allowed));
	for (size_t i = 0; i < VTR_ARRAY_LEN(allowed_numbers); i++) {
		vtr_os_filter_set(filter, allowed_numbers[i], SECCOMP_RET_ALLOW);
	}
	add_role(filter, role);
	add_memory_rules(filter);
	add_process_rules(filter, self);
	if (role == VTR_OS_ROLE_DRIVER || role == VTR_OS_ROLE_WINDOW) {
		add_compare_rules(filter, self);
	}
	add_fd_rules(filter, role);
	add_socket_rules(filter, role);
}
