/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Starts worker processes, all alike.
 *
 * Thread: the owner's, which must not end before the workers.
 */
struct vtr_scout;
struct vtr_spawner;

struct vtr_spawner_params {
	const char *program;     /* what to run as worker; copied, like the two below */
	const char *const *args; /* arguments after `worker --control-fd N --number N` */
	size_t arg_count;
	const char *const *env; /* NAME=VALUE to add, NULL-terminated; may be NULL */
	const struct vtr_scout *scout; /* what it knows goes to workers; may be NULL; must outlive */
};

/* A worker that runs. Its starter reaps it (vtr_os_wait) once death_fd is readable. */
struct vtr_worker_process {
	pid_t pid;
	int death_fd;
	int control_fd;
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_spawner_create(const struct vtr_spawner_params *params,
                                               struct vtr_spawner **out_spawner);

/* The workers stay. Accepts NULL. */
void vtr_spawner_destroy(struct vtr_spawner *spawner);

/**
 * Starts a worker. `client_fd` is the connection that it is to serve (borrowed), -1: a VM's context.
 * `number` is for its log.
 *
 * Owner:   the pid and both fds of *out_process are the caller's.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_spawner_start(struct vtr_spawner *spawner, uint32_t number, int client_fd,
                                              struct vtr_worker_process *out_process);

/* Kills it at once; it still has to be reaped. */
void vtr_worker_process_kill(const struct vtr_worker_process *process);

/* Waits for its end until `deadline_ns` (vtr_os_now_ns()), then kills it; reaps it. Blocks. The fds stay
 * open. */
void vtr_worker_process_finish(struct vtr_worker_process *process, int64_t deadline_ns);

#endif
