/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/gpu_choice.h"
#include "cmd/serve_http.h"
#include "cmd/vtest_server.h"
#include "platform/cgroup.h"
#include "platform/loop.h"
#include "platform/proc.h"

#define DEFAULT_MAX_CLIENTS 1024

struct options {
	const char *socket;
	uint32_t max_clients;
	uint32_t max_clients_per_user;
	const char *max_device_memory;
	const char *cgroup;
	const char *status_socket;
	uint32_t mode;
	const char *log;
	const char *gpu;
	const char *cache;
	struct vtr_display_http http;
	struct vtr_opt_list tuning;
};

static const struct vtr_opt opts[] = {
	{ .name = "socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, socket),
	  .arg = "PATH",
	  .help = "listen at this socket (required, unless a service manager passes one)" },
	{ .name = "mode",
	  .kind = VTR_OPT_MODE,
	  .offset = offsetof(struct options, mode),
	  .arg = "MODE",
	  .help = "give the socket these permissions, octal; default: 0600" },
	{ .name = "max-clients",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, max_clients),
	  .arg = "N",
	  .help = "serve at most N connections at a time; default: 1024" },
	{ .name = "max-clients-per-user",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, max_clients_per_user),
	  .arg = "N",
	  .help = "serve at most N of them for each user; default: half for other users, all for yours" },
	{ .name = "max-device-memory",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, max_device_memory),
	  .arg = "SIZE|PERCENT",
	  .help = "let each user or container have so much memory of a GPU, for instance 8G or 50%;\n"
	          "                            default: all that the driver gives" },
	{ .name = "cgroup",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, cgroup),
	  .arg = "DIR",
	  .help = "give users and containers equal shares of the processor, by groups in this control "
	          "group" },
	{ .name = "status-socket",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, status_socket),
	  .arg = "PATH",
	  .help = "answer 'vitrine status' at this socket; default: DIR.status/NAME for the socket "
	          "DIR/NAME" },
	VTR_HTTP_OPTS(struct options, http,
	              "serve metrics for Prometheus at /metrics; print the link to them"),
	VTR_GPU_OPT(offsetof(struct options, gpu)),
	VTR_CACHE_OPT(offsetof(struct options, cache), "~/.cache/vitrine/shaders, for your own programs"),
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	VTR_LOG_OPT(offsetof(struct options, log),
	            "choose what to log: error, warn, info, debug, or for instance info,venus=debug"),
};

static int serve(struct vtr_vtest_server *front, const struct vtr_service *service,
                 const struct vtr_serve_http *http)
{
	enum vtr_err err = vtr_cmd_quit_on_signals(front->loop);
	if (err == VTR_OK) {
		printf("READY %s\n", front->listener.path);
		if (http) {
			vtr_serve_http_print(http);
		}
		fflush(stdout);
		vtr_service_ready(service, front->listener.path);
		err = vtr_os_loop_run(front->loop);
		vtr_service_stopping(service);
	}
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine serve: the event loop failed: %s. All programs have lost their connections: "
		        "start it again\n",
		        vtr_err_text(err));
		return 1;
	}
	return 0;
}

static bool check_mode(uint32_t mode)
{
	if (mode <= 0777) {
		return true;
	}
	fprintf(stderr, "vitrine serve: --mode has a wrong value. Give octal permissions up to 0777, for "
	                "instance --mode "
	                "0660\n");
	return false;
}

static bool check_cgroup(const char *folder)
{
	const enum vtr_err err = folder ? vtr_os_cgroup_prepare(folder) : VTR_OK;

	if (err == VTR_OK) {
		return true;
	}
	fprintf(stderr,
	        "vitrine serve: cannot divide the control group %s: %s. Give the folder of one that has the "
	        "controller "
	        "'cpu', that this user may write to, and that has no processes itself (docs/services.md)\n",
	        folder, err == VTR_ERR_ARG ? "it is none, or lacks the controller 'cpu'" : vtr_err_text(err));
	return false;
}

/* Returns: VTR_ERR_ARG. */
static enum vtr_err parse_device_memory(const char *text, struct vtr_renderer_config *config)
{
	char *end = NULL;
	const unsigned long percent = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;

	if (end && strcmp(end, "%") == 0) {
		config->max_device_percent = (uint32_t)vtr_min(percent, UINT32_MAX);
		return percent >= 1 && percent <= 100 ? VTR_OK : VTR_ERR_ARG;
	}
	const enum vtr_err err = vtr_opts_parse_size(text, &config->max_device_memory);
	return err == VTR_OK && config->max_device_memory == 0 ? VTR_ERR_ARG : err;
}

static int serve_options(const struct vtr_command *command, struct options *options,
                         struct vtr_service *service)
{
	struct vtr_tuning tuning;
	struct vtr_vtest_server front;

	if (!options->socket) {
		options->socket = vtr_service_socket(service);
	}
	if (!options->socket) {
		fprintf(stderr,
		        "vitrine serve: --socket is missing: programs connect to a socket. Give a path, for "
		        "instance --socket /run/vitrine.sock\n");
		return VTR_EXIT_USAGE;
	}
	if (!check_mode(options->mode)) {
		return VTR_EXIT_USAGE;
	}
	if (vtr_tuning_parse(command, &options->tuning, &tuning) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	if (options->max_device_memory &&
	    parse_device_memory(options->max_device_memory, &tuning.renderer) != VTR_OK) {
		fprintf(stderr, "vitrine serve: --max-device-memory has a wrong value. Give a size, for "
		                "instance 8G, or a "
		                "part of the GPU's memory from 1%% to 100%%\n");
		return VTR_EXIT_USAGE;
	}
	if (!check_cgroup(options->cgroup)) {
		return 1;
	}
	vtr_os_raise_fd_limit(); /* a connection needs five fds, and the usual soft limit is 1024 */
	const struct vtr_vtest_server_params params = {
		.command = command,
		.tuning = &tuning,
		.gpu = options->gpu,
		.cache = options->cache,
		.log_filter = options->log,
		.service = service,
		.socket_path = options->socket,
		.socket_mode = options->mode,
		.cgroup = options->cgroup,
		.has_status = true,
		.status_path = options->status_socket,
		.max_clients = options->max_clients,
		.max_clients_per_user = options->max_clients_per_user,
		.has_many = true,
		.look_ahead = true,
		.trial = true,
	};
	if (vtr_vtest_server_init(&front, &params) != VTR_OK) {
		return 1;
	}
	struct vtr_serve_http *http = NULL;
	int status = 1;
	if (!options->http.address ||
	    vtr_serve_http_create(&front, &options->http, options->log, &http) == VTR_OK) {
		status = serve(&front, service, http);
	}
	vtr_serve_http_destroy(http);
	vtr_vtest_server_finish(&front);
	return status;
}

static int run_serve(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .max_clients = DEFAULT_MAX_CLIENTS, .mode = 0600 };
	struct vtr_service service;
	int status = VTR_EXIT_USAGE;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (vtr_service_init(command->name, &service) == VTR_OK) {
		status = serve_options(command, &options, &service);
	}
	vtr_service_finish(&service);
	return status;
}

const struct vtr_command vtr_cmd_serve = {
	.name = "serve",
	.args = "",
	.summary = "Serve Vulkan to programs at a socket, for instance to containers",
	.details = vtr_tuning_help,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_serve,
};
