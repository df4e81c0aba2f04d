/* SPDX-License-Identifier: MIT */
#include "display/rect.h"

#include "base/mem.h"

struct vtr_rect vtr_rect_join(const struct vtr_rect *a, const struct vtr_rect *b)
{
	if (vtr_rect_is_empty(a)) {
		return *b;
	}
	if (vtr_rect_is_empty(b)) {
		return *a;
	}
	uint32_t left = a->x < b->x ? a->x : b->x;
	uint32_t top = a->y < b->y ? a->y : b->y;
	uint32_t right = a->x + a->width > b->x + b->width ? a->x + a->width : b->x + b->width;
	uint32_t bottom = a->y + a->height > b->y + b->height ? a->y + a->height : b->y + b->height;

	return (struct vtr_rect){ left, top, right - left, bottom - top };
}

struct vtr_rect vtr_rect_clip(const struct vtr_rect *rect, uint32_t width, uint32_t height)
{
	struct vtr_rect result = { 0 };

	if (rect->x < width && rect->y < height) {
		result.x = rect->x;
		result.y = rect->y;
		result.width = (uint32_t)vtr_min(rect->width, width - rect->x);
		result.height = (uint32_t)vtr_min(rect->height, height - rect->y);
	}
	return result;
}
