/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_PROC_H
#define PLATFORM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Processes: starting them, noticing their end, and sandboxing this one. */

/* Stores the path of the running program. Returns: VTR_ERR_OS (ENAMETOOLONG). Thread: any. */
VTR_MUST_CHECK enum vtr_err vtr_os_self_path(char *buf, size_t size);

struct vtr_os_spawn_fd {
	int fd; /* borrowed; may appear several times */
	int as; /* its number in the child */
};

/* More than any child needs. */
#define VTR_OS_SPAWN_MAX_FDS 32

struct vtr_os_spawn {
	const char *path;  /* PATH is not searched */
	char *const *argv; /* includes argv[0]; ends with NULL */
	const struct vtr_os_spawn_fd *fds; /* all fds of the child, including 0 to 2 */
	size_t fd_count;
	bool new_session;           /* detaches it from the terminal and its signals */
	const char *const *env_set; /* NAME=VALUE, ends with NULL; replaces existing ones; NULL: none */
};

/* Returns: whether a process has the same user, pid and mount namespaces as this one, so that it is not in a
 * container of its own. false also if this cannot be found out; true where
 * the system has no namespaces. Thread: any. */
bool vtr_os_shares_namespaces(pid_t pid);

/* What can be found out about the namespaces of a process. */
enum vtr_os_namespaces {
	VTR_OS_NAMESPACES_SAME,
	VTR_OS_NAMESPACES_OTHER,
	VTR_OS_NAMESPACES_UNKNOWN, /* this process may not read them */
};

/* The same without the mount namespace: a service may have one of its own, and still be no container. Thread: any. */
enum vtr_os_namespaces vtr_os_compare_users_and_pids(pid_t pid);

/**
 * Starts a program without a bare fork(). It gets only the fds in `fds`; its signals have their default
 * disposition.
 *
 * Owner:   *out_death_fd is the caller's; it becomes readable when the child ends. vtr_os_wait() reaps the
 *          child.
 * Returns: VTR_ERR_OS (for instance ENOENT: no such program), VTR_ERR_NOMEM.
 * Thread:  any; but a child that called vtr_os_die_with_parent() is killed when this thread ends.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_spawn(const struct vtr_os_spawn *spawn, pid_t *out_pid, int *out_death_fd);

/**
 * Reaps a child without blocking. *out_status is as from waitpid() (WIFEXITED and so on).
 * Returns: VTR_ERR_AGAIN (it still runs), VTR_ERR_GONE (no such child). Thread: any.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_wait(pid_t pid, int *out_status);

/**
 * Has the kernel kill this process when the thread that started it ends. A parent that ended before the call
 * is not noticed: watch a socket to it as well. Returns: VTR_ERR_OS, VTR_ERR_UNSUPPORTED.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_die_with_parent(void);

struct vtr_os_limits {
	uint64_t max_fds; /* 0: unchanged; reduced to what the system allows */
	uint64_t max_data_bytes; /* private writable memory; 0: unchanged */
	uint64_t max_cpu_seconds; /* of processor time, then it is killed; 0: unchanged */
	bool no_core_dumps;
	/* It cannot raise its priority, run in real time, nor keep messages in the kernel, and leaves some of the
	 * threads, timers and queued signals to the user's other processes. */
	bool leave_others;
};

/* Limits what this process may use, irrevocably. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_limits(const struct vtr_os_limits *limits);

/**
 * Keeps other processes of the same user from tracing this process and from reading its memory, also through
 * /proc. Only root may, and in /proc/self this process can still read what all users may read in /proc (maps,
 * status, cmdline), and use `fd` and `exe`.
 *
 * Returns: VTR_ERR_OS, VTR_ERR_UNSUPPORTED.
 * Thread:  applies to all threads.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_hide(void);

/* Raises this process's fd limit to the system's maximum. */
void vtr_os_raise_fd_limit(void);

/*
 * The sandbox of a process that decodes a guest's data and runs a Vulkan driver. What can be applied depends
 * on the kernel. It is reported as bits, and the caller logs what is missing.
 */
