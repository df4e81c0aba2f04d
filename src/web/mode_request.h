/* SPDX-License-Identifier: MIT */
#ifndef WEB_MODE_REQUEST_H
#define WEB_MODE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A requested change of a display: the body of PUT /api/displays/N. */
struct vtr_mode_request {
	bool has_connected, has_width, has_height;
	bool connected;
	uint32_t width, height;
};

/**
 * Parses a JSON object that has only "connected" (true, false), "width" and "height" (whole numbers), each at
 * most once.
 *
 * Returns: VTR_ERR_ARG.
 * Thread:  any.
 */
VTR_MUST_CHECK enum vtr_err vtr_mode_request_parse(const char *json, size_t size,
                                                   struct vtr_mode_request *out_request);

#endif
