/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/prober.h"
#include "cmd/readable.h"
#include "cmd/tuning.h"
#include "platform/proc.h"
#include "venus/known.h"
#include "worker/server.h"

#define TAG_MAX 24

struct options {
	uint32_t control_fd;
	uint32_t client_fd;
	uint32_t number;
	const char *log;
	bool show_sandbox;
	bool probe;
	bool trial;
	bool window;
	uint32_t report_fd;
	struct vtr_opt_list readable;
	struct vtr_opt_list known;
	struct vtr_opt_list tuning;
};

static const struct vtr_opt opts[] = {
	{ .name = "control-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, control_fd),
	  .arg = "N",
	  .help = "the socket to the process that started this one" },
	{ .name = "client-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, client_fd),
	  .arg = "N",
	  .help = "the client's connection; without it, the worker serves a VM's context" },
	{ .name = "number",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, number),
	  .arg = "N",
	  .help = "the client's or context's number, for the log" },
	{ .name = "show-sandbox",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, show_sandbox),
	  .help = "print the names of the parts of the sandbox that apply here, and exit" },
	{ .name = "probe",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, probe),
	  .help = "print lines about each device, and exit" },
	{ .name = "trial",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, trial),
	  .help = "let --probe try each device with all that is offered of it" },
	{ .name = "report-fd",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, report_fd),
	  .arg = "N",
	  .help = "the socket to the process that watches --trial" },
	{ .name = "window",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, window),
	  .help = "let --probe say how memory is shared with VMs" },
	{ .name = "known",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, known),
	  .arg = "LINE",
	  .help = "what --probe said of a device" },
	{ .name = "readable",
	  .kind = VTR_OPT_LIST,
	  .offset = offsetof(struct options, readable),
	  .arg = "FILE",
	  .help = "a file that --probe found to be needed" },
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

/* What the process may read besides the system's folders. */
static enum vtr_err init_readable(const struct options *options, struct vtr_readable *out_readable)
{
	enum vtr_err err = vtr_readable_init(out_readable, NULL);

	for (size_t i = 0; err == VTR_OK && i < options->readable.count; i++) {
		err = vtr_readable_add(out_readable, options->readable.items[i]);
		if (err != VTR_OK) {
			vtr_readable_finish(out_readable);
		}
	}
	return err;
}

/* The process that tries the devices is watched by the one that started it. */
static int probe(const struct options *options, const struct vtr_worker_params *params,
                 struct vtr_readable *readable, char **argv)
{
	const struct vtr_prober_params prober_params = {
		.worker = params,
		.window = options->window,
		.trial = options->trial,
		.report_fd = options->report_fd != 0 ? (int)options->report_fd : -1,
	};

	if (options->trial && options->report_fd == 0 && !params->no_sandbox) {
		return vtr_prober_watch(argv, readable);
	}
	return vtr_prober_look(&prober_params);
}

static enum vtr_err parse_known(const struct vtr_opt_list *lines, struct vtr_known *out_known)
{
	for (size_t i = 0; i < lines->count; i++) {
		enum vtr_err err = vtr_known_parse(lines->items[i], &out_known->devices[i]);
		if (err != VTR_OK) {
			fprintf(stderr, "vitrine worker: '%s' is nothing that --probe printed\n",
			        lines->items[i]);
			return err;
		}
		out_known->count++;
	}
	return VTR_OK;
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
	/* 0 is where no worker gets one: the option is missing */
	if (!options.probe &&
	    (options.control_fd == 0 || options.control_fd > INT32_MAX || options.client_fd > INT32_MAX)) {
		fprintf(stderr, "vitrine worker: this is what 'vitrine run' and 'vitrine serve' start "
		                "for each connection, and 'vitrine gpu' for each context; start one of "
		                "those.\n");
		return VTR_EXIT_USAGE;
	}
	err = vtr_tuning_parse(command, &options.tuning, &tuning);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	bool has_client = options.client_fd != 0;
	snprintf(tag, sizeof(tag), has_client ? "client=%u" : "context=%u", options.number);
	err = vtr_log_create(options.log, STDERR_FILENO, tag, &log);
	if (err != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	struct vtr_known known = { 0 };
	struct vtr_readable readable;
	err = parse_known(&options.known, &known);
	if (err != VTR_OK) {
		vtr_log_destroy(log);
		return VTR_EXIT_USAGE;
	}
	err = init_readable(&options, &readable);
	if (err != VTR_OK) {
		vtr_log_destroy(log);
		return 1;
	}
	const struct vtr_worker_params params = {
		.log = log,
		.control_fd = (int)options.control_fd,
		.client_fd = has_client ? (int)options.client_fd : -1,
		.handshake_timeout_ms = tuning.handshake_ms,
		.reply_timeout_ms = tuning.reply_ms,
		.max_memory = tuning.max_memory,
		.min_import_alignment = tuning.import_alignment,
		.no_host_import = tuning.no_host_import,
		.no_export = tuning.no_export,
		.known = &known,
		.no_sandbox = tuning.no_sandbox,
		.readable = (const char *const *)readable.paths,
	};
	int status = 1;
	if (options.probe) {
		status = probe(&options, &params, &readable, argv);
	} else if (vtr_worker_run(&params) == VTR_OK) {
		status = 0;
	}
	vtr_readable_finish(&readable);
	vtr_log_destroy(log);
	return status;
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