enum vtr_os_sandbox {
	VTR_OS_SANDBOX_FILES = 1 << 0, /* opens only files that drivers need; writes and executes none */
	VTR_OS_SANDBOX_TRUNCATE = 1 << 1, /* cannot truncate other files either */
	VTR_OS_SANDBOX_DEVICES = 1 << 2, /* ioctls only on the GPU's device nodes */
	VTR_OS_SANDBOX_TCP = 1 << 3, /* no TCP, even where system calls are not filtered */
	VTR_OS_SANDBOX_SCOPE = 1 << 4, /* no signals to other processes, no abstract sockets of others */
	VTR_OS_SANDBOX_SYSCALLS = 1 << 5, /* no sockets, programs, processes, tracing, mounts, ... */
};

/* All bits that vtr_os_sandbox_files() and vtr_os_sandbox_syscalls() can apply. */
#define VTR_OS_SANDBOX_FILES_ALL                                                                        \
	(VTR_OS_SANDBOX_FILES | VTR_OS_SANDBOX_TRUNCATE | VTR_OS_SANDBOX_DEVICES | VTR_OS_SANDBOX_TCP | \
	 VTR_OS_SANDBOX_SCOPE)
#define VTR_OS_SANDBOX_ALL (VTR_OS_SANDBOX_FILES_ALL | VTR_OS_SANDBOX_SYSCALLS)

/* Returns: the name of one bit ("files", "system calls"). Thread: any. */
const char *vtr_os_sandbox_name(enum vtr_os_sandbox bit);

/* Paths in addition to those that are always allowed. Each list is NULL or ends with NULL; missing files are
 * skipped. */
struct vtr_os_sandbox_paths {
	const char *const *read; /* files, and directories with all their contents */
	const char *const *write; /* directories in which files may also be created, changed and removed */
	const char *const *update; /* directories whose existing files may also be changed */
};

/* What a process is for, which decides what its sandbox allows. */
enum vtr_os_role {
	VTR_OS_ROLE_DRIVER, /* runs a Vulkan driver for a guest */
	VTR_OS_ROLE_SERVER, /* faces a network: serves listening sockets that it inherited, and has its files open */
	VTR_OS_ROLE_PUBLISHER, /* sends video to a server of its user's choice: looks up its name and connects */
	VTR_OS_ROLE_WINDOW, /* shows windows, by the desktop's libraries */
};

struct vtr_os_syscalls {
	enum vtr_os_role role;
	/* A socket whose other end learns of refused calls (platform/watch.h). It gets one byte with an fd, or
	 * without one if this kernel or container supports no such reports: the calls are refused then, too. -1:
	 * there is none. */
	int report_fd;
	bool files; /* report each attempt to open a file, too */
	bool permissive; /* filter nothing if the calls cannot be reported */
};

/**
 * Allows only the system calls of a list for this role: those that it needs, and those that affect only this process.
 * All other calls fail with an error code; calls that are not listed fail with ENOSYS, also those that only later
 * kernels have. Requests about the priority and processors of threads other than the calling and the first one are
 * accepted and have no effect. Cannot be undone.
 *
 * No role allows new programs or processes, signals to other processes or access to them, terminals' commands, or
 * mounting. A driver has no sockets other than local pairs and the kind that NVIDIA's driver listens with. A server
 * opens no files, makes no sockets, and accepts connections. A publisher connects over the Internet protocols, and a
 * window process also to local sockets.
 *
 * Returns: VTR_OK with VTR_OS_SANDBOX_SYSCALLS or nothing in *out_applied; VTR_ERR_NOMEM, VTR_ERR_OS.
 * Thread:  applies to all threads. The calls that are reported wait for the process at the other end of the socket, or
 *          for its end.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_syscalls(const struct vtr_os_syscalls *params,
                                                    uint32_t *out_applied);

/**
 * Limits which files this process can open from now on, by its role:
 *
 *   driver     reads libraries, the drivers' settings, and what /proc and /sys report about this process and the
 *              hardware; reads and writes the GPU's device nodes
 *   server     opens none
 *   publisher  reads what a driver reads except the GPU's nodes, and what the look-up of names and the check of
 *              certificates read
 *   window     reads all that its user may read, because desktops keep their settings in many places, but of /proc
 *              and /sys only what a driver reads; writes the nodes of GPUs and what desktops share memory through
 *
 * None executes files. Files that are already open stay usable. Cannot be undone.
 *
 * `paths`  additional paths; NULL for none.
 * Returns: VTR_OK with the bits that apply in *out_applied, none where the kernel does not support this;
 *          VTR_ERR_OS (fewer restrictions than that may apply then).
 * Thread:  applies to the calling thread and the threads that it starts later: call it before there are
 *          others.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_files(enum vtr_os_role role,
                                                 const struct vtr_os_sandbox_paths *paths,
                                                 uint32_t *out_applied);

enum vtr_os_sandbox_mode {
	VTR_OS_SANDBOX_ON, /* as much as the kernel and the container allow */
	VTR_OS_SANDBOX_OFF,
	VTR_OS_SANDBOX_REPORT, /* refuses nothing, and reports what it would refuse */
	VTR_OS_SANDBOX_REQUIRE, /* all of it, or the process does not work */
};

