/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_PIXELS_H
#define DISPLAY_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/types.h"

/* Pixels of the eight formats of a scanout, four bytes each. Thread: any. */

/* Returns: the name in virtio ("B8G8R8X8"); NULL: none of the eight. */
const char *vtr_pixels_format_name(uint32_t format);

/* Converts `count` pixels to R, G, B, three bytes each. A display is opaque: alpha is ignored. `format` is
 * one of the eight. */
void vtr_pixels_to_rgb(uint8_t *rgb, const uint8_t *pixels, size_t count, enum vtr_pixel_format format);

/* Blends a premultiplied B8G8R8A8 cursor over a picture of R, G, B. `left`, `top`: the position of its image,
 * with the hot spot already subtracted. Parts outside of the picture are clipped. */
void vtr_pixels_blend_cursor(uint8_t *rgb, uint32_t width, uint32_t height, const uint32_t *cursor,
                             int64_t left, int64_t top);

#endif
