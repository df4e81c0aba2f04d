/* SPDX-License-Identifier: MIT */
#include "encode/mux.h"

#include <sys/stat.h>

#include "encode/encoder.h"
#include "encode/sound_track.h"
#include "test.h"

#define WIDTH 64
#define HEIGHT 64
#define HOUR INT64_C(3600000000000)

static struct vtr_codec *codec;
static struct vtr_encoder *encoder;
static uint8_t planes[2][HEIGHT * WIDTH];

static struct vtr_access_unit *code(uint64_t frame, int64_t captured_ns, int64_t coded_ns)
{
	const struct vtr_yuv yuv = { WIDTH, HEIGHT, planes[0], planes[1], WIDTH, WIDTH };
	struct vtr_access_unit *unit;

	memset(planes, (int)frame + 50, sizeof(planes));
	CHECK_OK(vtr_encoder_encode(encoder, &yuv, frame == 1, &unit));
	unit->frame = frame;
	unit->captured_ns = captured_ns;
	unit->coded_ns = coded_ns;
	return unit;
}

static void add(struct vtr_muxer *muxer, struct vtr_access_unit *unit)
{
	CHECK_OK(vtr_muxer_write(muxer, unit));
	vtr_access_unit_unref(unit);
}

/* A file survives a display that is inactive for a night, or shows one frame for days. */
static void record_gaps(enum vtr_mux_kind kind)
{
	const struct vtr_encoder_params params = {
		.codec = codec,
		.width = WIDTH,
		.height = HEIGHT,
		.fps = 60,
		.bitrate = 1000000,
	};
	FILE *file = tmpfile();
	struct vtr_mux *mux;
	struct vtr_muxer *muxer;
	struct stat before;
	struct stat after;

	CHECK(file != NULL);
	CHECK_OK(vtr_encoder_create(&params, &encoder));
	CHECK_OK(vtr_mux_load(NULL, kind, &mux));
	struct vtr_access_unit *first = code(1, HOUR, 100 * HOUR);
	CHECK_OK(vtr_muxer_open(mux, fileno(file), NULL, first, NULL, &muxer));
	add(muxer, first);
	add(muxer, code(1, HOUR, 100 * HOUR + HOUR / 3600));
	add(muxer, code(2, 120 * HOUR, 120 * HOUR));
	add(muxer, code(3, 150 * HOUR, 150 * HOUR));
	CHECK(fstat(fileno(file), &before) == 0);
	CHECK_OK(vtr_muxer_close(muxer, 300 * HOUR));
	CHECK(fstat(fileno(file), &after) == 0);
	CHECK(after.st_size > before.st_size);
	vtr_mux_unload(mux);
	vtr_encoder_destroy(encoder);
	fclose(file);
}

static void test_long_gaps(void)
{
	record_gaps(VTR_MUX_MP4);
	record_gaps(VTR_MUX_MKV);
}

/* Sound that is far in the future, or in the past then, neither fills a file with silence nor ends it. */
static void test_sound_of_impossible_times(void)
{
	static const int64_t times[] = { 101 * HOUR, INT64_C(1) << 60, 0, 102 * HOUR, INT64_C(1) << 60 };
	static const int16_t samples[2 * 480];
	const struct vtr_encoder_params params = {
		.codec = codec,
		.width = WIDTH,
		.height = HEIGHT,
		.fps = 60,
		.bitrate = 1000000,
	};
	FILE *file = tmpfile();
	struct vtr_audio_format format;
	struct vtr_sound_track *track;
	struct vtr_mux *mux;
	struct vtr_muxer *muxer;
	struct stat about;

	CHECK(file != NULL);
	CHECK_OK(vtr_encoder_create(&params, &encoder));
	CHECK_OK(vtr_mux_load(NULL, VTR_MUX_MKV, &mux));
	CHECK_OK(vtr_sound_track_create(NULL, VTR_MUX_MKV, &track));
	vtr_sound_track_describe(track, &format);
	struct vtr_access_unit *first = code(1, 100 * HOUR, 100 * HOUR);
	CHECK_OK(vtr_muxer_open(mux, fileno(file), NULL, first, &format, &muxer));
	vtr_sound_track_begin(track, muxer);
	add(muxer, first);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		for (int j = 0; j < 10; j++) {
			CHECK_OK(vtr_sound_track_add(track, times[i] + j, samples, 480));
			CHECK_OK(vtr_sound_track_follow(track, times[i]));
		}
	}
	CHECK_OK(vtr_muxer_close(muxer, 101 * HOUR));
	CHECK(fstat(fileno(file), &about) == 0);
	CHECK(about.st_size < 100000);
	vtr_sound_track_destroy(track);
	vtr_mux_unload(mux);
	vtr_encoder_destroy(encoder);
	fclose(file);
}

int main(void)
{
	CHECK_OK(vtr_codec_open(NULL, "libx264", &codec));
	RUN(test_long_gaps);
	RUN(test_sound_of_impossible_times);
	vtr_codec_close(codec);
	return 0;
}
