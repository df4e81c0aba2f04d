/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "encode"
#include "encode/encoder.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/codec.h"
#include "encode/h264_sps.h"
#include "platform/thread.h"

/*
 * The size of a picture is limited by the decoder's buffer: one second's bits divided by this. A key frame
 * may take all of it, which is the delay that it causes on a line of exactly the bit rate. With a buffer of
 * two pictures the key frame of a page of text is blurred (22 dB at 1280x800 and 8 Mbit/s) and one refinement
 * does not sharpen it; with this buffer it is sharp (41 dB, 108 kB).
 */
#define BUFFER_PARTS 4
#define WHY_BYTES 120
/* Between pictures that are encoded to see whether the encoder works, if it holds units back. A session of hardware
 * takes some 100 ms to start. */
#define PROVE_MS 50

struct vtr_encoder {
	struct vtr_encoder_params params;
	const struct vtr_encoder_family *family;
	const struct vtr_av *av;
	AVCodecContext *context;
	AVBufferRef *frames; /* pictures are uploaded to these; NULL: they are read from memory */
	AVFrame *frame;
	AVPacket *packet;
	int64_t count; /* pictures since it was opened */
	int64_t first; /* the number of the first of these */
	int64_t last; /* the picture, counted like these, of the last unit; -1: none yet */
	bool needs_key; /* no key frame was encoded since it was opened */
	bool reopen; /* for another bit rate */
};

/* --- access units ------------------------------------------------------------------------------------ */

static enum vtr_err make_unit(const struct vtr_encoder *encoder, struct vtr_access_unit **out_unit)
{
	const AVPacket *packet = encoder->packet;
	const struct vtr_h264_rates rates = { encoder->params.fps, encoder->params.bitrate };
	const bool key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
	struct vtr_access_unit *unit =
		malloc(sizeof(*unit) + (size_t)packet->size + (key ? VTR_H264_SPS_GROWTH : 0));

	if (!unit) {
		return VTR_ERR_NOMEM;
	}
	*unit = (struct vtr_access_unit){
		.coded_ns = vtr_os_now_ns(),
		.width = encoder->params.width,
		.height = encoder->params.height,
		.key = key,
		.number = (uint64_t)(encoder->first + encoder->last),
		.size = (size_t)packet->size,
	};
	atomic_init(&unit->refs, 1);
	if (key) {
		unit->size = vtr_h264_copy_live(packet->data, (size_t)packet->size, &rates, unit->data);
	} else {
		memcpy(unit->data, packet->data, unit->size);
	}
	*out_unit = unit;
	return VTR_OK;
}

/* --- opening ----------------------------------------------------------------------------------------- */

static void set_rate(const struct vtr_encoder *encoder)
{
	const struct vtr_encoder_params *params = &encoder->params;
	AVCodecContext *context = encoder->context;

	context->bit_rate = params->bitrate;
	context->rc_max_rate = params->bitrate;
	context->rc_buffer_size = (int)(params->bitrate / BUFFER_PARTS);
}

static void configure(const struct vtr_encoder *encoder, AVDictionary **options)
{
	const struct vtr_encoder_params *params = &encoder->params;
	AVCodecContext *context = encoder->context;

	context->width = (int)(params->width + 1) & ~1;
	context->height = (int)(params->height + 1) & ~1;
	context->pix_fmt = encoder->family->pixels;
	/* The time base only counts pictures; their times are passed separately. */
	context->time_base = (AVRational){ 1, (int)params->fps };
	context->framerate = (AVRational){ (int)params->fps, 1 };
	context->gop_size = encoder->family->gop;
	context->max_b_frames = 0;
	context->refs = 1;
	context->color_range = AVCOL_RANGE_MPEG;
	context->color_primaries = AVCOL_PRI_BT709;
	context->color_trc = AVCOL_TRC_BT709;
	context->colorspace = AVCOL_SPC_BT709;
	context->chroma_sample_location = AVCHROMA_LOC_CENTER;
	context->flags |= AV_CODEC_FLAG_LOW_DELAY;
	set_rate(encoder);
	encoder->family->configure(encoder->av, params, context, options);
}

