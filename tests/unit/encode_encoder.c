/* SPDX-License-Identifier: MIT */
#include "encode/encoder.h"

#include "base/log.h"
#include "encode/codec.h"
#include "encode/h264.h"
#include "h264.h"
#include "platform/thread.h"
#include "test.h"

#define WIDTH 320
#define HEIGHT 200
#define FPS 60

static struct vtr_codec *codec;
static uint8_t planes[2][HEIGHT * WIDTH];

static struct vtr_encoder *make(uint32_t width, uint32_t height, uint32_t bitrate)
{
	const struct vtr_encoder_params params = {
		.codec = codec,
		.width = width,
		.height = height,
		.fps = FPS,
		.bitrate = bitrate,
	};
	struct vtr_encoder *encoder;

	CHECK_OK(vtr_encoder_create(&params, &encoder));
	CHECK_STR(vtr_encoder_name(encoder), "libx264");
	return encoder;
}

/* Another picture for each seed: a ramp that moves, over noise if wanted. */
static struct vtr_yuv draw(uint32_t width, uint32_t height, uint32_t seed, bool noisy)
{
	uint32_t state = seed;

	for (size_t i = 0; i < sizeof(planes[0]); i++) {
		state = state * 1664525 + 1013904223;
		planes[0][i] = (uint8_t)(16 + (i + seed * 3) % 200 + (noisy ? state >> 28 : 0));
		planes[1][i] = (uint8_t)(noisy ? 100 + (state >> 27) : 90);
	}
	return (struct vtr_yuv){ width, height, planes[0], planes[1], WIDTH, WIDTH };
}

static struct vtr_access_unit *encode(struct vtr_encoder *encoder, const struct vtr_yuv *yuv, bool key)
{
	struct vtr_access_unit *unit;

	CHECK_OK(vtr_encoder_encode(encoder, yuv, key, &unit));
	CHECK(unit->size > 4);
	CHECK_EQ(unit->width, yuv->width);
	CHECK_EQ(unit->height, yuv->height);
	return unit;
}

static void test_pictures_come_out_at_once(void)
{
	struct vtr_encoder *encoder = make(WIDTH, HEIGHT, 4000000);
	struct h264 *decoder = h264_create();
	struct h264_picture picture;

	for (uint32_t i = 0; i < 400; i++) {
		struct vtr_yuv yuv = draw(WIDTH, HEIGHT, i, false);
		struct vtr_access_unit *unit = encode(encoder, &yuv, i == 77);
		CHECK_EQ(unit->number, i);
		/* The first one, and none but those that were asked for. */
		CHECK_EQ(unit->key, i == 0 || i == 77);
		h264_decode(decoder, unit->data, unit->size, &picture);
		CHECK_EQ(picture.key, unit->key);
		CHECK_EQ(picture.width, WIDTH);
		CHECK_EQ(picture.height, HEIGHT);
		CHECK(picture.bt709_limited);
		CHECK(abs(picture.planes[1][0] - 90) <= 2);
		vtr_access_unit_unref(unit);
	}
	h264_destroy(decoder);
	vtr_encoder_destroy(encoder);
}

static void test_key_frames_carry_all_that_decoders_need(void)
{
	struct vtr_encoder *encoder = make(WIDTH, HEIGHT, 4000000);
	bool seen[32] = { false };
	struct vtr_yuv yuv = draw(WIDTH, HEIGHT, 1, false);
	struct vtr_access_unit *unit = encode(encoder, &yuv, true);
	struct vtr_h264_nal nal;
	size_t at = 0;

	CHECK(vtr_h264_next_nal(unit->data, unit->size, &at, &nal));
	CHECK_EQ(nal.type, 9);
	while (vtr_h264_next_nal(unit->data, unit->size, &at, &nal)) {
		seen[nal.type] = true;
	}
	CHECK(seen[7] && seen[8] && seen[5] && !seen[1]);
	vtr_access_unit_unref(unit);
	vtr_encoder_destroy(encoder);
}

