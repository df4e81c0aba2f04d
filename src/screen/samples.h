/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SAMPLES_H
#define SCREEN_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "display/sound_page.h"

/* Samples of all formats, as numbers from -1 to 1. Thread: any. */

/* Converts the frames of a valid piece to stereo, left and right in turns; a single channel becomes both. */
void vtr_samples_read(const struct vtr_sound_piece *piece, float *to);

/* Rounds and limits `count` samples. */
void vtr_samples_write(const float *from, size_t count, int16_t *to);

#endif
