/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "platform/proc.h"
#include "screen/protocol.h"
#include "screen/screen.h"
#include "web/web.h"

/* Sockets, and what the web server has; buffers are mapped, not kept open. */
#define MAX_FDS 256
/* A picture of 8K, its colours and its file, the last ones of 16 displays, and room to breathe. */
#define MAX_DATA_BYTES (UINT64_C(2) << 30)

struct options {
	uint64_t window_size;
	const char *http;
	const char *log;
};

static const struct vtr_opt opts[] = {
	{ .name = "window-size",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, window_size),
	  .arg = "SIZE",
	  .help = "of the guest's window, which is fd 7" },
	{ .name = "http",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http),
	  .arg = "ADDR:PORT",
	  .help = "where fd 8 listens, for the log" },
	{ .name = "log",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, log),
	  .arg = "FILTER",
	  .help = "what to log" },
};

static enum vtr_err lock_in(struct vtr_log *log)
{
	const struct vtr_os_limits limits = {
		.max_fds = MAX_FDS,
		.max_data_bytes = MAX_DATA_BYTES,
		.no_core_dumps = true,
	};
	uint32_t applied = 0;
	enum vtr_err err = vtr_os_limits(&limits);

	if (err == VTR_OK) {
		err = vtr_os_sandbox_server(&applied);
	}
	if (err != VTR_OK) {
		vtr_log_write(log, VTR_LOG_ERROR, "screen", "cannot lock the process in: %s",
		              vtr_err_name(err));
		return err;
	}
	vtr_log_write(log, VTR_LOG_DEBUG, "screen", "sandbox: 0x%x of 0x%x apply", applied,
	              (unsigned)VTR_OS_SANDBOX_ALL);
	return VTR_OK;
}

/* All that needs files comes before the sandbox, and all threads after it. */
static enum vtr_err serve(struct vtr_log *log, struct vtr_screen *screen, const char *http)
{
	const struct vtr_web_params params = {
		.log = log,
		.screen = screen,
		.listen_fd = VTR_SCREEN_FD_HTTP,
	};
	struct vtr_web *web = NULL;
	enum vtr_err err = http ? vtr_web_create(&params, &web) : VTR_OK;

	if (err == VTR_OK) {
		err = lock_in(log);
	}
	if (err == VTR_OK && web) {
		err = vtr_web_start(web);
	}
	if (err == VTR_OK) {
		vtr_log_write(log, VTR_LOG_DEBUG, "screen", "serving at %s", http ? http : "(none)");
		err = vtr_screen_run(screen);
	}
	vtr_web_destroy(web);
	return err;
}

static int run_screen(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct vtr_screen *screen;
	struct vtr_log *log = NULL;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	/* A board is what no shell would hand over by chance. */
	if (isatty(STDIN_FILENO) || lseek(VTR_SCREEN_FD_BOARD, 0, SEEK_END) <= 0) {
		fprintf(stderr, "vitrine screen: this is what 'vitrine gpu' starts; start that.\n");
		return VTR_EXIT_USAGE;
	}
	if (vtr_log_create(options.log, STDERR_FILENO, NULL, &log) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	/* A viewer that goes while it is written to is no reason to die. */
	signal(SIGPIPE, SIG_IGN);
	const struct vtr_screen_params params = {
		.log = log,
		.control_fd = VTR_SCREEN_FD_CONTROL,
		.board_fd = VTR_SCREEN_FD_BOARD,
		.notes_fd = VTR_SCREEN_FD_NOTES,
		.bell_fd = VTR_SCREEN_FD_BELL,
		.window_fd = options.window_size > 0 ? VTR_SCREEN_FD_WINDOW : -1,
		.window_size = options.window_size,
	};
	err = vtr_screen_create(&params, &screen);
	if (err == VTR_OK) {
		err = serve(log, screen, options.http);
		vtr_screen_destroy(screen);
	}
	vtr_log_destroy(log);
	return err == VTR_OK ? 0 : 1;
}

const struct vtr_command vtr_cmd_screen = {
	.name = "screen",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.run = run_screen,
};
