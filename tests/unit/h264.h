/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_H264_H
#define TESTS_UNIT_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libavcodec's decoder, for what our encoders make. What goes wrong ends the test. */
struct h264;

struct h264_picture {
	uint32_t width, height;
	const uint8_t *planes[3]; /* Y, U, V; until the next picture */
	size_t strides[3];
	bool key;
	bool bt709_limited; /* tagged so */
};

struct h264 *h264_create(void);
void h264_destroy(struct h264 *decoder);

/* One access unit in, one picture out: a decoder that holds pictures back fails. */
void h264_decode(struct h264 *decoder, const uint8_t *data, size_t size, struct h264_picture *out_picture);

#endif
