/* SPDX-License-Identifier: MIT */
#ifndef CMD_FRONT_H
#define CMD_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/tuning.h"

/*
 * What `run` and `serve` have in common: a loop, a listening socket, a supervisor whose workers are
 * this very program.
 *
 * Thread: one.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_scout;
struct vtr_supervisor;

struct vtr_front {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_scout *scout; /* NULL: none */
	struct vtr_supervisor *supervisor;
	int listen_fd;
};

struct vtr_front_params {
	const struct vtr_command *command; /* for messages */
	const struct vtr_tuning *tuning;
	const char *log_filter; /* NULL: the default */
	const char *socket_path;
	uint32_t max_clients; /* this and the next: see vtr_supervisor_params */
	uint32_t max_clients_per_user;
	bool look_ahead; /* find out about the devices before the first client comes */
	bool trial;      /* and whether all of theirs works in the sandbox */
};

/* Variables for processes that load the host's drivers, NAME=VALUE, NULL-terminated; owned. */
#define VTR_FRONT_ENV_MAX 5

struct vtr_front_env {
	char *set[VTR_FRONT_ENV_MAX];
};

/* Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_front_env_init(const struct vtr_tuning *tuning,
                                               struct vtr_front_env *out_env);
void vtr_front_env_finish(struct vtr_front_env *env);

/* Has SIGTERM and SIGINT end vtr_os_loop_run(). Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_front_quit_on_signals(struct vtr_os_loop *loop);

/* A log to stderr; complains about a wrong filter. Returns: VTR_ERR_ARG, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_front_create_log(const struct vtr_command *command, const char *filter,
                                                 struct vtr_log **out_log);

/**
 * Starts to listen; says on stderr what went wrong. On failure there is nothing to finish.
 *
 * Returns: VTR_ERR_ARG (log filter), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_front_init(struct vtr_front *front, const struct vtr_front_params *params);

/* Ends all clients. The socket's file is left to whoever chose its path. */
void vtr_front_finish(struct vtr_front *front);

#endif
