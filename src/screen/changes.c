/* SPDX-License-Identifier: MIT */
#include "screen/changes.h"

#include <string.h>

#include "base/mem.h"
#include "display/rect.h"

#define BLOCK 16u

/* Planes of bytes; a row of U and V has as many bytes as one of Y, and there are half as many rows. */
static bool differ(const uint8_t *a, size_t a_stride, const uint8_t *b, size_t b_stride, size_t bytes,
                   size_t rows)
{
	for (size_t i = 0; i < rows; i++) {
		if (memcmp(a + i * a_stride, b + i * b_stride, bytes) != 0) {
			return true;
		}
	}
	return false;
}

static bool block_differs(const struct vtr_yuv *old, const struct vtr_yuv *now, uint32_t x, uint32_t y)
{
	/* In memory the sides are even. */
	const size_t bytes = vtr_min(BLOCK, now->width + now->width % 2 - x);
	const size_t rows = vtr_min(BLOCK, now->height + now->height % 2 - y);

	return differ(old->y + y * old->y_stride + x, old->y_stride, now->y + y * now->y_stride + x,
	              now->y_stride, bytes, rows) ||
	       differ(old->uv + y / 2 * old->uv_stride + x, old->uv_stride,
	              now->uv + y / 2 * now->uv_stride + x, now->uv_stride, bytes, rows / 2);
}

struct vtr_rect vtr_changes_find(const struct vtr_yuv *old, const struct vtr_yuv *now,
                                 const struct vtr_rect *within)
{
	struct vtr_rect found = { 0 };

	for (uint32_t y = within->y / BLOCK * BLOCK; y < within->y + within->height; y += BLOCK) {
		for (uint32_t x = within->x / BLOCK * BLOCK; x < within->x + within->width; x += BLOCK) {
			if (block_differs(old, now, x, y)) {
				const struct vtr_rect block = { x, y, BLOCK, BLOCK };
				found = vtr_rect_join(&found, &block);
			}
		}
	}
	return found;
}