static void test_odd_sizes(void)
{
	static const uint32_t sizes[][2] = { { 33, 17 }, { 32, 32 }, { 319, 199 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint32_t width = sizes[i][0];
		uint32_t height = sizes[i][1];
		struct vtr_encoder *encoder = make(width, height, 1000000);
		struct h264 *decoder = h264_create();
		struct vtr_yuv yuv = draw(width, height, 1, false);
		struct vtr_access_unit *unit = encode(encoder, &yuv, false);
		struct h264_picture picture;
		h264_decode(decoder, unit->data, unit->size, &picture);
		CHECK_EQ(picture.width, width + width % 2);
		CHECK_EQ(picture.height, height + height % 2);
		vtr_access_unit_unref(unit);
		h264_destroy(decoder);
		vtr_encoder_destroy(encoder);
	}
}

static double mean_size(struct vtr_encoder *encoder, uint32_t from)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < 90; i++) {
		struct vtr_yuv yuv = draw(WIDTH, HEIGHT, from + i, true);
		struct vtr_access_unit *unit = encode(encoder, &yuv, false);
		CHECK_EQ(unit->key, from + i == 0);
		/* Once the buffer has settled. */
		sum += i < 30 ? 0 : unit->size;
		vtr_access_unit_unref(unit);
	}
	return (double)sum / 60;
}

static void test_bitrate_changes_without_key_frame(void)
{
	struct vtr_encoder *encoder = make(WIDTH, HEIGHT, 8000000);
	double before = mean_size(encoder, 0);

	vtr_encoder_set_bitrate(encoder, 2000000);
	double after = mean_size(encoder, 90);
	printf("mean size %.0f bytes at 8 Mbit/s, %.0f at 2\n", before, after);
	CHECK(before < 8e6 / 8 / FPS * 1.2 && before > 8e6 / 8 / FPS * 0.5);
	CHECK(after < 2e6 / 8 / FPS * 1.2);
	vtr_encoder_destroy(encoder);
}

/* --- encoders that hold units back, as libavcodec's h264_videotoolbox does ---------------------------- */

static const char *lookahead;

static void hold(const struct vtr_av *av, const struct vtr_encoder_params *params, AVCodecContext *context,
                 AVDictionary **options)
{
	(void)params;
	context->thread_count = 1;
	av->av_dict_set(options, "preset", "veryfast", 0);
	av->av_dict_set(options, "profile", "baseline", 0);
	av->av_dict_set(options, "forced-idr", "1", 0);
	av->av_dict_set(options, "rc-lookahead", lookahead, 0);
	av->av_dict_set(options, "x264-params", "scenecut=0:sync-lookahead=0:mbtree=1", 0);
}

/* libx264 that looks ahead. */
static const struct vtr_encoder_family holding = {
	.name = "libx264",
	.device = AV_HWDEVICE_TYPE_NONE,
	.pixels = AV_PIX_FMT_NV12,
	.holds = true,
	.gop = 1 << 30,
	.configure = hold,
};
enum { HELD = 4 }; /* units that it holds back: one more than it looks ahead */

static const struct vtr_encoder_params holding_params = {
	.width = WIDTH, .height = HEIGHT, .fps = FPS, .bitrate = 4000000
};

static struct vtr_encoder *make_holding(void)
{
	struct vtr_encoder_params params = holding_params;
	struct vtr_encoder *encoder;
	char why[120];

	params.codec = codec;
	lookahead = "3";
	CHECK_OK(vtr_encoder_try(&params, &holding, why, sizeof(why), &encoder));
	return encoder;
}

/* Encodes picture `number`, a grey of its own, in memory that is used again for each. Returns: NULL: no unit. */
static struct vtr_access_unit *encode_grey(struct vtr_encoder *encoder, uint32_t number, bool key)
{
	const struct vtr_yuv yuv = { WIDTH, HEIGHT, planes[0], planes[1], WIDTH, WIDTH };
	struct vtr_access_unit *unit = NULL;

	memset(planes[0], (int)(40 + number * 2), sizeof(planes[0]));
	memset(planes[1], 128, sizeof(planes[1]));
	enum vtr_err err = vtr_encoder_encode(encoder, &yuv, key, &unit);
	CHECK_EQ(err, unit ? VTR_OK : VTR_ERR_AGAIN);
	memset(planes[0], 0, sizeof(planes[0]));
	return unit;
}

/* The unit has the picture of that number, and is Annex B. */
static void check_grey(struct h264 *decoder, struct vtr_access_unit *unit, uint64_t number, bool key)
{
	static const uint8_t start[] = { 0, 0, 0, 1 };
	struct h264_picture picture;

	CHECK(unit != NULL);
	CHECK_EQ(unit->number, number);
	CHECK_EQ(unit->key, key);
	CHECK(memcmp(unit->data, start, sizeof(start)) == 0);
	h264_decode(decoder, unit->data, unit->size, &picture);
	CHECK_EQ(picture.key, key);
	CHECK(abs(picture.planes[0][0] - (int)(40 + number * 2)) <= 2);
	vtr_access_unit_unref(unit);
}

