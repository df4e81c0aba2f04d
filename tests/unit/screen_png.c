/* SPDX-License-Identifier: MIT */
#include "screen/png.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

/* Encodes a picture and has libpng decode it. */
static void check_round_trip(uint32_t width, uint32_t height)
{
	size_t bytes = (size_t)width * height * 3;
	uint8_t *rgb = malloc(bytes);
	uint8_t *back = malloc(bytes);
	uint8_t *png = NULL;
	size_t size = 0;
	uint32_t state = width * 31 + height;
	png_image image = { .version = PNG_IMAGE_VERSION };

	CHECK(rgb && back);
	for (size_t i = 0; i < bytes; i++) {
		/* part noise, part even */
		state = state * 1664525 + 1013904223;
		rgb[i] = i % 1000 < 500 ? (uint8_t)(state >> 24) : (uint8_t)(i / 3000);
	}
	CHECK_OK(vtr_png_encode(rgb, width, height, vtr_png_max_size(width, height), &png, &size));
	CHECK(png_image_begin_read_from_memory(&image, png, size));
	CHECK_EQ(image.width, width);
	CHECK_EQ(image.height, height);
	CHECK_EQ(image.format, PNG_FORMAT_RGB);
	CHECK((image.flags & PNG_IMAGE_FLAG_COLORSPACE_NOT_sRGB) == 0);
	CHECK(png_image_finish_read(&image, NULL, back, 0, NULL));
	CHECK(memcmp(rgb, back, bytes) == 0);
	/* It says so itself, which is more than not saying otherwise. */
	CHECK(memmem(png, size, "sRGB", 4) != NULL);
	free(png);
	free(rgb);
	free(back);
}

static void comes_back_as_it_was(void)
{
	check_round_trip(1, 1);
	check_round_trip(3, 200);
	check_round_trip(640, 481);
	check_round_trip(16384, 2);
	check_round_trip(2, 16384);
}

/* Noise that no filter makes smaller: the file is as large as it can become. */
static void has_a_limit(void)
{
	const uint32_t width = 1200;
	const uint32_t height = 900;
	size_t bytes = (size_t)width * height * 3;
	uint8_t *rgb = malloc(bytes);
	uint8_t *png = NULL;
	size_t size = 0;
	uint64_t state = 1;

	CHECK(rgb);
	for (size_t i = 0; i < bytes; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		rgb[i] = (uint8_t)(state >> 56);
	}
	CHECK_OK(vtr_png_encode(rgb, width, height, vtr_png_max_size(width, height), &png, &size));
	CHECK(size > bytes && size <= vtr_png_max_size(width, height));
	free(png);
	png = NULL;
	CHECK_OK(vtr_png_encode(rgb, width, height, size, &png, &size));
	free(png);
	png = NULL;
	CHECK_EQ(vtr_png_encode(rgb, width, height, size - 1, &png, &size), VTR_ERR_NOMEM);
	CHECK_EQ(vtr_png_encode(rgb, width, height, 0, &png, &size), VTR_ERR_NOMEM);
	CHECK(!png);
	free(rgb);
}

int main(void)
{
	RUN(comes_back_as_it_was);
	RUN(has_a_limit);
	return 0;
}
