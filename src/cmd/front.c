/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "front"
#include "cmd/front.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/workers.h"
#include "platform/loop.h"
#include "platform/sock.h"
#include "worker/scout.h"
#include "worker/supervisor.h"

#define LEAVE_TIMEOUT_MS 5000
#define LISTEN_BACKLOG 128

static enum vtr_err set_text(char **out, const char *name, const char *value)
{
	if (asprintf(out, "%s=%s", name, value) < 0) {
		*out = NULL;
		return VTR_ERR_NOMEM;
	}
	return VTR_OK;
}

enum vtr_err vtr_front_env_init(const struct vtr_tuning *tuning, struct vtr_front_env *out_env)
{
	struct vtr_front_env env = { 0 };
	enum vtr_err err = VTR_OK;
	size_t count = 0;

	if (tuning->driver) {
		err = set_text(&env.set[count++], "VK_DRIVER_FILES", tuning->driver);
		if (err == VTR_OK) {
			/* Its name in loaders before 1.3.207 */
			err = set_text(&env.set[count++], "VK_ICD_FILENAMES", tuning->driver);
		}
	}
	if (err == VTR_OK && !getenv("VK_LOADER_DRIVERS_DISABLE")) {
		/* Workers must never load Mesa's Venus driver. */
		err = set_text(&env.set[count++], "VK_LOADER_DRIVERS_DISABLE", "virtio_icd*");
	}
	if (err == VTR_OK && !getenv("VK_LOADER_LAYERS_DISABLE")) {
		/* Those that variables switch on, overlays for instance, are meant for the program, where they load. */
		err = set_text(&env.set[count++], "VK_LOADER_LAYERS_DISABLE", "~implicit~");
	}
	if (err != VTR_OK) {
		vtr_front_env_finish(&env);
		return err;
	}
	*out_env = env;
	return VTR_OK;
}

void vtr_front_env_finish(struct vtr_front_env *env)
{
	for (size_t i = 0; i < VTR_FRONT_ENV_MAX; i++) {
		free(env->set[i]);
		env->set[i] = NULL;
	}
}

static void on_signal(void *data, int signo)
{
	(void)signo;
	vtr_os_loop_quit(data);
}

enum vtr_err vtr_front_quit_on_signals(struct vtr_os_loop *loop)
{
	enum vtr_err err = vtr_os_loop_add_signal(loop, SIGTERM, on_signal, loop);

	return err == VTR_OK ? vtr_os_loop_add_signal(loop, SIGINT, on_signal, loop) : err;
}

enum vtr_err vtr_front_create_log(const struct vtr_command *command, const char *filter,
                                  struct vtr_log **out_log)
{
	enum vtr_err err = vtr_log_create(filter, STDERR_FILENO, NULL, out_log);

	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine %s: '%s' is no log filter; try --log debug or "
		        "--log info,venus=debug\n",
		        command->name, filter ? filter : "");
	}
	return err;
}

static enum vtr_err create_supervisor(struct vtr_front *front, const struct vtr_front_params *params)
{
	struct vtr_workers workers;
	enum vtr_err err = vtr_workers_init(&workers, params->tuning, params->log_filter);

	if (err != VTR_OK) {
		return err;
	}
	if (params->look_ahead) {
		const struct vtr_scout_params scout_params = {
			.log = front->log,
			.loop = front->loop,
			.spawner = vtr_workers_spawner(&workers, NULL),
			.trial = params->trial,
		};
		err = vtr_scout_start(&scout_params, &front->scout);
	}
	if (err == VTR_OK) {
		const struct vtr_supervisor_params supervisor_params = {
			.log = front->log,
			.loop = front->loop,
			.spawner = vtr_workers_spawner(&workers, front->scout),
			.max_clients = params->max_clients,
			.max_clients_per_user = params->max_clients_per_user,
			.silent_timeout_ms = params->tuning->handshake_ms,
			.leave_timeout_ms = LEAVE_TIMEOUT_MS,
		};
		err = vtr_supervisor_create(&supervisor_params, &front->supervisor);
	}
	vtr_workers_finish(&workers);
	return err;
}

enum vtr_err vtr_front_init(struct vtr_front *front, const struct vtr_front_params *params)
{
	const char *name = params->command->name;
	enum vtr_err err;

	*front = (struct vtr_front){ .listen_fd = -1 };
	err = vtr_front_create_log(params->command, params->log_filter, &front->log);
	if (err != VTR_OK) {
		return err;
	}
	err = vtr_os_sock_listen(params->socket_path, LISTEN_BACKLOG, &front->listen_fd);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine %s: cannot listen on %s: %s\n", name, params->socket_path,
		        err == VTR_ERR_OS ? strerror(errno) : vtr_err_name(err));
		vtr_front_finish(front);
		return err;
	}
	err = vtr_os_loop_create(&front->loop);
	if (err == VTR_OK) {
		err = create_supervisor(front, params);
	}
	if (err == VTR_OK) {
		err = vtr_supervisor_listen(front->supervisor, front->listen_fd);
	}
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine %s: cannot start: %s\n", name, vtr_err_name(err));
		vtr_front_finish(front);
		return err;
	}
	return VTR_OK;
}

void vtr_front_finish(struct vtr_front *front)
{
	vtr_supervisor_destroy(front->supervisor);
	vtr_scout_destroy(front->scout);
	vtr_os_loop_destroy(front->loop);
	vtr_close(&front->listen_fd);
	vtr_log_destroy(front->log);
	*front = (struct vtr_front){ .listen_fd = -1 };
}
