/* SPDX-License-Identifier: MIT */
#ifndef CMD_VTEST_SERVER_H
#define CMD_VTEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cmd/service.h"
#include "cmd/tuning.h"

/*
 * What `run` and `serve` share: a loop, a listening socket, a supervisor whose workers run this same program.
 *
 * Thread: one.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_prober;
struct vtr_status_socket;
struct vtr_supervisor;
struct vtr_workers;

struct vtr_vtest_server {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_workers *workers; /* how they are started */
	struct vtr_prober *prober;   /* NULL: none */
	struct vtr_supervisor *supervisor;
	struct vtr_status_socket *status; /* NULL: none */
	struct vtr_listener listener;
	struct vtr_listener status_listener;
	bool has_status_folder; /* it is at the default place */
};

struct vtr_vtest_server_params {
	const struct vtr_command *command; /* for messages */
	const struct vtr_tuning *tuning;
	const char *log_filter; /* NULL: the default */
	const char *gpu; /* the value of --gpu; NULL: not given */
	const char *cache; /* the value of --cache; NULL: not given */
	struct vtr_service *service; /* the manager that has started us; it may have passed the socket */
	const char *socket_path;
	uint32_t socket_mode; /* its permissions, if it was not passed */
	const char *cgroup; /* see struct vtr_supervisor_params; prepared */
	bool has_status; /* it answers `vitrine status` */
	const char *status_path; /* where; NULL: at the default place */
	uint32_t max_clients; /* this and the next: see struct vtr_supervisor_params */
	uint32_t max_clients_per_user;
	bool has_many; /* it may serve many clients, see vtr_workers_open_zygote() */
	bool look_ahead; /* probe the devices before the first client comes */
	bool trial;      /* and try whether all of their features work in the sandbox */
};

/* Variables for processes that load the host's drivers, NAME=VALUE, ends with NULL; owned. */
#define VTR_DRIVER_ENV_MAX 5

struct vtr_driver_env {
	char *set[VTR_DRIVER_ENV_MAX];
};

/* Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_driver_env_init(const struct vtr_tuning *tuning,
                                                struct vtr_driver_env *out_env);
void vtr_driver_env_finish(struct vtr_driver_env *env);

/* Makes SIGTERM and SIGINT end vtr_os_loop_run(). Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_cmd_quit_on_signals(struct vtr_os_loop *loop);

/* Creates a log to stderr; prints an error for an invalid filter. Returns: VTR_ERR_ARG, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_cmd_create_log(const struct vtr_command *command, const char *filter,
                                               struct vtr_log **out_log);

/**
 * Starts to listen; prints errors on stderr. On failure there is nothing to finish.
 *
 * Returns: VTR_ERR_ARG (log filter), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_server_init(struct vtr_vtest_server *front,
                                                  const struct vtr_vtest_server_params *params);

/* Ends all clients, and removes the socket's file if it was made here. */
void vtr_vtest_server_finish(struct vtr_vtest_server *front);

#endif
