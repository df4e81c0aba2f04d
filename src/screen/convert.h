/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CONVERT_H
#define SCREEN_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "display/types.h"
#include "encode/encoder.h"

/*
 * R, G, B to Y, U, V: BT.709, limited range, 4:2:0. Pixels may change while they are read; the result is then
 * undefined, but the call is safe. Thread: any.
 */

/* Planes in one block of memory. */
struct vtr_yuv_buffer {
	struct vtr_yuv yuv;
	void *memory;
	size_t capacity;
};

/* Makes `buffer` hold pictures of this size; its contents are undefined if the size changes. Returns:
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_yuv_buffer_resize(struct vtr_yuv_buffer *buffer, uint32_t width,
                                                  uint32_t height);
void vtr_yuv_buffer_finish(struct vtr_yuv_buffer *buffer);

/* Converts a picture of out->width by out->height pixels, four bytes each. `format` is one of the eight;
 * neither `pixels` nor `stride` (in bytes) need be aligned. Alpha is ignored. */
void vtr_convert(const struct vtr_yuv *out, const uint8_t *pixels, size_t stride,
                 enum vtr_pixel_format format);

/* Returns: which code converts rows here ("avx2", "plain"), for reports. */
const char *vtr_convert_kind(void);

#endif
