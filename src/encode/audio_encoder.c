/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "encode"
#include "encode/audio_encoder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "encode/av.h"

#define NS_PER_S INT64_C(1000000000)
#define WHY_BYTES 120
/* Opus: music without audible loss. AAC needs a little more for that. */
#define OPUS_BITRATE 112000
#define AAC_BITRATE 160000
/* Of 0 to 10. Above, a tone takes 40 % more CPU time at once, and at this bitrate music, tones and noise come out as
 * far from what went in as before. */
#define OPUS_COMPLEXITY 4
#define OPUS_SAMPLES 960
#define AAC_SAMPLES 1024
#define MAX_SAMPLES 1024
/* Frames that an encoder may hold back; AAC's holds one. */
#define MAX_HELD 4
/* Times may differ by this much from the count of samples. */
#define SLACK_NS INT64_C(5000000)

struct vtr_audio_encoder {
	struct vtr_log *log;
	enum vtr_audio_codec codec;
	struct vtr_av av;
	AVCodecContext *context;
	AVFrame *frame;
	AVPacket *packet;
	uint32_t number;
	int64_t time_ns; /* of the first sample that waits */
	int64_t next_ns; /* expected for the next samples */
	size_t count; /* samples that wait */
	int64_t fed; /* samples that the library got */
	int64_t held_ns[MAX_HELD]; /* the times of frames that it has not given back as packets */
	size_t held;
	int16_t waiting[MAX_SAMPLES * VTR_AUDIO_ENCODER_CHANNELS];
	float planes[VTR_AUDIO_ENCODER_CHANNELS][MAX_SAMPLES]; /* for encoders that take floating point */
};

static const struct {
	const char *name;
	enum AVSampleFormat format;
	int64_t bitrate;
	size_t samples;
} codecs[] = {
	[VTR_AUDIO_OPUS] = { "libopus", AV_SAMPLE_FMT_S16, OPUS_BITRATE, OPUS_SAMPLES },
	[VTR_AUDIO_AAC] = { "aac", AV_SAMPLE_FMT_FLTP, AAC_BITRATE, AAC_SAMPLES },
};

/* Returns: 0, or an error of libavcodec. */
static int open_context(struct vtr_audio_encoder *encoder)
{
	const struct vtr_av *av = &encoder->av;
	const AVCodec *codec = av->avcodec_find_encoder_by_name(codecs[encoder->codec].name);
	AVDictionary *options = NULL;

	encoder->context = codec ? av->avcodec_alloc_context3(codec) : NULL;
	if (!encoder->context) {
		return codec ? AVERROR(ENOMEM) : AVERROR_ENCODER_NOT_FOUND;
	}
	AVCodecContext *context = encoder->context;
	context->sample_rate = VTR_AUDIO_ENCODER_RATE;
	context->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
	context->sample_fmt = codecs[encoder->codec].format;
	context->bit_rate = codecs[encoder->codec].bitrate;
	context->time_base = (AVRational){ 1, VTR_AUDIO_ENCODER_RATE };
	context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
	if (encoder->codec == VTR_AUDIO_OPUS) {
		context->compression_level = OPUS_COMPLEXITY;
		av->av_dict_set(&options, "application", "lowdelay", 0);
		av->av_dict_set(&options, "frame_duration", "20", 0);
		av->av_dict_set(&options, "vbr", "constrained", 0);
	}
	int result = av->avcodec_open2(context, codec, &options);
	av->av_dict_free(&options);
	if (result >= 0 && context->frame_size != (int)codecs[encoder->codec].samples) {
		result = AVERROR_BUG;
	}
	if (result < 0) {
		av->avcodec_free_context(&encoder->context);
	}
	return result < 0 ? result : 0;
}

static enum vtr_err fail(struct vtr_audio_encoder *encoder, int result)
{
	char why[WHY_BYTES];

