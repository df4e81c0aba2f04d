/* SPDX-License-Identifier: MIT */
#include "virtio/edid.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

#define BLOCK_SIZE 128u
#define MAX_SIDE 8192u
/* The limits of a detailed timing descriptor. */
#define DTD_MAX_SIDE 4095u
#define DTD_MAX_CLOCK 65535u /* 10 kHz */

/* The blanking of VESA's CVT with reduced blanking, version 1: small, and supported by displays. */
#define H_BLANK 160u
#define H_FRONT 48u
#define H_SYNC 32u
#define V_FRONT 3u
#define V_BACK_MIN 6u
#define V_BLANK_MIN_US 460u

/* A week and year of manufacture are mandatory. */
#define MADE_WEEK 1
#define MADE_YEAR 2026

/* 96 dots per inch, which desktops show at a scale of 1. */
#define MM_PER_96_DOTS_X10 254u

struct timing {
	uint32_t width, height;
	uint32_t v_blank, v_sync;
	uint32_t clock; /* 10 kHz */
	uint32_t refresh_hz;
	uint32_t width_mm, height_mm;
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Lines of vertical sync, by which CVT encodes the aspect ratio. */
static uint32_t v_sync_lines(uint32_t width, uint32_t height)
{
	static const struct {
		uint32_t x, y, lines;
	} shapes[] = { { 4, 3, 4 }, { 16, 9, 5 }, { 16, 10, 6 }, { 5, 4, 7 }, { 15, 9, 7 } };

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (width * shapes[i].y == height * shapes[i].x) {
			return shapes[i].lines;
		}
	}
	return 10;
}

static void make_timing(const struct vtr_edid_mode *mode, struct timing *out)
{
	uint32_t v_sync = v_sync_lines(mode->width, mode->height);
	uint32_t frame_us = 1000000 / mode->refresh_hz;
	uint32_t v_blank = V_BLANK_MIN_US * mode->height / (frame_us - V_BLANK_MIN_US) + 1;

	if (v_blank < V_FRONT + v_sync + V_BACK_MIN) {
		v_blank = V_FRONT + v_sync + V_BACK_MIN;
	}
	uint64_t per_frame = (uint64_t)(mode->width + H_BLANK) * (mode->height + v_blank);
	*out = (struct timing){
		.width = mode->width,
		.height = mode->height,
		.v_blank = v_blank,
		.v_sync = v_sync,
		.clock = (uint32_t)((per_frame * mode->refresh_hz + 5000) / 10000),
		.refresh_hz = mode->refresh_hz,
		.width_mm = (mode->width * MM_PER_96_DOTS_X10 + 480) / 960,
		.height_mm = (mode->height * MM_PER_96_DOTS_X10 + 480) / 960,
	};
}

/* Returns: the byte that makes the block's sum 0. */
static uint8_t checksum(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum = (uint8_t)(sum + bytes[i]);
	}
	return (uint8_t)-sum;
}

static void put_u16(uint8_t *out, uint32_t value)
{
	out[0] = (uint8_t)value;
	out[1] = (uint8_t)(value >> 8);
}

/* E-EDID 1.4, 3.10.2: 12-bit numbers, the upper four bits of two of them in one byte. */
static void put_detailed_timing(uint8_t *out, const struct timing *t)
{
	put_u16(out, t->clock);
	out[2] = (uint8_t)t->width;
	out[3] = (uint8_t)H_BLANK;
	out[4] = (uint8_t)((t->width >> 8 << 4) | (H_BLANK >> 8));
	out[5] = (uint8_t)t->height;
	out[6] = (uint8_t)t->v_blank;
	out[7] = (uint8_t)((t->height >> 8 << 4) | (t->v_blank >> 8));
	out[8] = (uint8_t)H_FRONT;
	out[9] = (uint8_t)H_SYNC;
	out[10] = (uint8_t)((V_FRONT & 0xf) << 4 | (t->v_sync & 0xf));
	out[11] = 0; /* upper bits of porches and sync widths, none of which is that large */
	out[12] = (uint8_t)t->width_mm;
	out[13] = (uint8_t)t->height_mm;
	out[14] = (uint8_t)((t->width_mm >> 8 << 4) | (t->height_mm >> 8));
	out[15] = 0;
	out[16] = 0;
	out[17] = 0x1a; /* digital separate sync: horizontal positive, vertical negative, as in CVT-RB */
}

