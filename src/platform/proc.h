/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_PROC_H
#define PLATFORM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Processes: starting them, hearing of their end, and locking the own one in. */

/* The program that runs now, as a path. Returns: VTR_ERR_OS (ENAMETOOLONG). Thread: any. */
VTR_MUST_CHECK enum vtr_err vtr_os_self_path(char *buf, size_t size);

struct vtr_os_spawn_fd {
	int fd; /* borrowed; may be named several times */
	int as; /* its number in the child */
};

/* More than any child gets. */
#define VTR_OS_SPAWN_MAX_FDS 32

struct vtr_os_spawn {
	const char *path;  /* not searched for in PATH */
	char *const *argv; /* argv[0] included, NULL at the end */
	const struct vtr_os_spawn_fd *fds; /* all that the child gets, 0 to 2 included */
	size_t fd_count;
	bool new_session;           /* away from the terminal and its signals */
	const char *const *env_set; /* NAME=VALUE, NULL at the end; replaces. NULL: nothing to add */
};

/**
 * Starts a program, never as a bare fork. Of the fds it gets those in `fds`; its signals do what
 * they do by default.
 *
 * Owner:   *out_death_fd is the caller's: readable from the child's end on. vtr_os_wait() reaps it.
 * Returns: VTR_ERR_OS (for instance ENOENT: no such program), VTR_ERR_NOMEM.
 * Thread:  any; but a child that called vtr_os_die_with_parent() ends with the thread.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_spawn(const struct vtr_os_spawn *spawn, pid_t *out_pid, int *out_death_fd);

/**
 * Reaps a child, without waiting for it. *out_status is what waitpid() says (WIFEXITED and so on).
 * Returns: VTR_ERR_AGAIN (it runs), VTR_ERR_GONE (no such child). Thread: any.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_wait(pid_t pid, int *out_status);

/**
 * Has this process killed when the thread that started it ends. It does not notice a parent that
 * has gone already: watch a socket to it as well. Returns: VTR_ERR_OS, VTR_ERR_UNSUPPORTED.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_die_with_parent(void);

struct vtr_os_limits {
	uint64_t max_fds;        /* 0: as it is; cut to what the system allows */
	uint64_t max_data_bytes; /* private writable memory; 0: as it is */
	bool no_core_dumps;
};

/* Limits what this process may use, for good. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_limits(const struct vtr_os_limits *limits);

/* Allows this process as many fds as the system lets it have. */
void vtr_os_raise_fd_limit(void);

/*
 * The sandbox of a process that decodes what a guest sends and runs a Vulkan driver. What could be
 * applied is told in bits, since it depends on the kernel: the caller logs what is missing.
 */
enum vtr_os_sandbox {
	VTR_OS_SANDBOX_FILES = 1 << 0,    /* sees only what drivers need; writes and executes nothing */
	VTR_OS_SANDBOX_TRUNCATE = 1 << 1, /* cannot truncate other files either */
	VTR_OS_SANDBOX_DEVICES = 1 << 2,  /* ioctls only on the GPU's devices */
	VTR_OS_SANDBOX_TCP = 1 << 3,      /* no TCP, even where system calls are not filtered */
	VTR_OS_SANDBOX_SCOPE = 1 << 4,    /* no signals to and no abstract sockets of others */
	VTR_OS_SANDBOX_SYSCALLS = 1 << 5, /* no sockets, programs, processes, tracing, mounts, ... */
};

/* What vtr_os_sandbox_files() and vtr_os_sandbox_syscalls() can apply at best. */
#define VTR_OS_SANDBOX_FILES_ALL                                                                        \
	(VTR_OS_SANDBOX_FILES | VTR_OS_SANDBOX_TRUNCATE | VTR_OS_SANDBOX_DEVICES | VTR_OS_SANDBOX_TCP | \
	 VTR_OS_SANDBOX_SCOPE)
#define VTR_OS_SANDBOX_ALL (VTR_OS_SANDBOX_FILES_ALL | VTR_OS_SANDBOX_SYSCALLS)

/* The words for one bit ("files", "system calls"). Thread: any. */
const char *vtr_os_sandbox_name(enum vtr_os_sandbox bit);

