/* SPDX-License-Identifier: MIT */
#ifndef IPC_CHILD_REFUSALS_H
#define IPC_CHILD_REFUSALS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bucket.h"
#include "base/err.h"
#include "platform/proc.h"

/*
 * Answers and logs the system calls that the sandbox of a child refuses (platform/watch.h). The first of each distinct
 * call is logged, up to a number. Each call waits for its answer, and each answer costs this process some microseconds.
 * Therefore a child that makes very many of them is no longer watched: they fail with ENOSYS then, and the kernel alone
 * refuses them.
 *
 * Thread: one, the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_os_loop_fd;
struct vtr_os_watch;

/* The answers at once, and the interval of further ones. */
#define VTR_CHILD_REFUSALS_BURST 1024
#define VTR_CHILD_REFUSALS_INTERVAL_NS INT64_C(50000000)
/* The distinct calls that are logged of one process, and those that are recorded where the sandbox permits them. */
#define VTR_CHILD_REFUSALS_LOGGED 32
#define VTR_CHILD_REFUSALS_RECORDED 128
#define VTR_CHILD_DRIVER_MAX 64

/* How a child is watched. */
struct vtr_child_watch {
	enum vtr_os_role role;
	/* Calls that the sandbox would refuse are made, and recorded with the files that it would refuse: it protects
	 * nothing. */
	bool permits;
	/* Returns: whether the child may open this file, beside those of its role. NULL: there are no such files. */
	bool (*may_open)(const void *data, const char *path, bool writes);
	/* Returns: whether a driver is known to make this call, which is then worth no warning. NULL: none is. */
	bool (*is_usual)(const void *data, const char *name);
	const void *data; /* for both; outlives the child */
};

struct vtr_child_refusals {
	struct vtr_log *log; /* borrowed, like the next three */
	struct vtr_bucket *log_share; /* see vtr_log_share(); may be NULL */
	struct vtr_os_loop *loop;
	const char *name; /* of the child */
	pid_t pid;
	struct vtr_child_watch params;
	char driver[VTR_CHILD_DRIVER_MAX]; /* what the child says it runs; empty: nothing */
	int report_fd; /* the socket that the fd to watch by comes through; -1: none */
	struct vtr_os_loop_fd *report_watch;
	struct vtr_os_watch *watch; /* NULL: the child is not watched */
	bool was_watched;
	struct vtr_os_loop_fd *watch_watch;
	struct vtr_bucket bucket;
	char *seen[VTR_CHILD_REFUSALS_RECORDED];
	size_t seen_count;
};

/* Nothing is watched. */
void vtr_child_refusals_init(struct vtr_child_refusals *refusals, struct vtr_log *log,
                             struct vtr_bucket *log_share, struct vtr_os_loop *loop, const char *name);

/**
 * Watches a process that has just been started, which has the other end of the socket `take_fd` and may send an fd
 * through it. Ends what was watched before.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS: nothing is watched, and refused calls fail with ENOSYS.
 */
VTR_MUST_CHECK enum vtr_err vtr_child_refusals_start(struct vtr_child_refusals *refusals, pid_t pid,
                                                     const struct vtr_child_watch *params, int *take_fd);

/* Stops watching. From now on refused calls of the process fail with ENOSYS. Says what it would have needed. */
void vtr_child_refusals_end(struct vtr_child_refusals *refusals);

/* Notes what driver the child says it runs. `text` needs no NUL if it has `max` bytes. */
void vtr_child_refusals_set_driver(struct vtr_child_refusals *refusals, const char *text, size_t max);

/* For waiting without the loop: the fds to poll for input, and what to do after that. */
#define VTR_CHILD_REFUSALS_FDS 2
void vtr_child_refusals_fill_fds(const struct vtr_child_refusals *refusals,
                                 struct pollfd fds[VTR_CHILD_REFUSALS_FDS]);
void vtr_child_refusals_serve(struct vtr_child_refusals *refusals,
                              const struct pollfd fds[VTR_CHILD_REFUSALS_FDS]);

#endif