static void test_units_are_held_back(void)
{
	struct vtr_encoder *encoder = make_holding();
	struct h264 *decoder = h264_create();

	/* The proof that it works has left nothing. */
	for (uint32_t i = 0; i < HELD; i++) {
		CHECK(encode_grey(encoder, i, false) == NULL);
	}
	for (uint32_t i = HELD; i < 60; i++) {
		check_grey(decoder, encode_grey(encoder, i, i == 20), i - HELD,
		           i - HELD == 0 || i - HELD == 20);
	}
	/* Numbers go on when it is reopened, which drops what it holds. */
	vtr_encoder_set_bitrate(encoder, 2000000);
	for (uint32_t i = 60; i < 60 + HELD; i++) {
		CHECK(encode_grey(encoder, i, false) == NULL);
	}
	check_grey(decoder, encode_grey(encoder, 60 + HELD, false), 60, true);
	h264_destroy(decoder);
	vtr_encoder_destroy(encoder);
}

static void test_too_much_is_held_back(void)
{
	struct vtr_encoder_params params = holding_params;
	struct vtr_encoder_family at_once = holding;
	struct vtr_encoder *encoder;
	char why[120] = "";

	params.codec = codec;
	lookahead = "20";
	CHECK_ERR(vtr_encoder_try(&params, &holding, why, sizeof(why), &encoder), VTR_ERR_UNSUPPORTED);
	CHECK_STR(why, "it holds pictures back");
	lookahead = "1";
	at_once.holds = false;
	CHECK_ERR(vtr_encoder_try(&params, &at_once, why, sizeof(why), &encoder), VTR_ERR_UNSUPPORTED);
	CHECK_STR(why, "it holds pictures back");
}

/* What each family asks of libavcodec; on this host there may be no such encoder. */
static void test_videotoolbox_is_for_live_pictures(void)
{
	static const char *const wanted[][2] = { { "realtime", "1" },
		                                 { "prio_speed", "1" },
		                                 { "profile", "constrained_baseline" },
		                                 { "allow_sw", "0" } };
	const struct vtr_encoder_family *family = &vtr_encoder_videotoolbox;
	AVCodecContext *context = avcodec_alloc_context3(NULL);
	AVDictionary *options = NULL;

	CHECK_STR(family->name, "h264_videotoolbox");
	CHECK(family->holds && !family->live_bitrate);
	CHECK_EQ(family->pixels, AV_PIX_FMT_NV12);
	CHECK_EQ(family->device, AV_HWDEVICE_TYPE_NONE);
	family->configure(&codec->av, &holding_params, context, &options);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const AVDictionaryEntry *entry = av_dict_get(options, wanted[i][0], NULL, 0);
		CHECK(entry != NULL);
		CHECK_STR(entry->value, wanted[i][1]);
	}
	/* Otherwise libavcodec leaves SPS and PPS out of key frames. */
	CHECK((context->flags & AV_CODEC_FLAG_GLOBAL_HEADER) == 0);
	av_dict_free(&options);
	avcodec_free_context(&context);
}

static void test_named_encoder_must_work(void)
{
	struct vtr_codec *other;

	CHECK_ERR(vtr_codec_open(NULL, "h264_nonsense", &other), VTR_ERR_UNSUPPORTED);
}

static void test_probe_agrees_with_the_choice(void)
{
	struct vtr_encoder_report reports[8];
	size_t count = vtr_encoder_probe(reports, 8);
	bool x264 = false;

	CHECK(count >= 4);
	for (size_t i = 0; i < count; i++) {
		struct vtr_codec *other;
		printf("%s: %s\n", reports[i].name, reports[i].works ? "works" : reports[i].why);
		CHECK(reports[i].works || reports[i].why[0] != '\0');
		CHECK_ERR(vtr_codec_open(NULL, reports[i].name, &other),
		          reports[i].works ? VTR_OK : VTR_ERR_UNSUPPORTED);
		if (reports[i].works) {
			vtr_codec_close(other);
		}
		x264 = x264 || (reports[i].works && strcmp(reports[i].name, "libx264") == 0);
	}
	CHECK(x264);
}

int main(void)
{
	CHECK_OK(vtr_codec_open(NULL, "libx264", &codec));
	RUN(test_pictures_come_out_at_once);
	RUN(test_key_frames_carry_all_that_decoders_need);
	RUN(test_odd_sizes);
	RUN(test_bitrate_changes_without_key_frame);
	RUN(test_units_are_held_back);
	RUN(test_too_much_is_held_back);
	RUN(test_videotoolbox_is_for_live_pictures);
	RUN(test_named_encoder_must_work);
	RUN(test_probe_agrees_with_the_choice);
	vtr_codec_close(codec);
	return 0;
}
