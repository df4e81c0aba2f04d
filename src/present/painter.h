/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PAINTER_H
#define PRESENT_PAINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/frame.h"
#include "present/sdl.h"

/*
 * Draws frames into a window, by SDL's renderers. Taking a frame and showing it are two steps: the guest's memory must
 * be read before it is known whether the frame was whole.
 *
 * Thread: the main thread.
 */
struct vtr_log;
struct vtr_painter;

/* The position of a picture in a window, in pixels: the upper left `source` part of the picture fills
 * `target`. */
struct vtr_fit {
	uint32_t source_width, source_height;
	int32_t x, y; /* of the target; never negative */
	uint32_t width, height;
	uint32_t full_width, full_height; /* of the whole picture at this scale */
};

/* `gpu`: by OpenGL, on macOS by Metal; false: SDL copies and scales, and gives the window system plain memory.
 * Owner: *out_painter is the caller's; the window outlives it. Returns: VTR_ERR_UNSUPPORTED (not in this window:
 *        logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_painter_create(struct vtr_log *log, const struct vtr_sdl *sdl,
                                               SDL_Window *window, bool gpu,
                                               struct vtr_painter **out_painter);
/* Accepts NULL. */
void vtr_painter_destroy(struct vtr_painter *painter);

/* Returns: SDL's name of what draws, for instance "opengl" or "software". Owner: SDL. */
const char *vtr_painter_name(const struct vtr_painter *painter);

/* The size of the window, in pixels. */
void vtr_painter_get_size(const struct vtr_painter *painter, uint32_t *out_width, uint32_t *out_height);

/* Copies the changed part of a frame, or all of it if its size or format changed. The view is not used afterwards.
 * Returns: VTR_ERR_LIMIT (too large; logged), VTR_ERR_OS (it has failed; logged). */
VTR_MUST_CHECK enum vtr_err vtr_painter_take(struct vtr_painter *painter, const struct vtr_frame_view *view,
                                             const struct vtr_rect *damage);

/* Shows what was taken. NULL: all black. Returns: VTR_ERR_OS (it has failed; logged). */
VTR_MUST_CHECK enum vtr_err vtr_painter_show(struct vtr_painter *painter, const struct vtr_fit *fit);

#endif
