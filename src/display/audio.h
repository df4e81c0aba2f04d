/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_AUDIO_H
#define DISPLAY_AUDIO_H

#include <stdint.h>

/* A block of sound: 48,000 samples a second, two channels interleaved, signed 16 bits. */
#define VTR_AUDIO_RATE 48000
#define VTR_AUDIO_CHANNELS 2
#define VTR_AUDIO_BLOCK 480   /* samples of each channel in a block: 10 ms */
struct vtr_audio_block {
	int64_t time; /* CLOCK_MONOTONIC ns (vtr_os_now_ns) at which the guest's clock plays the first sample */
	int16_t samples[VTR_AUDIO_BLOCK * VTR_AUDIO_CHANNELS];
};

#endif
