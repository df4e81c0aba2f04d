/* SPDX-License-Identifier: MIT */
#include "h264.h"

#include <libavcodec/avcodec.h>

#include "test.h"

struct h264 {
	AVCodecContext *context;
	AVPacket *packet;
	AVFrame *frame;
};

struct h264 *h264_create(void)
{
	struct h264 *decoder = calloc(1, sizeof(*decoder));

	CHECK(decoder != NULL);
	decoder->context = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_H264));
	decoder->packet = av_packet_alloc();
	decoder->frame = av_frame_alloc();
	CHECK(decoder->context && decoder->packet && decoder->frame);
	decoder->context->thread_count = 1;
	decoder->context->err_recognition = AV_EF_EXPLODE;
	CHECK(avcodec_open2(decoder->context, NULL, NULL) == 0);
	return decoder;
}

void h264_destroy(struct h264 *decoder)
{
	avcodec_free_context(&decoder->context);
	av_packet_free(&decoder->packet);
	av_frame_free(&decoder->frame);
	free(decoder);
}

void h264_decode(struct h264 *decoder, const uint8_t *data, size_t size, struct h264_picture *out_picture)
{
	const AVFrame *frame = decoder->frame;

	CHECK(av_new_packet(decoder->packet, (int)size) == 0);
	memcpy(decoder->packet->data, data, size);
	CHECK(avcodec_send_packet(decoder->context, decoder->packet) == 0);
	av_packet_unref(decoder->packet);
	CHECK(avcodec_receive_frame(decoder->context, decoder->frame) == 0);
	CHECK(frame->format == AV_PIX_FMT_YUV420P);
	*out_picture = (struct h264_picture){
		.width = (uint32_t)frame->width,
		.height = (uint32_t)frame->height,
		.planes = { frame->data[0], frame->data[1], frame->data[2] },
		.strides = { (size_t)frame->linesize[0], (size_t)frame->linesize[1],
		             (size_t)frame->linesize[2] },
		.key = frame->pict_type == AV_PICTURE_TYPE_I,
		.bt709_limited =
			frame->color_range == AVCOL_RANGE_MPEG && frame->colorspace == AVCOL_SPC_BT709 &&
			frame->color_primaries == AVCOL_PRI_BT709 && frame->color_trc == AVCOL_TRC_BT709,
	};
}
