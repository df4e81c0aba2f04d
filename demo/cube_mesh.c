/* SPDX-License-Identifier: MIT */
#include "cube_mesh.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define ROUND 0.13f /* radius of the edges of a cube from -1 to 1 */
#define TILES 4     /* along an edge of a face */
#define BORDER 0.055f /* of a face, in units of the face */

/* Right, up and outward axes of the faces. */
static const float axes[CUBE_FACES][3][3] = {
	{ { 0, 0, -1 }, { 0, 1, 0 }, { 1, 0, 0 } }, { { 0, 0, 1 }, { 0, 1, 0 }, { -1, 0, 0 } },
	{ { 1, 0, 0 }, { 0, 0, -1 }, { 0, 1, 0 } }, { { 1, 0, 0 }, { 0, 0, 1 }, { 0, -1, 0 } },
	{ { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } },  { { -1, 0, 0 }, { 0, 1, 0 }, { 0, 0, -1 } },
};

static float clampf(float v, float low, float high)
{
	return fminf(fmaxf(v, low), high);
}

/* Steps crowd at the edges, where the surface bends: five across each rounding. */
static float step_position(int i)
{
	const int bend = 5;
	float inner = 1.0f - ROUND;
	if (i <= bend) {
		return -1.0f + ROUND * (float)i / (float)bend;
	}
	if (i >= CUBE_STEPS - bend) {
		return 1.0f - ROUND * (float)(CUBE_STEPS - i) / (float)bend;
	}
	return -inner + 2.0f * inner * (float)(i - bend) / (float)(CUBE_STEPS - 2 * bend);
}

static void fill_vertex(struct cube_vertex *v, uint32_t face, float a, float b)
{
	float out[3];
	float length = 0.0f;
	for (int k = 0; k < 3; k++) {
		float p = axes[face][0][k] * a + axes[face][1][k] * b + axes[face][2][k];
		v->position[k] = clampf(p, ROUND - 1.0f, 1.0f - ROUND);
		out[k] = p - v->position[k];
		length += out[k] * out[k];
	}
	length = sqrtf(length);
	for (int k = 0; k < 3; k++) {
		v->normal[k] = out[k] / length;
		v->position[k] += ROUND * v->normal[k];
	}
	v->texcoord[0] = 0.5f + 0.5f * a;
	v->texcoord[1] = 0.5f - 0.5f * b;
	v->texcoord[2] = (float)face;
}

void cube_mesh_fill(struct cube_vertex vertices[CUBE_VERTICES], uint16_t indices[CUBE_INDICES])
{
	const uint16_t row = CUBE_STEPS + 1;
	uint32_t n = 0;
	for (uint32_t face = 0; face < CUBE_FACES; face++) {
		uint16_t first = (uint16_t)(face * row * row);
		for (int y = 0; y <= CUBE_STEPS; y++) {
			for (int x = 0; x <= CUBE_STEPS; x++) {
				fill_vertex(&vertices[first + y * row + x], face, step_position(x),
				            step_position(y));
			}
		}
		for (int y = 0; y < CUBE_STEPS; y++) {
			for (int x = 0; x < CUBE_STEPS; x++) {
				uint16_t i = (uint16_t)(first + y * row + x);
				uint16_t quad[6] = { i, i + 1, i + row + 1, i, i + row + 1, i + row };
				memcpy(&indices[n], quad, sizeof(quad));
				n += 6;
			}
		}
	}
}

static const uint8_t palette[][3] = {
	{ 241, 233, 218 }, /* ivory */
	{ 231, 111, 81 },  /* coral */
	{ 42, 157, 143 },  /* teal */
	{ 233, 196, 106 }, /* sand */
	{ 30, 58, 95 },    /* navy */
	{ 244, 162, 97 },  /* orange */
};
#define PALETTE_SIZE (sizeof(palette) / sizeof(palette[0]))

static uint32_t hash(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return x ^ x >> 16;
}

/* One tile: a ground and a figure on it, turned by quarters. u and v are within the tile. */
static bool in_figure(uint32_t kind, float u, float v)
{
	switch (kind) {
	case 0: /* quarter disc */
		return u * u + v * v < 0.98f;
	case 1: { /* quarter rings */
		float r = sqrtf(u * u + v * v);
		return r < 0.34f || (r > 0.66f && r < 0.99f);
	}
	case 2: /* disc */
		return (u - 0.5f) * (u - 0.5f) + (v - 0.5f) * (v - 0.5f) < 0.115f;
	case 3: /* triangle */
		return u + v < 1.0f;
	default: /* leaf */
		return u * u + v * v < 1.0f && (1 - u) * (1 - u) + (1 - v) * (1 - v) < 1.0f;
	}
}

static const uint8_t *sample_face(uint32_t face, float u, float v)
{
	if (u < BORDER || v < BORDER || u > 1 - BORDER || v > 1 - BORDER) {
		return palette[4];
	}
	u = (u - BORDER) / (1 - 2 * BORDER) * TILES;
	v = (v - BORDER) / (1 - 2 * BORDER) * TILES;
	uint32_t x = (uint32_t)u;
	uint32_t y = (uint32_t)v;
	u -= (float)x;
	v -= (float)y;
	uint32_t h = hash(face * 977 + y * 31 + x * 7 + 5);
	uint32_t ground = h % PALETTE_SIZE;
	uint32_t figure = (ground + 1 + (h >> 8) % (PALETTE_SIZE - 1)) % PALETTE_SIZE;
	for (uint32_t turn = (h >> 16) % 4; turn > 0; turn--) {
		float old = u;
		u = v;
		v = 1.0f - old;
	}
	return palette[in_figure((h >> 20) % 5, u, v) ? figure : ground];
}

void cube_texture_fill(uint8_t *pixels, uint32_t face)
{
	const int sub = 3; /* samples along an edge of a pixel */
	for (int y = 0; y < CUBE_TEXTURE_SIZE; y++) {
		for (int x = 0; x < CUBE_TEXTURE_SIZE; x++) {
			uint32_t total[3] = { 0 };
			for (int s = 0; s < sub * sub; s++) {
				float u = ((float)x + ((float)(s % sub) + 0.5f) / (float)sub) /
				          CUBE_TEXTURE_SIZE;
				float v = ((float)y + ((float)(s / sub) + 0.5f) / (float)sub) /
				          CUBE_TEXTURE_SIZE;
				const uint8_t *rgb = sample_face(face, u, v);
				for (int k = 0; k < 3; k++) {
					total[k] += rgb[k];
				}
			}
			uint8_t *pixel = pixels + 4 * (y * CUBE_TEXTURE_SIZE + x);
			for (int k = 0; k < 3; k++) {
				pixel[k] = (uint8_t)(total[k] / (uint32_t)(sub * sub));
			}
			pixel[3] = 255;
		}
	}
}
