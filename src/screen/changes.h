/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CHANGES_H
#define SCREEN_CHANGES_H

#include "display/types.h"
#include "encode/encoder.h"

/* Looks at blocks of 16 by 16 pixels that touch `within`, which lies within the picture. Returns: the rectangle around
 * those that differ between two pictures of the same size. It may reach beyond the picture's edges by less than a
 * block. Thread: any. */
struct vtr_rect vtr_changes_find(const struct vtr_yuv *old, const struct vtr_yuv *now,
                                 const struct vtr_rect *within);

#endif
