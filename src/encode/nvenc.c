/* SPDX-License-Identifier: MIT */
#include "encode/family.h"

/* NVIDIA's encoder. It takes pictures from memory and uploads them itself. */
static void configure(const struct vtr_av *av, const struct vtr_encoder_params *params,
                      AVCodecContext *context, AVDictionary **options)
{
	(void)params;
	(void)context;
	av->av_dict_set(options, "preset", "p3", 0);
	av->av_dict_set(options, "tune", "ull", 0);
	av->av_dict_set(options, "profile", "baseline", 0);
	av->av_dict_set(options, "rc", "cbr", 0);
	av->av_dict_set(options, "zerolatency", "1", 0);
	av->av_dict_set(options, "delay", "0", 0);
	av->av_dict_set(options, "forced-idr", "1", 0);
	av->av_dict_set(options, "aud", "1", 0);
}

const struct vtr_encoder_family vtr_encoder_nvenc = {
	.name = "h264_nvenc",
	.device = AV_HWDEVICE_TYPE_NONE,
	.pixels = AV_PIX_FMT_NV12,
	.live_bitrate = true,
	.gop = INT16_MAX,
	.configure = configure,
};
