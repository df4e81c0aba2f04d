/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/checks.h"
#include "cmd/commands.h"
#include "cmd/probe.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "pool/memory_share.h"
#include "venus/room.h"
#include "vk/mesa_cache.h"
#include "vk/renderer_config.h"
#include "worker/server.h"

#define TAG_MAX 24

struct options {
	uint32_t control_fd;
	uint32_t client_fd;
	uint32_t config_fd;
	uint32_t memory_fd;
	uint32_t memory_index;
	uint32_t number;
	const char *cache;
	bool show_sandbox;
	bool probe;
	bool list;
	bool trial;
	bool hostmem;
	uint32_t report_fd;
	uint32_t refusals_fd;
};

static const struct vtr_opt opts[] = {
	{ .name = "control-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, control_fd),
	  .arg = "N",
	  .help = "talk to the parent process through this fd" },
	{ .name = "client-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, client_fd),
	  .arg = "N",
	  .help = "serve the client connected to this fd; default: serve a VM's context" },
	{ .name = "config-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, config_fd),
	  .arg = "N",
	  .help = "read the configuration from this memory, which the parent process wrote" },
	{ .name = "memory-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, memory_fd),
	  .arg = "N",
	  .help = "share the memory budget at this fd with other workers" },
	{ .name = "memory-index",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, memory_index),
	  .arg = "N",
	  .help = "with --memory-fd: the number of this worker's part" },
	{ .name = "number",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, number),
	  .arg = "N",
	  .help = "name the client or context by this number in the log" },
	{ .name = "cache",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, cache),
	  .arg = "DIR",
	  .help = "keep compiled shaders in the existing files of this folder; default: do not keep them" },
	{ .name = "refusals-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, refusals_fd),
	  .arg = "N",
	  .help = "report refused system calls to the parent process through this fd" },
	{ .name = "show-sandbox",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, show_sandbox),
	  .help = "print the parts of the sandbox that apply here, and exit" },
	{ .name = "probe",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, probe),
	  .help = "print what is known about each device, and exit" },
	{ .name = "list",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, list),
	  .help = "with --probe: only print which devices there are" },
	{ .name = "trial",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, trial),
	  .help = "with --probe: try each device with everything enabled that it offers" },
	{ .name = "report-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, report_fd),
	  .arg = "N",
	  .help = "with --trial: report refused system calls to this fd" },
	{ .name = "hostmem",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hostmem),
	  .help = "with --probe: find out how memory is shared with VMs" },
};

/* Returns: whether an fd has come through the socket, to watch this process by. It stays open: this process
 * answers none of its own calls, and ends. */
static bool sends_fd(int ends[2])
{
	char byte;
	size_t size;
	size_t fd_count = 0;
	int fd;

	return vtr_os_sock_recv_now(ends[0], &byte, 1, &size, &fd, 1, &fd_count) == VTR_OK && fd_count == 1;
}

/* For `vitrine doctor`, which must not apply the sandbox to itself. */
static int show_sandbox(void)
{
	uint32_t applied;
	const char *separator = "";
	static struct vtr_renderer_config config;
	vtr_renderer_config_init(&config);
	int ends[2];
	if (vtr_os_sock_pair(ends) != VTR_OK) {
		return 1;
	}
	const struct vtr_worker_lock lock = { .config = &config, .report_fd = ends[1] };
	enum vtr_err err = vtr_worker_lock_in(&lock, &applied);
	const bool reports = sends_fd(ends);

	if (err != VTR_OK) {
		return 1;
	}
	printf("%s", applied == VTR_OS_SANDBOX_ALL ? "complete: " : applied ? "partly: " : "none");
	for (uint32_t bit = 1; bit <= VTR_OS_SANDBOX_ALL; bit <<= 1) {
		if ((applied & bit) != 0) {
			printf("%s%s", separator, vtr_os_sandbox_name((enum vtr_os_sandbox)bit));
			separator = ", ";
		}
	}
	printf("\n%s\n", reports ? VTR_CHECK_REPORTS : "");
	return 0;
}

/* Whether files can be opened that the sandbox would refuse. */
static bool no_sandbox(const struct vtr_renderer_config *config)
{
	return config->sandbox == VTR_OS_SANDBOX_OFF || config->sandbox == VTR_OS_SANDBOX_REPORT;
}

