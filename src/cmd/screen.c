/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/displays.h"
#include "cmd/lock_in.h"
#include "cmd/sound_source.h"
#include "display/client.h"
#include "display/links.h"
#include "display/metrics_page.h"
#include "display/protocol.h"
#include "display/sound_page.h"
#include "display/tokens.h"
#include "display_host/outputs.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "screen/mixer.h"
#include "screen/packet_writer.h"
#include "screen/sound.h"
#include "screen/stream.h"
#include "web/hxfr.h"
#include "web/web.h"

/* Sockets, and the web server's fds; buffers are mapped, not kept open. */
#define MAX_FDS 256
/* A picture of 8K, its RGB copy, all files of pictures (VTR_SNAPSHOT_MAX_BYTES), the video of 16 displays, and a
 * reserve. */
#define MAX_DATA_BYTES (UINT64_C(2) << 30)

struct options {
	uint64_t hostmem_size;
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
	bool metrics;
	bool sound;
	bool links;
	bool agent;
	uint64_t webdav; /* bytes; 0: no folder */
	bool touch;
	uint32_t pads;
	struct vtr_lock_in lock_in;
	const char *log;
};

static const struct vtr_opt opts[] = {
	VTR_HOSTMEM_SIZE_OPT(offsetof(struct options, hostmem_size)),
	{ .name = "http",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http),
	  .arg = "ADDR:PORT",
	  .help = "serve HTTP at fd 8, which listens at this address" },
	{ .name = "http-remote",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, http_remote),
	  .help = "treat the HTTP address as one that other machines can reach" },
	{ .name = "http-names",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, http_names),
	  .arg = "NAME,...",
	  .help = "accept requests to these host names" },
	{ .name = "tls-cert",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, tls_cert),
	  .arg = "FILE",
	  .help = "serve HTTP over TLS with this certificate" },
	{ .name = "tls-key",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, tls_key),
	  .arg = "FILE",
	  .help = "use this private key for the certificate" },
	{ .name = "encoder",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, encoder),
	  .arg = "NAME",
	  .help = "encode video with this encoder" },
	{ .name = "bitrate",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, bitrate),
	  .arg = "N",
	  .help = "limit video to this many bits per second; 0: choose by size" },
	{ .name = "fps",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, fps),
	  .arg = "N",
	  .help = "limit video to this many pictures per second" },
	{ .name = "feeds",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, feeds),
	  .arg = "N",
	  .help = "send the first display's video to N mux processes, from fd 16 on" },
	{ .name = "hxfr",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr),
	  .help = "serve HXFR clients at fd 10" },
	{ .name = "hxfr-open",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, hxfr_open),
	  .help = "serve HXFR clients without a token" },
	{ .name = "metrics",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, metrics),
	  .help = "serve the metrics at fd 11 over HTTP, and nothing else" },
	{ .name = "sound",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, sound),
	  .help = "take the guest's sound at fd 12" },
	{ .name = "links",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, links),
	  .help = "keep links that are made in the page in the memory of fd 15" },
	{ .name = "agent",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, agent),
	  .help = "talk to the guest's agent, which connects at fd 13" },
	{ .name = "webdav",
	  .kind = VTR_OPT_SIZE,
	  .offset = offsetof(struct options, webdav),
	  .arg = "SIZE",
	  .help = "share a folder of at most this size with the guest, which connects at fd 14" },
	{ .name = "touch",
	  .kind = VTR_OPT_FLAG,
	  .offset = offsetof(struct options, touch),
	  .help = "take fingers, for the guest's touch screen" },
	{ .name = "pads",
	  .kind = VTR_OPT_NUMBER,
	  .offset = offsetof(struct options, pads),
	  .arg = "N",
	  .help = "take game pads, for the N of the guest" },
	VTR_LOCK_IN_OPTS(offsetof(struct options, lock_in)),
	VTR_LOG_OPT(offsetof(struct options, log), VTR_LOG_HELP),
};

