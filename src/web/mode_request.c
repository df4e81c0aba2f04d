/* SPDX-License-Identifier: MIT */
#include "web/mode_request.h"

#include <string.h>

#define MAX_DIGITS 9

struct reader {
	const char *at;
	const char *end;
};

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4)) {
		reader->at++;
	}
}

/* Skips `text`, and white space in front of it, if it comes next. */
static bool take(struct reader *reader, const char *text)
{
	size_t length = strlen(text);

	skip_space(reader);
	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, text, length) != 0) {
		return false;
	}
	reader->at += length;
	return true;
}

static enum vtr_err read_bool(struct reader *reader, bool *has, bool *out_value)
{
	if (*has) {
		return VTR_ERR_ARG;
	}
	*has = true;
	*out_value = take(reader, "true");
	return *out_value || take(reader, "false") ? VTR_OK : VTR_ERR_ARG;
}

static enum vtr_err read_number(struct reader *reader, bool *has, uint32_t *out_value)
{
	uint32_t value = 0;
	int digits = 0;

	skip_space(reader);
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && digits < MAX_DIGITS) {
		value = value * 10 + (uint32_t)(*reader->at++ - '0');
		digits++;
	}
	/* A further digit, a fraction or an exponent then fails as neither comma nor brace. */
	if (*has || digits == 0) {
		return VTR_ERR_ARG;
	}
	*has = true;
	*out_value = value;
	return VTR_OK;
}

static enum vtr_err read_member(struct reader *reader, struct vtr_mode_request *request)
{
	if (take(reader, "\"connected\"")) {
		return take(reader, ":") ? read_bool(reader, &request->has_connected, &request->connected) :
		                           VTR_ERR_ARG;
	}
	if (take(reader, "\"width\"")) {
		return take(reader, ":") ? read_number(reader, &request->has_width, &request->width) :
		                           VTR_ERR_ARG;
	}
	if (take(reader, "\"height\"")) {
		return take(reader, ":") ? read_number(reader, &request->has_height, &request->height) :
		                           VTR_ERR_ARG;
	}
	return VTR_ERR_ARG;
}

enum vtr_err vtr_mode_request_parse(const char *json, size_t size, struct vtr_mode_request *out_request)
{
	struct reader reader = { .at = json, .end = json + size };
	struct vtr_mode_request request = { 0 };
	enum vtr_err err;

	if (!take(&reader, "{")) {
		return VTR_ERR_ARG;
	}
	do {
		err = read_member(&reader, &request);
	} while (err == VTR_OK && take(&reader, ","));
	if (err != VTR_OK || !take(&reader, "}")) {
		return VTR_ERR_ARG;
	}
	skip_space(&reader);
	if (reader.at != reader.end) {
		return VTR_ERR_ARG;
	}
	*out_request = request;
	return VTR_OK;
}
