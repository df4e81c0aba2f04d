/* SPDX-License-Identifier: MIT */
#ifndef CMD_VIDEO_H
#define CMD_VIDEO_H

#include <stdint.h>

#include "cmd/opts.h"
#include "screen/client.h"

/* The options of `vitrine gpu` that say how video is made, and where it goes. */
struct vtr_video_options {
	const char *encoder;
	uint32_t bitrate; /* thousands of bits per second */
	uint32_t fps;     /* 0: default */
	struct vtr_opt_list record;
	struct vtr_opt_list publish;
};

/* Rows for a table of options; `at` is where the struct above lies in that which is filled in. */
#define VTR_VIDEO_OPTS(at)                                                                              \
	{ .name = "record",                                                                             \
	  .kind = VTR_OPT_LIST,                                                                         \
	  .offset = (at) + offsetof(struct vtr_video_options, record),                                  \
	  .arg = "FILE",                                                                                \
	  .help = "record the first display, as FILE.mp4 or FILE.mkv; a file that exists stays, and "   \
		  "FILE-2 is made" },                                                                   \
		{ .name = "publish",                                                                    \
		  .kind = VTR_OPT_LIST,                                                                 \
		  .offset = (at) + offsetof(struct vtr_video_options, publish),                         \
		  .arg = "URL",                                                                         \
		  .help = "send the first display to a media server: rtsp://, rtmp://, rtmps:// or "    \
		          "srt://" },                                                                   \
		{ .name = "encoder",                                                                    \
		  .kind = VTR_OPT_TEXT,                                                                 \
		  .offset = (at) + offsetof(struct vtr_video_options, encoder),                         \
		  .arg = "NAME",                                                                        \
		  .help = "code video with this; 'vitrine doctor' lists them; default: the first that " \
		          "works" },                                                                    \
		{ .name = "bitrate",                                                                    \
		  .kind = VTR_OPT_NUMBER,                                                               \
		  .offset = (at) + offsetof(struct vtr_video_options, bitrate),                         \
		  .arg = "N",                                                                           \
		  .help = "thousands of bits per second of video at most; default: by size, 8000 for "  \
		          "1280x800" },                                                                 \
		{ .name = "fps",                                                                        \
		  .kind = VTR_OPT_NUMBER,                                                               \
		  .offset = (at) + offsetof(struct vtr_video_options, fps),                             \
		  .arg = "N",                                                                           \
		  .help = "pictures per second of video at most; default: 60" }

/**
 * Checks them, and that the encoder works if one is named, for which a process is started.
 *
 * `outputs` gets what *out_video refers to, and must outlive it.
 * Returns:  VTR_ERR_ARG, and has said on stderr why.
 */
VTR_MUST_CHECK enum vtr_err vtr_video_parse(const struct vtr_command *command,
                                            const struct vtr_video_options *options,
                                            struct vtr_screen_output outputs[VTR_SCREEN_MAX_OUTPUTS],
                                            struct vtr_screen_video *out_video);

#endif
