/* SPDX-License-Identifier: MIT */
#include "virtio/edid.h"

#include "test.h"

/* A reading of our own of what the standards say, to compare with what was meant. */
struct parsed {
	uint32_t width, height, h_blank, v_blank;
	uint32_t h_front, h_sync, v_front, v_sync;
	double hz;
};

static unsigned sum_of(const uint8_t *bytes, size_t size)
{
	unsigned sum = 0;

	for (size_t i = 0; i < size; i++) {
		sum += bytes[i];
	}
	return sum & 0xff;
}

static uint32_t u16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static void set_hz(struct parsed *p, double clock_hz)
{
	p->hz = clock_hz / ((double)(p->width + p->h_blank) * (p->height + p->v_blank));
}

static void parse_dtd(const uint8_t *d, struct parsed *p)
{
	*p = (struct parsed){
		.width = d[2] | (uint32_t)(d[4] >> 4) << 8,
		.h_blank = d[3] | (uint32_t)(d[4] & 15) << 8,
		.height = d[5] | (uint32_t)(d[7] >> 4) << 8,
		.v_blank = d[6] | (uint32_t)(d[7] & 15) << 8,
		.h_front = d[8] | (uint32_t)(d[11] >> 6) << 8,
		.h_sync = d[9] | (uint32_t)(d[11] >> 4 & 3) << 8,
		.v_front = d[10] >> 4 | (uint32_t)(d[11] >> 2 & 3) << 4,
		.v_sync = (d[10] & 15) | (uint32_t)(d[11] & 3) << 4,
	};
	set_hz(p, u16(d) * 10000.0);
}

static void parse_display_id(const uint8_t *block, struct parsed *p)
{
	const uint8_t *section = block + 1;
	const uint8_t *data = section + 4;

	CHECK_EQ(block[0], 0x70);
	CHECK_EQ(section[0], 0x12);
	CHECK(section[1] + 5u + 1 <= 127);
	CHECK_EQ(sum_of(section, section[1] + 5u), 0);
	while (data[0] != 3) {
		data += 3 + data[2];
		CHECK(data < section + 4 + section[1]);
	}
	CHECK_EQ(data[2], 20);
	CHECK(data + 23 <= section + 4 + section[1]);
	const uint8_t *t = data + 3;
	CHECK_EQ(t[3] & 0x80, 0x80);
	*p = (struct parsed){
		.width = u16(t + 4) + 1,
		.h_blank = u16(t + 6) + 1,
		.h_front = (u16(t + 8) & 0x7fff) + 1,
		.h_sync = u16(t + 10) + 1,
		.height = u16(t + 12) + 1,
		.v_blank = u16(t + 14) + 1,
		.v_front = (u16(t + 16) & 0x7fff) + 1,
		.v_sync = u16(t + 18) + 1,
	};
	set_hz(p, ((u16(t) | (uint32_t)t[2] << 16) + 1) * 10000.0);
}

static void check_timing(const struct parsed *p, const struct vtr_edid_mode *mode)
{
	CHECK_EQ(p->width, mode->width);
	CHECK_EQ(p->height, mode->height);
	CHECK(p->hz > mode->refresh_hz * 0.99 && p->hz < mode->refresh_hz * 1.01);
	CHECK(p->h_front > 0 && p->h_sync > 0 && p->h_front + p->h_sync < p->h_blank);
	CHECK(p->v_front > 0 && p->v_sync > 0 && p->v_front + p->v_sync < p->v_blank);
}

static void check(uint32_t width, uint32_t height, uint32_t refresh_hz, size_t wanted_size)
{
	const struct vtr_edid_mode mode = { width, height, refresh_hz };
	static const uint8_t header[8] = { 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00 };
	uint8_t edid[VTR_EDID_MAX_SIZE];
	struct parsed p;

	memset(edid, 0xee, sizeof(edid));
	CHECK_EQ(vtr_edid_make(&mode, 2, edid), wanted_size);
	CHECK_EQ(memcmp(edid, header, sizeof(header)), 0);
	CHECK_EQ(sum_of(edid, 128), 0);
	CHECK_EQ(edid[18], 1);
	CHECK_EQ(edid[19], 4);
	CHECK_EQ(edid[20] & 0x80, 0x80); /* digital */
	CHECK_EQ(edid[126], wanted_size / 128 - 1);
	parse_dtd(edid + 54, &p);
	if (wanted_size == 128) {
		check_timing(&p, &mode);
	} else {
		check_timing(&p, &(struct vtr_edid_mode){ 1024, 768, 60 });
		CHECK_EQ(sum_of(edid + 128, 128), 0);
		parse_display_id(edid + 128, &p);
		check_timing(&p, &mode);
	}
}

