/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_PIXELS_H
#define SCREEN_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ops.h"

/* Pixels of the eight formats of a scanout, four bytes each. Thread: any. */

/* The name of virtio ("B8G8R8X8"); NULL: it is none of the eight. */
const char *vtr_pixels_format_name(uint32_t format);

/* `count` pixels as R, G, B, three bytes each. A display is opaque: alpha is left out. `format` is one
 * of the eight. */
void vtr_pixels_to_rgb(uint8_t *rgb, const uint8_t *pixels, size_t count, enum vtr_pixel_format format);

/* Lays a premultiplied B8G8R8A8 cursor over a picture of R, G, B. `left`, `top`: where its image
 * begins, hot spot already subtracted; what lies outside is left out. */
void vtr_pixels_blend_cursor(uint8_t *rgb, uint32_t width, uint32_t height, const uint32_t *cursor,
                             int64_t left, int64_t top);

#endif
