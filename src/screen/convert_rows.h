/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CONVERT_ROWS_H
#define SCREEN_CONVERT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "display/types.h"

/*
 * What the implementations of the conversion share (convert.c: any processor; convert_avx2.c). All give the
 * same bytes.
 *
 * Weights are BT.709's, times 219/255 (Y, 15 bits) or 224/255 (U and V, 16 bits); each fits into a signed
 * word. They are rounded so that greys have no colour and white is 235: the weights of Y sum up to 219/255,
 * those of U and of V to 0.
 */
#define Y_R 5983
#define Y_G 20127
#define Y_B 2032
#define U_R 6596
#define U_G 22189
#define V_G 26145
#define V_B 2640
#define C_1 28785 /* B's in U, R's in V */
_Static_assert(U_R + U_G == C_1 && V_G + V_B == C_1, "greys have no colour");

#define Y_BITS 15
#define Y_BIAS ((16 << Y_BITS) + (1 << (Y_BITS - 1)))
/* For the sum of four pixels, which has two bits more. */
#define C_BITS 18
#define C_BIAS ((128 << C_BITS) + (1 << (C_BITS - 1)))

/* Which of a pixel's four bytes hold the colours. */
struct vtr_convert_places {
	uint8_t r, g, b;
};

struct vtr_convert_places vtr_convert_find_places(enum vtr_pixel_format format);

/* Two rows of pixels, and the destinations of their Y, U and V. None of them is aligned. */
struct vtr_convert_rows {
	const uint8_t *upper, *lower; /* may be the same */
	uint8_t *y_upper, *y_lower, *uv;
};

/* Converts columns from the left on, as many as fit into vectors, if there is vector code for this processor.
 * Returns: how many columns, an even number. Thread: any. */
size_t vtr_convert_vectors(const struct vtr_convert_rows *rows, size_t width,
                           const struct vtr_convert_places *places);

/* Returns: NULL if there are none. */
const char *vtr_convert_vectors_name(void);

#endif
