/* SPDX-License-Identifier: MIT */
/*
 * Writes a display's video and the machine's sound to a file or sends them to a media server, for `vitrine gpu`.
 * It is a process of its own, so that a blocking disk or network, or a crash, affects only the output. Pictures and
 * sound come from the screen process through a socket (encode/packet_pipe.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cmd/commands.h"
#include "cmd/lock_in.h"
#include "display_host/outputs.h"
#include "encode/mux.h"
#include "encode/packet_pipe.h"
#include "encode/sound_track.h"
#include "platform/proc.h"
#include "platform/thread.h"

#define NS_PER_S INT64_C(1000000000)

/* Interval of key frames, at which a player can seek in a file and viewers can join a broadcast. */
#define FILE_KEY_NS (10 * NS_PER_S)
#define SERVER_KEY_NS (2 * NS_PER_S)
/* The delay before a server is tried again; doubled each time. */
#define RETRY_MIN_NS NS_PER_S
#define RETRY_MAX_NS (30 * NS_PER_S)
#define MAX_FDS 64
#define MAX_DATA_BYTES (UINT64_C(512) << 20)
#define MAX_NAMES 10000

struct options {
	const char *record;
	const char *publish;
	struct vtr_lock_in lock_in;
	const char *log;
};

static const struct vtr_opt opts[] = {
	{ .name = "record",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, record),
	  .arg = "FILE",
	  .help = "record into this file" },
	{ .name = "publish",
	  .kind = VTR_OPT_TEXT,
	  .offset = offsetof(struct options, publish),
	  .arg = "URL",
	  .help = "publish to this server" },
	VTR_LOCK_IN_OPTS(offsetof(struct options, lock_in)),
	VTR_LOG_OPT(offsetof(struct options, log), VTR_LOG_HELP),
};

struct job {
	struct vtr_log *log;
	struct vtr_mux *mux;
	const char *url; /* NULL: a file */
	int feed_fd;
	int file_fd;
	struct vtr_muxer *muxer; /* NULL: not open */
	struct vtr_sound_track *track; /* NULL: there is no encoder for sound */
	bool has_sound; /* the machine has sound, so the output gets a track */
	uint64_t generation;     /* of the last picture */
	int64_t key_ns;          /* when a key frame came or was requested */
	int64_t retry_ns;        /* no server is tried before this */
	int64_t delay_ns;
};

/* Creates a new file: that name, or NAME-2, NAME-3, ... Files are never overwritten. */
static enum vtr_err create_file(struct vtr_log *log, const char *name, int *out_fd)
{
	const char *dot = strrchr(name, '.');
	char path[4096];

	for (int i = 1; i < MAX_NAMES; i++) {
		int length =
			i == 1 ? snprintf(path, sizeof(path), "%s", name) :
				 snprintf(path, sizeof(path), "%.*s-%d%s", (int)(dot - name), name, i, dot);
		if (length < 0 || (size_t)length >= sizeof(path)) {
			errno = ENAMETOOLONG;
			break;
		}
		int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		if (fd >= 0) {
			vtr_log_write(log, VTR_LOG_INFO, "mux", "recording to %s", path);
			*out_fd = fd;
			return VTR_OK;
		}
		if (errno != EEXIST) {
			break;
		}
	}
	vtr_log_write(log, VTR_LOG_ERROR, "mux",
	              "not recording: cannot create %s: %s. The VM goes on. Choose another --record FILE "
	              "and start again to record",
	              path, strerror(errno));
	return VTR_ERR_OS;
}

static enum vtr_err lock_in(struct vtr_log *log, struct options *options)
{
	const struct vtr_os_sandbox_params params = {
		.role = options->publish ? VTR_OS_ROLE_PUBLISHER : VTR_OS_ROLE_SERVER,
		.limits = {
			.max_fds = MAX_FDS,
			.max_data_bytes = MAX_DATA_BYTES,
			.no_core_dumps = true,
			.leave_others = true,
		},
	};

	return vtr_lock_in(log, "mux", &options->lock_in, &params);
}

