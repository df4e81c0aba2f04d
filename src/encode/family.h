/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_FAMILY_H
#define ENCODE_FAMILY_H

#include <stdbool.h>

#include "encode/av.h"
#include "encode/encoder.h"

/* What differs between libavcodec's encoders. Each has its own name, and is configured for live pictures: no
 * reordering, one picture in and one out, key frames only on demand. */
struct vtr_encoder_family {
	const char *name;
	enum AVHWDeviceType device; /* pictures are uploaded to it; NONE: they are read from memory */
	enum AVPixelFormat pixels;
	bool live_bitrate; /* the bit rate can change while it runs; otherwise it is reopened */
	bool holds; /* units may come only when more pictures go in (VTR_ERR_AGAIN of vtr_encoder_encode()) */
	int gop; /* the longest group of pictures that it supports */
	/* Sets options of its own, in addition to the common ones. */
	void (*configure)(const struct vtr_av *av, const struct vtr_encoder_params *params,
	                  AVCodecContext *context, AVDictionary **options);
};

extern const struct vtr_encoder_family vtr_encoder_nvenc;
extern const struct vtr_encoder_family vtr_encoder_vulkan;
extern const struct vtr_encoder_family vtr_encoder_vaapi;
extern const struct vtr_encoder_family vtr_encoder_videotoolbox;
extern const struct vtr_encoder_family vtr_encoder_x264;

#endif
