/* SPDX-License-Identifier: MIT */
#include "counter.h"

#define COLUMNS 8
#define BITS 40
#define MARGIN 1 /* of the ground around squares and digits, in squares */
#define DIGIT_HEIGHT 4
#define GRID_ROWS (BITS / COLUMNS)

/* The segments of each digit: bits 0-6 are top, upper right, lower right, bottom, lower left, upper left,
 * middle. */
static const uint8_t segments[10] = { 0x3f, 0x06, 0x5b, 0x4f, 0x66, 0x6d, 0x7d, 0x07, 0x7f, 0x6f };

/* The edge of a square in pixels. */
static uint32_t unit(uint32_t width, uint32_t height)
{
	uint32_t size = (width < height ? width : height) / 100;
	return size < 4 ? 4 : size;
}

/* CRC-8, polynomial 0x07, over the four bytes of the number; started such that 0 has squares, too. */
static uint8_t checksum(uint32_t number)
{
	uint8_t crc = 0x5a;
	for (int shift = 24; shift >= 0; shift -= 8) {
		crc ^= (uint8_t)(number >> shift);
		for (int bit = 0; bit < 8; bit++) {
			crc = (uint8_t)(crc & 0x80 ? crc << 1 ^ 0x07 : crc << 1);
		}
	}
	return crc;
}

static uint64_t encode(uint32_t number)
{
	return (uint64_t)number << 8 | checksum(number);
}

/* One digit, one and a half squares wide and DIGIT_HEIGHT high. */
static uint32_t fill_digit(uint32_t digit, uint32_t x, uint32_t y, uint32_t size, struct counter_rect *out)
{
	uint32_t stroke = size / 3;
	uint32_t w = size + size / 2;
	uint32_t h = size * DIGIT_HEIGHT;
	uint32_t half = h / 2;
	const struct counter_rect all[7] = {
		{ x, y, w, stroke },
		{ x + w - stroke, y, stroke, half },
		{ x + w - stroke, y + half, stroke, h - half },
		{ x, y + h - stroke, w, stroke },
		{ x, y + half, stroke, h - half },
		{ x, y, stroke, half },
		{ x, y + half - stroke / 2, w, stroke },
	};
	uint32_t count = 0;
	for (uint32_t i = 0; i < 7; i++) {
		if (segments[digit] >> i & 1) {
			out[count++] = all[i];
		}
	}
	return count;
}

uint32_t counter_fill(uint32_t width, uint32_t height, uint32_t number,
                      struct counter_rect out_rects[COUNTER_RECTS_MAX])
{
	uint32_t size = unit(width, height);
	uint32_t count = 0;
	uint32_t digits_x = (2 * MARGIN + COLUMNS) * size;
	out_rects[count++] = (struct counter_rect){ 0, 0,
		                                    digits_x + COUNTER_DIGITS * 2 * size + MARGIN * size,
		                                    (2 * MARGIN + GRID_ROWS) * size };
	uint64_t code = encode(number);
	for (uint32_t i = 0; i < BITS; i++) {
		if (code >> (BITS - 1 - i) & 1) {
			out_rects[count++] = (struct counter_rect){ (MARGIN + i % COLUMNS) * size,
				                                    (MARGIN + i / COLUMNS) * size, size,
				                                    size };
		}
	}
	uint32_t rest = number;
	for (uint32_t i = COUNTER_DIGITS; i-- > 0; rest /= 10) {
		count += fill_digit(rest % 10, digits_x + i * 2 * size, (MARGIN * size * 3) / 2, size,
		                    &out_rects[count]);
	}
	/* A picture that is too small for the digits keeps the squares. */
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct counter_rect r = out_rects[i];
		if (r.x < width && r.y < height) {
			r.width = r.width < width - r.x ? r.width : width - r.x;
			r.height = r.height < height - r.y ? r.height : height - r.y;
			out_rects[kept++] = r;
		}
	}
	return kept;
}

bool counter_read(const uint8_t *pixels, size_t stride, uint32_t width, uint32_t height, uint32_t *out_number)
{
	uint32_t size = unit(width, height);
	uint64_t code = 0;
	if (width < COUNTER_MIN_WIDTH || height < COUNTER_MIN_HEIGHT) {
		return false;
	}
	for (uint32_t i = 0; i < BITS; i++) {
		size_t x = (MARGIN + i % COLUMNS) * size + size / 2;
		size_t y = (MARGIN + i / COLUMNS) * size + size / 2;
		code = code << 1 | (pixels[y * stride + x * 4 + 1] > 127);
	}
	uint32_t number = (uint32_t)(code >> 8);
	if (encode(number) != code) {
		return false;
	}
	*out_number = number;
	return true;
}