static void want_key(struct job *job)
{
	vtr_packet_pipe_want_key(job->feed_fd);
	job->key_ns = vtr_os_now_ns();
}

static void close_muxer(struct job *job)
{
	(void)vtr_muxer_close(job->muxer, vtr_os_now_ns());
	job->muxer = NULL;
}

/* After a write error: truncates the file to its playable part. */
static void give_up_file(struct job *job)
{
	int64_t safe = vtr_muxer_safe_bytes(job->muxer);

	close_muxer(job);
	if (ftruncate(job->file_fd, (off_t)safe) < 0) {
		vtr_log_write(
			job->log, VTR_LOG_WARN, "mux",
			"cannot cut off the incomplete end of the recording: %s. Players may show an error "
			"at its end",
			strerror(errno));
	}
	vtr_log_write(job->log, VTR_LOG_ERROR, "mux",
	              "the recording ends here, with %" PRId64
	              " bytes: the file is complete up to this moment and the VM "
	              "goes on. Free space on the disk and start again to record",
	              safe);
}

static void try_later(struct job *job)
{
	if (job->muxer) {
		close_muxer(job);
	}
	job->delay_ns = job->delay_ns == 0 ? RETRY_MIN_NS : job->delay_ns * 2;
	job->delay_ns = job->delay_ns < RETRY_MAX_NS ? job->delay_ns : RETRY_MAX_NS;
	job->retry_ns = vtr_os_now_ns() + job->delay_ns;
	vtr_log_write(job->log, VTR_LOG_WARN, "mux", "the server is tried again in %" PRId64 " s",
	              job->delay_ns / NS_PER_S);
}

/* Opens the output, if `unit` can be its first picture. Returns: VTR_ERR_AGAIN (it cannot). */
static enum vtr_err open_muxer(struct job *job, const struct vtr_access_unit *unit)
{
	int64_t now_ns = vtr_os_now_ns();

	if (now_ns < job->retry_ns) {
		return VTR_ERR_AGAIN;
	}
	if (!unit->key) {
		if (now_ns - job->key_ns >= NS_PER_S) {
			want_key(job);
		}
		return VTR_ERR_AGAIN;
	}
	struct vtr_audio_format sound;
	const bool has_sound = job->has_sound && job->track;
	if (has_sound) {
		vtr_sound_track_describe(job->track, &sound);
	}
	enum vtr_err err = vtr_muxer_open(job->mux, job->file_fd, job->url, unit, has_sound ? &sound : NULL,
	                                  &job->muxer);
	if (err == VTR_OK && has_sound) {
		vtr_sound_track_begin(job->track, job->muxer);
	}
	if (err == VTR_OK && job->url) {
		vtr_log_write(job->log, VTR_LOG_INFO, "mux", "publishing %ux%u", unit->width, unit->height);
	}
	return err;
}

/* After an error of the muxer. Returns: VTR_OK, or why a file has ended. */
static enum vtr_err handle_error(struct job *job, enum vtr_err err)
{
	if (err != VTR_OK && job->url) {
		try_later(job);
		return VTR_OK;
	}
	if (err != VTR_OK && job->muxer) {
		give_up_file(job);
	}
	return err;
}

/* Returns: VTR_OK, or why a file has ended. */
static enum vtr_err handle_sound(struct job *job, const struct vtr_packet_pipe_sound *sound)
{
	/* The first message says that there is sound. An output without a track stays without one. */
	if (sound->count == 0) {
		job->has_sound = job->has_sound || !job->muxer;
		return VTR_OK;
	}
	if (!job->muxer || !job->track || !job->has_sound) {
		return VTR_OK;
	}
	return handle_error(job,
	                    vtr_sound_track_add(job->track, sound->time_ns, sound->samples, sound->count));
}

/* Returns: VTR_OK, or why a file has ended. */
static enum vtr_err handle(struct job *job, struct vtr_access_unit *unit)
{
	int64_t interval_ns = job->url ? SERVER_KEY_NS : FILE_KEY_NS;
	enum vtr_err err = VTR_OK;

