/* SPDX-License-Identifier: MIT */
#include "encode/family.h"

/*
 * Apple's VideoToolbox. AV_CODEC_FLAG_LOW_DELAY, which all encoders have, selects its low-latency rate control: one
 * picture in, one out, without reordering. libavcodec turns its length-prefixed NAL units into Annex B, with SPS and
 * PPS in front of key frames, as AV_CODEC_FLAG_GLOBAL_HEADER is not set. It collects what is finished only when the
 * next picture goes in, so a unit may be held back until then. It uploads pictures from memory itself.
 *
 * A session in software is not allowed: libx264 is the better one then.
 */
static void configure(const struct vtr_av *av, const struct vtr_encoder_params *params,
                      AVCodecContext *context, AVDictionary **options)
{
	(void)params;
	(void)context;
	/* A version of libavcodec that does not know an option leaves it out. */
	av->av_dict_set(options, "profile", "constrained_baseline", 0);
	av->av_dict_set(options, "realtime", "1", 0);
	av->av_dict_set(options, "prio_speed", "1", 0);
	av->av_dict_set(options, "allow_sw", "0", 0);
	av->av_dict_set(options, "max_ref_frames", "1", 0);
}

const struct vtr_encoder_family vtr_encoder_videotoolbox = {
	.name = "h264_videotoolbox",
	.device = AV_HWDEVICE_TYPE_NONE,
	.pixels = AV_PIX_FMT_NV12,
	.live_bitrate = false,
	.holds = true,
	.gop = INT16_MAX,
	.configure = configure,
};