/* Allocates device memory for pictures of this size. Returns: 0, or an error of libavcodec. */
static int make_frames(struct vtr_encoder *encoder)
{
	const struct vtr_av *av = encoder->av;

	encoder->frames = av->av_hwframe_ctx_alloc(encoder->params.codec->device);
	if (!encoder->frames) {
		return AVERROR(ENOMEM);
	}
	AVHWFramesContext *frames = (AVHWFramesContext *)(void *)encoder->frames->data;
	frames->format = encoder->family->pixels;
	frames->sw_format = AV_PIX_FMT_NV12;
	frames->width = encoder->context->width;
	frames->height = encoder->context->height;
	frames->initial_pool_size = 4;
	int result = av->av_hwframe_ctx_init(encoder->frames);
	if (result < 0) {
		return result;
	}
	encoder->context->hw_frames_ctx = av->av_buffer_ref(encoder->frames);
	return encoder->context->hw_frames_ctx ? 0 : AVERROR(ENOMEM);
}

static void close_context(struct vtr_encoder *encoder)
{
	encoder->av->avcodec_free_context(&encoder->context);
	encoder->av->av_buffer_unref(&encoder->frames);
}

/* Returns: 0, or an error of libavcodec. */
static int open_context(struct vtr_encoder *encoder)
{
	const struct vtr_av *av = encoder->av;
	const AVCodec *codec = av->avcodec_find_encoder_by_name(encoder->family->name);
	AVDictionary *options = NULL;
	int result = 0;

	encoder->needs_key = true;
	encoder->first += encoder->count;
	encoder->count = 0;
	encoder->last = -1;
	encoder->context = codec ? av->avcodec_alloc_context3(codec) : NULL;
	if (!encoder->context) {
		return codec ? AVERROR(ENOMEM) : AVERROR_ENCODER_NOT_FOUND;
	}
	configure(encoder, &options);
	if (encoder->family->device != AV_HWDEVICE_TYPE_NONE) {
		result = make_frames(encoder);
	}
	if (result == 0) {
		result = av->avcodec_open2(encoder->context, codec, &options);
	}
	av->av_dict_free(&options);
	return result < 0 ? result : 0;
}

/* --- coding ------------------------------------------------------------------------------------------ */

static void leave_memory(void *opaque, uint8_t *data)
{
	(void)opaque;
	(void)data;
}

/* Makes encoder->frame refer to the picture's memory. Returns: 0, or an error of libavcodec. */
static int wrap_picture(const struct vtr_encoder *encoder, const struct vtr_yuv *picture)
{
	const struct vtr_av *av = encoder->av;
	AVFrame *frame = encoder->frame;
	size_t rows = (picture->height + 1) / 2;

	frame->format = AV_PIX_FMT_NV12;
	frame->width = encoder->context->width;
	frame->height = encoder->context->height;
	frame->color_range = encoder->context->color_range;
	frame->color_primaries = encoder->context->color_primaries;
	frame->color_trc = encoder->context->color_trc;
	frame->colorspace = encoder->context->colorspace;
	frame->chroma_location = encoder->context->chroma_sample_location;
	frame->data[0] = picture->y;
	frame->data[1] = picture->uv;
	frame->linesize[0] = (int)picture->y_stride;
	frame->linesize[1] = (int)picture->uv_stride;
	if (encoder->family->holds) {
		return 0; /* without an owner the library copies the memory, which may be reused before it is read */
	}
	frame->buf[0] = av->av_buffer_create(picture->y, picture->y_stride * rows * 2, leave_memory, NULL,
	                                     AV_BUFFER_FLAG_READONLY);
	frame->buf[1] = av->av_buffer_create(picture->uv, picture->uv_stride * rows, leave_memory, NULL,
	                                     AV_BUFFER_FLAG_READONLY);
	return frame->buf[0] && frame->buf[1] ? 0 : AVERROR(ENOMEM);
}

