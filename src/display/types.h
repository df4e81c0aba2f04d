/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_TYPES_H
#define DISPLAY_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* Displays, what they show, and users' input. Thread: any. */

#define VTR_MAX_DISPLAYS 16

/* Limits of a mode's sides: Linux's limits for modes in an EDID, and for virtio-gpu. */
#define VTR_MODE_MIN_SIDE 64u
#define VTR_MODE_MAX_SIDE 8192u
#define VTR_MODE_LIMITS "width and height must lie between 64 and 8192"

static inline bool vtr_mode_fits(uint32_t width, uint32_t height)
{
	return width >= VTR_MODE_MIN_SIDE && width <= VTR_MODE_MAX_SIDE && height >= VTR_MODE_MIN_SIDE &&
	       height <= VTR_MODE_MAX_SIDE;
}

struct vtr_rect {
	uint32_t x, y, width, height;
};

/* 32 bits per pixel, bytes in memory as named; values of virtio 1.3, 5.7.6.8 (virtio_gpu_formats). */
enum vtr_pixel_format {
	VTR_FORMAT_B8G8R8A8 = 1,
	VTR_FORMAT_B8G8R8X8 = 2,
	VTR_FORMAT_A8R8G8B8 = 3,
	VTR_FORMAT_X8R8G8B8 = 4,
	VTR_FORMAT_R8G8B8A8 = 67,
	VTR_FORMAT_X8B8G8R8 = 68,
	VTR_FORMAT_A8B8G8R8 = 121,
	VTR_FORMAT_R8G8B8X8 = 134,
};

/* What a display shows: a rectangle of pixels in shared memory. */
struct vtr_scanout {
	bool in_hostmem;   /* the memory is hostmem (vtr_hostmem.fd) */
	uint32_t buffer;  /* otherwise one of vtr_display_ops.add_buffer() */
	uint64_t offset;  /* of the rectangle's first pixel; all rows lie within the memory */
	uint32_t width, height, stride; /* stride in bytes */
	enum vtr_pixel_format format;
};

#define VTR_CURSOR_SIZE 64 /* pixels per side */

struct vtr_cursor {
	uint32_t hot_x, hot_y;
	uint32_t pixels[VTR_CURSOR_SIZE * VTR_CURSOR_SIZE]; /* B8G8R8A8, premultiplied */
};

enum vtr_input_kind {
	VTR_INPUT_KEY,     /* or a button: code, down */
	VTR_INPUT_MOTION,  /* x, y */
	VTR_INPUT_WHEEL,   /* wheel_x, wheel_y */
	VTR_INPUT_RELEASE, /* of all keys and buttons that are down, and of all contacts and pads */
	VTR_INPUT_TOUCH,   /* a finger on a touch screen: code is the contact, down, x, y */
	VTR_INPUT_PAD,     /* a game pad: code is its number, buttons, axes */
};

/* Fingers at once. */
#define VTR_TOUCH_CONTACTS 10

#define VTR_PADS 4
/* Bits of vtr_input.buttons, in the order of the standard mapping of W3C's Gamepad API. Triggers are axes. */
enum vtr_pad_button {
	VTR_PAD_SOUTH,
	VTR_PAD_EAST,
	VTR_PAD_WEST,
	VTR_PAD_NORTH,
	VTR_PAD_SHOULDER_LEFT,
	VTR_PAD_SHOULDER_RIGHT,
	VTR_PAD_SELECT = 8,
	VTR_PAD_START,
	VTR_PAD_STICK_LEFT,
	VTR_PAD_STICK_RIGHT,
	VTR_PAD_UP,
	VTR_PAD_DOWN,
	VTR_PAD_LEFT,
	VTR_PAD_RIGHT,
	VTR_PAD_MODE,
};
#define VTR_PAD_BUTTONS 0x1ff3fu
/* Left stick, right stick, each right and down; left and right trigger, which are not negative. */
#define VTR_PAD_AXES 6
#define VTR_PAD_FIRST_TRIGGER 4

#define VTR_INPUT_MAX_CODE 0x2ff /* KEY_MAX */
#define VTR_INPUT_MAX_PLACE 65535

/* A user's input at a display. It is never logged. */
struct vtr_input {
	enum vtr_input_kind kind;
	uint32_t display;
	uint32_t code; /* of a key: of linux/input-event-codes.h, KEY_* or BTN_*; not 0 */
	bool down;
	uint32_t x, y; /* 0 to VTR_INPUT_MAX_PLACE across the display's picture */
	int32_t wheel_x, wheel_y; /* 120 per notch; right and away from the user are positive */
	uint32_t buttons; /* those that are down: 1 << enum vtr_pad_button */
	int16_t axes[VTR_PAD_AXES];
};

/* Returns: whether an event of a finger or pad makes the one right before it unnecessary: a move, or another position
 * of the axes. */
static inline bool vtr_input_replaces(const struct vtr_input *last, const struct vtr_input *next)
{
	if (last->kind != next->kind || last->code != next->code) {
		return false;
	}
	return (next->kind == VTR_INPUT_TOUCH && last->down && next->down) ||
	       (next->kind == VTR_INPUT_PAD && last->buttons == next->buttons);
}

/* A keyboard's lights, which the guest controls. */
enum vtr_light {
	VTR_LIGHT_NUM = 1,
	VTR_LIGHT_CAPS = 2,
	VTR_LIGHT_SCROLL = 4,
};

#endif