/* Probes the devices. The trial runs in a child process that this process watches. */
static int probe(const struct options *options, const struct vtr_renderer_config *config)
{
	const struct vtr_probe_params params = {
		.config = config,
		.hostmem = options->hostmem,
		.trial = options->trial,
		.report_fd = options->report_fd != 0 ? (int)options->report_fd : -1,
	};

	if (options->list) {
		return vtr_probe_list(config);
	}
	if (options->trial && options->report_fd == 0 && !no_sandbox(config)) {
		return vtr_probe_watch(&params);
	}
	return vtr_probe_run(&params);
}

static enum vtr_err join_memory(const struct options *options, struct vtr_log *log,
                                struct vtr_worker_params *params)
{
	struct vtr_budget_part parts[VTR_MEMORY_KIND_COUNT] = { 0 };
	enum vtr_err err = VTR_OK;

	if (options->memory_fd != 0) {
		err = vtr_memory_share_map((int)options->memory_fd, options->memory_index, parts);
		close((int)options->memory_fd);
	}
	params->memory = parts[VTR_MEMORY_MAPPED];
	params->device_memory = parts[VTR_MEMORY_DEVICE];
	if (err != VTR_OK) {
		vtr_error(log,
		          "cannot share a memory budget with the user's other programs: %s. The program gets "
		          "no Vulkan device",
		          vtr_err_text(err));
	}
	return err;
}

/* Returns: the exit status. */
static int serve(const struct options *options, const struct vtr_renderer_config *config)
{
	struct vtr_log *log = NULL;
	struct vtr_room room;
	char tag[TAG_MAX];

	snprintf(tag, sizeof(tag), options->client_fd != 0 ? "client=%u" : "context=%u", options->number);
	if (vtr_log_create(config->log_filter[0] ? config->log_filter : NULL, STDERR_FILENO, tag, &log) !=
	    VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	struct vtr_worker_params params = {
		.log = log,
		.control_fd = (int)options->control_fd,
		.client_fd = options->client_fd != 0 ? (int)options->client_fd : -1,
		.config = config,
		.cache_dir = options->cache,
		.refusals_fd = options->refusals_fd != 0 ? (int)options->refusals_fd : -1,
		.room = &room,
	};
	if (join_memory(options, log, &params) != VTR_OK) {
		vtr_log_destroy(log);
		return 1;
	}
	vtr_room_open(&room, vtr_renderer_config_max_memory(config), &params.memory);
	vtr_debug(log, "knows how %u devices share memory", config->known.count);
	int status = vtr_worker_run(&params) == VTR_OK ? 0 : 1;
	vtr_room_close(&room);
	vtr_log_destroy(log);
	return status;
}

static enum vtr_err receive_config(uint32_t fd, struct vtr_renderer_config *out_config)
{
	const char *why = "it cannot be read";
	enum vtr_err err = vtr_renderer_config_receive((int)fd, out_config, &why);

	if (err != VTR_OK) {
		fprintf(stderr, "vitrine worker: the configuration is not usable: %s\n", why);
	}
	close((int)fd);
	return err;
}

/*
 * Ends this process without the exit handlers and destructors of the drivers' libraries. The context has destroyed what
 * it made of them by now. Their handlers free memory that ends with the process, in copies of pages that were shared
 * with the zygote until then; some crash while a thread of the driver still runs.
 */
static _Noreturn void end(int status)
{
	fflush(NULL);
	_exit(status);
}

static int run_worker(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct vtr_renderer_config config;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (options.show_sandbox) {
		return show_sandbox();
	}
	/* 0 means that the option is missing: no worker gets an fd of this number. */
	if (options.config_fd == 0 || options.config_fd > INT32_MAX ||
	    (!options.probe && (options.control_fd == 0 || options.control_fd > INT32_MAX ||
	                        options.client_fd > INT32_MAX || options.memory_fd > INT32_MAX))) {
		fprintf(stderr,
		        "vitrine worker: this command is internal: 'vitrine run' and 'vitrine serve' start "
		        "it for each connection, 'vitrine gpu' for each context. Run one of them instead.\n");
		return VTR_EXIT_USAGE;
	}
	if (receive_config(options.config_fd, &config) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	/* Without a folder, the drivers would try the user's, which the sandbox refuses. */
	if ((options.cache || !no_sandbox(&config)) && vtr_mesa_cache_set(options.cache) != VTR_OK) {
		return 1;
	}
	end(options.probe ? probe(&options, &config) : serve(&options, &config));
}

const struct vtr_command vtr_cmd_worker = {
	.name = "worker",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_worker,
};