static int send_frame(const struct vtr_encoder *encoder, AVFrame *frame, bool key)
{
	frame->pts = encoder->count;
	frame->pict_type = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
	return encoder->av->avcodec_send_frame(encoder->context, frame);
}

/* Sends the picture in encoder->frame through the device's memory. */
static int upload(const struct vtr_encoder *encoder, bool key)
{
	const struct vtr_av *av = encoder->av;
	AVFrame *frame = av->av_frame_alloc();

	if (!frame) {
		return AVERROR(ENOMEM);
	}
	int result = av->av_hwframe_get_buffer(encoder->frames, frame, 0);
	if (result >= 0) {
		result = av->av_hwframe_transfer_data(frame, encoder->frame, 0);
	}
	if (result >= 0) {
		result = send_frame(encoder, frame, key);
	}
	av->av_frame_free(&frame);
	return result;
}

/* Encodes one picture into encoder->packet. Returns: 0, or an error of libavcodec; AVERROR(EAGAIN): the unit is held
 * back. */
static int code(struct vtr_encoder *encoder, const struct vtr_yuv *picture, bool key)
{
	int result = wrap_picture(encoder, picture);

	if (result >= 0) {
		result = encoder->frames ? upload(encoder, key) : send_frame(encoder, encoder->frame, key);
	}
	encoder->av->av_frame_unref(encoder->frame);
	encoder->count++;
	if (result < 0) {
		return result;
	}
	encoder->needs_key = encoder->needs_key && !key;
	result = encoder->av->avcodec_receive_packet(encoder->context, encoder->packet);
	if (result == 0) {
		encoder->last = encoder->family->holds ? encoder->packet->pts : encoder->count - 1;
	}
	return result < 0 ? result : 0;
}

/* Returns: whether the encoder may hold this unit back. */
static bool may_hold(const struct vtr_encoder *encoder, int result)
{
	return result == AVERROR(EAGAIN) && encoder->family->holds &&
	       encoder->count - 1 - encoder->last <= VTR_ENCODER_MAX_HELD;
}

/* Encodes a grey picture, which is discarded, to find out whether the encoder works. */
static int prove(struct vtr_encoder *encoder)
{
	size_t stride = vtr_align_up(encoder->params.width, 64);
	size_t rows = (encoder->params.height + 1) / 2;
	uint8_t *memory = malloc(stride * rows * 3);

	if (!memory) {
		return AVERROR(ENOMEM);
	}
	memset(memory, 128, stride * rows * 3);
	const struct vtr_yuv picture = {
		.width = encoder->params.width,
		.height = encoder->params.height,
		.y = memory,
		.uv = memory + stride * rows * 2,
		.y_stride = stride,
		.uv_stride = stride,
	};
	int result = code(encoder, &picture, true);
	while (may_hold(encoder, result)) {
		(void)poll(NULL, 0, PROVE_MS);
		result = code(encoder, &picture, false);
	}
	encoder->av->av_packet_unref(encoder->packet);
	free(memory);
	return result;
}

/* Begins anew behind the pictures of prove(). Opens the encoder anew if it may hold some of them back. */
static int forget_proof(struct vtr_encoder *encoder)
{
	int result = 0;

	if (encoder->family->holds) {
		close_context(encoder);
		result = open_context(encoder);
	}
	encoder->first = -encoder->count;
	encoder->needs_key = true;
	return result;
}

/* --- the interface ----------------------------------------------------------------------------------- */

static enum vtr_err meaning(int result)
{
	return result == AVERROR(ENOMEM) ? VTR_ERR_NOMEM : VTR_ERR_UNSUPPORTED;
}

