/* SPDX-License-Identifier: MIT */
#include "encode/h264_sps.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

/* Sequence parameter sets, written bit by bit from the syntax of H.264, 7.3.2.1.1 and E.1.1. */

#define NO_RESTRICTION (-1)
static const struct vtr_h264_rates slow = { .fps = 30, .bitrate = 4000000 };

struct form {
	uint8_t profile, level;
	uint8_t order; /* pic_order_cnt_type */
	uint8_t frames;
	bool vui, full, interlaced, lists;
	int reorder; /* NO_RESTRICTION: without bitstream_restriction */
	uint8_t buffering;
	uint8_t mv; /* log2_max_mv_length */
	uint16_t width_mbs, height_mbs;
};

struct out {
	uint8_t bytes[256];
	size_t at;
};

static void bits(struct out *out, unsigned count, uint32_t value)
{
	while (count-- > 0) {
		out->bytes[out->at / 8] |= (uint8_t)((value >> count & 1) << (7 - out->at % 8));
		out->at++;
	}
}

static void ue(struct out *out, uint32_t value)
{
	unsigned length = 0;

	while ((value + 1) >> (length + 1) != 0) {
		length++;
	}
	bits(out, 2 * length + 1, value + 1);
}

static void write_chroma(struct out *out, const struct form *form)
{
	ue(out, 1);
	ue(out, 0);
	ue(out, 0);
	bits(out, 1, 0);
	bits(out, 1, form->lists);
	for (int i = 0; form->lists && i < 8; i++) {
		bits(out, 1, i == 0 || i == 6);
		for (int j = 0; i == 0 && j < 16; j++) {
			ue(out, j == 3 ? 5 : 4); /* +3, -2 */
		}
		if (i == 6) {
			ue(out, 16); /* -8: the rest is the default */
		}
	}
}

static void write_hrd(struct out *out)
{
	ue(out, 1);
	bits(out, 8, 0x35);
	for (int i = 0; i < 2; i++) {
		ue(out, 1234);
		ue(out, 99);
		bits(out, 1, 1);
	}
	bits(out, 20, 0xabcde);
}

static void write_vui(struct out *out, const struct form *form)
{
	const uint32_t full = form->full;

	bits(out, 1, full);
	if (full) {
		bits(out, 8, 255);
		bits(out, 32, 0x00010001);
		bits(out, 1, 1);
		bits(out, 1, 1);
		bits(out, 1, 1);
		bits(out, 4, 10);
		bits(out, 1, 1);
		bits(out, 24, 0x010101);
		bits(out, 1, 1);
		ue(out, 1);
		ue(out, 1);
		bits(out, 1, 1);
		bits(out, 32, 1);
		bits(out, 32, 120);
		bits(out, 1, 1);
		bits(out, 1, 1);
		write_hrd(out);
		bits(out, 1, 1);
		write_hrd(out);
		bits(out, 1, 1);
	} else {
		bits(out, 6, 0);
	}
	bits(out, 1, 1); /* pic_struct_present_flag */
	bits(out, 1, form->reorder != NO_RESTRICTION);
	if (form->reorder != NO_RESTRICTION) {
		bits(out, 1, 1);
		ue(out, 0);
		ue(out, 0);
		ue(out, form->mv);
		ue(out, form->mv);
		ue(out, (uint32_t)form->reorder);
		ue(out, form->buffering);
	}
}

static void write_order(struct out *out, const struct form *form)
{
	ue(out, form->order);
	if (form->order == 0) {
		ue(out, 4);
	} else if (form->order == 1) {
		bits(out, 1, 0);
		ue(out, 3);
		ue(out, 0);
		ue(out, 2);
		ue(out, 7);
		ue(out, 8);
	}
}