static void put_text(uint8_t *out, uint8_t tag, const char *text)
{
	size_t length = strlen(text);

	vtr_assert(length < 13);
	out[3] = tag;
	memset(out + 5, ' ', 13);
	memcpy(out + 5, text, length);
	out[5 + length] = '\n';
}

/* The part of `value` beyond a byte goes into an offset of 255. */
static uint8_t put_limit(uint32_t value, uint8_t *flags, uint8_t flag)
{
	if (value > 255) {
		*flags |= flag;
		value -= 255;
	}
	return (uint8_t)min_u32(value, 255);
}

/* E-EDID 1.4, 3.10.3.3. */
static void put_range_limits(uint8_t *out, const struct timing *t)
{
	uint32_t max_hz = t->refresh_hz > 75 ? t->refresh_hz : 75;
	uint32_t lines = t->height + t->v_blank;
	uint32_t khz = lines * t->refresh_hz / 1000;
	uint32_t min_khz = min_u32(khz, 30);

	out[3] = 0xfd;
	out[5] = (uint8_t)min_u32(t->refresh_hz, 50);
	out[6] = put_limit(max_hz, &out[4], 0x02);
	out[7] = (uint8_t)(min_khz > 0 ? min_khz : 1); /* 0 is not allowed */
	out[8] = put_limit(khz + 1 > 160 ? khz + 1 : 160, &out[4], 0x08);
	/* In units of 10 MHz; the maximum is 2550 MHz. */
	uint32_t max_clock = t->clock / 1000 + 1;
	out[9] = (uint8_t)min_u32(max_clock > 60 ? max_clock : 60, 255);
	out[10] = 0x01; /* limits only, no formula */
	out[11] = '\n';
	memset(out + 12, ' ', 6);
}

static void put_head(uint8_t *out, const struct timing *t, uint32_t number)
{
	static const uint8_t header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	/* sRGB: x and y of red, green, blue, white; two bits each, then eight. */
	static const uint8_t srgb[10] = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 };

	memcpy(out, header, sizeof(header));
	/* Three letters of five bits, 'A' is 1: "VTR". */
	out[8] = (('V' - '@') << 2) | (('T' - '@') >> 3);
	out[9] = (uint8_t)((('T' - '@') & 7) << 5 | ('R' - '@'));
	put_u16(out + 10, 1);
	put_u16(out + 12, number + 1);
	out[16] = MADE_WEEK;
	out[17] = MADE_YEAR - 1990;
	out[18] = 1;
	out[19] = 4;
	out[20] = 0xa5; /* digital, 8 bits per colour, DisplayPort */
	out[21] = (uint8_t)min_u32((t->width_mm + 5) / 10, 255);
	out[22] = (uint8_t)min_u32((t->height_mm + 5) / 10, 255);
	out[23] = 120; /* gamma 2.2 */
	out[24] = 0x06; /* sRGB; the first timing is the native one */
	memcpy(out + 25, srgb, sizeof(srgb));
}

/* Other modes that a user may choose. */
static void put_other_modes(uint8_t *out)
{
	static const uint8_t standard[16] = {
		0xd1, 0xc0, /* 1920x1080 */
		0xb3, 0x00, /* 1680x1050 */
		0xa9, 0x40, /* 1600x1200 */
		0x95, 0x00, /* 1440x900 */
		0x81, 0x80, /* 1280x1024 */
		0x81, 0x00, /* 1280x800 */
		0x81, 0xc0, /* 1280x720 */
		0x01, 0x01, /* none */
	};

	out[35] = 0x21; /* 640x480, 800x600 at 60 Hz */
	out[36] = 0x08; /* 1024x768 at 60 Hz */
	memcpy(out + 38, standard, sizeof(standard));
}

/* VESA DisplayID 1.2, data blocks: each starts with a tag, a revision, and the number of bytes that follow. */

static uint8_t *put_product(uint8_t *out, uint32_t number)
{
	out[0] = 0x00;
	out[2] = 12;
	memcpy(out + 3, "VTR", 3);
	put_u16(out + 6, 1);
	put_u16(out + 8, number + 1);
	out[12] = MADE_WEEK;
	out[13] = MADE_YEAR - 2000;
	out[14] = 0; /* length of the name */
	return out + 15;
}

