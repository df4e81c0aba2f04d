/* SPDX-License-Identifier: MIT */
#include "encode/h264_sps.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"
#include "encode/h264.h"

/* The longest set that is rewritten. Those of encoders have less than 64 bytes. */
#define MAX_SPS_BYTES 256
/* One byte for the type, as much for an emulation prevention byte after every two. */
#define MAX_RAW_BYTES (MAX_SPS_BYTES + VTR_H264_SPS_GROWTH)
/* Sequences and offsets in an SPS have at most this many members. */
#define MAX_OFFSETS 255
/* Of motion vectors: 2^15 quarter samples, the most that any level allows. */
#define MAX_MV_LOG2 15
#define PROFILE_BASELINE 66
#define PROFILE_MAIN 77
#define PROFILE_EXTENDED 88

/* --- bits -------------------------------------------------------------------------------------------- */

struct bits {
	uint8_t *bytes;
	size_t size; /* in bits: what is there, or how much room there is */
	size_t at;
	bool wrong; /* beyond the end, or a value out of range */
};

static uint32_t get(struct bits *bits, unsigned count)
{
	uint32_t value = 0;

	if (count > bits->size - bits->at) {
		bits->wrong = true;
		return 0;
	}
	for (unsigned i = 0; i < count; i++, bits->at++) {
		value = value << 1 | (bits->bytes[bits->at / 8] >> (7 - bits->at % 8) & 1u);
	}
	return value;
}

/* Exponential-Golomb codes: ue(v); as se(v) has the same length, it is skipped by this, too. */
static uint32_t get_ue(struct bits *bits)
{
	unsigned zeros = 0;

	while (!bits->wrong && get(bits, 1) == 0) {
		bits->wrong |= ++zeros > 31;
	}
	return bits->wrong ? 0 : (uint32_t)(((UINT64_C(1) << zeros) | get(bits, zeros)) - 1);
}

static void put(struct bits *bits, unsigned count, uint32_t value)
{
	if (count > bits->size - bits->at) {
		bits->wrong = true;
		return;
	}
	for (unsigned i = 0; i < count; i++, bits->at++) {
		uint8_t mask = (uint8_t)(0x80 >> bits->at % 8);
		uint8_t *byte = &bits->bytes[bits->at / 8];
		*byte = (uint8_t)((value >> (count - 1 - i) & 1) != 0 ? *byte | mask : *byte & ~mask);
	}
}

static void put_ue(struct bits *bits, uint32_t value)
{
	unsigned length = 0;

	while ((uint64_t)value + 1 >= UINT64_C(2) << length) {
		length++;
	}
	put(bits, length, 0);
	put(bits, length + 1, value + 1);
}

/* --- reading ----------------------------------------------------------------------------------------- */

/* What the rewriting needs of a sequence parameter set. */
struct sps {
	uint32_t profile, constraints, level;
	uint32_t frames; /* max_num_ref_frames */
	uint32_t width_mbs, height_mbs;
	bool has_vui, has_restriction;
	size_t vui_at;         /* bit of vui_parameters_present_flag */
	size_t restriction_at; /* bit of bitstream_restriction_flag */
	uint32_t vectors_over, bytes_denom, bits_denom, mv_x, mv_y;
	uint32_t reorder, buffering;
};

static void skip_scaling_list(struct bits *bits, unsigned size)
{
	int32_t last = 8;

	for (unsigned i = 0; i < size && !bits->wrong; i++) {
		uint32_t code = get_ue(bits);
		bits->wrong |= code > 255;
		int32_t delta = (int32_t)(code % 256 + 1) / 2;
		last = (last + (code % 2 != 0 ? delta : -delta) + 256) % 256;
		if (last == 0) {
			break;
		}
	}
}

/* Profiles with chroma_format_idc: 7.3.2.1.1. */
static bool has_chroma(uint32_t profile)
{
	static const uint8_t profiles[] = { 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135 };

	return memchr(profiles, (int)profile, sizeof(profiles)) != NULL;
}

