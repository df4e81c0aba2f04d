/* SPDX-License-Identifier: MIT */
#ifndef CORE_RECT_H
#define CORE_RECT_H

#include <stdbool.h>

#include "core/ops.h"

/* Rectangles of pixels, none of whose edges lies beyond 2^32. Thread: any. */

static inline bool vtr_rect_is_empty(const struct vtr_rect *rect)
{
	return rect->width == 0 || rect->height == 0;
}

/* The smallest rectangle around both. */
struct vtr_rect vtr_rect_join(const struct vtr_rect *a, const struct vtr_rect *b);

/* The part of `rect`, which may be anything, that lies within a picture of this size. */
struct vtr_rect vtr_rect_clip(const struct vtr_rect *rect, uint32_t width, uint32_t height);

#endif