struct vtr_os_sandbox_params {
	enum vtr_os_role role;
	enum vtr_os_sandbox_mode mode;
	struct vtr_os_limits limits;
	const struct vtr_os_sandbox_paths *paths; /* or NULL */
	int report_fd; /* see struct vtr_os_syscalls; not -1 with `watched` */
	/* The process at the other end of `report_fd` decides which files are opened, and reads the memory of
	 * this one. */
	bool watched;
};

/**
 * Locks this process in: limits it, hides it, and applies both parts of the sandbox. With VTR_OS_SANDBOX_REPORT only
 * the limits apply.
 *
 * Returns: VTR_OK with the bits that apply in *out_applied;
 *          VTR_ERR_UNSUPPORTED (VTR_OS_SANDBOX_REQUIRE: some are missing; they are those not in *out_applied);
 *          VTR_ERR_NOMEM; VTR_ERR_OS. Fewer restrictions may apply after an error.
 * Thread:  call it before there are other threads.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_enter(const struct vtr_os_sandbox_params *params,
                                                 uint32_t *out_applied);

/* Returns: the version of the kernel's interface for limiting files (Landlock); 0 if there is none, with errno:
 * ENOSYS, or EOPNOTSUPP if it is switched off. Thread: any. */
int vtr_os_sandbox_files_version(void);

/* Returns: the bits that vtr_os_sandbox_files() and vtr_os_sandbox_syscalls() can apply here. Applies nothing.
 * Thread: any. */
uint32_t vtr_os_sandbox_supported(void);

/* Returns: whether vtr_os_sandbox_files() would allow a driver to read a file, given its path without links. Thread:
 *          any. */
bool vtr_os_sandbox_reads(const struct vtr_os_sandbox_paths *paths, const char *path);

/* Returns: whether vtr_os_sandbox_files() would allow the process `pid` of this role to open the file, or
 * nothing changes because the file does not exist. `path` may have links. Thread: any. */
bool vtr_os_sandbox_opens(enum vtr_os_role role, pid_t pid, const char *path, bool writes);

/**
 * Makes all threads share the first thread's heap, and keeps freed memory for reuse. For processes with few
 * threads that pass memory to each other: a heap per thread grows and shrinks page by page, which costs a
 * driver that records commands more than the locking.
 */
void vtr_os_heap_share(void);

/* After vtr_os_heap_share(): keeps freed blocks of 128 KiB and more for reuse, too, up to 32 MiB. Until this call each
 * of them costs two system calls and page faults, but takes no memory where it is not written. Thread: any. */
void vtr_os_heap_reuse_large(void);

/* Gives each block of 1 MiB or more pages of its own, which return to the system when it is freed. By default the C
 * library puts large blocks between others once some were freed, and they leave holes. */
void vtr_os_heap_split_large(void);

/* Returns freed memory of the heap to the system. Takes milliseconds. */
void vtr_os_heap_trim(void);

#endif