static void skip_chroma(struct bits *bits)
{
	uint32_t chroma = get_ue(bits);

	bits->wrong |= chroma > 3;
	if (chroma == 3) {
		get(bits, 1); /* separate_colour_plane_flag */
	}
	get_ue(bits); /* bit depths */
	get_ue(bits);
	get(bits, 1); /* qpprime_y_zero_transform_bypass_flag */
	if (get(bits, 1) != 0) {
		for (unsigned i = 0; i < (chroma == 3 ? 12u : 8u) && !bits->wrong; i++) {
			if (get(bits, 1) != 0) {
				skip_scaling_list(bits, i < 6 ? 16 : 64);
			}
		}
	}
}

static void skip_order_count(struct bits *bits)
{
	uint32_t type = get_ue(bits);

	if (type == 0) {
		get_ue(bits); /* log2_max_pic_order_cnt_lsb_minus4 */
	} else if (type == 1) {
		get(bits, 1);
		get_ue(bits);
		get_ue(bits);
		uint32_t count = get_ue(bits);
		bits->wrong |= count > MAX_OFFSETS;
		for (uint32_t i = 0; i < count && !bits->wrong; i++) {
			get_ue(bits);
		}
	}
	bits->wrong |= type > 2;
}

static void skip_hrd(struct bits *bits)
{
	uint32_t count = get_ue(bits);

	bits->wrong |= count > 31;
	get(bits, 8); /* scales */
	for (uint32_t i = 0; i <= count && !bits->wrong; i++) {
		get_ue(bits);
		get_ue(bits);
		get(bits, 1);
	}
	get(bits, 20); /* lengths */
}

static void read_vui(struct bits *bits, struct sps *sps)
{
	if (get(bits, 1) != 0 && get(bits, 8) == 255) { /* Extended_SAR */
		get(bits, 32);
	}
	if (get(bits, 1) != 0) { /* overscan */
		get(bits, 1);
	}
	if (get(bits, 1) != 0) { /* video_signal_type */
		get(bits, 4);
		if (get(bits, 1) != 0) {
			get(bits, 24);
		}
	}
	if (get(bits, 1) != 0) { /* chroma_loc_info */
		get_ue(bits);
		get_ue(bits);
	}
	if (get(bits, 1) != 0) { /* timing_info */
		get(bits, 32);
		get(bits, 32);
		get(bits, 1);
	}
	bool nal = get(bits, 1) != 0;
	if (nal) {
		skip_hrd(bits);
	}
	bool vcl = get(bits, 1) != 0;
	if (vcl) {
		skip_hrd(bits);
	}
	get(bits, nal || vcl ? 2 : 1); /* low_delay_hrd_flag, pic_struct_present_flag */
	sps->restriction_at = bits->at;
	sps->has_restriction = get(bits, 1) != 0;
	if (sps->has_restriction) {
		sps->vectors_over = get(bits, 1);
		sps->bytes_denom = get_ue(bits);
		sps->bits_denom = get_ue(bits);
		sps->mv_x = get_ue(bits);
		sps->mv_y = get_ue(bits);
		sps->reorder = get_ue(bits);
		sps->buffering = get_ue(bits);
	}
}