static enum vtr_err lock_in(struct vtr_log *log, struct vtr_lock_in *options, uint64_t folder_bytes)
{
	const struct vtr_os_sandbox_params params = {
		.role = VTR_OS_ROLE_SERVER,
		.limits = {
			.max_fds = MAX_FDS,
			.max_data_bytes = MAX_DATA_BYTES + folder_bytes,
			.no_core_dumps = true,
			.leave_others = true,
		},
	};

	return vtr_lock_in(log, "screen", options, &params);
}

/* Copies the tokens, which do not change any more. */
static enum vtr_err read_tokens(struct vtr_tokens *out_tokens)
{
	vtr_autofd int fd = VTR_DISPLAY_FD_TOKENS;
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

/* Maps memory that the front shares, for as long as the process runs. */
static enum vtr_err map_page(int take_fd, size_t size, bool writable, void **out_map)
{
	vtr_autofd int fd = take_fd;
	enum vtr_err err = vtr_os_shm_check(fd, size);

	return err == VTR_OK ? vtr_os_shm_map(fd, 0, size, writable, out_map) : err;
}

/* Maps what the web server shares with the front, or with other processes of the screen. */
static enum vtr_err map_pages(const struct options *options, struct vtr_web_params *params)
{
	enum vtr_err err = VTR_OK;
	void *map;

	if (options->metrics) {
		err = map_page(VTR_DISPLAY_FD_METRICS, sizeof(*params->metrics), false, &map);
		params->metrics = err == VTR_OK ? map : NULL;
	}
	if (err == VTR_OK && options->links) {
		err = map_page(VTR_DISPLAY_FD_LINKS, sizeof(*params->links), true, &map);
		params->links = err == VTR_OK ? map : NULL;
	}
	return err;
}

struct services {
	const struct vtr_sound_page *sound_page; /* or NULL: there is no sound */
	struct vtr_audio_mixer *mixer; /* NULL as the page is */
	struct vtr_sound *sound; /* what is mixed; NULL as the mixer is */
	struct vtr_streams *streams;
	struct vtr_packet_writer *feeds[VTR_DISPLAY_MAX_OUTPUTS];
	size_t feed_count;
	struct vtr_web *web; /* or NULL */
	struct vtr_hxfr *hxfr; /* or NULL */
};

static enum vtr_err create_web(struct vtr_log *log, struct vtr_display_client *screen,
                               const struct services *services, const struct vtr_tokens *tokens,
                               const struct options *options, struct vtr_web **out_web)
{
	int agent_fd = VTR_DISPLAY_FD_AGENT;
	int webdav_fd = VTR_DISPLAY_FD_WEBDAV;
	struct vtr_web_params params = {
		.log = log,
		.screen = screen,
		.streams = services->streams,
		.sound = services->sound,
		.sound_page = services->sound_page,
		.tokens = tokens,
		.listen_fd = VTR_DISPLAY_FD_HTTP,
		.remote = options->http_remote,
		.names = options->http_names,
		.tls_cert = options->tls_cert,
		.tls_key = options->tls_key,
		.take_agent_fd = options->agent ? &agent_fd : NULL,
		.take_webdav_fd = options->webdav > 0 ? &webdav_fd : NULL,
		.webdav_bytes = options->webdav,
		.has_touch = options->touch,
		.pads = options->pads,
	};

	enum vtr_err err = map_pages(options, &params);
	return err == VTR_OK ? vtr_web_create(&params, out_web) : err;
}

static enum vtr_err create_hxfr(struct vtr_log *log, struct vtr_display_client *screen,
                                struct vtr_streams *streams, const struct vtr_tokens *tokens,
                                const struct options *options, struct vtr_hxfr **out_hxfr)
{
	const struct vtr_hxfr_params params = {
		.log = log,
		.screen = screen,
		.streams = streams,
		.tokens = options->hxfr_open ? NULL : tokens,
		.listen_fd = VTR_DISPLAY_FD_HXFR,
	};

	return vtr_hxfr_create(&params, out_hxfr);
}

static void on_sound(void *data)
{
	vtr_audio_mixer_wake(data);
}

static void listen_to_mixer(void *data, bool on)
{
	vtr_audio_mixer_listen(data, on);
}

static void speak_to_mixer(void *data, const struct vtr_audio_block *block)
{
	vtr_audio_mixer_microphone(data, block);
}

static void take_block(void *owner, const struct vtr_audio_block *block)
{
	vtr_sound_block(owner, block);
}

static void take_idle(void *owner)
{
	vtr_sound_idle(owner);
}

static enum vtr_err create_sound(struct vtr_log *log, struct vtr_display_client *screen,
                                 struct services *services)
{
	enum vtr_err err = vtr_sound_source_open(log, screen, &services->sound_page, &services->mixer);

