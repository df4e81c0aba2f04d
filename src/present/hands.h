/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_HANDS_H
#define PRESENT_HANDS_H

#include "core/ops.h"
#include "present/painter.h"

/*
 * What a person does in a window, as input for the guest; and the pointer that is seen there, which is the
 * guest's cursor. Thread: the main thread.
 */
struct vtr_screen;

struct vtr_hands {
	const struct vtr_sdl *sdl;
	struct vtr_screen *screen;
	uint32_t display;
	uint8_t held[(VTR_INPUT_MAX_CODE + 8) / 8]; /* bits: keys and buttons */
	bool placed; /* the guest was told of a place */
	bool moved;  /* to x, y, which has not been sent */
	uint32_t x, y;
	SDL_Cursor *cursor; /* NULL: the system's */
	uint32_t cursor_ticket;
	bool cursor_seen;   /* the guest has shown one, so a hidden one is meant to be so */
};

void vtr_hands_init(struct vtr_hands *hands, const struct vtr_sdl *sdl, struct vtr_screen *screen,
                    uint32_t display);
void vtr_hands_finish(struct vtr_hands *hands);

/* `x`, `y` in pixels of the window; outside of the picture its nearest edge counts. */
void vtr_hands_move(struct vtr_hands *hands, const struct vtr_fit *fit, int32_t x, int32_t y);
/* Sends the last motion. */
void vtr_hands_flush(struct vtr_hands *hands);
/* `code` 0 is nothing. */
void vtr_hands_press(struct vtr_hands *hands, uint32_t code, bool down);
void vtr_hands_turn(struct vtr_hands *hands, const SDL_MouseWheelEvent *wheel);
/* Of all that is held. */
void vtr_hands_release(struct vtr_hands *hands);

/* The pointer is in the window: has it look like the guest's, if that has changed. */
void vtr_hands_show_cursor(struct vtr_hands *hands);
/* The pointer has come from elsewhere, where it looked differently and may have moved the guest's. */
void vtr_hands_enter(struct vtr_hands *hands);

#endif
