/* SPDX-License-Identifier: MIT */
#include "encode/audio_encoder.h"

#include <libavcodec/avcodec.h>
#include <math.h>
#include <string.h>

#include "test.h"

/* What is encoded is decoded again by libavcodec, and is heard when it should be. */
#define RATE VTR_AUDIO_ENCODER_RATE
#define BLOCK 480
#define BLOCK_NS INT64_C(10000000)
#define BEGIN_NS INT64_C(12345000000000)
#define SECONDS 2
#define HERTZ 1000
#define LEVEL 16000

static float heard[RATE * (SECONDS + 1)]; /* the left channel, by time from BEGIN_NS on */

static void make_block(int16_t *samples, int64_t first, double level)
{
	for (int64_t i = 0; i < BLOCK; i++) {
		const int16_t sample =
			(int16_t)lrint(level * sin(2 * M_PI * HERTZ * (double)(first + i) / RATE));
		samples[2 * i] = sample;
		samples[2 * i + 1] = (int16_t)-sample;
	}
}

static AVCodecContext *open_decoder(enum vtr_audio_codec codec, const struct vtr_audio_encoder *encoder)
{
	struct vtr_audio_format format;
	AVCodecContext *context = avcodec_alloc_context3(
		avcodec_find_decoder(codec == VTR_AUDIO_OPUS ? AV_CODEC_ID_OPUS : AV_CODEC_ID_AAC));

	CHECK(context);
	context->sample_rate = RATE;
	context->ch_layout = (AVChannelLayout)AV_CHANNEL_LAYOUT_STEREO;
	vtr_audio_encoder_describe(encoder, &format);
	CHECK(format.config_size > 0);
	CHECK(format.padding > 0);
	/* A browser decodes Opus without the header, which says how much to cut off at the beginning. */
	if (codec == VTR_AUDIO_AAC) {
		context->extradata = av_mallocz(format.config_size + AV_INPUT_BUFFER_PADDING_SIZE);
		CHECK(context->extradata);
		memcpy(context->extradata, format.config, format.config_size);
		context->extradata_size = (int)format.config_size;
	}
	CHECK(avcodec_open2(context, context->codec, NULL) == 0);
	return context;
}

/* Puts what a packet decodes to where its time says. */
static void decode(AVCodecContext *context, const struct vtr_audio_packet *packet)
{
	AVPacket *coded = av_packet_alloc();
	AVFrame *frame = av_frame_alloc();
	int64_t at = lrint((double)(packet->time_ns - BEGIN_NS) * RATE / 1e9);

	CHECK(coded && frame);
	CHECK(av_new_packet(coded, (int)packet->size) == 0);
	memcpy(coded->data, packet->data, packet->size);
	CHECK(avcodec_send_packet(context, coded) == 0);
	CHECK(avcodec_receive_frame(context, frame) == 0);
	CHECK_EQ(frame->format, AV_SAMPLE_FMT_FLTP);
	for (int i = 0; i < frame->nb_samples; i++, at++) {
		if (at >= 0 && at < RATE * (SECONDS + 1)) {
			heard[at] = ((const float *)(void *)frame->data[0])[i];
		}
	}
	av_packet_free(&coded);
	av_frame_free(&frame);
}

/* The worst difference from the tone, between two times in blocks. */
static double worst(int64_t from, int64_t to)
{
	double found = 0;

	for (int64_t i = from * BLOCK; i < to * BLOCK; i++) {
		const double wanted = LEVEL / 32768.0 * sin(2 * M_PI * HERTZ * (double)i / RATE);
		found = fmax(found, fabs(heard[i] - wanted));
	}
	return found;
}

static void check_tone(enum vtr_audio_codec codec, uint32_t packets)
{
	struct vtr_audio_encoder *encoder;
	struct vtr_audio_packet *packet;
	int16_t samples[2 * BLOCK];
	uint32_t count = 0;
	size_t bytes = 0;
	AVCodecContext *context;

	CHECK_OK(vtr_audio_encoder_create(NULL, codec, &encoder));
	context = open_decoder(codec, encoder);
	for (int64_t i = 0; i < SECONDS * 100; i++) {
		make_block(samples, i * BLOCK, LEVEL);
		enum vtr_err err =
			vtr_audio_encoder_encode(encoder, BEGIN_NS + i * BLOCK_NS, samples, BLOCK, &packet);
		if (err == VTR_OK) {
			CHECK_EQ(packet->number, count);
			count++;
			bytes += packet->size;
			decode(context, packet);
			vtr_audio_packet_unref(packet);
		} else {
			CHECK_EQ(err, VTR_ERR_AGAIN);
		}
	}
	CHECK_EQ(count, packets);
	CHECK(bytes * 8 / SECONDS < 200000);
	/* In phase, so the times are right to the sample; not before the decoder has settled. */
	CHECK(worst(20, SECONDS * 100 - 10) < 0.02);
	avcodec_free_context(&context);
	vtr_audio_encoder_destroy(encoder);
}

