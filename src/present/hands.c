/* SPDX-License-Identifier: MIT */
#include "present/hands.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "screen/protocol.h"
#include "screen/screen.h"

#define NOTCH 120 /* of a wheel, as Linux counts */

void vtr_hands_init(struct vtr_hands *hands, const struct vtr_sdl *sdl, struct vtr_screen *screen,
                    uint32_t display)
{
	*hands = (struct vtr_hands){ .sdl = sdl, .screen = screen, .display = display };
}

void vtr_hands_finish(struct vtr_hands *hands)
{
	vtr_hands_release(hands);
	if (hands->cursor) {
		hands->sdl->SDL_FreeCursor(hands->cursor);
	}
}

/* A front that is too busy has lost it, and has released all keys then; there is nothing to do here. */
static void send(struct vtr_hands *hands, const struct vtr_input *input)
{
	struct vtr_input own = *input;

	own.display = hands->display;
	enum vtr_err err = vtr_screen_send_input(hands->screen, &own);
	(void)err;
}

/* --- keys and buttons -------------------------------------------------------------------------------- */

void vtr_hands_press(struct vtr_hands *hands, uint32_t code, bool down)
{
	if (code == 0 || code > VTR_INPUT_MAX_CODE) {
		return;
	}
	uint8_t *byte = &hands->held[code / 8];
	const uint8_t bit = (uint8_t)(1u << (code % 8));
	if (((*byte & bit) != 0) == down) {
		return; /* repeated: the guest does that by itself; or let go of already */
	}
	*byte ^= bit;
	vtr_hands_flush(hands);
	send(hands, &(struct vtr_input){ .kind = VTR_INPUT_KEY, .code = code, .down = down });
}

void vtr_hands_release(struct vtr_hands *hands)
{
	bool any = false;

	for (size_t i = 0; i < sizeof(hands->held); i++) {
		any = any || hands->held[i] != 0;
	}
	if (any) {
		memset(hands->held, 0, sizeof(hands->held));
		send(hands, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
	}
}

/* --- the pointer ------------------------------------------------------------------------------------- */

/* Where `pixel` is in something that begins at `start`: from its first pixel to its last one. */
static uint32_t place(int32_t pixel, int32_t start, uint32_t size)
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

void vtr_hands_move(struct vtr_hands *hands, const struct vtr_fit *fit, int32_t x, int32_t y)
{
	if (fit->source_width == 0 || fit->source_height == 0) {
		return;
	}
	uint32_t to_x = place(x, fit->x, fit->full_width);
	uint32_t to_y = place(y, fit->y, fit->full_height);
	if (!hands->placed || to_x != hands->x || to_y != hands->y) {
		hands->moved = true;
		hands->x = to_x;
		hands->y = to_y;
	}
}

void vtr_hands_flush(struct vtr_hands *hands)
{
	if (hands->moved) {
		hands->moved = false;
		hands->placed = true;
		send(hands, &(struct vtr_input){ .kind = VTR_INPUT_MOTION, .x = hands->x, .y = hands->y });
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

void vtr_hands_turn(struct vtr_hands *hands, const SDL_MouseWheelEvent *wheel)
{
	const float sign = wheel->direction == SDL_MOUSEWHEEL_FLIPPED ? -1.0f : 1.0f;
	const struct vtr_input input = {
		.kind = VTR_INPUT_WHEEL,
		.wheel_x = notches(sign * wheel->preciseX),
		.wheel_y = notches(sign * wheel->preciseY),
	};

	vtr_hands_flush(hands);
	if (input.wheel_x != 0 || input.wheel_y != 0) {
		send(hands, &input);
	}
}

/* --- its looks --------------------------------------------------------------------------------------- */

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

void vtr_hands_enter(struct vtr_hands *hands)
{
	hands->cursor_ticket = 0;
	hands->placed = false;
	hands->sdl->SDL_SetCursor(hands->cursor ? hands->cursor : hands->sdl->SDL_GetDefaultCursor());
	hands->sdl->SDL_ShowCursor(SDL_ENABLE);
}

void vtr_hands_show_cursor(struct vtr_hands *hands)
{
	struct vtr_board_cursor cursor;

	if (vtr_screen_read_cursor(hands->screen, hands->display, &cursor) != VTR_OK ||
	    cursor.ticket == hands->cursor_ticket) {
		return;
	}
	hands->cursor_ticket = cursor.ticket;
	hands->cursor_seen = hands->cursor_seen || cursor.visible;
	if (!cursor.visible) {
		/* A guest that draws its own has no other; one that has not begun to would seem dead. */
		hands->sdl->SDL_ShowCursor(hands->cursor_seen ? SDL_DISABLE : SDL_ENABLE);
		return;
	}
	SDL_Cursor *made = make_cursor(hands->sdl, &cursor.image);
	if (made) {
		hands->sdl->SDL_SetCursor(made);
		if (hands->cursor) {
			hands->sdl->SDL_FreeCursor(hands->cursor);
		}
		hands->cursor = made;
	}
	hands->sdl->SDL_ShowCursor(SDL_ENABLE);
}