/* Writes a start code and the set, with emulation prevention. Returns: the size. */
static size_t write_set(const struct form *form, uint8_t *to)
{
	struct out out = { 0 };

	bits(&out, 8, 0x67);
	bits(&out, 8, form->profile);
	bits(&out, 8, 0);
	bits(&out, 8, form->level);
	ue(&out, 0);
	if (form->profile == 100) {
		write_chroma(&out, form);
	}
	ue(&out, 0);
	write_order(&out, form);
	ue(&out, form->frames);
	bits(&out, 1, 0);
	ue(&out, form->width_mbs - 1u);
	ue(&out, form->height_mbs / (form->interlaced ? 2u : 1u) - 1);
	bits(&out, 1, !form->interlaced);
	bits(&out, form->interlaced ? 2 : 1, 1);
	bits(&out, 1, 1);
	for (uint32_t i = 0; i < 4; i++) {
		ue(&out, i);
	}
	bits(&out, 1, form->vui);
	if (form->vui) {
		write_vui(&out, form);
	}
	bits(&out, 1, 1);
	memcpy(to, "\0\0\0\1", 4);
	size_t size = 4;
	for (size_t i = 0, zeros = 0; i < (out.at + 7) / 8; i++) {
		if (zeros == 2 && out.bytes[i] <= 3) {
			to[size++] = 3;
			zeros = 0;
		}
		to[size++] = out.bytes[i];
		zeros = out.bytes[i] == 0 ? zeros + 1 : 0;
	}
	return size;
}

static const uint8_t rest[] = { 0,    0,    0,    1, 0x68, 0xce, 0x38, 0x80, 0, 0, 1,
	                        0x65, 0x88, 0x84, 0, 3,    0,    0,    3,    1, 9 };

/* Writes a unit of a delimiter, the set, a picture parameter set and a slice. Returns: the size. */
static size_t write_unit(const struct form *form, uint8_t *to)
{
	static const uint8_t delimiter[] = { 0, 0, 0, 1, 9, 0xf0 };
	memcpy(to, delimiter, sizeof(delimiter));
	size_t size = sizeof(delimiter) + write_set(form, to + sizeof(delimiter));

	memcpy(to + size, rest, sizeof(rest));
	return size + sizeof(rest);
}

static void becomes(const struct form *before, const struct form *after)
{
	uint8_t unit[600];
	uint8_t wanted[600];
	uint8_t found[600 + VTR_H264_SPS_GROWTH];
	size_t size = write_unit(before, unit);
	size_t wanted_size = write_unit(after, wanted);

	size_t found_size = vtr_h264_copy_live(unit, size, &slow, found);
	CHECK_EQ(found_size, wanted_size);
	CHECK(memcmp(found, wanted, wanted_size) == 0);
	/* What it has written needs nothing more. */
	CHECK_EQ(vtr_h264_copy_live(wanted, wanted_size, &slow, found), wanted_size);
	CHECK(memcmp(found, wanted, wanted_size) == 0);
}

static const struct form plain = {
	.profile = 66,
	.level = 31,
	.order = 2,
	.frames = 1,
	.vui = true,
	.reorder = 0,
	.buffering = 1,
	.mv = 15,
	.width_mbs = 80,
	.height_mbs = 45,
};

static void test_sets_that_say_enough(void)
{
	struct form form = plain;

	becomes(&form, &form);
	form.mv = 11;
	form.full = true;
	becomes(&form, &form);
}

static void test_sets_that_say_too_little(void)
{
	for (int i = 0; i < 64; i++) {
		struct form before = plain;
		before.profile = i & 1 ? 100 : 66;
		before.lists = i & 1;
		before.full = i & 2;
		before.interlaced = i & 4;
		before.height_mbs = 44;
		before.order = (uint8_t)(i >> 3 & 1 ? 1 : 0);
		before.frames = i & 16 ? 4 : 1;
		before.reorder = i & 32 ? 2 : NO_RESTRICTION;
		before.buffering = 4;
		before.mv = 15;
		struct form after = before;
		after.reorder = 0;
		after.buffering = before.frames;
		becomes(&before, &after);
	}
}

