/* SPDX-License-Identifier: MIT */
#include "screen/png.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Speed matters more than size, since the picture is shown at once. Level 1 with one filter takes a third of
 * the default's time and gives files that are a tenth larger. */
#define COMPRESSION_LEVEL 1
/* What a file of noise has beside the rows: deflate adds less than one byte in 2000, the heads of chunks one in 600;
 * the other chunks are small. */
#define OVERHEAD_PART 256
#define OVERHEAD_BYTES 4096

struct sink {
	uint8_t *bytes;
	size_t size;
	size_t capacity;
	size_t max_size;
};

/* libpng reports a failed write by longjmp(). */
static void on_write(png_structp png, png_bytep bytes, png_size_t size)
{
	struct sink *sink = png_get_io_ptr(png);
	size_t needed;

	if (!vtr_add(sink->size, size, &needed) || needed > sink->max_size) {
		png_error(png, "too large");
	}
	if (needed > sink->capacity) {
		size_t capacity = vtr_max(needed, sink->capacity + sink->capacity / 2);
		capacity = vtr_min(capacity, sink->max_size);
		uint8_t *grown = realloc(sink->bytes, capacity);
		if (!grown) {
			png_error(png, "out of memory");
		}
		sink->bytes = grown;
		sink->capacity = capacity;
	}
	memcpy(sink->bytes + sink->size, bytes, size);
	sink->size = needed;
}

static void on_flush(png_structp png)
{
	(void)png;
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

VTR_NORETURN static void on_error(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

struct rows {
	const uint8_t *bytes;
	size_t stride;
	uint32_t width, height;
	int colours; /* PNG_COLOR_TYPE_RGB or PNG_COLOR_TYPE_RGB_ALPHA */
	int filter;
};

static enum vtr_err encode(png_structp png, png_infop info, const struct rows *rows)
{
	if (setjmp(png_jmpbuf(png))) {
		return VTR_ERR_NOMEM;
	}
	png_set_compression_level(png, COMPRESSION_LEVEL);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, rows->filter);
	png_set_IHDR(png, info, rows->width, rows->height, 8, rows->colours, PNG_INTERLACE_NONE,
	             PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_sRGB_gAMA_and_cHRM(png, info, PNG_sRGB_INTENT_PERCEPTUAL);
	png_write_info(png, info);
	for (uint32_t y = 0; y < rows->height; y++) {
		png_write_row(png, rows->bytes + (size_t)y * rows->stride);
	}
	png_write_end(png, NULL);
	return VTR_OK;
}

size_t vtr_png_max_size(uint32_t width, uint32_t height)
{
	size_t rows = ((size_t)width * 3 + 1) * height; /* each begins with the number of its filter */

	return rows + rows / OVERHEAD_PART + OVERHEAD_BYTES;
}

static enum vtr_err write_file(const struct rows *rows, size_t max_size, uint8_t **out_png, size_t *out_size)
{
	struct sink sink = { .max_size = max_size };
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	enum vtr_err err = VTR_ERR_NOMEM;

	if (info) {
		png_set_write_fn(png, &sink, on_write, on_flush);
		err = encode(png, info, rows);
	}
	png_destroy_write_struct(&png, &info);
	if (err != VTR_OK) {
		free(sink.bytes);
		return err;
	}
	uint8_t *shrunk = realloc(sink.bytes, sink.size);
	*out_png = shrunk ? shrunk : sink.bytes;
	*out_size = sink.size;
	return VTR_OK;
}

enum vtr_err vtr_png_encode(const uint8_t *rgb, uint32_t width, uint32_t height, size_t max_size,
                            uint8_t **out_png, size_t *out_size)
{
	const struct rows rows = {
		rgb, (size_t)width * 3, width, height, PNG_COLOR_TYPE_RGB, PNG_FILTER_SUB
	};

	return write_file(&rows, max_size, out_png, out_size);
}

enum vtr_err vtr_png_encode_rgba(const uint8_t *rgba, size_t stride, uint32_t width, uint32_t height,
                                 uint8_t **out_png, size_t *out_size)
{
	const struct rows rows = { rgba, stride, width, height, PNG_COLOR_TYPE_RGB_ALPHA, PNG_FILTER_NONE };

	return write_file(&rows, SIZE_MAX, out_png, out_size);
}
