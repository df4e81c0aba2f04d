/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SHARP_PIXELS_H
#define SCREEN_SHARP_PIXELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/types.h"

/*
 * What is read of a display's pixels for patches (screen/sharp.h). Pixels may change while they are read; the result is
 * then undefined, but the calls are safe. Thread: any.
 */

/* A block's side: that of a macroblock, within which 4:2:0 and coding blur. */
#define VTR_SHARP_BLOCK 16

/* Neighbours that differ by more in one of their colours are an edge, which coding would blur visibly. Photographs and
 * gradients have few of them, text has many. */
#define VTR_SHARP_EDGE 32

/* Returns: whether the block has an edge. It has at most VTR_SHARP_BLOCK columns and rows, four bytes per pixel. Alpha
 * is ignored. */
bool vtr_sharp_has_edge(const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height,
                        enum vtr_pixel_format format);

/* Writes a block as R, G, B, A with an alpha of 255. */
void vtr_sharp_copy(uint8_t *out, size_t out_stride, const uint8_t *pixels, size_t stride, uint32_t width,
                    uint32_t height, enum vtr_pixel_format format);

#endif