static void common_modes_fit_the_base_block(void)
{
	check(640, 480, 60, 128);
	check(1024, 768, 60, 128);
	check(1280, 800, 60, 128);
	check(1366, 768, 60, 128);
	check(1920, 1080, 144, 128);
	check(2560, 1600, 60, 128);
	check(3840, 2160, 60, 128);
	check(4095, 2160, 60, 128);
}

static void displayid_beyond_4095_pixels_or_655_mhz(void)
{
	check(4096, 2160, 60, 256);
	check(32, 4096, 60, 256);
	check(3840, 2160, 120, 256);
	check(5120, 2880, 60, 256);
	check(7680, 4320, 60, 256);
	check(8192, 8192, 120, 256);
}

static void every_size_can_be_said(void)
{
	for (uint32_t side = 32; side <= 8192; side += 41) {
		check(side, 1080, 60, side > 4095 ? 256 : 128);
		check(1080, side, 60, side > 4095 ? 256 : 128);
	}
	for (uint32_t hz = 1; hz <= 255; hz++) {
		check(1280, 800, hz, 128);
	}
}

static void has_a_name_and_a_number(void)
{
	const struct vtr_edid_mode mode = { 1280, 800, 60 };
	uint8_t edid[VTR_EDID_MAX_SIZE];
	uint8_t other[VTR_EDID_MAX_SIZE];

	vtr_edid_make(&mode, 0, edid);
	vtr_edid_make(&mode, 15, other);
	CHECK_EQ(edid[8] << 8 | edid[9], 22 << 10 | 20 << 5 | 18); /* VTR */
	CHECK_EQ(memcmp(edid + 90, "\0\0\0\xfc\0vitrine\n     ", 18), 0);
	CHECK_EQ(memcmp(edid + 108,
	                "\0\0\0\xff\0"
	                "1\n           ",
	                18),
	         0);
	CHECK_EQ(memcmp(other + 108,
	                "\0\0\0\xff\0"
	                "16\n          ",
	                18),
	         0);
	CHECK(memcmp(edid + 12, other + 12, 4) != 0);
	CHECK_EQ(edid[21], 34); /* cm: 96 dots an inch */
	CHECK_EQ(edid[22], 21);
}

/* The limits must hold for the mode, or displays would have to refuse it. */
static void range_limits_hold_the_mode(void)
{
	static const struct vtr_edid_mode modes[] = {
		{ 1280, 800, 60 },  { 640, 480, 24 },   { 1920, 1080, 255 },
		{ 7680, 4320, 60 }, { 7680, 4320, 30 }, { 32, 32, 20 },
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint8_t edid[VTR_EDID_MAX_SIZE];
		const uint8_t *limits = edid + 72;
		struct parsed p;
		vtr_edid_make(&modes[i], 0, edid);
		CHECK_EQ(limits[3], 0xfd);
		CHECK_EQ(limits[10], 1);
		if (edid[126] > 0) {
			parse_display_id(edid + 128, &p);
		} else {
			parse_dtd(edid + 54, &p);
		}
		double khz = p.hz * (p.height + p.v_blank) / 1000;
		unsigned max_hz = limits[6] + ((limits[4] & 2) != 0 ? 255u : 0);
		unsigned max_khz = limits[8] + ((limits[4] & 8) != 0 ? 255u : 0);
		CHECK(limits[5] <= p.hz + 0.5 && max_hz >= p.hz - 0.5);
		CHECK(limits[7] <= khz + 0.5 && max_khz >= khz);
	}
}

/* With arguments: writes one, for other programs to read. */
int main(int argc, char **argv)
{
	if (argc == 4) {
		const struct vtr_edid_mode mode = { (uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]),
			                            (uint32_t)atoi(argv[3]) };
		uint8_t edid[VTR_EDID_MAX_SIZE];
		size_t size = vtr_edid_make(&mode, 0, edid);
		return fwrite(edid, 1, size, stdout) == size ? 0 : 1;
	}
	RUN(common_modes_fit_the_base_block);
	RUN(displayid_beyond_4095_pixels_or_655_mhz);
	RUN(every_size_can_be_said);
	RUN(has_a_name_and_a_number);
	RUN(range_limits_hold_the_mode);
	return 0;
}
