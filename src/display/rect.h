/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_RECT_H
#define DISPLAY_RECT_H

#include <stdbool.h>

#include "display/types.h"

/* Rectangles of pixels, whose edges are at most 2^32. Thread: any. */

static inline bool vtr_rect_is_empty(const struct vtr_rect *rect)
{
	return rect->width == 0 || rect->height == 0;
}

/* Returns: the smallest rectangle around both. */
struct vtr_rect vtr_rect_join(const struct vtr_rect *a, const struct vtr_rect *b);

/* Returns: the part of `rect`, which may be any, that lies within a picture of this size. */
struct vtr_rect vtr_rect_clip(const struct vtr_rect *rect, uint32_t width, uint32_t height);

#endif
