/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_RESAMPLER_H
#define SCREEN_RESAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Converts stereo sound of one rate to VTR_AUDIO_RATE by a windowed sinc filter. The ratio is exact, so the output
 * never drifts from the input. Thread: the owner's.
 */
struct vtr_resampler;

/* The most frames that vtr_resampler_run() takes at once. */
#define VTR_RESAMPLER_MAX_FRAMES 2048

/* `rate`: VTR_SOUND_MIN_RATE to VTR_SOUND_MAX_RATE. Owner: *out_resampler is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_resampler_create(uint32_t rate, struct vtr_resampler **out_resampler);

/* Accepts NULL. */
void vtr_resampler_destroy(struct vtr_resampler *resampler);

uint32_t vtr_resampler_rate(const struct vtr_resampler *resampler);

/* Returns: by how many output frames the output lags behind the input. */
size_t vtr_resampler_delay(const struct vtr_resampler *resampler);

/* The next input is not a continuation. */
void vtr_resampler_reset(struct vtr_resampler *resampler);

/* Returns: the most frames that `frames` of input can become. */
size_t vtr_resampler_room(const struct vtr_resampler *resampler, size_t frames);

/* Converts `frames` frames, left and right in turns. `to` has vtr_resampler_room(). Returns: frames written. */
size_t vtr_resampler_run(struct vtr_resampler *resampler, const float *from, size_t frames, float *to);

#endif
