/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_PIXEL_FORMATS_H
#define TESTS_UNIT_PIXEL_FORMATS_H

#include <stdint.h>

#include "display/types.h"

/* All formats of pixels, as the tests understand them. Tests name a format by its index here. */
static const struct {
	enum vtr_pixel_format format;
	uint8_t places[3]; /* where red, green and blue are in a pixel's bytes */
} pixel_formats[] = {
	{ VTR_FORMAT_B8G8R8A8, { 2, 1, 0 } }, { VTR_FORMAT_B8G8R8X8, { 2, 1, 0 } },
	{ VTR_FORMAT_A8R8G8B8, { 1, 2, 3 } }, { VTR_FORMAT_X8R8G8B8, { 1, 2, 3 } },
	{ VTR_FORMAT_R8G8B8A8, { 0, 1, 2 } }, { VTR_FORMAT_X8B8G8R8, { 3, 2, 1 } },
	{ VTR_FORMAT_A8B8G8R8, { 3, 2, 1 } }, { VTR_FORMAT_R8G8B8X8, { 0, 1, 2 } },
};

#endif