/* `bits` begins behind the NAL unit's type. Returns: whether it is a set that could be read. */
static bool read_sps(struct bits *bits, struct sps *sps)
{
	*sps = (struct sps){ .vectors_over = 1, .mv_x = MAX_MV_LOG2, .mv_y = MAX_MV_LOG2 };
	sps->profile = get(bits, 8);
	sps->constraints = get(bits, 8);
	sps->level = get(bits, 8);
	get_ue(bits); /* its id */
	if (has_chroma(sps->profile)) {
		skip_chroma(bits);
	}
	get_ue(bits); /* log2_max_frame_num_minus4 */
	skip_order_count(bits);
	sps->frames = get_ue(bits);
	get(bits, 1); /* gaps_in_frame_num_value_allowed_flag */
	uint32_t width = get_ue(bits);
	uint32_t height = get_ue(bits);
	bits->wrong |= width > UINT16_MAX || height > UINT16_MAX || sps->frames > 16;
	bool frames_only = get(bits, 1) != 0;
	sps->width_mbs = width + 1;
	sps->height_mbs = (height + 1) * (frames_only ? 1 : 2);
	get(bits, frames_only ? 1 : 2); /* mb_adaptive_frame_field_flag, direct_8x8_inference_flag */
	if (get(bits, 1) != 0) {      /* cropping */
		for (int i = 0; i < 4; i++) {
			get_ue(bits);
		}
	}
	sps->vui_at = bits->at;
	sps->has_vui = get(bits, 1) != 0;
	if (sps->has_vui) {
		read_vui(bits, sps);
	}
	return !bits->wrong;
}

/* --- levels ------------------------------------------------------------------------------------------ */

/* Table A-1: macroblocks in a second, in a frame, and of all frames in the decoder; kbit/s of the baseline profile. */
static const struct {
	uint32_t level, speed, frame, buffer, kbits;
} levels[] = {
	{ 10, 1485, 99, 396, 64 },
	{ 11, 3000, 396, 900, 192 },
	{ 12, 6000, 396, 2376, 384 },
	{ 13, 11880, 396, 2376, 768 },
	{ 20, 11880, 396, 2376, 2000 },
	{ 21, 19800, 792, 4752, 4000 },
	{ 22, 20250, 1620, 8100, 4000 },
	{ 30, 40500, 1620, 8100, 10000 },
	{ 31, 108000, 3600, 18000, 14000 },
	{ 32, 216000, 5120, 20480, 20000 },
	{ 40, 245760, 8192, 32768, 20000 },
	{ 41, 245760, 8192, 32768, 50000 },
	{ 42, 522240, 8704, 34816, 50000 },
	{ 50, 589824, 22080, 110400, 135000 },
	{ 51, 983040, 36864, 184320, 240000 },
	{ 52, 2073600, 36864, 184320, 240000 },
	{ 60, 4177920, 139264, 696320, 240000 },
	{ 61, 8355840, 139264, 696320, 480000 },
	{ 62, 16711680, 139264, 696320, 800000 },
};

uint32_t vtr_h264_level(uint32_t width_mbs, uint32_t height_mbs, uint32_t frames,
                        const struct vtr_h264_rates *rates)
{
	uint64_t side = vtr_max(width_mbs, height_mbs);
	uint64_t size = (uint64_t)width_mbs * height_mbs;

	for (size_t i = 0; i < VTR_ARRAY_LEN(levels); i++) {
		if (size <= levels[i].frame && side * side <= UINT64_C(8) * levels[i].frame &&
		    size * rates->fps <= levels[i].speed && size * frames <= levels[i].buffer &&
		    rates->bitrate <= levels[i].kbits * UINT64_C(1000)) {
			return levels[i].level;
		}
	}
	return 0;
}

/* Returns: the level that the set must have. */
static uint32_t choose_level(const struct sps *sps, const struct vtr_h264_rates *rates)
{
	uint32_t level = vtr_h264_level(sps->width_mbs, sps->height_mbs, sps->frames, rates);
	bool old = sps->profile == PROFILE_BASELINE || sps->profile == PROFILE_MAIN ||
	           sps->profile == PROFILE_EXTENDED;

	if (level == 11 && old && (sps->constraints & 0x10) != 0) {
		level = 12; /* with that flag 11 means 1b */
	}
	return vtr_max(level, sps->level);
}

/* --- rewriting --------------------------------------------------------------------------------------- */

/* Copies without the emulation prevention bytes. Returns: the size; 0: it is too long. */
static size_t unescape(const struct vtr_h264_nal *nal, uint8_t out[MAX_SPS_BYTES])
{
	size_t size = 0;

	if (nal->size > MAX_SPS_BYTES) {
		return 0;
	}
	for (size_t i = 0, zeros = 0; i < nal->size; i++) {
		if (zeros >= 2 && nal->bytes[i] == 3) {
			zeros = 0;
			continue;
		}
		zeros = nal->bytes[i] == 0 ? zeros + 1 : 0;
		out[size++] = nal->bytes[i];
	}
	return size;
}