	if (result == AVERROR(ENOMEM)) {
		return VTR_ERR_NOMEM;
	}
	vtr_av_explain(&encoder->av, result, why, sizeof(why));
	vtr_warn_limited(encoder->log, "cannot encode sound: %s: %s", codecs[encoder->codec].name, why);
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_audio_encoder_create(struct vtr_log *log, enum vtr_audio_codec codec,
                                      struct vtr_audio_encoder **out_encoder)
{
	struct vtr_audio_encoder *encoder = calloc(1, sizeof(*encoder));
	char why[WHY_BYTES];

	if (!encoder) {
		return VTR_ERR_NOMEM;
	}
	encoder->log = log;
	encoder->codec = codec;
	enum vtr_err err = vtr_av_load(&encoder->av, why, sizeof(why));
	if (err != VTR_OK) {
		vtr_warn(log, "cannot encode sound: %s. Pictures are not affected", why);
		free(encoder);
		return err;
	}
	encoder->frame = encoder->av.av_frame_alloc();
	encoder->packet = encoder->av.av_packet_alloc();
	err = encoder->frame && encoder->packet ? VTR_OK : VTR_ERR_NOMEM;
	if (err == VTR_OK) {
		int result = open_context(encoder);
		err = result < 0 ? fail(encoder, result) : VTR_OK;
	}
	if (err != VTR_OK) {
		vtr_audio_encoder_destroy(encoder);
		return err;
	}
	*out_encoder = encoder;
	return VTR_OK;
}

void vtr_audio_encoder_destroy(struct vtr_audio_encoder *encoder)
{
	if (!encoder) {
		return;
	}
	encoder->av.avcodec_free_context(&encoder->context);
	encoder->av.av_frame_free(&encoder->frame);
	encoder->av.av_packet_free(&encoder->packet);
	vtr_av_unload(&encoder->av);
	free(encoder);
}

void vtr_audio_encoder_describe(const struct vtr_audio_encoder *encoder, struct vtr_audio_format *out_format)
{
	*out_format = (struct vtr_audio_format){
		.codec = encoder->codec,
		.bitrate = (uint32_t)codecs[encoder->codec].bitrate,
		.packet_samples = (uint32_t)codecs[encoder->codec].samples,
		.padding = (uint32_t)encoder->context->initial_padding,
		.config = encoder->context->extradata,
		.config_size = (size_t)encoder->context->extradata_size,
	};
}

/* --- coding ------------------------------------------------------------------------------------------ */

static int64_t to_ns(int64_t samples)
{
	return samples * NS_PER_S / VTR_AUDIO_ENCODER_RATE;
}

static void point_frame(struct vtr_audio_encoder *encoder, size_t samples)
{
	AVFrame *frame = encoder->frame;

	frame->nb_samples = (int)samples;
	frame->format = codecs[encoder->codec].format;
	frame->sample_rate = VTR_AUDIO_ENCODER_RATE;
	frame->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
	frame->pts = encoder->fed;
	if (codecs[encoder->codec].format == AV_SAMPLE_FMT_S16) {
		frame->data[0] = (uint8_t *)encoder->waiting;
		frame->linesize[0] =
			(int)(samples * sizeof(encoder->waiting[0]) * VTR_AUDIO_ENCODER_CHANNELS);
	} else {
		for (size_t c = 0; c < VTR_AUDIO_ENCODER_CHANNELS; c++) {
			for (size_t i = 0; i < samples; i++) {
				encoder->planes[c][i] = encoder->waiting[i * VTR_AUDIO_ENCODER_CHANNELS + c] /
				                        32768.0f;
			}
			frame->data[c] = (uint8_t *)encoder->planes[c];
		}
		frame->linesize[0] = (int)(samples * sizeof(encoder->planes[0][0]));
	}
	frame->extended_data = frame->data;
}

/* Encodes what waits. Returns: 0, AVERROR(EAGAIN), or an error of libavcodec. */
static int code(struct vtr_audio_encoder *encoder)
{
	const struct vtr_av *av = &encoder->av;

	if (encoder->held == MAX_HELD) {
		return AVERROR_BUG;
	}
	point_frame(encoder, codecs[encoder->codec].samples);
	encoder->held_ns[encoder->held++] = encoder->time_ns;
	encoder->fed += encoder->frame->nb_samples;
	encoder->count = 0;
	/* The library copies the samples, since the frame does not own them. */
	int result = av->avcodec_send_frame(encoder->context, encoder->frame);
	return result < 0 ? result : av->avcodec_receive_packet(encoder->context, encoder->packet);
}

static enum vtr_err make_packet(struct vtr_audio_encoder *encoder, struct vtr_audio_packet **out_packet)
{
	const AVPacket *coded = encoder->packet;
	struct vtr_audio_packet *packet = NULL;
	enum vtr_err err = VTR_ERR_AGAIN;