	if (err == VTR_OK) {
		vtr_display_client_on_sound(screen, on_sound, services->mixer);
		err = vtr_sound_create(log, &services->sound);
	}
	if (err == VTR_OK) {
		const struct vtr_audio_sink sink = { take_block, take_idle, services->sound };
		const struct vtr_sound_source source = {
			.listen = listen_to_mixer,
			.speak = speak_to_mixer,
			.data = services->mixer,
		};
		vtr_audio_mixer_set_sink(services->mixer, &sink);
		vtr_sound_connect(services->sound, &source);
	}
	return err;
}

/* Starts the feeds. On failure the fd is closed, so its reader sees the end. */
static void start_feeds(struct vtr_log *log, struct services *services, uint32_t count)
{
	struct vtr_stream *stream = vtr_streams_get(services->streams, 0);

	for (uint32_t i = 0; i < count && i < VTR_DISPLAY_MAX_OUTPUTS; i++) {
		int fd = VTR_DISPLAY_FD_FEEDS + (int)i;
		enum vtr_err err = vtr_packet_writer_create(log, stream, services->sound, &fd,
		                                            &services->feeds[services->feed_count]);
		if (err == VTR_OK) {
			services->feed_count++;
		} else {
			vtr_log_write(log, VTR_LOG_ERROR, "screen",
			              "cannot encode video for recordings and servers: %s. Viewers are not "
			              "affected",
			              vtr_err_text(err));
		}
	}
}

static void finish(struct services *services)
{
	vtr_hxfr_destroy(services->hxfr);
	vtr_web_destroy(services->web);
	for (size_t i = 0; i < services->feed_count; i++) {
		vtr_packet_writer_destroy(services->feeds[i]);
	}
	vtr_streams_destroy(services->streams);
	vtr_audio_mixer_destroy(services->mixer);
	vtr_sound_destroy(services->sound);
}

/* Everything that needs files comes before the sandbox, and all threads after it. */
static enum vtr_err serve(struct vtr_log *log, struct vtr_display_client *screen, struct options *options)
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
		vtr_log_write(
			log, VTR_LOG_ERROR, "screen",
			"cannot read the tokens from the front process: %s. The screen process ends and is "
			"started again",
			vtr_err_text(err));
		return err;
	}
	if (options->sound) {
		err = create_sound(log, screen, &services);
	}
	if (err == VTR_OK) {
		err = vtr_streams_create(&params, &services.streams);
	}
	if (err == VTR_OK && options->http) {
		err = create_web(log, screen, &services, &tokens, options, &services.web);
	}
	if (err == VTR_OK) {
		err = lock_in(log, &options->lock_in, options->webdav);
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
		err = vtr_display_client_run(screen);
	}
	finish(&services);
	return err;
}

static int run_screen(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { .fps = 60 };
	struct vtr_display_client *screen;
	struct vtr_log *log = NULL;
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (!vtr_displays_are_given(command)) {
		return VTR_EXIT_USAGE;
	}
	if (options.pads > VTR_PADS || options.fps == 0 || options.fps > VTR_STREAM_MAX_FPS ||
	    (options.bitrate != 0 &&
	     (options.bitrate < VTR_STREAM_MIN_BITRATE || options.bitrate > VTR_STREAM_MAX_BITRATE))) {
		return VTR_EXIT_USAGE;
	}
	vtr_os_heap_split_large(); /* for pictures */
	if (vtr_log_create(options.log, STDERR_FILENO, NULL, &log) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	err = vtr_displays_open(log, options.hostmem_size, &screen);
	if (err == VTR_OK) {
		err = serve(log, screen, &options);
		vtr_display_client_destroy(screen);
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