static uint8_t *put_parameters(uint8_t *out, const struct timing *t)
{
	out[0] = 0x01;
	out[2] = 12;
	put_u16(out + 3, t->width_mm * 10);
	put_u16(out + 5, t->height_mm * 10);
	put_u16(out + 7, t->width);
	put_u16(out + 9, t->height);
	out[11] = 0x00;
	out[12] = 120; /* gamma 2.2 */
	/* Counted in hundredths, from 1:1 on. */
	uint32_t longer = t->width > t->height ? t->width : t->height;
	uint32_t shorter = t->width > t->height ? t->height : t->width;
	out[13] = (uint8_t)min_u32(longer * 100 / shorter - 100, 255);
	out[14] = 0x77; /* 8 bits per colour, native and maximum */
	return out + 15;
}

static uint8_t *put_interface(uint8_t *out)
{
	out[0] = 0x0f;
	out[2] = 10;
	out[3] = 0xa4; /* DisplayPort, 4 lanes */
	out[4] = 0x12; /* version 1.2 */
	out[5] = 0x02; /* RGB with 8 bits per colour only */
	return out + 13;
}

static uint8_t *put_timing(uint8_t *out, const struct timing *t)
{
	out[0] = 0x03; /* type I: one timing of 20 bytes */
	out[2] = 20;
	put_u16(out + 3, t->clock - 1);
	out[5] = (uint8_t)((t->clock - 1) >> 16);
	out[6] = 0x88; /* preferred; aspect ratio as given by the pixels */
	put_u16(out + 7, t->width - 1);
	put_u16(out + 9, H_BLANK - 1);
	put_u16(out + 11, (H_FRONT - 1) | 0x8000); /* positive sync */
	put_u16(out + 13, H_SYNC - 1);
	put_u16(out + 15, t->height - 1);
	put_u16(out + 17, t->v_blank - 1);
	put_u16(out + 19, V_FRONT - 1);
	put_u16(out + 21, t->v_sync - 1);
	return out + 23;
}

static void put_display_id(uint8_t *out, const struct timing *t, uint32_t number)
{
	uint8_t *section = out + 1;
	uint8_t *end = section + 4;

	out[0] = 0x70; /* a DisplayID extension */
	end = put_product(end, number);
	end = put_parameters(end, t);
	end = put_interface(end);
	end = put_timing(end, t);
	section[0] = 0x12; /* version 1.2 */
	section[1] = (uint8_t)(end - section - 4); /* bytes of data blocks */
	section[2] = 0x03; /* a desktop display */
	*end = checksum(section, (size_t)(end - section));
	out[BLOCK_SIZE - 1] = checksum(out, BLOCK_SIZE - 1);
}

size_t vtr_edid_make(const struct vtr_edid_mode *mode, uint32_t number, uint8_t out_edid[VTR_EDID_MAX_SIZE])
{
	/* Linux drops a preferred mode that is not marked as native, except this one. */
	static const struct vtr_edid_mode fallback = { .width = 1024, .height = 768, .refresh_hz = 60 };
	struct timing timing;
	struct timing first;
	char serial[13];

	vtr_assert(mode->width >= 1 && mode->width <= MAX_SIDE && mode->height >= 1 &&
	           mode->height <= MAX_SIDE && mode->refresh_hz >= 1 && mode->refresh_hz <= 255);
	make_timing(mode, &timing);
	bool large = mode->width > DTD_MAX_SIDE || mode->height > DTD_MAX_SIDE ||
	             timing.clock > DTD_MAX_CLOCK;
	first = timing;
	if (large) {
		make_timing(&fallback, &first); /* EDID 1.4 requires a timing here */
		first.width_mm = timing.width_mm;
		first.height_mm = timing.height_mm;
	}
	memset(out_edid, 0, VTR_EDID_MAX_SIZE);
	put_head(out_edid, &timing, number);
	put_other_modes(out_edid);
	put_detailed_timing(out_edid + 54, &first);
	put_range_limits(out_edid + 72, &timing);
	put_text(out_edid + 90, 0xfc, "vitrine");
	snprintf(serial, sizeof(serial), "%u", number + 1);
	put_text(out_edid + 108, 0xff, serial);
	out_edid[126] = large ? 1 : 0;
	out_edid[127] = checksum(out_edid, BLOCK_SIZE - 1);
	if (!large) {
		return BLOCK_SIZE;
	}
	put_display_id(out_edid + BLOCK_SIZE, &timing, number);
	return (size_t)2 * BLOCK_SIZE;
}
