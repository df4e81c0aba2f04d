/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/displays.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "screen/feed.h"
#include "screen/outputs.h"
#include "screen/protocol.h"
#include "screen/screen.h"
#include "screen/stream.h"
#include "screen/tokens.h"
#include "web/hxfr.h"
#include "web/web.h"

/* Sockets, and what the web server has; buffers are mapped, not kept open. */
#define MAX_FDS 256
/* A picture of 8K, its colours and its file, the last ones of 16 displays, and room to breathe. */
#define MAX_DATA_BYTES (UINT64_C(2) << 30)

struct options {
	uint64_t window_size;
	const char *http;
	bool http_remote;
	const char *http_names;
	const char *tls_cert;
	const char *tls_key;
	const char *encoder;
	uint32_t bitrate;
	uint32_t fps;
	uint32_t feeds;
	bool hxfr;
	bool hxfr_open;
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
	{ .name = "http-remote",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, http_remote),
	  .help = "other machines can reach it" },
	{ .name = "http-names",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http_names),
	  .arg = "NAME,...",
	  .help = "and call it so" },
	{ .name = "tls-cert",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, tls_cert),
	  .arg = "FILE",
	  .help = "its certificate" },
	{ .name = "tls-key",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, tls_key),
	  .arg = "FILE",
	  .help = "the key that belongs to it" },
	{ .name = "encoder",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, encoder),
	  .arg = "NAME",
	  .help = "codes video" },
	{ .name = "bitrate",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, bitrate),
	  .arg = "N",
	  .help = "bits per second of video; 0: by its size" },
	{ .name = "fps",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, fps),
	  .arg = "N",
	  .help = "pictures per second of video at most" },
	{ .name = "feeds",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, feeds),
	  .arg = "N",
	  .help = "fds from 16 on take the first display's video" },
	{ .name = "hxfr",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr),
	  .help = "fd 10 listens for clients of HXFR" },
	{ .name = "hxfr-open",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr_open),
	  .help = "and they need no token" },
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

/* Copies the tokens, which nobody changes any more. */
static enum vtr_err read_tokens(struct vtr_tokens *out_tokens)
{
	vtr_autofd int fd = VTR_SCREEN_FD_TOKENS;
	void *map;
	enum vtr_err err = vtr_os_shm_check(fd, sizeof(*out_tokens));

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, sizeof(*out_tokens), false, &map);
	}
	if (err == VTR_OK) {
		memcpy(out_tokens, map, sizeof(*out_tokens));
		vtr_os_shm_unmap(map, sizeof(*out_tokens));
	}
	return err;
}

static enum vtr_err create_web(struct vtr_log *log, struct vtr_screen *screen, struct vtr_streams *streams,
                               const struct vtr_tokens *tokens, const struct options *options,
                               struct vtr_web **out_web)
{
	const struct vtr_web_params params = {
		.log = log,
		.screen = screen,
		.streams = streams,
		.tokens = tokens,
		.listen_fd = VTR_SCREEN_FD_HTTP,
		.remote = options->http_remote,
		.names = options->http_names,
		.tls_cert = options->tls_cert,
		.tls_key = options->tls_key,
	};

	return vtr_web_create(&params, out_web);
}

static enum vtr_err create_hxfr(struct vtr_log *log, struct vtr_screen *screen, struct vtr_streams *streams,
                                const struct vtr_tokens *tokens, const struct options *options,
                                struct vtr_hxfr **out_hxfr)
{
	const struct vtr_hxfr_params params = {
		.log = log,
		.screen = screen,
		.streams = streams,
		.tokens = options->hxfr_open ? NULL : tokens,
		.listen_fd = VTR_SCREEN_FD_HXFR,
	};

	return vtr_hxfr_create(&params, out_hxfr);
}

/* All that serves; each is told of flushes. */
struct services {
	struct vtr_streams *streams;
	struct vtr_feed *feeds[VTR_SCREEN_MAX_OUTPUTS];
	size_t feed_count;
	struct vtr_web *web;   /* or NULL */
	struct vtr_hxfr *hxfr; /* or NULL */
};

/* A feed that does not begin is one that its reader sees the end of. */
static void start_feeds(struct vtr_log *log, struct services *services, uint32_t count)
{
	struct vtr_stream *stream = vtr_streams_get(services->streams, 0);

	for (uint32_t i = 0; i < count && i < VTR_SCREEN_MAX_OUTPUTS; i++) {
		int fd = VTR_SCREEN_FD_FEEDS + (int)i;
		enum vtr_err err = vtr_feed_create(log, stream, &fd, &services->feeds[services->feed_count]);
		if (err == VTR_OK) {
			services->feed_count++;
		} else {
			vtr_log_write(log, VTR_LOG_ERROR, "screen", "nothing to record or publish: %s",
			              vtr_err_name(err));
		}
	}
}

static void finish(struct services *services)
{
	vtr_hxfr_destroy(services->hxfr);
	vtr_web_destroy(services->web);
	for (size_t i = 0; i < services->feed_count; i++) {
		vtr_feed_destroy(services->feeds[i]);
	}
	vtr_streams_destroy(services->streams);
}

static void on_flush(void *data)
{
	struct services *services = data;

	vtr_streams_on_flush(services->streams);
	if (services->web) {
		vtr_web_on_flush(services->web);
	}
}

/* All that needs files comes before the sandbox, and all threads after it. */
static enum vtr_err serve(struct vtr_log *log, struct vtr_screen *screen, const struct options *options)
{
	const struct vtr_streams_params params = {
		.log = log,
		.screen = screen,
		.encoder = options->encoder,
		.bitrate = options->bitrate,
		.fps = options->fps,
	};
	struct services services = { 0 };
	struct vtr_tokens tokens;
	const bool hxfr = options->hxfr || options->hxfr_open;
	enum vtr_err err = options->http || hxfr ? read_tokens(&tokens) : VTR_OK;

	if (err != VTR_OK) {
		vtr_log_write(log, VTR_LOG_ERROR, "screen", "there are no tokens: %s", vtr_err_name(err));
		return err;
	}
	err = vtr_streams_create(&params, &services.streams);
	if (err == VTR_OK && options->http) {
		err = create_web(log, screen, services.streams, &tokens, options, &services.web);
	}
	if (err == VTR_OK) {
		err = lock_in(log);
	}
	if (err == VTR_OK && services.web) {
		err = vtr_web_start(services.web);
	}
	if (err == VTR_OK && hxfr) {
		err = create_hxfr(log, screen, services.streams, &tokens, options, &services.hxfr);
	}
	if (err == VTR_OK) {
		vtr_log_write(log, VTR_LOG_DEBUG, "screen", "serving at %s",
		              options->http ? options->http : "(none)");
		start_feeds(log, &services, options->feeds);
		vtr_screen_on_flush(screen, on_flush, &services);
		err = vtr_screen_run(screen);
		vtr_screen_on_flush(screen, NULL, NULL);
	}
	finish(&services);
	return err;
}

static int run_screen(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .fps = 60 };
	struct vtr_screen *screen;
	struct vtr_log *log = NULL;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (!vtr_displays_are_given(command)) {
		return VTR_EXIT_USAGE;
	}
	if (options.fps == 0) {
		return VTR_EXIT_USAGE;
	}
	if (vtr_log_create(options.log, STDERR_FILENO, NULL, &log) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	err = vtr_displays_open(log, options.window_size, &screen);
	if (err == VTR_OK) {
		err = serve(log, screen, &options);
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
	.ignores_sigpipe = true,
	.run = run_screen,
};
