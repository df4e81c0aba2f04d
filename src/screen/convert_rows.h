/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CONVERT_ROWS_H
#define SCREEN_CONVERT_ROWS_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the ways of converting have in common (convert.c: any processor; convert_avx2.c). They give the same
 * bytes.
 *
 * Weights are BT.709's, times 219/255 (Y, 15 bits) or 224/255 (U and V, 16 bits): none needs more than a
 * signed word. They are rounded so that greys have no colour and white is 235: those of Y sum up to 219/255,
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
/* Of the sum of four pixels: two bits more. */
#define C_BITS 18
#define C_BIAS ((128 << C_BITS) + (1 << (C_BITS - 1)))

/* In which of a pixel's four bytes a colour is. */
struct vtr_convert_places {
	uint8_t r, g, b;
};

/* Two rows of pixels, and where their Y, and U and V, belong. None is aligned to anything. */
struct vtr_convert_rows {
	const uint8_t *upper, *lower; /* may be the same */
	uint8_t *y_upper, *y_lower, *uv;
};

/* Converts columns from the left on, as many as fit into vectors, if this processor has vectors that somebody
 * has written this for. Returns: how many it were, an even number. Thread: any. */
size_t vtr_convert_vectors(const struct vtr_convert_rows *rows, size_t width,
                           const struct vtr_convert_places *places);

/* Returns: NULL if there are none. */
const char *vtr_convert_vectors_name(void);

#endif
