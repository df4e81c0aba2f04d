/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_WINDOW_INPUT_H
#define PRESENT_WINDOW_INPUT_H

#include "display/types.h"
#include "present/painter.h"

/*
 * Turns input in a window into input for the guest, and makes the pointer look like the guest's cursor.
 * Thread: the main thread.
 */
struct vtr_display_client;

struct vtr_window_input {
	const struct vtr_sdl *sdl;
	struct vtr_display_client *screen;
	uint32_t display;
	uint8_t held[(VTR_INPUT_MAX_CODE + 8) / 8]; /* a bit for each key and button that is down */
	bool has_position; /* the guest has got a position */
	bool moved;  /* x, y have not been sent yet */
	uint32_t x, y;
	SDL_Cursor *cursor; /* NULL: the system's */
	uint32_t cursor_ticket;
	bool cursor_seen;   /* the guest has shown a cursor, so a hidden cursor is intended */
};

void vtr_window_input_init(struct vtr_window_input *window_input, const struct vtr_sdl *sdl,
                           struct vtr_display_client *screen, uint32_t display);
void vtr_window_input_finish(struct vtr_window_input *window_input);

/* `x`, `y` in pixels of the window; positions outside of the picture are moved to its nearest edge. */
void vtr_window_input_move(struct vtr_window_input *window_input, const struct vtr_fit *fit, int32_t x,
                           int32_t y);
/* Sends the last motion. */
void vtr_window_input_flush(struct vtr_window_input *window_input);
/* `code` 0 is ignored. */
void vtr_window_input_press(struct vtr_window_input *window_input, uint32_t code, bool down);
void vtr_window_input_turn(struct vtr_window_input *window_input, const SDL_MouseWheelEvent *wheel);
/* Releases all keys and buttons that are down. */
void vtr_window_input_release(struct vtr_window_input *window_input);

/* The pointer is in the window: makes it look like the guest's cursor, if that has changed. */
void vtr_window_input_show_cursor(struct vtr_window_input *window_input);
/* The pointer has entered the window: its look was changed outside, and the guest's may have moved. */
void vtr_window_input_enter(struct vtr_window_input *window_input);

#endif
