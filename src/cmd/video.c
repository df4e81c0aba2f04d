/* SPDX-License-Identifier: MIT */
#include "cmd/video.h"

#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "encode/encoder.h"
#include "encode/mux.h"
#include "platform/proc.h"
#include "screen/stream.h"

#define DEFAULT_FPS 60
#define MIN_KBITS (VTR_STREAM_MIN_BITRATE / 1000)
#define MAX_KBITS (VTR_STREAM_MAX_BITRATE / 1000)

/* Its driver is loaded by a separate process, since it may crash. */
static enum vtr_err check_encoder(const struct vtr_command *command, const char *name)
{
	char program[PATH_MAX];
	char text[64];
	char child[] = "encoder";
	char option[] = "--name";
	enum vtr_err err = vtr_os_self_path(program, sizeof(program));
	char *argv[] = { program, child, option, (char *)name, NULL };

	if (err == VTR_OK) {
		err = vtr_child_run(argv, NULL, -1, text, sizeof(text));
	}
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine %s: encoder %s does not work on this host. Choose one that 'vitrine doctor' "
		        "lists as ok, or leave out --encoder\n",
		        command->name, name);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err add_outputs(const struct vtr_command *command, const struct vtr_opt_list *list,
                                bool is_url, struct vtr_display_output *outputs, size_t *count)
{
	enum vtr_mux_kind kind;

	for (size_t i = 0; i < list->count; i++) {
		const char *target = list->items[i];
		enum vtr_err err = is_url ? vtr_mux_kind_of_url(target, &kind) :
		                            vtr_mux_kind_of_file(target, &kind);
		if (err != VTR_OK) {
			fprintf(stderr, "vitrine %s: cannot %s '%s': the format is unknown. Give %s\n",
			        command->name, is_url ? "publish to" : "record to", target,
			        is_url ? "a URL that begins with rtsp://, rtmp://, rtmps:// or srt://" :
			                 "a name that ends in .mp4 or .mkv");
			return VTR_ERR_ARG;
		}
		if (*count == VTR_DISPLAY_MAX_OUTPUTS) {
			fprintf(stderr,
			        "vitrine %s: too many recordings and servers: --record and --publish work at "
			        "most %d "
			        "times together. Leave some out\n",
			        command->name, VTR_DISPLAY_MAX_OUTPUTS);
			return VTR_ERR_ARG;
		}
		outputs[(*count)++] = (struct vtr_display_output){ .target = target, .is_url = is_url };
	}
	return VTR_OK;
}

enum vtr_err vtr_video_parse(const struct vtr_command *command, const struct vtr_video_options *options,
                             struct vtr_display_output outputs[VTR_DISPLAY_MAX_OUTPUTS],
                             struct vtr_display_video *out_video)
{
	struct vtr_display_video video = {
		.encoder = options->encoder,
		.bitrate = options->bitrate * 1000,
		.fps = options->fps == 0 ? DEFAULT_FPS : options->fps,
		.outputs = outputs,
	};

	if (!vtr_encoder_is_built() &&
	    (options->encoder || options->record.count > 0 || options->publish.count > 0)) {
		fprintf(stderr,
		        "vitrine %s: --encoder, --record and --publish need video encoders, and this vitrine "
		        "was built "
		        "without. Leave the option out, or build vitrine with 'meson configure "
		        "-Dencode=enabled'.\n",
		        command->name);
		return VTR_ERR_ARG;
	}
	if (options->bitrate != 0 && (options->bitrate < MIN_KBITS || options->bitrate > MAX_KBITS)) {
		fprintf(stderr,
		        "vitrine %s: --bitrate is out of range. Give %u to %u, in thousands of bits per "
		        "second\n",
		        command->name, MIN_KBITS, MAX_KBITS);
		return VTR_ERR_ARG;
	}
	if (video.fps > VTR_STREAM_MAX_FPS) {
		fprintf(stderr, "vitrine %s: --fps is too large. Give at most %u\n", command->name,
		        VTR_STREAM_MAX_FPS);
		return VTR_ERR_ARG;
	}
	enum vtr_err err = add_outputs(command, &options->record, false, outputs, &video.output_count);
	if (err == VTR_OK) {
		err = add_outputs(command, &options->publish, true, outputs, &video.output_count);
	}
	if (err == VTR_OK && options->encoder) {
		err = check_encoder(command, options->encoder);
	}
	if (err == VTR_OK) {
		*out_video = video;
	}
	return err;
}
