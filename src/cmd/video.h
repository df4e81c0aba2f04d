/* SPDX-License-Identifier: MIT */
#ifndef CMD_VIDEO_H
#define CMD_VIDEO_H

#include <stdint.h>

#include "cmd/opts.h"
#include "display_host/host.h"

/* The options of `vitrine gpu` for the encoding and the destination of video. */
struct vtr_video_options {
	const char *encoder;
	uint32_t bitrate; /* thousands of bits per second */
	uint32_t fps;     /* 0: default */
	struct vtr_opt_list record;
	struct vtr_opt_list publish;
};

/* Rows for a table of options; `at` is the offset of the struct above. */
#define VTR_VIDEO_OPTS(at)                                                                                  \
	{ .name = "record",                                                                                 \
	  .kind = VTR_OPT_LIST,                                                                             \
	  .offset = (at) + offsetof(struct vtr_video_options, record),                                      \
	  .arg = "FILE",                                                                                    \
	  .help = "record the first display into FILE.mp4 or FILE.mkv; if the file exists, write FILE-2" }, \
		{ .name = "publish",                                                                        \
		  .kind = VTR_OPT_LIST,                                                                     \
		  .offset = (at) + offsetof(struct vtr_video_options, publish),                             \
		  .arg = "URL",                                                                             \
		  .help = "publish the first display to a media server: rtsp://, rtmp://, rtmps:// or "     \
		          "srt://" },                                                                       \
		{ .name = "encoder",                                                                        \
		  .kind = VTR_OPT_TEXT,                                                                     \
		  .offset = (at) + offsetof(struct vtr_video_options, encoder),                             \
		  .arg = "NAME",                                                                            \
		  .help = "encode video with NAME, see 'vitrine doctor'; default: the first that works" },  \
		{ .name = "bitrate",                                                                        \
		  .kind = VTR_OPT_NUMBER,                                                                   \
		  .offset = (at) + offsetof(struct vtr_video_options, bitrate),                             \
		  .arg = "N",                                                                               \
		  .help = "limit video to N thousand bits per second; default: by size, 8000 for "          \
		          "1280x800" },                                                                     \
		{ .name = "fps",                                                                            \
		  .kind = VTR_OPT_NUMBER,                                                                   \
		  .offset = (at) + offsetof(struct vtr_video_options, fps),                                 \
		  .arg = "N",                                                                               \
		  .help = "limit video to N pictures per second; default: 60" }

/**
 * Checks them, and that the encoder works if one is named, for which a process is started.
 *
 * `outputs`  is filled in, is referred to by *out_video, and must outlive it.
 * Returns: VTR_ERR_ARG (printed on stderr).
 */
VTR_MUST_CHECK enum vtr_err vtr_video_parse(const struct vtr_command *command,
                                            const struct vtr_video_options *options,
                                            struct vtr_display_output outputs[VTR_DISPLAY_MAX_OUTPUTS],
                                            struct vtr_display_video *out_video);

#endif