static void test_sets_without_any_vui(void)
{
	struct form before = plain;
	uint8_t unit[600];
	uint8_t found[600 + VTR_H264_SPS_GROWTH];
	uint8_t wanted[600];

	before.vui = false;
	size_t size = write_unit(&before, unit);
	struct form after = plain;
	size_t found_size = vtr_h264_copy_live(unit, size, &slow, found);
	size_t wanted_size = write_unit(&after, wanted);
	/* The test's own VUI has pic_struct_present_flag, which is not added. */
	CHECK_EQ(found_size, wanted_size);
	int different = 0;
	for (size_t i = 0; i < wanted_size; i++) {
		uint8_t wrong = found[i] ^ wanted[i];
		CHECK(wrong == 0 || (wrong & (wrong - 1)) == 0);
		different += wrong != 0;
	}
	CHECK_EQ(different, 1);
}

static void test_levels(void)
{
	struct form before = plain;
	struct form after = plain;

	before.level = 30;
	becomes(&before, &after);
	before.level = after.level = 51; /* more than needed */
	becomes(&before, &after);
	const struct vtr_h264_rates fast = { .fps = 60, .bitrate = 8000000 };
	CHECK_EQ(vtr_h264_level(80, 50, 1, &fast), 40);
	CHECK_EQ(vtr_h264_level(120, 68, 1, &fast), 42);
	CHECK_EQ(vtr_h264_level(160, 90, 1, &fast), 51);
	CHECK_EQ(vtr_h264_level(240, 135, 1, &fast), 52);
	CHECK_EQ(vtr_h264_level(512, 270, 1, &fast), 61);
	CHECK_EQ(vtr_h264_level(512, 512, 1, &fast), 0);
	CHECK_EQ(vtr_h264_level(80, 45, 1, &slow), 31);
	const struct vtr_h264_rates dear = { .fps = 30, .bitrate = 60000000 };
	CHECK_EQ(vtr_h264_level(80, 45, 1, &dear), 50);
	CHECK_EQ(vtr_h264_level(200, 4, 1, &slow), 32); /* too wide for the lower ones */
	CHECK_EQ(vtr_h264_level(80, 45, 9, &slow), 40);
}

/* Whatever the bytes are: no more than the room, and nothing else of the unit is touched. */
static void test_nonsense(void)
{
	uint32_t state = 1;
	struct form form = plain;

	form.full = true;
	form.profile = 100;
	form.lists = true;
	form.reorder = NO_RESTRICTION;
	for (int i = 0; i < 200000; i++) {
		uint8_t unit[600];
		size_t size = write_unit(&form, unit);
		for (int j = 0; j < 1 + i % 6; j++) {
			state = state * 1664525 + 1013904223;
			unit[11 + (state >> 16) % (size - sizeof(rest) - 11)] = (uint8_t)(state >> 8);
		}
		if (i % 5 == 0) {
			size -= sizeof(rest) + (size_t)i % 40;
		}
		uint8_t *exact = malloc(size);
		uint8_t *found = malloc(size + VTR_H264_SPS_GROWTH);
		CHECK(exact && found);
		memcpy(exact, unit, size);
		size_t found_size = vtr_h264_copy_live(exact, size, &slow, found);
		CHECK(found_size <= size + VTR_H264_SPS_GROWTH);
		CHECK(memcmp(found, unit, 10) == 0);
		if (i % 5 != 0) {
			CHECK(found_size >= sizeof(rest));
			CHECK(memcmp(found + found_size - sizeof(rest), rest, sizeof(rest)) == 0);
		}
		free(exact);
		free(found);
	}
}

int main(void)
{
	RUN(test_sets_that_say_enough);
	RUN(test_sets_that_say_too_little);
	RUN(test_sets_without_any_vui);
	RUN(test_levels);
	RUN(test_nonsense);
	return 0;
}
