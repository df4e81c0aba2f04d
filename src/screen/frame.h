/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_FRAME_H
#define SCREEN_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "screen/board.h"
#include "screen/buffers.h"

/*
 * Taking a picture of what a display shows. The pixels lie in memory that a GPU, a guest or the front
 * may change at any time. A guest that draws properly leaves a frame alone until a newer one has been
 * announced; so after the rows are copied the board is looked at again, and if there is news, the copy
 * is thrown away and made anew.
 *
 * Thread: any, one for each picture.
 */

/* What a display shows, where it lies. */
struct vtr_frame_view {
	struct vtr_board_frame frame; /* its scanout lies within the memory */
	const uint8_t *pixels;        /* of the scanout's first row */
	struct vtr_buffer *buffer;
};

/**
 * The newest frame, to be read in place; end it with vtr_frame_view_close().
 *
 * Returns: as vtr_picture_take().
 */
VTR_MUST_CHECK enum vtr_err vtr_frame_view_open(struct vtr_frame_view *view, const struct vtr_board *board,
                                                struct vtr_buffers *buffers, uint32_t display);

/* Returns: whether all that was read since it was opened is what the frame showed. */
bool vtr_frame_view_close(struct vtr_frame_view *view, const struct vtr_board *board,
                          struct vtr_buffers *buffers, uint32_t display);

/* Pictures are not larger than this: a guest decides on it, and may well say 16384 x 16384. 8K fits. */
#define VTR_PICTURE_MAX_BYTES (UINT64_C(160) << 20)

struct vtr_picture {
	uint8_t *pixels; /* rows without gaps, four bytes a pixel, of frame.scanout.format */
	size_t capacity;
	struct vtr_board_frame frame;
	bool torn;      /* the pixels changed all the time: it may show parts of several frames */
	uint32_t tries; /* how often it was copied */
};

void vtr_picture_init(struct vtr_picture *picture);
void vtr_picture_finish(struct vtr_picture *picture);

/**
 * Copies the newest frame; tries again until `deadline_ns` while frames come faster than they can be
 * copied, and keeps the last try then.
 *
 * `picture` is used again: its memory grows as needed.
 * Returns: VTR_ERR_GONE   the display is dark
 *          VTR_ERR_AGAIN  its memory is not known here, or its state cannot be read
 *          VTR_ERR_GUEST  what is said of it cannot be
 *          VTR_ERR_LIMIT  it is larger than VTR_PICTURE_MAX_BYTES
 *          VTR_ERR_NOMEM
 */
VTR_MUST_CHECK enum vtr_err vtr_picture_take(struct vtr_picture *picture, const struct vtr_board *board,
                                             struct vtr_buffers *buffers, uint32_t display,
                                             int64_t deadline_ns);

#endif
