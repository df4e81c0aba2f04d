/* SPDX-License-Identifier: MIT */
#include "encode/family.h"

/* Vulkan Video, which libavcodec supports from 7.1 on. */
static void configure(const struct vtr_av *av, const struct vtr_encoder_params *params,
                      AVCodecContext *context, AVDictionary **options)
{
	(void)params;
	(void)context;
	av->av_dict_set(options, "async_depth", "1", 0);
	av->av_dict_set(options, "rc_mode", "cbr", 0);
	av->av_dict_set(options, "tune", "ull", 0);
	av->av_dict_set(options, "usage", "stream", 0);
}

const struct vtr_encoder_family vtr_encoder_vulkan = {
	.name = "h264_vulkan",
	.device = AV_HWDEVICE_TYPE_VULKAN,
	.pixels = AV_PIX_FMT_VULKAN,
	.live_bitrate = false,
	.gop = INT16_MAX,
	.configure = configure,
};
