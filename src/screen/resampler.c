/* SPDX-License-Identifier: MIT */
#include "screen/resampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "display/audio.h"
#include "display/sound_page.h"

/* Zero crossings of the sinc on each side: with the window below, images are 80 dB lower than the sound. */
#define CROSSINGS 16
/* Of a Kaiser window. */
#define BETA 8.0
/* The part of the lower of both bands that passes. */
#define PASSES 0.93
/* Input that the filter reaches at the highest rate. */
#define MAX_TAPS (2 * CROSSINGS * VTR_SOUND_MAX_RATE / VTR_AUDIO_RATE)

struct vtr_resampler {
	uint32_t rate;
	uint32_t up, down; /* the ratio, in lowest terms: output frame n is at input n * down / up */
	uint32_t taps;     /* even */
	uint32_t phase;    /* of the next output, in parts of `up` */
	size_t at;         /* the first frame of `input` that the next output needs */
	size_t have;       /* frames in `input` */
	float input[2 * (MAX_TAPS + VTR_RESAMPLER_MAX_FRAMES)];
	float filter[]; /* `taps` for each phase */
};

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		const uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* The modified Bessel function of order zero. */
static double bessel(double x)
{
	double sum = 1;
	double term = 1;

	for (int i = 1; i < 40; i++) {
		term *= x / (2 * i) * (x / (2 * i));
		sum += term;
	}
	return sum;
}

static void make_phase(struct vtr_resampler *resampler, uint32_t phase)
{
	const double pi = acos(-1);
	const double half = resampler->taps / 2;
	const double band = PASSES * fmin(1.0, (double)VTR_AUDIO_RATE / resampler->rate);
	float *filter = resampler->filter + (size_t)phase * resampler->taps;
	double sum = 0;

	for (uint32_t i = 0; i < resampler->taps; i++) {
		/* The distance from this input to the output, in input frames. */
		const double x = i - (half - 1) - (double)phase / resampler->up;
		const double part = x / half;
		const double window = fabs(part) < 1 ? bessel(BETA * sqrt(1 - part * part)) / bessel(BETA) :
		                                       0;
		const double sinc = fabs(x) < 1e-9 ? band : sin(pi * band * x) / (pi * x);
		filter[i] = (float)(sinc * window);
		sum += sinc * window;
	}
	for (uint32_t i = 0; i < resampler->taps; i++) {
		filter[i] /= (float)sum; /* each phase passes a constant as it is */
	}
}

enum vtr_err vtr_resampler_create(uint32_t rate, struct vtr_resampler **out_resampler)
{
	const uint32_t divisor = common_divisor(rate, VTR_AUDIO_RATE);
	const uint32_t up = VTR_AUDIO_RATE / divisor;
	const uint32_t taps =
		2 * (uint32_t)((uint64_t)CROSSINGS * vtr_max(rate, VTR_AUDIO_RATE) / VTR_AUDIO_RATE);

	vtr_assert(rate >= VTR_SOUND_MIN_RATE && rate <= VTR_SOUND_MAX_RATE && taps <= MAX_TAPS);
	struct vtr_resampler *resampler = calloc(1, sizeof(*resampler) + (size_t)up * taps * sizeof(float));
	if (!resampler) {
		return VTR_ERR_NOMEM;
	}
	resampler->rate = rate;
	resampler->up = up;
	resampler->down = rate / divisor;
	resampler->taps = taps;
	for (uint32_t phase = 0; phase < up; phase++) {
		make_phase(resampler, phase);
	}
	vtr_resampler_reset(resampler);
	*out_resampler = resampler;
	return VTR_OK;
}

void vtr_resampler_destroy(struct vtr_resampler *resampler)
{
	free(resampler);
}

uint32_t vtr_resampler_rate(const struct vtr_resampler *resampler)
{
	return resampler->rate;
}

size_t vtr_resampler_delay(const struct vtr_resampler *resampler)
{
	/* An output waits for half of the filter's input. */
	return ((size_t)resampler->taps / 2 * resampler->up + resampler->down - 1) / resampler->down;
}

void vtr_resampler_reset(struct vtr_resampler *resampler)
{
	/* Silence before the first frame. */
	resampler->have = resampler->taps / 2 - 1;
	memset(resampler->input, 0, 2 * resampler->have * sizeof(resampler->input[0]));
	resampler->at = 0;
	resampler->phase = 0;
}

size_t vtr_resampler_room(const struct vtr_resampler *resampler, size_t frames)
{
	return (frames + resampler->taps) * resampler->up / resampler->down + 1;
}

static void make_frame(const struct vtr_resampler *resampler, float *to)
{
	const float *filter = resampler->filter + (size_t)resampler->phase * resampler->taps;
	const float *input = resampler->input + 2 * resampler->at;
	float left = 0;
	float right = 0;

	for (uint32_t i = 0; i < resampler->taps; i++) {
		left += filter[i] * input[2 * (size_t)i];
		right += filter[i] * input[2 * (size_t)i + 1];
	}
	to[0] = left;
	to[1] = right;
}

size_t vtr_resampler_run(struct vtr_resampler *resampler, const float *from, size_t frames, float *to)
{
	size_t made = 0;

	vtr_assert(frames <= VTR_RESAMPLER_MAX_FRAMES && resampler->have < MAX_TAPS);
	memcpy(resampler->input + 2 * resampler->have, from, 2 * frames * sizeof(*from));
	resampler->have += frames;
	while (resampler->at + resampler->taps <= resampler->have) {
		make_frame(resampler, to + 2 * made);
		made++;
		resampler->phase += resampler->down;
		resampler->at += resampler->phase / resampler->up;
		resampler->phase %= resampler->up;
	}
	/* The next output may begin behind everything that is there. */
	const size_t used = vtr_min(resampler->at, resampler->have);
	resampler->have -= used;
	resampler->at -= used;
	memmove(resampler->input, resampler->input + 2 * used,
	        2 * resampler->have * sizeof(resampler->input[0]));
	return made;
}
