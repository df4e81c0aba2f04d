/* SPDX-License-Identifier: MIT */
#include "screen/sharp_pixels.h"

#include <string.h>

#include "base/mem.h"
#include "screen/convert_rows.h"

#define ROW_BYTES (VTR_SHARP_BLOCK * 4)

static uint8_t difference(uint8_t a, uint8_t b)
{
	return a > b ? (uint8_t)(a - b) : (uint8_t)(b - a);
}

/* Adds the greatest difference of each byte to `most`. */
static void compare(uint8_t *restrict most, const uint8_t *restrict a, const uint8_t *restrict b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint8_t found = difference(a[i], b[i]);
		most[i] = found > most[i] ? found : most[i];
	}
}

bool vtr_sharp_has_edge(const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height,
                        enum vtr_pixel_format format)
{
	const struct vtr_convert_places places = vtr_convert_find_places(format);
	uint8_t most[ROW_BYTES] = { 0 };
	uint32_t edges = 0;

	vtr_assert(width <= VTR_SHARP_BLOCK && height <= VTR_SHARP_BLOCK);
	for (size_t y = 0; y < height; y++) {
		const uint8_t *row = pixels + y * stride;
		compare(most, row, row + 4, ((size_t)width - 1) * 4);
		if (y + 1 < height) {
			compare(most, row, row + stride, (size_t)width * 4);
		}
	}
	for (size_t i = 0; i < ROW_BYTES; i += 4) {
		edges += most[i + places.r] > VTR_SHARP_EDGE || most[i + places.g] > VTR_SHARP_EDGE ||
		         most[i + places.b] > VTR_SHARP_EDGE;
	}
	return edges > 0;
}

void vtr_sharp_copy(uint8_t *out, size_t out_stride, const uint8_t *pixels, size_t stride, uint32_t width,
                    uint32_t height, enum vtr_pixel_format format)
{
	const struct vtr_convert_places places = vtr_convert_find_places(format);

	for (size_t y = 0; y < height; y++) {
		for (size_t x = 0; x < width; x++) {
			const uint8_t *from = pixels + y * stride + x * 4;
			uint8_t *to = out + y * out_stride + x * 4;
			to[0] = from[places.r];
			to[1] = from[places.g];
			to[2] = from[places.b];
			to[3] = 0xff;
		}
	}
}
