/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "front"
#include "cmd/vtest_server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/gpu_choice.h"
#include "cmd/lock_in.h"
#include "cmd/status_path.h"
#include "cmd/workers.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "pool/prober.h"
#include "pool/status_socket.h"
#include "pool/supervisor.h"

#define LISTEN_BACKLOG 128

static enum vtr_err set_text(char **out, const char *name, const char *value)
{
	if (asprintf(out, "%s=%s", name, value) < 0) {
		*out = NULL;
		return VTR_ERR_NOMEM;
	}
	return VTR_OK;
}

enum vtr_err vtr_driver_env_init(const struct vtr_tuning *tuning, struct vtr_driver_env *out_env)
{
	struct vtr_driver_env env = { 0 };
	enum vtr_err err = VTR_OK;
	size_t count = 0;

	if (tuning->driver) {
		err = set_text(&env.set[count++], "VK_DRIVER_FILES", tuning->driver);
		if (err == VTR_OK) {
			/* The name in loaders before 1.3.207. */
			err = set_text(&env.set[count++], "VK_ICD_FILENAMES", tuning->driver);
		}
	}
	if (err == VTR_OK && !getenv("VK_LOADER_DRIVERS_DISABLE")) {
		/* Workers must never load Mesa's Venus driver. */
		err = set_text(&env.set[count++], "VK_LOADER_DRIVERS_DISABLE", "virtio_icd*");
	}
	if (err == VTR_OK && !getenv("VK_LOADER_LAYERS_DISABLE")) {
		/* Layers that variables enable, for instance overlays, are meant for the program and are
		 * loaded there. */
		err = set_text(&env.set[count++], "VK_LOADER_LAYERS_DISABLE", "~implicit~");
	}
	if (err != VTR_OK) {
		vtr_driver_env_finish(&env);
		return err;
	}
	*out_env = env;
	return VTR_OK;
}

void vtr_driver_env_finish(struct vtr_driver_env *env)
{
	for (size_t i = 0; i < VTR_DRIVER_ENV_MAX; i++) {
		free(env->set[i]);
		env->set[i] = NULL;
	}
}

static void on_signal(void *data, int signo)
{
	(void)signo;
	vtr_os_loop_quit(data);
}

enum vtr_err vtr_cmd_quit_on_signals(struct vtr_os_loop *loop)
{
	enum vtr_err err = vtr_os_loop_add_signal(loop, SIGTERM, on_signal, loop);

	return err == VTR_OK ? vtr_os_loop_add_signal(loop, SIGINT, on_signal, loop) : err;
}

enum vtr_err vtr_cmd_create_log(const struct vtr_command *command, const char *filter,
                                struct vtr_log **out_log)
{
	enum vtr_err err = VTR_ERR_ARG;

	if (!filter || strlen(filter) < VTR_RENDERER_CONFIG_LOG) { /* it has to fit there, for workers */
		err = vtr_log_create(filter, STDERR_FILENO, NULL, out_log);
	}

	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine %s: --log '%s' is not a log filter. Give a level, for instance --log debug, "
		        "or levels of modules, for instance --log info,venus=debug\n",
		        command->name, filter ? filter : "");
	} else if (vtr_service_is_journal(STDERR_FILENO)) {
		vtr_log_set_priorities(*out_log);
	}
	return err;
}

static enum vtr_err create_supervisor(struct vtr_vtest_server *front,
                                      const struct vtr_vtest_server_params *params)
{
	enum vtr_err err = VTR_OK;

	if (params->look_ahead) {
		const struct vtr_prober_params prober_params = {
			.log = front->log,
			.loop = front->loop,
			.spawner = vtr_workers_spawner(front->workers),
			.found = &front->workers->config,
			.trial = params->trial,
		};
		err = vtr_prober_start(&prober_params, &front->prober);
	}
	if (err == VTR_OK) {
		const struct vtr_supervisor_params supervisor_params = {
			.log = front->log,
			.loop = front->loop,
			.spawner = vtr_workers_spawner(front->workers),
			.cache_for_all = params->cache != NULL,
			.max_clients = params->max_clients,
			.max_clients_per_user = params->max_clients_per_user,
			/* Another user's clients together have no less than one client may have. */
			.memory_limit = vtr_max(vtr_os_ram_size() / 2, params->tuning->renderer.max_memory),
			.cgroup = params->cgroup,
			.silent_timeout_ms = params->tuning->renderer.handshake_timeout_ms,
			.leave_timeout_ms = VTR_WORKER_LEAVE_MS,
		};
		err = vtr_supervisor_create(&supervisor_params, &front->supervisor);
	}
	if (err == VTR_OK && front->status_listener.fd >= 0) {
		const struct vtr_status_socket_params status_params = {
			.log = front->log,
			.loop = front->loop,
			.supervisor = front->supervisor,
			.listen_fd = front->status_listener.fd,
			.is_in_reach =
				vtr_status_is_in_reach(front->status_listener.path, params->socket_path),
		};
		err = vtr_status_socket_create(&status_params, &front->status);
	}
	return err;
}

