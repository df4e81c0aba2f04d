/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_PNG_H
#define SCREEN_PNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/**
 * Encodes R, G, B rows (three bytes per pixel, no gaps) as a PNG with an sRGB chunk.
 *
 * Owner:   *out_png is the caller's, to be freed by free(). At no time does it take more than `max_size` bytes.
 * Returns: VTR_ERR_UNSUPPORTED, VTR_ERR_NOMEM (also: the file would be larger than `max_size`).
 * Thread:  any.
 */
VTR_MUST_CHECK enum vtr_err vtr_png_encode(const uint8_t *rgb, uint32_t width, uint32_t height,
                                           size_t max_size, uint8_t **out_png, size_t *out_size);

/**
 * Encodes R, G, B, A rows (four bytes per pixel, each row `stride` bytes after the one before) as a compressed PNG with
 * an sRGB chunk.
 *
 * Owner:   *out_png is the caller's, to be freed by free().
 * Returns: VTR_ERR_UNSUPPORTED (this build has no page, and no pictures of it), VTR_ERR_NOMEM.
 * Thread:  any.
 */
VTR_MUST_CHECK enum vtr_err vtr_png_encode_rgba(const uint8_t *rgba, size_t stride, uint32_t width,
                                                uint32_t height, uint8_t **out_png, size_t *out_size);

/* Returns: the size that a file of this many pixels cannot exceed, whatever they show. */
size_t vtr_png_max_size(uint32_t width, uint32_t height);

#endif
