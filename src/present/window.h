/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_WINDOW_H
#define PRESENT_WINDOW_H

#include "display/client.h"
#include "present/painter.h"

/* A display's window: its picture, its size and its input. Thread: the main thread. */

#define VTR_DESK_TITLE_MAX 128

/* What all windows share. */
struct vtr_desk {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	const struct vtr_sdl *sdl;
	bool gpu; /* draws, not software; chosen for the first window, used for all */
	char title[VTR_DESK_TITLE_MAX];    /* name of the VM; may be "" */
	bool microphone; /* the guest hears it, and titles say so */
};

struct vtr_desk_window;

#define VTR_DESK_NEVER INT64_C(-1)

/* Opens a window of the mode's size. Owner: *out_window is the caller's. Returns: VTR_ERR_UNSUPPORTED
 * (logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_desk_window_create(struct vtr_desk *desk, uint32_t display,
                                                   const struct vtr_display_mode *mode,
                                                   struct vtr_desk_window **out_window);
/* Releases all keys and buttons that are down in it. Accepts NULL. */
void vtr_desk_window_destroy(struct vtr_desk_window *window);

/* Returns: SDL's name of what draws. Owner: SDL. */
const char *vtr_desk_window_drawn_by(const struct vtr_desk_window *window);

/* Owner: the window. */
SDL_Window *vtr_desk_window_sdl(const struct vtr_desk_window *window);

uint32_t vtr_desk_window_id(const struct vtr_desk_window *window);

/* Follows a change of the desk. */
void vtr_desk_window_set_title(struct vtr_desk_window *window);

/* Handles an event of the window. */
void vtr_desk_window_handle(struct vtr_desk_window *window, const SDL_Event *event);

/* Returns: the time before which nothing new is shown: a guest may draw much faster than the monitor's
 *          refresh rate. */
int64_t vtr_desk_window_due_ns(const struct vtr_desk_window *window);

/* Shows a new picture, and sends due requests to the guest. *out_next_ns: when to come again if nothing
 * happens; VTR_DESK_NEVER. Returns: VTR_ERR_OS (it cannot be drawn into any more). */
VTR_MUST_CHECK enum vtr_err vtr_desk_window_update(struct vtr_desk_window *window, int64_t *out_next_ns);

#endif
