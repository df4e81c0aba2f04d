/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_WINDOW_H
#define PRESENT_WINDOW_H

#include "present/painter.h"
#include "screen/screen.h"

/* A display's window: what it shows, how large it is, and what is done in it. Thread: the main thread. */

#define VTR_DESK_TITLE_MAX 128

/* What all windows share. */
struct vtr_desk {
	struct vtr_log *log;
	struct vtr_screen *screen;
	struct vtr_painter_host host;
	const struct vtr_painter_ops *ops; /* of the first window's choice, and then of all */
	char title[VTR_DESK_TITLE_MAX];    /* of the machine; may be "" */
};

struct vtr_desk_window;

#define VTR_DESK_NEVER INT64_C(-1)

/* A window of the mode's size. Owner: *out_window is the caller's. Returns: VTR_ERR_UNSUPPORTED (logged),
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_desk_window_create(struct vtr_desk *desk, uint32_t display,
                                                   const struct vtr_board_mode *mode,
                                                   struct vtr_desk_window **out_window);
/* Lets go of what was held in it. Accepts NULL. */
void vtr_desk_window_destroy(struct vtr_desk_window *window);

/* Owner: the window. */
SDL_Window *vtr_desk_window_sdl(const struct vtr_desk_window *window);

uint32_t vtr_desk_window_id(const struct vtr_desk_window *window);

/* Something was done in it, or to it. */
void vtr_desk_window_handle(struct vtr_desk_window *window, const SDL_Event *event);

/* Before this nothing new is shown: a guest may draw much faster than any monitor shows. */
int64_t vtr_desk_window_due_ns(const struct vtr_desk_window *window);

/* Shows what is new, and asks for what is wanted. *out_next_ns: when to come again if nothing happens;
 * VTR_DESK_NEVER. Returns: VTR_ERR_OS (it cannot be drawn into any more). */
VTR_MUST_CHECK enum vtr_err vtr_desk_window_update(struct vtr_desk_window *window, int64_t *out_next_ns);

#endif
