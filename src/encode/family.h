/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_FAMILY_H
#define ENCODE_FAMILY_H

#include <stdbool.h>

#include "encode/av.h"
#include "encode/encoder.h"

/* What differs between libavcodec's encoders. Each is named by itself, and configured for live pictures:
 * no reordering, one picture in and one out, no key frame that was not asked for. */
struct vtr_encoder_family {
	const char *name;
	enum AVHWDeviceType device; /* pictures are uploaded to it; NONE: they are taken from memory */
	enum AVPixelFormat pixels;
	bool live_bitrate; /* takes another one as it runs; else it is opened anew */
	int gop;           /* the longest that it can count */
	/* Sets options of its own, on top of what all have. */
	void (*configure)(const struct vtr_av *av, const struct vtr_encoder_params *params,
	                  AVCodecContext *context, AVDictionary **options);
};

extern const struct vtr_encoder_family vtr_encoder_nvenc;
extern const struct vtr_encoder_family vtr_encoder_vulkan;
extern const struct vtr_encoder_family vtr_encoder_vaapi;
extern const struct vtr_encoder_family vtr_encoder_x264;

#endif
