/* SPDX-License-Identifier: MIT */
#include "screen/convert.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/*
 * The rows are plain C that compilers vectorise, compiled once for any processor and once for what most
 * x86 ones have had for ten years.
 *
 * Weights are BT.709's, times 219/255 (Y) or 224/255 (U, V), in 16 bits. They are rounded so that greys
 * have no colour and white is 235: those of Y sum up to 219/255, those of U and of V to 0.
 */
#define Y_R 11966
#define Y_G 40254
#define Y_B 4064
#define U_R 6596
#define U_G 22189
#define V_G 26145
#define V_B 2640
#define C_1 28785 /* B's in U, R's in V */
_Static_assert(U_R + U_G == C_1 && V_G + V_B == C_1, "greys have no colour");

#define Y_BIAS ((16 << 16) + (1 << 15))
/* Of the sum of four pixels: two bits more. */
#define C_BIAS ((128 << 18) + (1 << 17))

/* Memory starts at, and rows are multiples of, what vectors like. */
#define ALIGNMENT 64

/* Pixels anywhere in memory. */
typedef uint32_t any_u32 __attribute__((aligned(1), may_alias));
typedef uint64_t any_u64 __attribute__((aligned(1), may_alias));

/* How far a pixel, loaded as a word, must be shifted for a colour to be at the bottom. */
struct shifts {
	unsigned r, g, b;
};

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "shifts are those of little endian"
#endif

#define INLINE static inline __attribute__((always_inline))

INLINE void luma_row(uint8_t *restrict y, const any_u32 *restrict pixels, size_t count,
                     struct shifts shifts)
{
	for (size_t i = 0; i < count; i++) {
		int32_t r = pixels[i] >> shifts.r & 0xff;
		int32_t g = pixels[i] >> shifts.g & 0xff;
		int32_t b = pixels[i] >> shifts.b & 0xff;
		y[i] = (uint8_t)((Y_R * r + Y_G * g + Y_B * b + Y_BIAS) >> 16);
	}
}

/* One pair of U and V, of the sums of four pixels. */
INLINE uint16_t chroma(int32_t r, int32_t g, int32_t b)
{
	uint32_t u = (uint32_t)(C_1 * b - U_R * r - U_G * g + C_BIAS) >> 18;
	uint32_t v = (uint32_t)(C_1 * r - V_G * g - V_B * b + C_BIAS) >> 18;

	return (uint16_t)(u | v << 8);
}

/* The sum of a colour in the two pixels of a word. */
INLINE int32_t pair(uint64_t word, unsigned shift)
{
	return (int32_t)((word >> shift & 0xff) + (word >> (shift + 32) & 0xff));
}

/* `count`: of pairs of pixels. */
INLINE void chroma_row(uint8_t *restrict uv, const uint8_t *restrict upper,
                       const uint8_t *restrict lower, size_t count, struct shifts shifts)
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

/* What an odd picture lacks. */
INLINE void last_column(const struct vtr_yuv *out, size_t row, const uint8_t *upper,
                        const uint8_t *lower, struct shifts shifts)
{
	size_t x = out->width - 1;
	uint32_t a = ((const any_u32 *)upper)[x];
	uint32_t b = ((const any_u32 *)lower)[x];
	uint16_t uv = chroma(2 * (int32_t)((a >> shifts.r & 0xff) + (b >> shifts.r & 0xff)),
	                     2 * (int32_t)((a >> shifts.g & 0xff) + (b >> shifts.g & 0xff)),
	                     2 * (int32_t)((a >> shifts.b & 0xff) + (b >> shifts.b & 0xff)));
	uint8_t *y = out->y + row * out->y_stride;

	y[x + 1] = y[x];
	y[out->y_stride + x + 1] = y[out->y_stride + x];
	memcpy(out->uv + row / 2 * out->uv_stride + x, &uv, sizeof(uv));
}

INLINE void convert(const struct vtr_yuv *out, const uint8_t *pixels, size_t stride,
                    struct shifts shifts)
{
	for (size_t row = 0; row < out->height; row += 2) {
		const uint8_t *upper = pixels + row * stride;
		const uint8_t *lower = row + 1 < out->height ? upper + stride : upper;
		uint8_t *y = out->y + row * out->y_stride;

		luma_row(y, (const any_u32 *)upper, out->width, shifts);
		luma_row(y + out->y_stride, (const any_u32 *)lower, out->width, shifts);
		chroma_row(out->uv + row / 2 * out->uv_stride, upper, lower, out->width / 2, shifts);
		if (out->width % 2 != 0) {
			last_column(out, row, upper, lower, shifts);
		}
	}
}

static void convert_plain(const struct vtr_yuv *out, const uint8_t *pixels, size_t stride,
                          struct shifts shifts)
{
	convert(out, pixels, stride, shifts);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void convert_avx2(const struct vtr_yuv *out,
                                                         const uint8_t *pixels, size_t stride,
                                                         struct shifts shifts)
{
	convert(out, pixels, stride, shifts);
}

static bool have_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define convert_avx2 convert_plain

static bool have_avx2(void)
{
	return false;
}
#endif

const char *vtr_convert_kind(void)
{
	return have_avx2() ? "avx2" : "plain";
}

static struct shifts find_shifts(enum vtr_pixel_format format)
{
	switch (format) {
	case VTR_FORMAT_B8G8R8A8:
	case VTR_FORMAT_B8G8R8X8:
		return (struct shifts){ .r = 16, .g = 8, .b = 0 };
	case VTR_FORMAT_A8R8G8B8:
	case VTR_FORMAT_X8R8G8B8:
		return (struct shifts){ .r = 8, .g = 16, .b = 24 };
	case VTR_FORMAT_R8G8B8A8:
	case VTR_FORMAT_R8G8B8X8:
		return (struct shifts){ .r = 0, .g = 8, .b = 16 };
	case VTR_FORMAT_X8B8G8R8:
	case VTR_FORMAT_A8B8G8R8:
		return (struct shifts){ .r = 24, .g = 16, .b = 8 };
	}
	vtr_assert(!"a format of virtio-gpu");
	return (struct shifts){ 0 };
}

void vtr_convert(const struct vtr_yuv *out, const uint8_t *pixels, size_t stride,
                 enum vtr_pixel_format format)
{
	struct shifts shifts = find_shifts(format);

	if (have_avx2()) {
		convert_avx2(out, pixels, stride, shifts);
	} else {
		convert_plain(out, pixels, stride, shifts);
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
