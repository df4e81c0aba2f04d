/* SPDX-License-Identifier: MIT */
#include "web/mode_request.h"

#include "base/json.h"

/* A member may be there once. */
static enum vtr_err take_number(struct vtr_json_reader *reader, bool *has, uint32_t *out_value)
{
	if (*has || !vtr_json_take(reader, ":")) {
		return VTR_ERR_ARG;
	}
	*has = true;
	return vtr_json_read_number(reader, out_value);
}

static enum vtr_err read_member(struct vtr_json_reader *reader, struct vtr_mode_request *request)
{
	if (vtr_json_take(reader, "\"width\"")) {
		return take_number(reader, &request->has_width, &request->width);
	}
	if (vtr_json_take(reader, "\"height\"")) {
		return take_number(reader, &request->has_height, &request->height);
	}
	if (request->has_connected || !vtr_json_take(reader, "\"connected\"") ||
	    !vtr_json_take(reader, ":")) {
		return VTR_ERR_ARG;
	}
	request->has_connected = true;
	return vtr_json_read_bool(reader, &request->connected);
}

enum vtr_err vtr_mode_request_parse(const char *json, size_t size, struct vtr_mode_request *out_request)
{
	struct vtr_json_reader reader = { .at = json, .end = json + size };
	struct vtr_mode_request request = { 0 };
	enum vtr_err err;

	if (!vtr_json_take(&reader, "{")) {
		return VTR_ERR_ARG;
	}
	do {
		err = read_member(&reader, &request);
	} while (err == VTR_OK && vtr_json_take(&reader, ","));
	if (err != VTR_OK || !vtr_json_take(&reader, "}") || !vtr_json_at_end(&reader)) {
		return VTR_ERR_ARG;
	}
	*out_request = request;
	return VTR_OK;
}
