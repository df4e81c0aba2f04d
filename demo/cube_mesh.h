/* SPDX-License-Identifier: MIT */
#ifndef DEMO_CUBE_MESH_H
#define DEMO_CUBE_MESH_H

#include <stdint.h>

/* The demo's cube: a box with rounded edges, and the picture on each of its faces. */

struct cube_vertex {
	float position[3];
	float normal[3];
	float texcoord[3]; /* u, v, face */
};

#define CUBE_FACES 6
#define CUBE_STEPS 14 /* squares along an edge of a face */
#define CUBE_VERTICES (CUBE_FACES * (CUBE_STEPS + 1) * (CUBE_STEPS + 1))
#define CUBE_INDICES (CUBE_FACES * CUBE_STEPS * CUBE_STEPS * 6)
#define CUBE_TEXTURE_SIZE 512

void cube_mesh_fill(struct cube_vertex vertices[CUBE_VERTICES], uint16_t indices[CUBE_INDICES]);

/* Writes the R8G8B8A8 (sRGB) picture of one face. */
void cube_texture_fill(uint8_t *pixels, uint32_t face);

#endif
