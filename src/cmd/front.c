/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "front"
#include "cmd/front.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "worker/supervisor.h"

#define LEAVE_TIMEOUT_MS 5000
#define LISTEN_BACKLOG 128
/* Options of `vitrine worker` for the tuning, see make_worker_args(). */
#define WORKER_ARGS_MAX 16
#define WORKER_ENV_MAX 4
#define TEXT_MAX 64

struct worker_setup {
	const char *args[WORKER_ARGS_MAX];
	size_t arg_count;
	const char *env[WORKER_ENV_MAX];
	char texts[4][TEXT_MAX];
	char *driver_files;
	char *icd_filenames;
};

/* A value that the loader itself understands, so that workers never load Mesa's Venus driver. */
#define DISABLE_VENUS "VK_LOADER_DRIVERS_DISABLE=virtio_icd*"

static void add_arg(struct worker_setup *setup, const char *name, const char *value)
{
	vtr_assert(setup->arg_count + 2 <= WORKER_ARGS_MAX);
	setup->args[setup->arg_count++] = name;
	setup->args[setup->arg_count++] = value;
}

static void make_worker_args(struct worker_setup *setup, const struct vtr_front_params *params)
{
	const struct vtr_tuning *tuning = params->tuning;

	if (params->log_filter) {
		add_arg(setup, "--log", params->log_filter);
	}
	snprintf(setup->texts[0], TEXT_MAX, "handshake-timeout=%u", tuning->handshake_ms);
	add_arg(setup, "-o", setup->texts[0]);
	if (tuning->max_memory != 0) {
		snprintf(setup->texts[1], TEXT_MAX, "max-memory=%llu",
		         (unsigned long long)tuning->max_memory);
		add_arg(setup, "-o", setup->texts[1]);
	}
	if (tuning->import_alignment != 0) {
		snprintf(setup->texts[2], TEXT_MAX, "import-alignment=%u", tuning->import_alignment);
		add_arg(setup, "-o", setup->texts[2]);
	}
	if (tuning->no_host_import) {
		add_arg(setup, "-o", "no-host-import");
	}
	if (tuning->no_sandbox) {
		add_arg(setup, "-o", "no-sandbox");
	}
}

static enum vtr_err make_worker_env(struct worker_setup *setup, const struct vtr_tuning *tuning)
{
	size_t count = 0;

	if (tuning->driver) {
		if (asprintf(&setup->driver_files, "VK_DRIVER_FILES=%s", tuning->driver) < 0) {
			setup->driver_files = NULL;
			return VTR_ERR_NOMEM;
		}
		/* Its name in loaders before 1.3.207 */
		if (asprintf(&setup->icd_filenames, "VK_ICD_FILENAMES=%s", tuning->driver) < 0) {
			setup->icd_filenames = NULL;
			return VTR_ERR_NOMEM;
		}
		setup->env[count++] = setup->driver_files;
		setup->env[count++] = setup->icd_filenames;
	}
	if (!getenv("VK_LOADER_DRIVERS_DISABLE")) {
		setup->env[count++] = DISABLE_VENUS;
	}
	setup->env[count] = NULL;
	return VTR_OK;
}

static enum vtr_err create_supervisor(struct vtr_front *front,
                                      const struct vtr_front_params *params)
{
	struct worker_setup setup = { 0 };
	char program[PATH_MAX];
	enum vtr_err err = vtr_os_self_path(program, sizeof(program));

	if (err != VTR_OK) {
		return err;
	}
	make_worker_args(&setup, params);
	err = make_worker_env(&setup, params->tuning);
	if (err == VTR_OK) {
		const struct vtr_supervisor_params supervisor_params = {
			.log = front->log,
			.loop = front->loop,
			.program = program,
			.worker_args = setup.args,
			.worker_arg_count = setup.arg_count,
			.worker_env = setup.env,
			.max_clients = params->max_clients,
			.silent_timeout_ms = params->tuning->handshake_ms,
			.leave_timeout_ms = LEAVE_TIMEOUT_MS,
		};
		err = vtr_supervisor_create(&supervisor_params, &front->supervisor);
	}
	free(setup.driver_files);
	free(setup.icd_filenames);
	return err;
}

enum vtr_err vtr_front_init(struct vtr_front *front, const struct vtr_front_params *params)
{
	const char *name = params->command->name;
	enum vtr_err err;

	*front = (struct vtr_front){ .listen_fd = -1 };
	err = vtr_log_create(params->log_filter, STDERR_FILENO, NULL, &front->log);
	if (err != VTR_OK) {
		fprintf(stderr, "vitrine %s: '%s' is no log filter; try --log debug or "
		                "--log info,venus=debug\n",
		        name, params->log_filter ? params->log_filter : "");
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
	/* A client that goes while it is told something is no reason to die. */
	return VTR_OK;
}

void vtr_front_finish(struct vtr_front *front)
{
	vtr_supervisor_destroy(front->supervisor);
	vtr_os_loop_destroy(front->loop);
	vtr_close(&front->listen_fd);
	vtr_log_destroy(front->log);
	*front = (struct vtr_front){ .listen_fd = -1 };
}
