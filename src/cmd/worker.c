/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/readable.h"
#include "cmd/tuning.h"
#include "platform/proc.h"
#include "worker/server.h"

#define TAG_MAX 24

struct options {
	uint32_t control_fd;
	uint32_t client_fd;
	uint32_t number;
	const char *log;
	bool show_sandbox;
	struct vtr_opt_list tuning;
};

static const struct vtr_opt opts[] = {
	{ .name = "control-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, control_fd),
	  .arg = "N",
	  .help = "the supervisor's socket" },
	{ .name = "client-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, client_fd),
	  .arg = "N",
	  .help = "the client's connection" },
	{ .name = "number",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, number),
	  .arg = "N",
	  .help = "the client's number, for the log" },
	{ .name = "show-sandbox",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, show_sandbox),
	  .help = "print the names of the parts of the sandbox that apply here, and exit" },
	VTR_TUNING_OPT(offsetof(struct options, tuning)),
	{ .name = "log",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, log),
	  .arg = "FILTER",
	  .help = "what to log" },
};

/* For `vitrine doctor`, which must not lock itself in to find out. */
static int show_sandbox(void)
{
	uint32_t applied;
	const char *separator = "";
	enum vtr_err err = vtr_worker_lock_in(NULL, &applied);

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
	printf("\n");
	return 0;
}

static int run_worker(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct vtr_tuning tuning;
	struct vtr_log *log = NULL;
	char tag[TAG_MAX];
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (options.show_sandbox) {
		return show_sandbox();
	}
	/* 0 is where no worker gets it: the option is missing */
	if (options.control_fd == 0 || options.client_fd == 0 || options.control_fd > INT32_MAX ||
	    options.client_fd > INT32_MAX) {
		fprintf(stderr,
		        "vitrine worker: this is what 'vitrine run' and 'vitrine serve' start "
		        "for each connection; start one of those.\n");
		return VTR_EXIT_USAGE;
	}
	err = vtr_tuning_parse(command, &options.tuning, &tuning);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	snprintf(tag, sizeof(tag), "client=%u", options.number);
	err = vtr_log_create(options.log, STDERR_FILENO, tag, &log);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	struct vtr_readable readable;
	err = vtr_readable_init(&readable);
	if (err != VTR_OK) {
		vtr_log_destroy(log);
		return 1;
	}
	const struct vtr_worker_params params = {
		.log = log,
		.control_fd = (int)options.control_fd,
		.client_fd = (int)options.client_fd,
		.handshake_timeout_ms = tuning.handshake_ms,
		.max_memory = tuning.max_memory,
		.min_import_alignment = tuning.import_alignment,
		.no_host_import = tuning.no_host_import,
		.no_export = tuning.no_export,
		.no_sandbox = tuning.no_sandbox,
		.readable = (const char *const *)readable.paths,
	};
	err = vtr_worker_run(&params);
	vtr_readable_finish(&readable);
	vtr_log_destroy(log);
	return err == VTR_OK ? 0 : 1;
}

const struct vtr_command vtr_cmd_worker = {
	.name = "worker",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_worker,
};
