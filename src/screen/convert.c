/* SPDX-License-Identifier: MIT */
#include "screen/convert.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "screen/convert_rows.h"

/*
 * Converts rows in pairs, first with vectors. The remaining columns are converted by plain C that compilers
 * vectorise; without vector code of ours, all columns are.
 */

/* Memory and rows are aligned for vectors. */
#define ALIGNMENT 64

/* Pixels at any address. */
typedef uint32_t any_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t any_u64 __attribute__((aligned(1), may_alias));

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the first byte of a word is its lowest"
#endif

/* The shifts that move each colour of a pixel, loaded as a word, to the lowest byte. */
struct shifts {
	unsigned r, g, b;
};

static void luma_row(uint8_t *restrict y, const uint8_t *restrict row, size_t count, struct shifts shifts)
{
	const any_u32 *pixels = (const any_u32 *)row;

	for (size_t i = 0; i < count; i++) {
		int32_t r = pixels[i] >> shifts.r & 0xff;
		int32_t g = pixels[i] >> shifts.g & 0xff;
		int32_t b = pixels[i] >> shifts.b & 0xff;
		y[i] = (uint8_t)((Y_R * r + Y_G * g + Y_B * b + Y_BIAS) >> Y_BITS);
	}
}

/* Returns: one pair of U and V from the sums of four pixels. */
static inline uint16_t chroma(int32_t r, int32_t g, int32_t b)
{
	uint32_t u = (uint32_t)(C_1 * b - U_R * r - U_G * g + C_BIAS) >> C_BITS;
	uint32_t v = (uint32_t)(C_1 * r - V_G * g - V_B * b + C_BIAS) >> C_BITS;

	return (uint16_t)(u | v << 8);
}

/* Returns: the sum of a colour over the two pixels of a word. */
static inline int32_t pair(uint64_t word, unsigned shift)
{
	return (int32_t)((word >> shift & 0xff) + (word >> (shift + 32) & 0xff));
}

/* `count`: number of pairs of pixels. */
static void chroma_row(uint8_t *restrict uv, const uint8_t *restrict upper, const uint8_t *restrict lower,
                       size_t count, struct shifts shifts)
{
	const any_u64 *above = (const any_u64 *)upper;
	const any_u64 *below = (const any_u64 *)lower;
	uint16_t *restrict out = (uint16_t *)(void *)uv;

	for (size_t i = 0; i < count; i++) {
		int32_t r = pair(above[i], shifts.r) + pair(below[i], shifts.r);
		int32_t g = pair(above[i], shifts.g) + pair(below[i], shifts.g);
		int32_t b = pair(above[i], shifts.b) + pair(below[i], shifts.b);
		out[i] = chroma(r, g, b);
	}
}

/* Repeats the last column, `x`, of a picture with an odd width. */
static void last_column(const struct vtr_convert_rows *rows, size_t x, struct shifts shifts)
{
	uint32_t a = ((const any_u32 *)rows->upper)[x];
	uint32_t b = ((const any_u32 *)rows->lower)[x];
	uint16_t uv = chroma(2 * (int32_t)((a >> shifts.r & 0xff) + (b >> shifts.r & 0xff)),
	                     2 * (int32_t)((a >> shifts.g & 0xff) + (b >> shifts.g & 0xff)),
	                     2 * (int32_t)((a >> shifts.b & 0xff) + (b >> shifts.b & 0xff)));

	rows->y_upper[x + 1] = rows->y_upper[x];
	rows->y_lower[x + 1] = rows->y_lower[x];
	memcpy(rows->uv + x, &uv, sizeof(uv));
}

/* Converts columns from `x` on, which is even. */
static void convert_plain(const struct vtr_convert_rows *rows, size_t x, size_t width,
                          const struct vtr_convert_places *places)
{
	const struct shifts shifts = { places->r * 8U, places->g * 8U, places->b * 8U };
	const uint8_t *upper = rows->upper + 4 * x;
	const uint8_t *lower = rows->lower + 4 * x;

	luma_row(rows->y_upper + x, upper, width - x, shifts);
	luma_row(rows->y_lower + x, lower, width - x, shifts);
	chroma_row(rows->uv + x, upper, lower, (width - x) / 2, shifts);
	if (width % 2 != 0) {
		last_column(rows, width - 1, shifts);
	}
}

const char *vtr_convert_kind(void)
{
	const char *name = vtr_convert_vectors_name();

	return name ? name : "plain";
}

struct vtr_convert_places vtr_convert_find_places(enum vtr_pixel_format format)
{
	switch (format) {
	case VTR_FORMAT_B8G8R8A8:
	case VTR_FORMAT_B8G8R8X8:
		return (struct vtr_convert_places){ .r = 2, .g = 1, .b = 0 };
	case VTR_FORMAT_A8R8G8B8:
	case VTR_FORMAT_X8R8G8B8:
		return (struct vtr_convert_places){ .r = 1, .g = 2, .b = 3 };
	case VTR_FORMAT_R8G8B8A8:
	case VTR_FORMAT_R8G8B8X8:
		return (struct vtr_convert_places){ .r = 0, .g = 1, .b = 2 };
	case VTR_FORMAT_X8B8G8R8:
	case VTR_FORMAT_A8B8G8R8:
		return (struct vtr_convert_places){ .r = 3, .g = 2, .b = 1 };
	}
	vtr_assert(!"a format of virtio-gpu");
	return (struct vtr_convert_places){ 0 };
}

void vtr_convert(const struct vtr_yuv *out, const uint8_t *pixels, size_t stride,
                 enum vtr_pixel_format format)
{
	const struct vtr_convert_places places = vtr_convert_find_places(format);

	for (size_t row = 0; row < out->height; row += 2) {
		const uint8_t *upper = pixels + row * stride;
		uint8_t *y = out->y + row * out->y_stride;
		const struct vtr_convert_rows rows = {
			.upper = upper,
			.lower = row + 1 < out->height ? upper + stride : upper,
			.y_upper = y,
			.y_lower = y + out->y_stride,
			.uv = out->uv + row / 2 * out->uv_stride,
		};
		size_t done = vtr_convert_vectors(&rows, out->width, &places);
		if (done < out->width) {
			convert_plain(&rows, done, out->width, &places);
		}
	}
}

enum vtr_err vtr_yuv_buffer_resize(struct vtr_yuv_buffer *buffer, uint32_t width, uint32_t height)
{
	size_t row = vtr_align_up(width, ALIGNMENT);
	size_t rows = ((size_t)height + 1) / 2;
	size_t size = row * rows * 3;

	if (buffer->capacity < size) {
		vtr_yuv_buffer_finish(buffer);
		if (posix_memalign(&buffer->memory, ALIGNMENT, size) != 0) {
			buffer->memory = NULL;
			return VTR_ERR_NOMEM;
		}
		buffer->capacity = size;
	}
	buffer->yuv = (struct vtr_yuv){
		.width = width,
		.height = height,
		.y = buffer->memory,
		.uv = (uint8_t *)buffer->memory + row * rows * 2,
		.y_stride = row,
		.uv_stride = row,
	};
	return VTR_OK;
}

void vtr_yuv_buffer_finish(struct vtr_yuv_buffer *buffer)
{
	free(buffer->memory);
	*buffer = (struct vtr_yuv_buffer){ 0 };
}
