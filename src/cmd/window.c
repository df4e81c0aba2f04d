/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/displays.h"
#include "cmd/lock_in.h"
#include "cmd/window_sound.h"
#include "display/client.h"
#include "display/protocol.h"
#include "display_host/child.h"
#include "platform/proc.h"
#include "platform/thread.h"
#include "present/present.h"

/* The window system's, a GPU driver's and those of shared buffers. */
#define MAX_FDS 4096

/* Windows on this machine's desktop, for `vitrine gpu`: a process of its own, like `vitrine screen`. */

struct options {
	uint64_t hostmem_size;
	const char *title;
	const char *renderer;
	bool crashed;
	bool sound;
	bool microphone;
	struct vtr_lock_in lock_in;
	const char *log;
};

static const struct vtr_opt opts[] = {
	VTR_HOSTMEM_SIZE_OPT(offsetof(struct options, hostmem_size)),
	{ .name = "title",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, title),
	  .arg = "TEXT",
	  .help = "show this name of the VM" },
	{ .name = "renderer",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, renderer),
	  .arg = "NAME",
	  .help = "draw with this: auto, gpu or software" },
	{ .name = "crashed",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, crashed),
	  .help = "the process before this one crashed: choose software, if --renderer does not say "
	          "otherwise" },
	{ .name = "sound",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, sound),
	  .help = "play the guest's sound, which comes at fd 12" },
	{ .name = "microphone",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, microphone),
	  .help = "let the guest record by this machine's microphone" },
	VTR_LOCK_IN_OPTS(offsetof(struct options, lock_in)),
	VTR_LOG_OPT(offsetof(struct options, log), VTR_LOG_HELP),
};

/* The thread that receives from the front, while the main thread handles the windows. */
struct listener {
	struct vtr_display_client *screen;
	struct vtr_present *present;
	struct vtr_window_sound *sound; /* or NULL */
	enum vtr_err err;
};

static void listen_to_front(void *data)
{
	struct listener *listener = data;

	listener->err = vtr_display_client_run(listener->screen);
	vtr_present_quit(listener->present);
}

/* After the desktop's libraries have connected, and before there are other threads. */
static enum vtr_err lock_in(struct vtr_log *log, struct vtr_lock_in *options)
{
	const char *const runtime_dir = getenv("XDG_RUNTIME_DIR");
	const char *const write[] = { runtime_dir, NULL };
	const struct vtr_os_sandbox_paths paths = { .write = write };
	const struct vtr_os_sandbox_params params = {
		.role = VTR_OS_ROLE_WINDOW,
		.limits = { .max_fds = MAX_FDS, .no_core_dumps = true, .leave_others = true },
		.paths = &paths,
	};

	return vtr_lock_in(log, "window", options, &params);
}

static enum vtr_err start_sound(struct vtr_log *log, struct listener *listener, const struct options *options)
{
	const struct vtr_window_sound_params params = {
		.log = log,
		.screen = listener->screen,
		.present = listener->present,
		.microphone = options->microphone,
	};

	return options->sound ? vtr_window_sound_create(&params, &listener->sound) : VTR_OK;
}

/* Shows the windows, until all are closed or the front ends. */
static enum vtr_err run_windows(struct vtr_log *log, struct listener *listener, const struct options *options)
{
	struct vtr_os_thread thread;
	enum vtr_err err = start_sound(log, listener, options);

	if (err == VTR_OK) {
		err = vtr_os_thread_create(&thread, "front", listen_to_front, listener);
	}
	if (err == VTR_OK) {
		err = vtr_present_run(listener->present);
		vtr_display_client_stop(listener->screen);
		vtr_os_thread_join(&thread);
	}
	return err == VTR_OK ? listener->err : err;
}

/* A driver that crashes would do so again. */
static const char *choose_renderer(struct vtr_log *log, const struct options *options)
{
	if (!options->crashed || (options->renderer && strcmp(options->renderer, "auto") != 0)) {
		return options->renderer;
	}
	vtr_warn(
		log,
		"windows are drawn in software after the crash. '--window-renderer gpu' draws by the GPU all "
		"the same");
	return "software";
}

static int show(struct vtr_log *log, struct vtr_display_client *screen, struct options *options)
{
	const struct vtr_present_params params = {
		.log = log,
		.screen = screen,
		.title = options->title,
		.renderer = choose_renderer(log, options),
	};
	struct listener listener = { .screen = screen };
	enum vtr_err err = vtr_present_create(&params, &listener.present);

	if (err == VTR_ERR_UNSUPPORTED) {
		return VTR_SCREEN_EXIT_USELESS;
	}
	if (err != VTR_OK) {
		return 1;
	}
	err = lock_in(log, &options->lock_in);
	if (err != VTR_OK) {
		vtr_present_destroy(listener.present);
		return 1;
	}
	err = run_windows(log, &listener, options);
	const int status = err == VTR_OK ? 0 : err == VTR_ERR_UNSUPPORTED ? VTR_SCREEN_EXIT_USELESS : 1;
	if (vtr_window_sound_destroy(listener.sound) != VTR_OK) {
		_exit(status); /* a thread that a sound server holds up uses what would be freed */
	}
	vtr_present_destroy(listener.present);
	return status;
}

static int run_window(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct vtr_display_client *screen;
	struct vtr_log *log = NULL;
	int status = 1;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (!vtr_displays_are_given(command)) {
		return VTR_EXIT_USAGE;
	}
	if (vtr_log_create(options.log, STDERR_FILENO, NULL, &log) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	err = vtr_displays_open(log, options.hostmem_size, &screen);
	if (err == VTR_OK) {
		status = show(log, screen, &options);
		vtr_display_client_destroy(screen);
	}
	vtr_log_destroy(log);
	return status;
}

const struct vtr_command vtr_cmd_window = {
	.name = "window",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_window,
};
