/* SPDX-License-Identifier: MIT */
#include <immintrin.h>

#include "screen/convert_rows.h"

/*
 * Sixteen columns of two rows at once. A pixel is split into words: bytes 0 and 2, and bytes 1 and 3. One
 * instruction multiplies both words of a pixel and adds the products. So the order of colours is only an
 * order of weights, and a byte without a colour has the weight 0.
 */
#define AVX2 __attribute__((target("avx2")))
#define COLUMNS 16
#define VECTOR 32 /* bytes */

/* The words of eight pixels, or of their weights. */
struct words {
	__m256i even, odd;
};

static AVX2 inline struct words load(const uint8_t *pixels)
{
	__m256i all = _mm256_loadu_si256((const __m256i *)(const void *)pixels);

	return (struct words){
		.even = _mm256_and_si256(all, _mm256_set1_epi32(0x00ff00ff)),
		.odd = _mm256_srli_epi16(all, 8),
	};
}

static AVX2 inline struct words add(struct words a, struct words b)
{
	return (struct words){
		.even = _mm256_add_epi16(a.even, b.even),
		.odd = _mm256_add_epi16(a.odd, b.odd),
	};
}

static AVX2 inline __m256i weigh(struct words pixels, struct words weights, int32_t bias)
{
	__m256i even = _mm256_madd_epi16(pixels.even, weights.even);
	__m256i odd = _mm256_madd_epi16(pixels.odd, weights.odd);

	return _mm256_add_epi32(_mm256_add_epi32(even, odd), _mm256_set1_epi32(bias));
}

/*
 * Restores the order after packing: that works on each half of a vector, and leaves the doublewords of a row
 * in the order 0 2 4 6 1 3 5 7.
 */
static AVX2 inline __m256i sort(__m256i packed)
{
	return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

static AVX2 inline __m256i luma(struct words left, struct words right, struct words weights)
{
	return _mm256_packs_epi32(_mm256_srli_epi32(weigh(left, weights, Y_BIAS), Y_BITS),
	                          _mm256_srli_epi32(weigh(right, weights, Y_BIAS), Y_BITS));
}

static AVX2 inline __m256i add_neighbours(__m256i left, __m256i right)
{
	__m256 l = _mm256_castsi256_ps(left);
	__m256 r = _mm256_castsi256_ps(right);

	/* Adds the first of each two pixels to the second. */
	return _mm256_add_epi16(_mm256_castps_si256(_mm256_shuffle_ps(l, r, 0x88)),
	                        _mm256_castps_si256(_mm256_shuffle_ps(l, r, 0xdd)));
}

/* Takes the sums of two rows. Returns: eight pairs of U and V, in the first half. */
static AVX2 inline __m128i chroma(struct words left, struct words right, struct words u_weights,
                                  struct words v_weights)
{
	const struct words squares = {
		.even = add_neighbours(left.even, right.even),
		.odd = add_neighbours(left.odd, right.odd),
	};
	__m256i u = _mm256_srli_epi32(weigh(squares, u_weights, C_BIAS), C_BITS);
	__m256i v = _mm256_srli_epi32(weigh(squares, v_weights, C_BIAS), C_BITS);
	__m256i uv = _mm256_or_si256(u, _mm256_slli_epi32(v, 16));

	return _mm256_castsi256_si128(sort(_mm256_packus_epi16(uv, uv)));
}

static AVX2 inline void store(uint8_t *to, __m128i bytes)
{
	_mm_storeu_si128((__m128i *)(void *)to, bytes);
}

static AVX2 __m256i pair(int16_t low, int16_t high)
{
	return _mm256_set1_epi32((int)((uint32_t)(uint16_t)low | (uint32_t)(uint16_t)high << 16));
}

static AVX2 struct words make_weights(const struct vtr_convert_places *places, int16_t r, int16_t g,
                                      int16_t b)
{
	int16_t bytes[4] = { 0 };

	bytes[places->r] = r;
	bytes[places->g] = g;
	bytes[places->b] = b;
	return (struct words){ .even = pair(bytes[0], bytes[2]), .odd = pair(bytes[1], bytes[3]) };
}

static AVX2 size_t convert(const struct vtr_convert_rows *rows, size_t width,
                           const struct vtr_convert_places *places)
{
	const struct words y = make_weights(places, Y_R, Y_G, Y_B);
	const struct words u = make_weights(places, -U_R, -U_G, C_1);
	const struct words v = make_weights(places, C_1, -V_G, -V_B);
	size_t x;

	for (x = 0; x + COLUMNS <= width; x += COLUMNS) {
		const struct words a0 = load(rows->upper + 4 * x);
		const struct words a1 = load(rows->upper + 4 * x + VECTOR);
		const struct words b0 = load(rows->lower + 4 * x);
		const struct words b1 = load(rows->lower + 4 * x + VECTOR);
		__m256i bright = sort(_mm256_packus_epi16(luma(a0, a1, y), luma(b0, b1, y)));
		store(rows->y_upper + x, _mm256_castsi256_si128(bright));
		store(rows->y_lower + x, _mm256_extracti128_si256(bright, 1));
		store(rows->uv + x, chroma(add(a0, b0), add(a1, b1), u, v));
	}
	return x;
}

size_t vtr_convert_vectors(const struct vtr_convert_rows *rows, size_t width,
                           const struct vtr_convert_places *places)
{
	return __builtin_cpu_supports("avx2") ? convert(rows, width, places) : 0;
}

const char *vtr_convert_vectors_name(void)
{
	return __builtin_cpu_supports("avx2") ? "avx2" : NULL;
}
