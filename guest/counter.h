/* SPDX-License-Identifier: MIT */
#ifndef GUEST_COUNTER_H
#define GUEST_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The number of a frame, drawn in its upper left corner: as digits for people, and as black and white
 * squares for programs that look at a picture, 8 in a row: 32 bits, the highest first, and the 8 bits of
 * a checksum. All of it is rectangles.
 * Thread: any; nothing is kept.
 */

#define COUNTER_DIGITS 8
/* The black ground, seven segments for each digit, 40 squares. */
#define COUNTER_RECTS_MAX (1 + COUNTER_DIGITS * 7 + 40)

/* Pictures smaller than this have no room for it. */
#define COUNTER_MIN_WIDTH 64
#define COUNTER_MIN_HEIGHT 64

struct counter_rect {
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
};

/* Fills the rectangles for a number in a picture of that size: the first is black, the others are white
 * and lie in it. Returns how many there are. */
uint32_t counter_fill(uint32_t width, uint32_t height, uint32_t number,
                      struct counter_rect out_rects[COUNTER_RECTS_MAX]);

/* Reads the squares of a picture with four bytes a pixel, of which the second is green. Returns whether
 * the checksum was right; without, *out_number is untouched. */
bool counter_read(const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height,
                  uint32_t *out_number);

#endif