static void explain(const struct vtr_encoder *encoder, int result, char *why, size_t size)
{
	if (result == AVERROR(EAGAIN)) {
		snprintf(why, size, "it holds pictures back");
	} else {
		vtr_av_explain(encoder->av, result, why, size);
	}
}

enum vtr_err vtr_encoder_try(const struct vtr_encoder_params *params, const struct vtr_encoder_family *family,
                             char *why, size_t why_size, struct vtr_encoder **out_encoder)
{
	struct vtr_encoder *encoder = calloc(1, sizeof(*encoder));

	if (!encoder) {
		return VTR_ERR_NOMEM;
	}
	encoder->params = *params;
	encoder->family = family;
	encoder->av = &params->codec->av;
	encoder->frame = encoder->av->av_frame_alloc();
	encoder->packet = encoder->av->av_packet_alloc();
	int result = encoder->frame && encoder->packet ? open_context(encoder) : AVERROR(ENOMEM);
	if (result == 0) {
		result = prove(encoder);
	}
	if (result == 0) {
		result = forget_proof(encoder);
	}
	if (result < 0) {
		explain(encoder, result, why, why_size);
		vtr_encoder_destroy(encoder);
		return meaning(result);
	}
	*out_encoder = encoder;
	return VTR_OK;
}

enum vtr_err vtr_encoder_create(const struct vtr_encoder_params *params, struct vtr_encoder **out_encoder)
{
	const struct vtr_encoder_family *family = params->codec->family;
	char why[WHY_BYTES];
	enum vtr_err err = vtr_encoder_try(params, family, why, sizeof(why), out_encoder);

	if (err == VTR_ERR_UNSUPPORTED && !params->codec->named && family != &vtr_encoder_x264) {
		vtr_warn_limited(params->log, "%s does not take pictures of %ux%u (%s), so libx264 does",
		                 family->name, params->width, params->height, why);
		err = vtr_encoder_try(params, &vtr_encoder_x264, why, sizeof(why), out_encoder);
	}
	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_warn_limited(params->log, "no encoder takes pictures of %ux%u: %s", params->width,
		                 params->height, why);
	}
	return err;
}

void vtr_encoder_destroy(struct vtr_encoder *encoder)
{
	if (!encoder) {
		return;
	}
	close_context(encoder);
	encoder->av->av_frame_free(&encoder->frame);
	encoder->av->av_packet_free(&encoder->packet);
	free(encoder);
}

const char *vtr_encoder_name(const struct vtr_encoder *encoder)
{
	return encoder->family->name;
}

void vtr_encoder_set_bitrate(struct vtr_encoder *encoder, uint32_t bitrate)
{
	if (bitrate == encoder->params.bitrate) {
		return;
	}
	encoder->params.bitrate = bitrate;
	if (encoder->family->live_bitrate) {
		set_rate(encoder);
	} else {
		encoder->reopen = true;
	}
}

enum vtr_err vtr_encoder_encode(struct vtr_encoder *encoder, const struct vtr_yuv *picture, bool key,
                                struct vtr_access_unit **out_unit)
{
	int result = 0;
	char why[WHY_BYTES];

	vtr_assert(picture->width == encoder->params.width && picture->height == encoder->params.height);
	if (encoder->reopen) {
		encoder->reopen = false;
		close_context(encoder);
		result = open_context(encoder);
	}
	if (result == 0) {
		result = code(encoder, picture, key || encoder->needs_key);
	}
	if (may_hold(encoder, result)) {
		return VTR_ERR_AGAIN;
	}
	if (result < 0) {
		explain(encoder, result, why, sizeof(why));
		vtr_warn_limited(encoder->params.log, "%s has broken down: %s", encoder->family->name, why);
		return meaning(result);
	}
	enum vtr_err err = make_unit(encoder, out_unit);
	encoder->av->av_packet_unref(encoder->packet);
	encoder->needs_key = encoder->needs_key || err != VTR_OK;
	return err;
}