/* Returns: the size; 0: it is longer than `max`. */
static size_t escape(const uint8_t *raw, size_t raw_size, uint8_t *out, size_t max)
{
	size_t size = 0;

	for (size_t i = 0, zeros = 0; i < raw_size; i++) {
		if (zeros >= 2 && raw[i] <= 3) {
			if (size == max) {
				return 0;
			}
			out[size++] = 3;
			zeros = 0;
		}
		if (size == max) {
			return 0;
		}
		out[size++] = raw[i];
		zeros = raw[i] == 0 ? zeros + 1 : 0;
	}
	return size;
}

/* Writes the rest of the set, from the VUI's end on. */
static void write_restriction(struct bits *bits, const struct sps *sps)
{
	if (!sps->has_vui) {
		put(bits, 1, 1);
		put(bits, 8, 0); /* nothing else is in the VUI */
	}
	put(bits, 1, 1);
	put(bits, 1, sps->vectors_over);
	put_ue(bits, sps->bytes_denom);
	put_ue(bits, sps->bits_denom);
	put_ue(bits, sps->mv_x);
	put_ue(bits, sps->mv_y);
	put_ue(bits, 0); /* max_num_reorder_frames */
	put_ue(bits, vtr_max(sps->frames, 1)); /* max_dec_frame_buffering */
	put(bits, 1, 1);
	while (!bits->wrong && bits->at % 8 != 0) {
		put(bits, 1, 0);
	}
}

/* Writes a set anew into `out`. Returns: its size; 0: it stays as it is. */
static size_t rewrite(const struct vtr_h264_nal *nal, const struct vtr_h264_rates *rates, uint8_t *out,
                      size_t max)
{
	uint8_t raw[MAX_RAW_BYTES] = { 0 };
	size_t size = unescape(nal, raw);
	struct bits bits = { .bytes = raw, .size = size * 8, .at = 8 };
	struct sps sps;

	if (size < 4 || !read_sps(&bits, &sps)) {
		return 0;
	}
	uint32_t level = choose_level(&sps, rates);
	bool shows_at_once = sps.has_restriction && sps.reorder == 0 &&
	                     sps.buffering <= vtr_max(sps.frames, 1);
	if (shows_at_once && level == sps.level) {
		return 0;
	}
	raw[3] = (uint8_t)level;
	if (!shows_at_once) {
		bits = (struct bits){
			.bytes = raw,
			.size = sizeof(raw) * 8,
			.at = sps.has_vui ? sps.restriction_at : sps.vui_at,
		};
		write_restriction(&bits, &sps);
		size = bits.at / 8;
	}
	return bits.wrong ? 0 : escape(raw, size, out, max);
}

size_t vtr_h264_copy_live(const uint8_t *unit, size_t size, const struct vtr_h264_rates *rates, uint8_t *out)
{
	size_t at = 0;
	size_t done = 0; /* of the unit */
	size_t written = 0;
	size_t growth = VTR_H264_SPS_GROWTH;
	struct vtr_h264_nal nal;

	while (vtr_h264_next_nal(unit, size, &at, &nal)) {
		if (nal.type != VTR_H264_SPS) {
			continue;
		}
		size_t begin = (size_t)(nal.bytes - unit);
		memcpy(out + written, unit + done, begin - done);
		written += begin - done;
		done = begin;
		size_t rewritten = rewrite(&nal, rates, out + written, nal.size + growth);
		if (rewritten > 0) {
			growth -= rewritten > nal.size ? rewritten - nal.size : 0;
			written += rewritten;
			done = begin + nal.size;
		}
	}
	memcpy(out + written, unit + done, size - done);
	return written + size - done;
}
