/* SPDX-License-Identifier: MIT */
/* The frame's number in a picture: what is drawn can be read, at any size, and nothing else can. */
#include "counter.h"

#include "test.h"

static uint8_t *paint(uint32_t width, uint32_t height, uint32_t number)
{
	struct counter_rect rects[COUNTER_RECTS_MAX];
	uint8_t *pixels = malloc((size_t)width * height * 4);
	uint32_t count = counter_fill(width, height, number, rects);

	memset(pixels, 0x80, (size_t)width * height * 4);
	CHECK(count > 1 && count <= COUNTER_RECTS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		CHECK(rects[i].width > 0 && rects[i].height > 0);
		CHECK(rects[i].x + rects[i].width <= width && rects[i].y + rects[i].height <= height);
		for (uint32_t y = rects[i].y; y < rects[i].y + rects[i].height; y++) {
			memset(pixels + ((size_t)y * width + rects[i].x) * 4, i ? 0xff : 0,
			       (size_t)rects[i].width * 4);
		}
	}
	return pixels;
}

static void check_number(uint32_t width, uint32_t height, uint32_t number)
{
	uint8_t *pixels = paint(width, height, number);
	uint32_t read = ~number;

	CHECK(counter_read(pixels, (size_t)width * 4, width, height, &read));
	CHECK(read == number);
	free(pixels);
}

static void test_sizes(void)
{
	static const uint32_t sizes[][2] = { { 64, 64 },    { 320, 200 },   { 800, 600 },
		                             { 1280, 800 }, { 3840, 2160 }, { 64, 2000 } };
	static const uint32_t numbers[] = { 0, 1, 9, 12345678, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			check_number(sizes[i][0], sizes[i][1], numbers[k]);
		}
	}
}

/* Half of one frame and half of the next, as in a torn picture, must not be read as a number. */
static void test_torn(void)
{
	uint8_t *a = paint(1280, 800, 255);
	uint8_t *b = paint(1280, 800, 256);
	uint32_t read = 77;

	memcpy(a, b, (size_t)1280 * 4 * 40); /* three of the rows of squares */
	CHECK(!counter_read(a, 1280 * 4, 1280, 800, &read) && read == 77);
	memset(a, 0, (size_t)1280 * 800 * 4);
	CHECK(!counter_read(a, 1280 * 4, 1280, 800, &read));
	memset(a, 0xff, (size_t)1280 * 800 * 4);
	CHECK(!counter_read(a, 1280 * 4, 1280, 800, &read));
	CHECK(!counter_read(a, 1280 * 4, 63, 63, &read) && read == 77);
	free(a);
	free(b);
}

int main(void)
{
	RUN(test_sizes);
	RUN(test_torn);
	return 0;
}
