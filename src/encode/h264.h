/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_H264_H
#define ENCODE_H264_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads H.264's byte stream format (Annex B).
 *
 * Thread: any.
 */

enum {
	VTR_H264_SPS =
		7, /* sequence parameter set: type, then profile, constraints and level in one byte each */
	VTR_H264_PPS = 8, /* picture parameter set */
};

/* A NAL unit, without its start code. */
struct vtr_h264_nal {
	int type;
	const uint8_t *bytes; /* inside of the stream */
	size_t size;          /* 0: start code follows start code */
};

/**
 * Finds the first NAL unit behind offset *at, which begins with 0, and moves *at behind it.
 *
 * Returns: whether there is one.
 */
bool vtr_h264_next_nal(const uint8_t *stream, size_t size, size_t *at, struct vtr_h264_nal *out_nal);

#endif