	if (coded->size > 0 && coded->size <= VTR_AUDIO_MAX_PACKET) {
		packet = malloc(sizeof(*packet) + (size_t)coded->size);
		err = packet ? VTR_OK : VTR_ERR_NOMEM;
	}
	if (packet) {
		*packet = (struct vtr_audio_packet){
			.number = encoder->number++,
			.time_ns = encoder->held_ns[0] - to_ns(encoder->context->initial_padding),
			.size = (size_t)coded->size,
		};
		atomic_init(&packet->refs, 1);
		memcpy(packet->data, coded->data, packet->size);
		*out_packet = packet;
	}
	encoder->held--;
	memmove(encoder->held_ns, encoder->held_ns + 1, encoder->held * sizeof(encoder->held_ns[0]));
	encoder->av.av_packet_unref(encoder->packet);
	return err;
}

/* Returns: as vtr_audio_encoder_encode(). */
static enum vtr_err finish_packet(struct vtr_audio_encoder *encoder, struct vtr_audio_packet **out_packet)
{
	const int result = code(encoder);

	if (result == AVERROR(EAGAIN)) {
		return VTR_ERR_AGAIN;
	}
	return result < 0 ? fail(encoder, result) : make_packet(encoder, out_packet);
}

/* Appends to what waits. Returns: how many samples fitted. */
static size_t append(struct vtr_audio_encoder *encoder, const int16_t *samples, size_t count)
{
	const size_t fits = vtr_min(count, codecs[encoder->codec].samples - encoder->count);

	memcpy(encoder->waiting + encoder->count * VTR_AUDIO_ENCODER_CHANNELS, samples,
	       fits * VTR_AUDIO_ENCODER_CHANNELS * sizeof(samples[0]));
	encoder->count += fits;
	return fits;
}

enum vtr_err vtr_audio_encoder_encode(struct vtr_audio_encoder *encoder, int64_t time_ns,
                                      const int16_t *samples, size_t count,
                                      struct vtr_audio_packet **out_packet)
{
	const int64_t off_ns = time_ns - encoder->next_ns;

	vtr_assert(count < OPUS_SAMPLES);
	if (off_ns > SLACK_NS || off_ns < -SLACK_NS) {
		encoder->count = 0;
	}
	if (encoder->count == 0) {
		encoder->time_ns = time_ns;
	}
	encoder->next_ns = time_ns + to_ns((int64_t)count);
	const size_t fits = append(encoder, samples, count);
	if (encoder->count < codecs[encoder->codec].samples) {
		return VTR_ERR_AGAIN;
	}
	const enum vtr_err err = finish_packet(encoder, out_packet);
	encoder->time_ns = time_ns + to_ns((int64_t)fits);
	(void)append(encoder, samples + fits * VTR_AUDIO_ENCODER_CHANNELS, count - fits);
	return err;
}

enum vtr_err vtr_audio_encoder_finish(struct vtr_audio_encoder *encoder, struct vtr_audio_packet **out_packet)
{
	const size_t size = codecs[encoder->codec].samples;

	if (encoder->count == 0) {
		encoder->time_ns = encoder->next_ns;
	}
	memset(encoder->waiting + encoder->count * VTR_AUDIO_ENCODER_CHANNELS, 0,
	       (size - encoder->count) * VTR_AUDIO_ENCODER_CHANNELS * sizeof(encoder->waiting[0]));
	encoder->count = size;
	return finish_packet(encoder, out_packet);
}