	/* A server needs a new connection for a new size; in a file the pictures carry their size. */
	if (job->muxer && job->url && unit->generation != job->generation) {
		close_muxer(job);
	}
	job->generation = unit->generation;
	if (!job->muxer) {
		err = open_muxer(job, unit);
		if (err == VTR_ERR_AGAIN) {
			return VTR_OK;
		}
	}
	if (err == VTR_OK) {
		err = vtr_muxer_write(job->muxer, unit);
	}
	if (err == VTR_OK && job->track && job->has_sound) {
		err = vtr_sound_track_follow(job->track, unit->coded_ns);
	}
	if (err != VTR_OK) {
		return handle_error(job, err);
	}
	job->delay_ns = 0;
	if (unit->key) {
		job->key_ns = vtr_os_now_ns();
	} else if (vtr_os_now_ns() - job->key_ns >= interval_ns) {
		want_key(job);
	}
	return VTR_OK;
}

/* Runs until the screen process ends. */
static enum vtr_err serve(struct job *job)
{
	struct vtr_packet_pipe_sound sound;
	struct vtr_access_unit *unit;
	enum vtr_err err;

	for (;;) {
		err = vtr_packet_pipe_receive(job->feed_fd, &sound, &unit);
		if (err != VTR_OK) {
			break;
		}
		err = unit ? handle(job, unit) : handle_sound(job, &sound);
		vtr_access_unit_unref(unit);
		if (err != VTR_OK) {
			return err;
		}
	}
	if (job->muxer) {
		close_muxer(job);
	}
	return err == VTR_ERR_GONE ? VTR_OK : err;
}

static enum vtr_err start(struct job *job, struct options *options)
{
	enum vtr_mux_kind kind;
	enum vtr_err err = options->record ? vtr_mux_kind_of_file(options->record, &kind) :
	                                     vtr_mux_kind_of_url(options->publish, &kind);

	if (err == VTR_OK) {
		err = vtr_mux_load(job->log, kind, &job->mux);
	}
	/* Without an encoder the pictures go on alone; logged. */
	if (err == VTR_OK && vtr_sound_track_create(job->log, kind, &job->track) != VTR_OK) {
		job->track = NULL;
	}
	if (err == VTR_OK && options->record) {
		err = create_file(job->log, options->record, &job->file_fd);
	}
	if (err == VTR_OK) {
		err = lock_in(job->log, options);
	}
	return err;
}

static int run_mux(const struct vtr_command *command, int argc, char **argv)
{
	struct options options = { 0 };
	struct job job = { .feed_fd = VTR_OUTPUT_FD_FEED, .file_fd = -1 };
	int type;
	socklen_t size = sizeof(type);
	int rest;
	enum vtr_err err = vtr_opts_parse(command, argc, argv, &options, &rest);

	if (err != VTR_OK) {
		return vtr_opts_exit_status(err);
	}
	if (isatty(STDIN_FILENO) || !options.record == !options.publish ||
	    getsockopt(job.feed_fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) {
		fprintf(stderr,
		        "vitrine mux: this command is internal: 'vitrine gpu' starts it. Run 'vitrine gpu' "
		        "instead.\n");
		return VTR_EXIT_USAGE;
	}
	if (vtr_log_create(options.log, STDERR_FILENO, NULL, &job.log) != VTR_OK) {
		return VTR_EXIT_USAGE;
	}
	/* The end of a file is written when the pictures end, not when Ctrl-C ends all processes. */
	signal(SIGINT, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	job.url = options.publish;
	err = start(&job, &options);
	if (err == VTR_OK) {
		err = serve(&job);
	}
	vtr_close(&job.file_fd);
	vtr_sound_track_destroy(job.track);
	vtr_mux_unload(job.mux);
	vtr_log_destroy(job.log);
	return err == VTR_OK ? 0 : 1;
}

const struct vtr_command vtr_cmd_mux = {
	.name = "mux",
	.args = "",
	.summary = NULL,
	.details = NULL,
	.opts = opts,
	.opt_count = VTR_ARRAY_LEN(opts),
	.ignores_sigpipe = true,
	.run = run_mux,
};