static enum vtr_err create_workers(struct vtr_vtest_server *front,
                                   const struct vtr_vtest_server_params *params, bool *out_explained)
{
	front->workers = calloc(1, sizeof(*front->workers));
	if (!front->workers) {
		return VTR_ERR_NOMEM;
	}
	enum vtr_err err = vtr_workers_init(front->workers, params->tuning, params->log_filter);
	if (err == VTR_OK) {
		err = vtr_workers_choose_gpu(front->workers, params->command->name, params->gpu, front->log);
		*out_explained = err != VTR_OK;
	}
	if (err == VTR_OK) {
		err = vtr_workers_open_zygote(front->workers, (enum vtr_zygote_mode)params->tuning->zygote,
		                              params->has_many, front->log, front->loop);
	}
	return err;
}

static enum vtr_err open_cache(struct vtr_vtest_server *front, const struct vtr_vtest_server_params *params)
{
	const struct vtr_workers_cache_params cache_params = {
		.command = params->command->name,
		.option = params->cache,
		.by_default = true,
		.log = front->log,
		.loop = front->loop,
	};

	return vtr_workers_open_cache(front->workers, &cache_params);
}

/* The default place is beside the folder of the socket, where a user may not be allowed to make one. A manager that
 * passes the other socket passes this one, too, if status is wanted. */
static enum vtr_err listen_for_status(struct vtr_vtest_server *front,
                                      const struct vtr_vtest_server_params *params)
{
	char path[VTR_SERVICE_PATH];
	enum vtr_err err = VTR_OK;

	if (params->status_path) {
		return vtr_service_listen(params->service, params->command->name, params->status_path, 0600,
		                          LISTEN_BACKLOG, &front->status_listener);
	}
	err = vtr_status_path(params->socket_path, path);
	if (err == VTR_OK && !vtr_service_has(params->service, path)) {
		if (!front->listener.is_ours) {
			return VTR_OK;
		}
		err = vtr_status_make_folder(path);
		front->has_status_folder = err == VTR_OK;
	}
	if (err != VTR_OK) {
		vtr_info(
			front->log,
			"'vitrine status' gets no answer: the folder beside that of %s cannot be made, or is "
			"another user's. Name a place by --status-socket",
			params->socket_path);
		return VTR_OK;
	}
	return vtr_service_listen(params->service, params->command->name, path, 0600, LISTEN_BACKLOG,
	                          &front->status_listener);
}

enum vtr_err vtr_vtest_server_init(struct vtr_vtest_server *front,
                                   const struct vtr_vtest_server_params *params)
{
	const char *name = params->command->name;
	const enum vtr_os_sandbox_mode mode = (enum vtr_os_sandbox_mode)params->tuning->renderer.sandbox;
	bool explained = false;
	enum vtr_err err;

	*front = (struct vtr_vtest_server){ .listener.fd = -1, .status_listener.fd = -1 };
	err = vtr_lock_in_check(params->command, mode);
	if (err == VTR_OK) {
		err = vtr_cmd_create_log(params->command, params->log_filter, &front->log);
	}
	if (err != VTR_OK) {
		return err;
	}
	vtr_lock_in_warn(front->log, mode);
	err = vtr_service_listen(params->service, name, params->socket_path, params->socket_mode,
	                         LISTEN_BACKLOG, &front->listener);
	if (err == VTR_OK && params->has_status) {
		err = listen_for_status(front, params);
	}
	if (err == VTR_OK) {
		err = vtr_service_check_taken(params->service, name);
	}
	if (err != VTR_OK) {
		vtr_vtest_server_finish(front);
		return err;
	}
	err = vtr_os_loop_create(&front->loop);
	if (err == VTR_OK) {
		err = create_workers(front, params, &explained);
	}
	if (err == VTR_OK) {
		err = open_cache(front, params);
		explained = err != VTR_OK;
	}
	if (err == VTR_OK) {
		err = create_supervisor(front, params);
	}
	if (err == VTR_OK) {
		err = vtr_supervisor_listen(front->supervisor, front->listener.fd);
	}
	if (err != VTR_OK && !explained) {
		fprintf(stderr,
		        "vitrine %s: cannot prepare to start workers: %s. No program is served; 'vitrine "
		        "doctor' "
		        "examines this host\n",
		        name, vtr_err_text(err));
	}
	if (err != VTR_OK) {
		vtr_vtest_server_finish(front);
	}
	return err;
}

void vtr_vtest_server_finish(struct vtr_vtest_server *front)
{
	vtr_status_socket_destroy(front->status);
	vtr_supervisor_destroy(front->supervisor);
	vtr_prober_destroy(front->prober);
	if (front->workers) {
		vtr_workers_finish(front->workers);
		free(front->workers);
	}
	vtr_os_loop_destroy(front->loop);
	vtr_listener_close(&front->listener);
	vtr_listener_close(&front->status_listener);
	if (front->has_status_folder) {
		vtr_status_remove_folder(front->status_listener.path);
	}
	vtr_log_destroy(front->log);
	*front = (struct vtr_vtest_server){ .listener.fd = -1, .status_listener.fd = -1 };
}
