/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SERVER_H
#define WORKER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The worker process: serves one client or one context of a VM, and contains the driver that works for it. It may die
 * at any time; the process that started it does the cleanup.
 */

struct vtr_log;
struct vtr_renderer_config;
struct vtr_room;

struct vtr_worker_params {
	struct vtr_log *log;
	int control_fd; /* the starter's socket (ipc/worker_protocol.h); the worker ends when it closes */
	int client_fd; /* the vtest connection; -1: a VM's context, by control_fd alone */
	const struct vtr_renderer_config *config; /* checked */
	struct vtr_budget_part memory; /* of the vtest connection, see vtr_venus_params */
	struct vtr_budget_part device_memory;
	const char *cache_dir; /* see vtr_worker_lock_in() */
	int refusals_fd; /* see struct vtr_os_syscalls; -1: none. Closed by vtr_worker_run() */
	struct vtr_room *room; /* open; what all memory of the process is taken from */
};

struct vtr_worker_lock {
	/* Has the mode, and the files that the process may read besides the system's. */
	const struct vtr_renderer_config *config;
	const char *cache_dir; /* the folder of the shader cache, see pool/shader_cache.h; NULL: none */
	int report_fd;         /* these two: see struct vtr_os_sandbox_params */
	bool watched;
};

/**
 * Applies the limits and the sandbox to the whole process, permanently, so call it early. Parts that the kernel or the
 * container does not support are missing in *out_applied (see vtr_os_sandbox). That is not an error: most hosts lack
 * some.
 *
 * Returns: VTR_ERR_UNSUPPORTED (the configuration requires the parts that are missing), VTR_ERR_OS, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_lock_in(const struct vtr_worker_lock *lock, uint32_t *out_applied);

/* Fills the message about something in the driver that does not complete. `program`: its name, printable. */
struct vtr_stall;
struct vtr_worker_stall;
void vtr_worker_stall_fill(struct vtr_worker_stall *out_message, const struct vtr_stall *stall,
                           const char *program);

/**
 * Applies the sandbox and serves the client or context to its end. Both fds stay the caller's. The process must ignore
 * SIGPIPE, because clients may close while they are written to.
 *
 * Returns: VTR_OK  the client closed its connection, or the front its context
 *          else    the connection was hung up; the reason was logged
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_run(const struct vtr_worker_params *params);

#endif
