/* SPDX-License-Identifier: MIT */
#ifndef WEB_WISH_H
#define WEB_WISH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* What somebody asks of a display: the body of PUT /api/displays/N. */
struct vtr_wish {
	bool has_connected, has_width, has_height;
	bool connected;
	uint32_t width, height;
};

/**
 * Reads a JSON object with nothing in it but "connected" (true, false), "width" and "height" (whole
 * numbers), each at most once.
 *
 * Returns: VTR_ERR_ARG.
 * Thread:  any.
 */
VTR_MUST_CHECK enum vtr_err vtr_wish_parse(const char *json, size_t size, struct vtr_wish *out_wish);

#endif
