/* SPDX-License-Identifier: MIT */
#include "screen/convert.h"

#include <math.h>

#include "base/mem.h"
#include "pixel_formats.h"
#include "test.h"

static uint32_t state = 1;

static uint8_t next_byte(void)
{
	state = state * 1664525 + 1013904223;
	/* Often the ends of the range. */
	return state >> 30 == 0 ? (uint8_t)(0 - (state >> 29 & 1)) : (uint8_t)(state >> 16);
}

static double luma(double r, double g, double b)
{
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

static double mean_error;
static uint64_t samples;

static void compare(uint8_t got, double wanted)
{
	double error = fabs((double)got - wanted);

	CHECK(error < 1);
	mean_error += error;
	samples++;
}

struct rgb {
	double r, g, b;
};

static struct rgb read_pixel(const uint8_t *pixels, size_t stride, size_t format, uint32_t x, uint32_t y)
{
	const uint8_t *pixel = pixels + y * stride + 4 * (size_t)x;
	const uint8_t *places = pixel_formats[format].places;

	return (struct rgb){ pixel[places[0]], pixel[places[1]], pixel[places[2]] };
}

static uint32_t clamp(uint32_t value, uint32_t end)
{
	return value < end ? value : end - 1;
}

static void check_picture(const struct vtr_yuv *yuv, const uint8_t *pixels, size_t stride, size_t format)
{
	for (uint32_t y = 0; y < (yuv->height + 1) / 2 * 2; y++) {
		for (uint32_t x = 0; x < (yuv->width + 1) / 2 * 2; x++) {
			struct rgb p = read_pixel(pixels, stride, format, clamp(x, yuv->width),
			                          clamp(y, yuv->height));
			compare(yuv->y[y * yuv->y_stride + x], 16 + luma(p.r, p.g, p.b) * 219 / 255);
		}
	}
	for (uint32_t y = 0; y < yuv->height; y += 2) {
		for (uint32_t x = 0; x < yuv->width; x += 2) {
			struct rgb sum = { 0, 0, 0 };
			for (uint32_t i = 0; i < 4; i++) {
				struct rgb p = read_pixel(pixels, stride, format,
				                          clamp(x + i % 2, yuv->width),
				                          clamp(y + i / 2, yuv->height));
				sum.r += p.r / 4;
				sum.g += p.g / 4;
				sum.b += p.b / 4;
			}
			double l = luma(sum.r, sum.g, sum.b);
			const uint8_t *uv = yuv->uv + y / 2 * yuv->uv_stride + x;
			compare(uv[0], 128 + (sum.b - l) / 1.8556 * 224 / 255);
			compare(uv[1], 128 + (sum.r - l) / 1.5748 * 224 / 255);
		}
	}
}

static void test_against_floating_point(void)
{
	static const uint32_t sizes[][2] = { { 64, 64 }, { 1, 1 },   { 2, 2 },     { 1, 7 },
		                             { 33, 17 }, { 640, 3 }, { 257, 120 }, { 47, 5 } };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (size_t format = 0; format < VTR_ARRAY_LEN(pixel_formats); format++) {
			uint32_t width = sizes[i][0];
			uint32_t height = sizes[i][1];
			/* Neither aligned nor without gaps. Ends at the last pixel, so that a sanitizer
			 * detects reads beyond it. */
			size_t stride = width * 4 + 7;
			size_t size = stride * (height - 1) + width * 4;
			struct vtr_yuv_buffer buffer = { 0 };
			uint8_t *memory = malloc(size + 3);
			CHECK(memory != NULL);
			for (size_t j = 0; j < size + 3; j++) {
				memory[j] = next_byte();
			}
			CHECK_OK(vtr_yuv_buffer_resize(&buffer, width, height));
			vtr_convert(&buffer.yuv, memory + 3, stride, pixel_formats[format].format);
			check_picture(&buffer.yuv, memory + 3, stride, format);
			vtr_yuv_buffer_finish(&buffer);
			free(memory);
		}
	}
	printf("%s rows: mean error %.3f of %llu samples\n", vtr_convert_kind(), mean_error / (double)samples,
	       (unsigned long long)samples);
}

/* Strips of two columns are too narrow for vectors: what these make of a picture is the same, to the byte. */
static void test_against_strips(void)
{
	enum { WIDTH = 94, HEIGHT = 6, STRIDE = 4 * WIDTH };
	uint8_t pixels[STRIDE * HEIGHT];

	for (size_t format = 0; format < VTR_ARRAY_LEN(pixel_formats); format++) {
		struct vtr_yuv_buffer whole = { 0 };
		struct vtr_yuv_buffer strip = { 0 };
		for (size_t i = 0; i < sizeof(pixels); i++) {
			pixels[i] = next_byte();
		}
		CHECK_OK(vtr_yuv_buffer_resize(&whole, WIDTH, HEIGHT));
		vtr_convert(&whole.yuv, pixels, STRIDE, pixel_formats[format].format);
		CHECK_OK(vtr_yuv_buffer_resize(&strip, 2, HEIGHT));
		for (size_t x = 0; x < WIDTH; x += 2) {
			vtr_convert(&strip.yuv, pixels + 4 * x, STRIDE, pixel_formats[format].format);
			for (size_t y = 0; y < HEIGHT; y++) {
				CHECK(memcmp(whole.yuv.y + y * whole.yuv.y_stride + x,
				             strip.yuv.y + y * strip.yuv.y_stride, 2) == 0);
				CHECK(memcmp(whole.yuv.uv + y / 2 * whole.yuv.uv_stride + x,
				             strip.yuv.uv + y / 2 * strip.yuv.uv_stride, 2) == 0);
			}
		}
		vtr_yuv_buffer_finish(&whole);
		vtr_yuv_buffer_finish(&strip);
	}
}

static void test_ends_of_the_range(void)
{
	for (unsigned grey = 0; grey < 256; grey++) {
		struct vtr_yuv_buffer buffer = { 0 };
		uint8_t pixels[16];
		memset(pixels, (int)grey, sizeof(pixels));
		CHECK_OK(vtr_yuv_buffer_resize(&buffer, 2, 2));
		vtr_convert(&buffer.yuv, pixels, 8, VTR_FORMAT_B8G8R8X8);
		CHECK_EQ(buffer.yuv.uv[0], 128);
		CHECK_EQ(buffer.yuv.uv[1], 128);
		CHECK_EQ(buffer.yuv.y[0], lrint(16 + grey * 219 / 255.0));
		vtr_yuv_buffer_finish(&buffer);
	}
}

/* Memory is used again for a smaller picture. */
static void test_resize(void)
{
	struct vtr_yuv_buffer buffer = { 0 };

	CHECK_OK(vtr_yuv_buffer_resize(&buffer, 100, 50));
	const void *memory = buffer.memory;
	CHECK_OK(vtr_yuv_buffer_resize(&buffer, 31, 31));
	CHECK(buffer.memory == memory);
	CHECK_EQ(buffer.yuv.width, 31);
	CHECK_OK(vtr_yuv_buffer_resize(&buffer, 1000, 500));
	CHECK(buffer.yuv.uv >= buffer.yuv.y + buffer.yuv.y_stride * 500);
	vtr_yuv_buffer_finish(&buffer);
}

int main(void)
{
	RUN(test_against_floating_point);
	RUN(test_against_strips);
	RUN(test_ends_of_the_range);
	RUN(test_resize);
	return 0;
}
