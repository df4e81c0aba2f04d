/* SPDX-License-Identifier: MIT */
#include "display/pixels.h"

#include "base/mem.h"

/* Which of a pixel's four bytes hold the colours. */
struct layout {
	const char *name;
	uint8_t r, g, b;
};

static const struct {
	enum vtr_pixel_format format;
	struct layout layout;
} layouts[] = {
	{ VTR_FORMAT_B8G8R8A8, { "B8G8R8A8", 2, 1, 0 } }, { VTR_FORMAT_B8G8R8X8, { "B8G8R8X8", 2, 1, 0 } },
	{ VTR_FORMAT_A8R8G8B8, { "A8R8G8B8", 1, 2, 3 } }, { VTR_FORMAT_X8R8G8B8, { "X8R8G8B8", 1, 2, 3 } },
	{ VTR_FORMAT_R8G8B8A8, { "R8G8B8A8", 0, 1, 2 } }, { VTR_FORMAT_X8B8G8R8, { "X8B8G8R8", 3, 2, 1 } },
	{ VTR_FORMAT_A8B8G8R8, { "A8B8G8R8", 3, 2, 1 } }, { VTR_FORMAT_R8G8B8X8, { "R8G8B8X8", 0, 1, 2 } },
};

static const struct layout *find_layout(uint32_t format)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(layouts); i++) {
		if ((uint32_t)layouts[i].format == format) {
			return &layouts[i].layout;
		}
	}
	return NULL;
}

const char *vtr_pixels_format_name(uint32_t format)
{
	const struct layout *layout = find_layout(format);

	return layout ? layout->name : NULL;
}

void vtr_pixels_to_rgb(uint8_t *rgb, const uint8_t *pixels, size_t count, enum vtr_pixel_format format)
{
	const struct layout *layout = find_layout(format);

	vtr_assert(layout != NULL);
	const uint8_t *r = pixels + layout->r;
	const uint8_t *g = pixels + layout->g;
	const uint8_t *b = pixels + layout->b;
	for (size_t i = 0; i < count; i++) {
		rgb[3 * i] = r[4 * i];
		rgb[3 * i + 1] = g[4 * i];
		rgb[3 * i + 2] = b[4 * i];
	}
}

static uint8_t blend(uint8_t under, uint32_t over, uint32_t alpha)
{
	uint32_t result = over + (under * (255 - alpha) + 127) / 255;

	/* Exceeds 255 only if the cursor is not premultiplied. */
	return result > 255 ? 255 : (uint8_t)result;
}

void vtr_pixels_blend_cursor(uint8_t *rgb, uint32_t width, uint32_t height, const uint32_t *cursor,
                             int64_t left, int64_t top)
{
	for (int64_t row = 0; row < VTR_CURSOR_SIZE; row++) {
		int64_t y = top + row;
		if (y < 0 || y >= height) {
			continue;
		}
		for (int64_t column = 0; column < VTR_CURSOR_SIZE; column++) {
			int64_t x = left + column;
			if (x < 0 || x >= width) {
				continue;
			}
			uint32_t pixel = cursor[row * VTR_CURSOR_SIZE + column];
			uint8_t *to = rgb + 3 * ((size_t)y * width + (size_t)x);
			uint32_t alpha = pixel >> 24;
			to[0] = blend(to[0], pixel >> 16 & 0xff, alpha);
			to[1] = blend(to[1], pixel >> 8 & 0xff, alpha);
			to[2] = blend(to[2], pixel & 0xff, alpha);
		}
	}
}
