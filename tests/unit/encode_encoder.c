/* SPDX-License-Identifier: MIT */
#include "encode/encoder.h"

#include "base/log.h"
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
	RUN(test_named_encoder_must_work);
	RUN(test_probe_agrees_with_the_choice);
	vtr_codec_close(codec);
	return 0;
}
