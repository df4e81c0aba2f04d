/* SPDX-License-Identifier: MIT */
#include "display/pixels.h"

#include <string.h>

#include "base/mem.h"
#include "test.h"

/* Virtio's numbers and names, where the name is what lies in memory. */
static const struct {
	uint32_t format;
	const char *name;
} formats[] = {
	{ 1, "B8G8R8A8" },  { 2, "B8G8R8X8" },  { 3, "A8R8G8B8" },   { 4, "X8R8G8B8" },
	{ 67, "R8G8B8A8" }, { 68, "X8B8G8R8" }, { 121, "A8B8G8R8" }, { 134, "R8G8B8X8" },
};

static void all_formats(void)
{
	uint8_t rgb[3 * 5 + 1];
	uint8_t pixels[4 * 5];

	for (size_t i = 0; i < sizeof(pixels); i++) {
		pixels[i] = (uint8_t)(i * 11 + 3);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(formats); i++) {
		const char *name = formats[i].name;
		CHECK_STR(vtr_pixels_format_name(formats[i].format), name);
		memset(rgb, 0xee, sizeof(rgb));
		vtr_pixels_to_rgb(rgb, pixels, 5, (enum vtr_pixel_format)formats[i].format);
		for (size_t p = 0; p < 5; p++) {
			for (size_t c = 0; c < 3; c++) {
				size_t at = (size_t)(strchr(name, "RGB"[c]) - name) / 2;
				CHECK_EQ(rgb[3 * p + c], pixels[4 * p + at]);
			}
		}
		CHECK_EQ(rgb[15], 0xee);
	}
}

static void no_other_formats(void)
{
	size_t known = 0;

	for (uint32_t format = 0; format < 1000; format++) {
		known += vtr_pixels_format_name(format) != NULL;
	}
	CHECK_EQ(known, VTR_ARRAY_LEN(formats));
	CHECK(vtr_pixels_format_name(UINT32_MAX) == NULL);
}

static uint32_t cursor[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE];

static void blends(void)
{
	/* premultiplied pixel over 100: alpha, colour -> result */
	static const struct {
		uint8_t alpha, colour, result;
	} cases[] = {
		{ 0, 0, 100 },    { 255, 7, 7 },   { 255, 255, 255 },
		{ 128, 64, 114 }, { 51, 51, 131 }, { 0, 200, 255 /* not premultiplied: no overflow */ },
	};
	for (size_t i = 0; i < VTR_ARRAY_LEN(cases); i++) {
		uint8_t rgb[3] = { 100, 100, 100 };
		cursor[0] = (uint32_t)cases[i].alpha << 24 | (uint32_t)cases[i].colour * 0x10101;
		vtr_pixels_blend_cursor(rgb, 1, 1, cursor, 0, 0);
		CHECK_EQ(rgb[0], cases[i].result);
		CHECK_EQ(rgb[1], cases[i].result);
		CHECK_EQ(rgb[2], cases[i].result);
	}
}

/* Nothing is written outside of the picture, and what is inside goes where it should. */
static void clips(void)
{
	enum { WIDTH = 10, HEIGHT = 8, GUARD = 64 };
	static const int64_t places[][2] = {
		{ 0, 0 },
		{ -60, -60 },
		{ 9, 7 },
		{ -64, 0 },
		{ 10, 0 },
		{ 0, 8 },
		{ 3, -63 },
		{ INT64_C(1) << 40, 0 },
		{ -(INT64_C(1) << 40), -5 },
		{ -5, INT64_C(1) << 40 },
	};
	uint8_t buf[GUARD + WIDTH * HEIGHT * 3 + GUARD];
	uint8_t *rgb = buf + GUARD;

	for (size_t i = 0; i < VTR_ARRAY_LEN(cursor); i++) {
		cursor[i] = 0xff000000u | ((uint32_t)i & 0xff) << 16 | ((uint32_t)i >> 8);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(places); i++) {
		int64_t left = places[i][0];
		int64_t top = places[i][1];
		memset(buf, 0xaa, sizeof(buf));
		vtr_pixels_blend_cursor(rgb, WIDTH, HEIGHT, cursor, left, top);
		for (size_t g = 0; g < GUARD; g++) {
			CHECK_EQ(buf[g], 0xaa);
			CHECK_EQ(buf[sizeof(buf) - 1 - g], 0xaa);
		}
		for (int64_t y = 0; y < HEIGHT; y++) {
			for (int64_t x = 0; x < WIDTH; x++) {
				const uint8_t *pixel = rgb + (y * WIDTH + x) * 3;
				int64_t index = (y - top) * VTR_CURSOR_SIZE + x - left;
				bool inside = x >= left && x - left < VTR_CURSOR_SIZE && y >= top &&
				              y - top < VTR_CURSOR_SIZE;
				CHECK_EQ(pixel[0], inside ? (index & 0xff) : 0xaa);
				CHECK_EQ(pixel[2], inside ? (index >> 8) : 0xaa);
			}
		}
	}
}

int main(void)
{
	RUN(all_formats);
	RUN(no_other_formats);
	RUN(blends);
	RUN(clips);
	return 0;
}
