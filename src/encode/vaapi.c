/* SPDX-License-Identifier: MIT */
#include "encode/family.h"

/* VA-API: Intel and AMD. */
static void configure(const struct vtr_av *av, const struct vtr_encoder_params *params,
                      AVCodecContext *context, AVDictionary **options)
{
	(void)params;
	(void)context;
	av->av_dict_set(options, "profile", "constrained_baseline", 0);
	av->av_dict_set(options, "async_depth", "1", 0);
	av->av_dict_set(options, "rc_mode", "CBR", 0);
	av->av_dict_set(options, "aud", "1", 0);
}

const struct vtr_encoder_family vtr_encoder_vaapi = {
	.name = "h264_vaapi",
	.device = AV_HWDEVICE_TYPE_VAAPI,
	.pixels = AV_PIX_FMT_VAAPI,
	.live_bitrate = false,
	.gop = INT16_MAX,
	.configure = configure,
};
