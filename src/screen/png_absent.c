/* SPDX-License-Identifier: MIT */
/* In place of png.c in a build without the page (meson option "web"), the only part that shows pictures as files. */
#include "screen/png.h"

enum vtr_err vtr_png_encode(const uint8_t *rgb, uint32_t width, uint32_t height, size_t max_size,
                            uint8_t **out_png, size_t *out_size)
{
	(void)rgb;
	(void)width;
	(void)height;
	(void)max_size;
	(void)out_png;
	(void)out_size;
	return VTR_ERR_UNSUPPORTED;
}

enum vtr_err vtr_png_encode_rgba(const uint8_t *rgba, size_t stride, uint32_t width, uint32_t height,
                                 uint8_t **out_png, size_t *out_size)
{
	(void)rgba;
	(void)stride;
	(void)width;
	(void)height;
	(void)out_png;
	(void)out_size;
	return VTR_ERR_UNSUPPORTED;
}

size_t vtr_png_max_size(uint32_t width, uint32_t height)
{
	(void)width;
	(void)height;
	return 0;
}
