/* SPDX-License-Identifier: MIT */
#include "screen/samples.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* A louder sample is a fault of a program in the guest, and becomes 0: it must not silence other programs. */
#define LOUDEST 16.0f
/* Less than this is never heard, but its products in the resampler can be denormal numbers, which take some processors
 * a hundred times as long: effects that fade out end in such numbers. */
#define QUIETEST 0x1p-40f

/* Returns: false also for what is not a number. */
static bool is_sound(double value)
{
	return fabs(value) <= (double)LOUDEST && fabs(value) >= (double)QUIETEST;
}

static float read_s24(const uint8_t *at)
{
	const uint32_t bits = (uint32_t)at[0] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 24;

	return (float)(int32_t)bits / 0x1p31f;
}

static float read_float(const uint8_t *at)
{
	float value;

	memcpy(&value, at, sizeof(value));
	return is_sound((double)value) ? value : 0;
}

static float read_float64(const uint8_t *at)
{
	double value;

	memcpy(&value, at, sizeof(value));
	return is_sound(value) ? (float)value : 0;
}

static float read_16(const uint8_t *at, uint16_t flip)
{
	uint16_t bits;

	memcpy(&bits, at, sizeof(bits));
	return (float)(int16_t)(bits ^ flip) / 0x1p15f;
}

static float read_s32(const uint8_t *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return (float)value / 0x1p31f;
}

static float read_sample(enum vtr_sound_format format, const uint8_t *at)
{
	switch (format) {
	case VTR_SOUND_S8:
		return (float)(int8_t)at[0] / 0x1p7f;
	case VTR_SOUND_U8:
		return (float)(int8_t)(at[0] ^ 0x80) / 0x1p7f;
	case VTR_SOUND_S16:
		return read_16(at, 0);
	case VTR_SOUND_U16:
		return read_16(at, 0x8000);
	case VTR_SOUND_S24_3:
	case VTR_SOUND_S24:
		return read_s24(at);
	case VTR_SOUND_S32:
		return read_s32(at);
	case VTR_SOUND_FLOAT:
		return read_float(at);
	case VTR_SOUND_FLOAT64:
		return read_float64(at);
	}
	return 0;
}

void vtr_samples_read(const struct vtr_sound_piece *piece, float *to)
{
	const enum vtr_sound_format format = (enum vtr_sound_format)piece->format;
	const size_t size = vtr_sound_sample_size(format);
	const size_t right = piece->channels > 1 ? size : 0;

	for (uint32_t i = 0; i < piece->frames; i++) {
		const uint8_t *frame = piece->data + (size_t)i * piece->channels * size;
		to[2 * (size_t)i] = read_sample(format, frame);
		to[2 * (size_t)i + 1] = read_sample(format, frame + right);
	}
}

void vtr_samples_write(const float *from, size_t count, int16_t *to)
{
	for (size_t i = 0; i < count; i++) {
		const float value = from[i] * 0x1p15f;
		/* Compilers call fminf() and fmaxf() as functions, because these have rules for NaN. */
		to[i] = value > INT16_MIN ? value < INT16_MAX ? (int16_t)lrintf(value) : INT16_MAX :
		                            INT16_MIN;
	}
}
