/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "encode/encoder.h"
#include "screen/convert.h"

/*
 * What a frame costs on its way into a stream: CPU time to convert it, where it lies, and to code it. That is
 * what a frame takes from the guest; how long it takes depends on what else runs.
 *
 *   bench-video [ENCODER]      exit status 1: more than the budget
 */
#define FRAMES 120
#define FPS 60

struct size {
	uint32_t width, height;
	double budget_ms;
};

static const struct size sizes[] = { { 1280, 800, 6 }, { 1920, 1080, 14 } };

static uint32_t mix(uint32_t x)
{
	x *= 2654435761u;
	x ^= x >> 15;
	x *= 2246822519u;
	return x ^ x >> 13;
}

#define CELL_WIDTH 9
#define CELL_HEIGHT 18

/* Whether there is ink at a place of a letter, which is made of five strokes. */
static bool is_ink(uint32_t letter, uint32_t x, uint32_t y)
{
	return ((letter & 1) && x < 2) || ((letter & 2) && x > 4) || ((letter & 4) && y < 6) ||
	       ((letter & 8) && y > 11) || ((letter & 16) && y > 7 && y < 10);
}

/* A page of words in lines of different length, with a heading now and then and a bar at the side. */
static void draw_text(uint32_t *pixels, const struct size *size, uint32_t scroll)
{
	for (uint32_t y = 0; y < size->height; y++) {
		uint32_t line = (y + scroll) / CELL_HEIGHT;
		uint32_t row = (y + scroll) % CELL_HEIGHT;
		uint32_t length = 20 + mix(line) % 100;
		bool heading = line % 12 == 0;
		uint32_t ink = heading ? 0xffffff : 0x202020;
		for (uint32_t x = 0; x < size->width; x++) {
			uint32_t column = x / CELL_WIDTH;
			uint32_t letter = mix(line * 1000 + column);
			bool inside = column > 2 && column < length && letter % 6 != 0 && row > 3 &&
			              row < 14 && x % CELL_WIDTH < 7;
			uint32_t paper = heading ? 0x3060a0 : x > size->width * 3 / 4 ? 0xe0e4ea : 0xf8f8f8;
			pixels[(size_t)y * size->width + x] =
				inside && is_ink(letter >> 8, x % CELL_WIDTH, row) ? ink : paper;
		}
	}
}

static void draw_scrolling(uint32_t *pixels, const struct size *size, uint32_t frame)
{
	draw_text(pixels, size, frame * 3);
}

static void draw_cursor(uint32_t *pixels, const struct size *size, uint32_t frame)
{
	if (frame < 2) {
		draw_text(pixels, size, 0);
	}
	for (uint32_t y = 0; y < 16; y++) {
		for (uint32_t x = 0; x < 16; x++) {
			pixels[(size_t)(200 + y) * size->width + frame * 4 % (size->width - 16) + x] = 0;
		}
	}
}

/* A gradient that moves, with squares that move over it. */
static void draw_motion(uint32_t *pixels, const struct size *size, uint32_t frame)
{
	for (uint32_t y = 0; y < size->height; y++) {
		for (uint32_t x = 0; x < size->width; x++) {
			bool square = ((x + 5 * frame) / 80 + (y + 3 * frame) / 80) % 3 == 0;
			uint32_t r = (x + 2 * frame) * 255 / size->width;
			uint32_t g = (y + frame) * 255 / size->height;
			pixels[(size_t)y * size->width + x] =
				square ? (r & 255) << 16 | 0x4080 : (r & 255) << 16 | (g & 255) << 8 | 0x60;
		}
	}
}

static const struct {
	const char *name;
	void (*draw)(uint32_t *pixels, const struct size *size, uint32_t frame);
} contents[] = {
	{ "text scrolls", draw_scrolling },
	{ "cursor moves", draw_cursor },
	{ "all moves", draw_motion },
};

/* Of the process: an encoder may have threads. */
static double cpu_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void check(enum vtr_err err, const char *what)
{
	if (err != VTR_OK) {
		fprintf(stderr, "bench-video: %s: %s\n", what, vtr_err_name(err));
		exit(1);
	}
}

static bool measure(struct vtr_codec *codec, const struct size *size, size_t content)
{
	const struct vtr_encoder_params params = {
		.codec = codec,
		.width = size->width,
		.height = size->height,
		.fps = FPS,
		.bitrate = 8000000,
	};
	struct vtr_yuv_buffer buffer = { 0 };
	struct vtr_encoder *encoder;
	struct vtr_access_unit *unit;
	uint32_t *pixels = calloc((size_t)size->width * size->height, sizeof(*pixels));
	double convert_ms = 0;
	double encode_ms = 0;
	size_t bytes = 0;

	check(pixels ? VTR_OK : VTR_ERR_NOMEM, "memory");
	check(vtr_yuv_buffer_resize(&buffer, size->width, size->height), "memory");
	check(vtr_encoder_create(&params, &encoder), "the encoder");
	for (uint32_t i = 0; i < FRAMES; i++) {
		contents[content].draw(pixels, size, i);
		double begin_ms = cpu_ms();
		vtr_convert(&buffer.yuv, (const uint8_t *)pixels, (size_t)size->width * 4,
		            VTR_FORMAT_B8G8R8X8);
		double converted_ms = cpu_ms();
		check(vtr_encoder_encode(encoder, &buffer.yuv, false, &unit), "coding");
		encode_ms += cpu_ms() - converted_ms;
		convert_ms += converted_ms - begin_ms;
		bytes += unit->size;
		vtr_access_unit_unref(unit);
	}
	double sum_ms = (convert_ms + encode_ms) / FRAMES;
	printf("%4" PRIu32 "x%-4" PRIu32 " %-12s  convert %5.2f ms  %s %5.2f ms  together %5.2f of %2.0f ms  "
	       "%6.0f bytes\n",
	       size->width, size->height, contents[content].name, convert_ms / FRAMES,
	       vtr_encoder_name(encoder), encode_ms / FRAMES, sum_ms, size->budget_ms,
	       (double)bytes / FRAMES);
	vtr_encoder_destroy(encoder);
	vtr_yuv_buffer_finish(&buffer);
	free(pixels);
	return sum_ms <= size->budget_ms;
}

int main(int argc, char **argv)
{
	struct vtr_codec *codec;
	bool good = true;

	check(vtr_codec_open(NULL, argc > 1 ? argv[1] : NULL, &codec), "no encoder");
	printf("CPU time a frame, %s rows\n", vtr_convert_kind());
	for (size_t i = 0; i < VTR_ARRAY_LEN(sizes); i++) {
		for (size_t j = 0; j < VTR_ARRAY_LEN(contents); j++) {
			good = measure(codec, &sizes[i], j) && good;
		}
	}
	vtr_codec_close(codec);
	return good ? 0 : 1;
}
