/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_FRAME_H
#define DISPLAY_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/buffers.h"
#include "display/scanout_page.h"

/*
 * Copies what a display shows. The pixels lie in memory that a GPU, a guest or the front may change at any
 * time. A guest that draws correctly does not touch a frame until a newer one has been flushed. So the
 * scanout page is checked again after the rows were copied; if a newer frame was flushed, the copy is
 * discarded and made again.
 *
 * Thread: any, one for each picture.
 */

/* What a display shows, to be read in place. */
struct vtr_frame_view {
	struct vtr_scanout_frame frame; /* its scanout lies within the memory */
	const uint8_t *pixels;        /* the scanout's first row */
	struct vtr_buffer *buffer;
};

/**
 * Opens the newest frame for reading in place; end it with vtr_frame_view_close().
 *
 * Returns: as vtr_picture_take().
 */
VTR_MUST_CHECK enum vtr_err vtr_frame_view_open(struct vtr_frame_view *view,
                                                const struct vtr_scanout_page *page,
                                                struct vtr_buffers *buffers, uint32_t display);

/* Returns: whether everything read since the view was opened belongs to this frame. */
bool vtr_frame_view_close(struct vtr_frame_view *view, const struct vtr_scanout_page *page,
                          struct vtr_buffers *buffers, uint32_t display);

/* The size limit of a picture. The guest chooses the size, and may choose 16384 x 16384. 8K fits. */
#define VTR_PICTURE_MAX_BYTES (UINT64_C(160) << 20)

struct vtr_picture {
	uint8_t *pixels; /* rows without gaps, four bytes per pixel, of frame.scanout.format */
	size_t capacity;
	struct vtr_scanout_frame frame;
	bool torn;      /* the pixels changed during each try: it may show parts of several frames */
	uint32_t tries; /* how often it was copied */
};

void vtr_picture_init(struct vtr_picture *picture);
void vtr_picture_finish(struct vtr_picture *picture);

/**
 * Copies the newest frame. Tries again until `deadline_ns` while frames come faster than they can be copied,
 * and then keeps the last try.
 *
 * `picture` is reused: its memory grows as needed.
 * Returns: VTR_ERR_GONE     the display is inactive
 *          VTR_ERR_AGAIN    its memory is not known here yet, or its state cannot be read
 *          VTR_ERR_INVALID  the scanout does not lie in its memory, or its size is invalid
 *          VTR_ERR_LIMIT    it is larger than VTR_PICTURE_MAX_BYTES
 *          VTR_ERR_NOMEM
 */
VTR_MUST_CHECK enum vtr_err vtr_picture_take(struct vtr_picture *picture, const struct vtr_scanout_page *page,
                                             struct vtr_buffers *buffers, uint32_t display,
                                             int64_t deadline_ns);

#endif
