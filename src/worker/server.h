/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The worker process: serves one client, or one context of a VM, and owns the driver that works for
 * it. It may be killed by anything at any time; what must be done then, the process that started it
 * does.
 */

struct vtr_known;
struct vtr_log;

struct vtr_worker_params {
	struct vtr_log *log;
	int control_fd; /* the starter's socket (worker/protocol.h); when it closes, the worker ends */
	int client_fd; /* the connection, which speaks vtest; -1: a VM's context, by control_fd alone */
	uint32_t handshake_timeout_ms; /* this and the next: see vtr_vtest_params */
	uint32_t reply_timeout_ms;
	uint64_t max_memory; /* this and what follows: see vtr_venus_params */
	uint32_t min_import_alignment;
	bool no_host_import;
	bool no_export;
	const struct vtr_known *known;
	bool no_sandbox;
	const char *const *readable; /* files that the driver needs besides the system's; may be NULL */
};

/**
 * Locks the process in: limits and sandbox. For the whole process and for good, so call it early.
 * What the kernel or the container lacks is missing in *out_applied (see vtr_os_sandbox), and no
 * failure: most hosts lack something.
 *
 * `readable` files that the driver needs besides the system's, NULL at the end; or NULL.
 * Returns: VTR_ERR_OS, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_lock_in(const char *const *readable, uint32_t *out_applied);

/* The same for a process that another one watches: see vtr_os_sandbox_syscalls_watched(). *out_watch_fd
 * is the caller's; -1: the process is locked in, but cannot be watched here. */
VTR_MUST_CHECK enum vtr_err vtr_worker_lock_in_watched(const char *const *readable, int *out_watch_fd,
                                                       uint32_t *out_applied);

/**
 * Locks the process in and serves the client or context to its end. Both fds stay the caller's. The process
 * must ignore SIGPIPE: clients go while they are written to.
 *
 * Returns: VTR_OK  the client closed its connection, or the front its context
 *          else    it was hung up; the reason was logged
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_run(const struct vtr_worker_params *params);

#endif
