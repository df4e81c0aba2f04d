/* SPDX-License-Identifier: MIT */
#include "present/window_input.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "display/client.h"
#include "display/protocol.h"

#define NOTCH 120 /* of a wheel, in Linux's unit */

void vtr_window_input_init(struct vtr_window_input *window_input, const struct vtr_sdl *sdl,
                           struct vtr_display_client *screen, uint32_t display)
{
	*window_input = (struct vtr_window_input){ .sdl = sdl, .screen = screen, .display = display };
}

void vtr_window_input_finish(struct vtr_window_input *window_input)
{
	vtr_window_input_release(window_input);
	if (window_input->cursor) {
		window_input->sdl->SDL_FreeCursor(window_input->cursor);
	}
}

/* If the front is too busy, the input is lost and all keys are released; nothing is left to do here. */
static void send(struct vtr_window_input *window_input, const struct vtr_input *input)
{
	struct vtr_input own = *input;

	own.display = window_input->display;
	enum vtr_err err = vtr_display_client_send_input(window_input->screen, &own);
	(void)err;
}

/* --- keys and buttons -------------------------------------------------------------------------------- */

void vtr_window_input_press(struct vtr_window_input *window_input, uint32_t code, bool down)
{
	if (code == 0 || code > VTR_INPUT_MAX_CODE) {
		return;
	}
	uint8_t *byte = &window_input->held[code / 8];
	const uint8_t bit = (uint8_t)(1u << (code % 8));
	if (((*byte & bit) != 0) == down) {
		return; /* key repeat, which the guest does itself; or already released */
	}
	*byte ^= bit;
	vtr_window_input_flush(window_input);
	send(window_input, &(struct vtr_input){ .kind = VTR_INPUT_KEY, .code = code, .down = down });
}

void vtr_window_input_release(struct vtr_window_input *window_input)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(window_input->held); i++) {
		any = any || window_input->held[i] != 0;
	}
	if (any) {
		memset(window_input->held, 0, sizeof(window_input->held));
		send(window_input, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
	}
}

/* --- the pointer ------------------------------------------------------------------------------------- */

/* Returns: the position of `pixel` between the first and the last pixel of a range that begins at `start`. */
static uint32_t position_of(int32_t pixel, int32_t start, uint32_t size)
{
	int64_t inside = (int64_t)pixel - start;

	if (inside <= 0 || size < 2) {
		return 0;
	}
	if (inside >= (int64_t)size - 1) {
		return VTR_INPUT_MAX_PLACE;
	}
	return (uint32_t)(inside * VTR_INPUT_MAX_PLACE / ((int64_t)size - 1));
}

void vtr_window_input_move(struct vtr_window_input *window_input, const struct vtr_fit *fit, int32_t x,
                           int32_t y)
{
	if (fit->source_width == 0 || fit->source_height == 0) {
		return;
	}
	uint32_t to_x = position_of(x, fit->x, fit->full_width);
	uint32_t to_y = position_of(y, fit->y, fit->full_height);
	if (!window_input->has_position || to_x != window_input->x || to_y != window_input->y) {
		window_input->moved = true;
		window_input->x = to_x;
		window_input->y = to_y;
	}
}

void vtr_window_input_flush(struct vtr_window_input *window_input)
{
	if (window_input->moved) {
		window_input->moved = false;
		window_input->has_position = true;
		send(window_input, &(struct vtr_input){ .kind = VTR_INPUT_MOTION,
		                                        .x = window_input->x,
		                                        .y = window_input->y });
	}
}

static int32_t notches(float turns)
{
	float units = roundf(turns * NOTCH);

	if (units > VTR_SCREEN_WHEEL_MAX) {
		return VTR_SCREEN_WHEEL_MAX;
	}
	return units < -VTR_SCREEN_WHEEL_MAX ? -VTR_SCREEN_WHEEL_MAX : (int32_t)units;
}

void vtr_window_input_turn(struct vtr_window_input *window_input, const SDL_MouseWheelEvent *wheel)
{
	const float sign = wheel->direction == SDL_MOUSEWHEEL_FLIPPED ? -1.0f : 1.0f;
	const struct vtr_input input = {
		.kind = VTR_INPUT_WHEEL,
		.wheel_x = notches(sign * wheel->preciseX),
		.wheel_y = notches(sign * wheel->preciseY),
	};

	vtr_window_input_flush(window_input);
	if (input.wheel_x != 0 || input.wheel_y != 0) {
		send(window_input, &input);
	}
}

/* --- cursor ------------------------------------------------------------------------------------------ */

static SDL_Cursor *make_cursor(const struct vtr_sdl *sdl, const struct vtr_cursor *image)
{
	uint32_t pixels[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE];

	memcpy(pixels, image->pixels, sizeof(pixels));
	SDL_Surface *surface = sdl->SDL_CreateRGBSurfaceWithFormatFrom(
		pixels, VTR_CURSOR_SIZE, VTR_CURSOR_SIZE, 32, VTR_CURSOR_SIZE * 4, SDL_PIXELFORMAT_BGRA32);
	if (!surface) {
		return NULL;
	}
	SDL_Cursor *cursor = sdl->SDL_CreateColorCursor(surface,
	                                                (int)vtr_min(image->hot_x, VTR_CURSOR_SIZE - 1),
	                                                (int)vtr_min(image->hot_y, VTR_CURSOR_SIZE - 1));
	sdl->SDL_FreeSurface(surface);
	return cursor;
}

void vtr_window_input_enter(struct vtr_window_input *window_input)
{
	window_input->cursor_ticket = 0;
	window_input->has_position = false;
	window_input->sdl->SDL_SetCursor(window_input->cursor ? window_input->cursor :
	                                                        window_input->sdl->SDL_GetDefaultCursor());
	window_input->sdl->SDL_ShowCursor(SDL_ENABLE);
}

void vtr_window_input_show_cursor(struct vtr_window_input *window_input)
{
	struct vtr_scanout_cursor cursor;

	if (vtr_display_client_read_cursor(window_input->screen, window_input->display, &cursor) != VTR_OK ||
	    cursor.ticket == window_input->cursor_ticket) {
		return;
	}
	window_input->cursor_ticket = cursor.ticket;
	window_input->cursor_seen = window_input->cursor_seen || cursor.visible;
	if (!cursor.visible) {
		/* A guest that has shown a cursor may hide it and draw its own. Before that, the system's
		 * pointer stays visible, so that the window does not seem dead. */
		window_input->sdl->SDL_ShowCursor(window_input->cursor_seen ? SDL_DISABLE : SDL_ENABLE);
		return;
	}
	SDL_Cursor *made = make_cursor(window_input->sdl, &cursor.image);
	if (made) {
		window_input->sdl->SDL_SetCursor(made);
		if (window_input->cursor) {
			window_input->sdl->SDL_FreeCursor(window_input->cursor);
		}
		window_input->cursor = made;
	}
	window_input->sdl->SDL_ShowCursor(SDL_ENABLE);
}
