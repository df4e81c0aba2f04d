/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_WATCH_H
#define PLATFORM_WATCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "platform/proc.h"

/*
 * The other end of vtr_os_sandbox_syscalls(): a process learns which calls the filter of another one refuses, and
 * decides what becomes of them. Each of these calls waits until this process has taken the report, so it must be quick.
 * When the watch or this process has ended, the calls fail with ENOSYS.
 *
 * Thread: one for each watch.
 */
struct vtr_os_watch;

enum vtr_os_watch_mode {
	VTR_OS_WATCH_REFUSES, /* each reported call fails, with the error that the filter has for it */
	/* The same, but files are opened, as far as other parts of the sandbox allow it. For a process that
	 * runs no code of strangers. */
	VTR_OS_WATCH_OPENS,
	VTR_OS_WATCH_PERMITS, /* each call is made. The filter protects nothing then */
};

#define VTR_OS_WATCH_PATH 4096
#define VTR_OS_WATCH_CALL 64
#define VTR_OS_WATCH_THREAD 32

/* One action of the watched process. One of the first two texts is empty. */
struct vtr_os_watched {
	/* The absolute path of a file that it opens; not with VTR_OS_WATCH_REFUSES. */
	char path[VTR_OS_WATCH_PATH];
	/* A system call that the filter refuses, with those arguments that this depends on: "mount", "ioctl(_,
	 * 0x5412)", "call 1000" for a number without a name. */
	char call[VTR_OS_WATCH_CALL];
	char name[VTR_OS_WATCH_CALL]; /* the same without arguments */
	char thread[VTR_OS_WATCH_THREAD]; /* the thread's name, which the process chose; may be empty */
	bool writes; /* it opens the file for writing, or to create or cut it */
	bool creates; /* the file need not exist */
};

/**
 * `take_fd`  as it came from vtr_os_sandbox_syscalls() with the same role; the watch's from now on, also on failure.
 * Owner:     *out_watch is the caller's.
 * Returns:   VTR_ERR_NOMEM, VTR_ERR_UNSUPPORTED (this build has no filter).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_watch_create(enum vtr_os_role role, enum vtr_os_watch_mode mode,
                                                int *take_fd, struct vtr_os_watch **out_watch);

/* Accepts NULL. */
void vtr_os_watch_destroy(struct vtr_os_watch *watch);

/* Returns: the fd, which is readable when there is a report. */
int vtr_os_watch_fd(const struct vtr_os_watch *watch);

/**
 * Takes the next report and lets the watched process continue. Call it when the fd is readable; otherwise it waits.
 * Where files are opened, the process must be a child of this process that can be traced; and it can change a path
 * after it was read here.
 *
 * *out_watched: the texts are empty if there is nothing to report.
 * Returns: VTR_ERR_GONE (the process has ended), VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_watch_next(struct vtr_os_watch *watch, struct vtr_os_watched *out_watched);

#endif
