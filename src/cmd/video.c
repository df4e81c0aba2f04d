/* SPDX-License-Identifier: MIT */
#include "cmd/video.h"

#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "cmd/child.h"
#include "encode/mux.h"
#include "platform/proc.h"

#define DEFAULT_FPS 60
#define MAX_FPS 240
#define MIN_KBITS 100
#define MAX_KBITS 400000

/* Its driver is loaded by another process: this one has to live. */
static enum vtr_err check_encoder(const struct vtr_command *command, const char *name)
{
	char program[PATH_MAX];
	char text[64];
	char child[] = "encoder";
	char option[] = "--name";
	enum vtr_err err = vtr_os_self_path(program, sizeof(program));
	char *argv[] = { program, child, option, (char *)name, NULL };

	if (err == VTR_OK) {
		err = vtr_child_run(argv, NULL, text, sizeof(text));
	}
	if (err != VTR_OK) {
		fprintf(stderr,
		        "vitrine %s: --encoder %s does not work here; 'vitrine doctor' lists those "
		        "that do\n",
		        command->name, name);
		return VTR_ERR_ARG;
	}
	return VTR_OK;
}

static enum vtr_err add_outputs(const struct vtr_command *command, const struct vtr_opt_list *list,
                                bool is_url, struct vtr_screen_output *outputs, size_t *count)
{
	enum vtr_mux_kind kind;

	for (size_t i = 0; i < list->count; i++) {
		const char *target = list->items[i];
		enum vtr_err err = is_url ? vtr_mux_kind_of_url(target, &kind) :
		                            vtr_mux_kind_of_file(target, &kind);
		if (err != VTR_OK) {
			fprintf(stderr, "vitrine %s: cannot %s '%s'; give %s\n", command->name,
			        is_url ? "publish to" : "record to", target,
			        is_url ? "a URL that begins with rtsp://, rtmp://, rtmps:// or srt://" :
			                 "a name that ends in .mp4 or .mkv");
			return VTR_ERR_ARG;
		}
		if (*count == VTR_SCREEN_MAX_OUTPUTS) {
			fprintf(stderr, "vitrine %s: at most %d times --record and --publish\n",
			        command->name, VTR_SCREEN_MAX_OUTPUTS);
			return VTR_ERR_ARG;
		}
		outputs[(*count)++] = (struct vtr_screen_output){ .target = target, .is_url = is_url };
	}
	return VTR_OK;
}

enum vtr_err vtr_video_parse(const struct vtr_command *command, const struct vtr_video_options *options,
                             struct vtr_screen_output outputs[VTR_SCREEN_MAX_OUTPUTS],
                             struct vtr_screen_video *out_video)
{
	struct vtr_screen_video video = {
		.encoder = options->encoder,
		.bitrate = options->bitrate * 1000,
		.fps = options->fps == 0 ? DEFAULT_FPS : options->fps,
		.outputs = outputs,
	};

	if (options->bitrate != 0 && (options->bitrate < MIN_KBITS || options->bitrate > MAX_KBITS)) {
		fprintf(stderr, "vitrine %s: --bitrate is %d to %d thousand bits per second\n", command->name,
		        MIN_KBITS, MAX_KBITS);
		return VTR_ERR_ARG;
	}
	if (video.fps > MAX_FPS) {
		fprintf(stderr, "vitrine %s: --fps is at most %d\n", command->name, MAX_FPS);
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