/* Beside what is always allowed; each list is NULL or ends with NULL, missing files are skipped. */
struct vtr_os_sandbox_paths {
	const char *const *read;  /* files, and directories with all that they contain */
	const char *const *write; /* directories in which files may be made, changed and removed too */
};

/**
 * Limits the files that this process can open from now on: reading libraries, the drivers' settings,
 * and what /proc and /sys tell of this process and the hardware; reading and writing the GPU's
 * device nodes. What is open already stays usable. It cannot be undone.
 *
 * `paths`  more that may be opened; NULL for nothing.
 * Returns: VTR_OK with the bits that apply in *out_applied, none where the kernel cannot do this;
 *          VTR_ERR_OS (in a state where less than that applies).
 * Thread:  applies to the calling thread and those that it starts: call it before there are others.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_files(const struct vtr_os_sandbox_paths *paths,
                                                 uint32_t *out_applied);

/**
 * Refuses, with an error code, the system calls that neither a driver nor the renderer needs:
 * sockets but for a local pair, new programs and processes, signals to others, tracing, mounting,
 * keys, kernel interfaces with a history of holes. It cannot be undone.
 *
 * Returns: VTR_OK with VTR_OS_SANDBOX_SYSCALLS or nothing in *out_applied; VTR_ERR_NOMEM, VTR_ERR_OS.
 * Thread:  applies to all threads.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_syscalls(uint32_t *out_applied);

/**
 * Like vtr_os_sandbox_syscalls(), for a process that another one watches: what is refused is reported there, and so
 * is each file that it opens, before that is decided. Every such call waits for vtr_os_watch_next() there. Once the
 * watching process has closed the fd, or ended, they fail with ENOSYS.
 *
 * Owner:   *out_watch_fd is the caller's, to be handed to the other process. -1: nothing is filtered here.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS (this kernel or container has no such reports; nothing is filtered then).
 * Thread:  applies to the calling thread and those that it starts: call it before there are others.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_syscalls_watched(int *out_watch_fd, uint32_t *out_applied);

#define VTR_OS_WATCH_PATH 4096
#define VTR_OS_WATCH_NAME 32

/* What the watched process did: one of the two texts is empty. */
struct vtr_os_watched {
	char path[VTR_OS_WATCH_PATH]; /* the file that it opens, absolute */
	bool writes;                  /* to write to it */
	char call
		[VTR_OS_WATCH_NAME]; /* the system call that is refused, with an error that suggests no fallback */
};

/**
 * Takes the next report, which the fd is readable for, and lets the watched process go on. It must be a child of
 * this process, and trusted: the paths are those that it names, and may be others by the time they are looked at.
 *
 * *out_watched: both texts are empty if there is nothing to tell.
 * Returns: VTR_ERR_GONE (the process has ended), VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_watch_next(int watch_fd, struct vtr_os_watched *out_watched);

/* Whether vtr_os_sandbox_files() lets a file be read, by its path without links. Thread: any. */
bool vtr_os_sandbox_reads(const struct vtr_os_sandbox_paths *paths, const char *path);

/**
 * The other sandbox, for a process that faces a network: it serves listening sockets that it was
 * given and has all its files open. From now on it can open none, and of the system calls that
 * vtr_os_sandbox_syscalls() refuses it may only accept connections. Where just the second half can be
 * applied, it can at least open nothing for writing.
 *
 * Returns: VTR_OK with the bits of both halves that apply in *out_applied; VTR_ERR_NOMEM; VTR_ERR_OS
 *          (in a state where less than that applies).
 * Thread:  call it before there are others.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_sandbox_server(uint32_t *out_applied);

/**
 * Makes all threads share the first thread's heap, and keeps what they free for the next use. For
 * processes of few threads that hand memory to each other: a heap of its own for each thread grows and
 * shrinks page by page, which costs a driver that records commands more than the locking.
 */
void vtr_os_heap_share(void);

/* Gives back to the system what the heap keeps for the next use. Takes milliseconds. */
void vtr_os_heap_trim(void);

#endif
