/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PAINTER_H
#define PRESENT_PAINTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "display/frame.h"
#include "present/sdl.h"

/*
 * Draws frames into a window. Taking a frame and showing it are two steps: the guest's memory must be read
 * before it is known whether the frame was whole.
 *
 * Thread: the main thread.
 */
struct vtr_paint_gpu;
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

/* What the painters of one process share. */
struct vtr_painter_host {
	struct vtr_log *log;
	const struct vtr_sdl *sdl;
	bool any_gpu;              /* a CPU device is acceptable */
	struct vtr_paint_gpu *gpu; /* shared by the Vulkan painters, created by the first one */
};

struct vtr_painter_ops {
	const char *name;
	uint32_t window_flags; /* SDL_WindowFlags for windows that it draws into */
	/* Owner: *out_painter is the caller's; the window outlives it. Returns: VTR_ERR_UNSUPPORTED (not in
	 *        this window: logged), VTR_ERR_NOMEM. */
	enum vtr_err (*create)(struct vtr_painter_host *host, SDL_Window *window,
	                       struct vtr_painter **out_painter);
	void (*destroy)(struct vtr_painter *painter); /* accepts NULL */
	/* The size of the window, in pixels. */
	void (*get_size)(struct vtr_painter *painter, uint32_t *out_width, uint32_t *out_height);
	/* Copies the changed part of a frame, or all of it if its size or format changed. The view is not
	 * used afterwards.
	 * Returns: VTR_ERR_AGAIN (busy), VTR_ERR_LIMIT (too large), VTR_ERR_NOMEM, VTR_ERR_OS (it has
	 *          failed). */
	enum vtr_err (*take)(struct vtr_painter *painter, const struct vtr_frame_view *view,
	                     const struct vtr_rect *damage);
	/* Shows what was taken. NULL: all black. Returns: VTR_ERR_AGAIN (not now), VTR_ERR_OS. */
	enum vtr_err (*show)(struct vtr_painter *painter, const struct vtr_fit *fit);
};

extern const struct vtr_painter_ops vtr_painter_vulkan;
extern const struct vtr_painter_ops vtr_painter_software;

#endif