/* After a pause the sound begins at its own time, without what was left of the last. */
static void check_pause(void)
{
	struct vtr_audio_encoder *encoder;
	struct vtr_audio_packet *packet = NULL;
	struct vtr_audio_format format;
	int16_t samples[2 * BLOCK];
	const int64_t later_ns = BEGIN_NS + 50 * BLOCK_NS;

	CHECK_OK(vtr_audio_encoder_create(NULL, VTR_AUDIO_OPUS, &encoder));
	make_block(samples, 0, LEVEL);
	CHECK_EQ(vtr_audio_encoder_encode(encoder, BEGIN_NS, samples, BLOCK, &packet), VTR_ERR_AGAIN);
	CHECK_EQ(vtr_audio_encoder_encode(encoder, later_ns, samples, BLOCK, &packet), VTR_ERR_AGAIN);
	/* Clocks that differ a little are no pause. */
	CHECK_OK(vtr_audio_encoder_encode(encoder, later_ns + BLOCK_NS + 1000000, samples, BLOCK, &packet));
	vtr_audio_encoder_describe(encoder, &format);
	const int64_t padding_ns = format.padding * INT64_C(1000000000) / RATE;
	CHECK(llabs(packet->time_ns - (later_ns - padding_ns)) < 50000);
	vtr_audio_packet_unref(packet);
	CHECK_EQ(vtr_audio_encoder_encode(encoder, later_ns + 2 * BLOCK_NS, samples, BLOCK, &packet),
	         VTR_ERR_AGAIN);
	/* The end comes with silence behind it. */
	CHECK_OK(vtr_audio_encoder_finish(encoder, &packet));
	CHECK(llabs(packet->time_ns - (later_ns + 2 * BLOCK_NS - padding_ns)) < 50000);
	vtr_audio_packet_unref(packet);
	CHECK_EQ(vtr_audio_encoder_encode(encoder, later_ns + 9 * BLOCK_NS, samples, BLOCK, &packet),
	         VTR_ERR_AGAIN);
	vtr_audio_encoder_destroy(encoder);
}

/* A pause is no louder than the tone around it, for a decoder that knows nothing of the pause. */
static void check_pause_is_quiet(void)
{
	struct vtr_audio_encoder *encoder;
	struct vtr_audio_packet *packet;
	int16_t samples[2 * BLOCK];
	AVCodecContext *context;

	CHECK_OK(vtr_audio_encoder_create(NULL, VTR_AUDIO_OPUS, &encoder));
	context = open_decoder(VTR_AUDIO_OPUS, encoder);
	for (int64_t i = 0; i < SECONDS * 100; i++) {
		/* 60 ms are missing in the middle. */
		const int64_t time_ns = BEGIN_NS + (i + (i > 101 ? 6 : 0)) * BLOCK_NS;
		make_block(samples, i * BLOCK, LEVEL);
		if (vtr_audio_encoder_encode(encoder, time_ns, samples, BLOCK, &packet) == VTR_OK) {
			decode(context, packet);
			vtr_audio_packet_unref(packet);
		}
	}
	for (size_t i = 0; i < RATE * SECONDS; i++) {
		CHECK(fabs(heard[i]) < 1.2 * LEVEL / 32768);
	}
	avcodec_free_context(&context);
	vtr_audio_encoder_destroy(encoder);
}

int main(void)
{
	check_tone(VTR_AUDIO_OPUS, SECONDS * 50);
	memset(heard, 0, sizeof(heard));
	check_tone(VTR_AUDIO_AAC, SECONDS * RATE / 1024 - 1);
	check_pause();
	memset(heard, 0, sizeof(heard));
	check_pause_is_quiet();
	return 0;
}
