/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_H264_SPS_H
#define ENCODE_H264_SPS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes the sequence parameter sets of a live stream say what decoders need to know so that they show each picture at
 * once: bitstream_restriction with max_num_reorder_frames 0. Without it hardware decoders keep as many pictures as the
 * level allows before they show the first. The level is raised if it is too low for the size and the rates: decoders
 * reserve memory by it, and some refuse pictures above it. Encoders that write all of this leave nothing to do.
 *
 * Thread: any.
 */

/* The most bytes by which one access unit grows. */
#define VTR_H264_SPS_GROWTH 64

struct vtr_h264_rates {
	uint32_t fps;     /* the most pictures in a second */
	uint32_t bitrate; /* the most bits in a second */
};

/**
 * Copies an access unit (Annex B), with its sequence parameter sets rewritten. One that cannot be read, or would grow
 * too much, is copied as it is. The pictures must not be reordered.
 *
 * `out`    has room for size + VTR_H264_SPS_GROWTH bytes.
 * Returns: the size of the copy.
 */
size_t vtr_h264_copy_live(const uint8_t *unit, size_t size, const struct vtr_h264_rates *rates, uint8_t *out);

/* Returns: the lowest level_idc of Table A-1 for pictures of that many macroblocks and the rates; 0: none. */
uint32_t vtr_h264_level(uint32_t width_mbs, uint32_t height_mbs, uint32_t frames,
                        const struct vtr_h264_rates *rates);

#endif
