/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "encode/family.h"

/*
 * libx264. "ultrafast" is what two cores that also run a VM can afford: the next preset costs half as much
 * again. "zerolatency" disables lookahead, and says in the SPS that decoders need not delay pictures. Rate
 * control targets a quality, limited by the bit rate: simple content, such as most of a desktop, takes less
 * bandwidth and CPU time.
 */
#define QUALITY "20" /* text on a desktop looks like the original */

static void configure(const struct vtr_av *av, const struct vtr_encoder_params *params,
                      AVCodecContext *context, AVDictionary **options)
{
	context->thread_count = (int)vtr_max(params->threads, 1);
	context->thread_type = FF_THREAD_SLICE;
	av->av_dict_set(options, "preset", "ultrafast", 0);
	av->av_dict_set(options, "tune", "zerolatency", 0);
	av->av_dict_set(options, "profile", "baseline", 0);
	av->av_dict_set(options, "forced-idr", "1", 0);
	av->av_dict_set(options, "crf", QUALITY, 0);
	av->av_dict_set(options, "aud", "1", 0);
	av->av_dict_set(options, "x264-params", "scenecut=0:nal-hrd=none", 0);
}

const struct vtr_encoder_family vtr_encoder_x264 = {
	.name = "libx264",
	.device = AV_HWDEVICE_TYPE_NONE,
	.pixels = AV_PIX_FMT_NV12,
	.live_bitrate = true,
	.gop = 1 << 30, /* what x264 calls infinite */
	.configure = configure,
};
