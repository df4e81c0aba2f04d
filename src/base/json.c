/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdarg.h>
#include <string.h>

/* Nine digits fit into 32 bits. */
#define MAX_DIGITS 9

static void put_text(FILE *file, const char *text)
{
	fputc('"', file);
	for (const char *at = text; *at; at++) {
		unsigned char c = (unsigned char)*at;
		if (c == '"' || c == '\\') {
			fprintf(file, "\\%c", c);
		} else if (c < 0x20 || c == 0x7f) {
			fprintf(file, "\\u%04x", c);
		} else {
			fputc(c, file);
		}
	}
	fputc('"', file);
}

static void break_line(struct vtr_json *json)
{
	fprintf(json->file, "\n%*s", json->depth * 2, "");
}

/* Writes comma, line break or space, indentation and key of the next item. */
static void start_item(struct vtr_json *json, const char *key)
{
	if (json->depth > 0) {
		bool *has_items = &json->has_items[json->depth - 1];
		fputs(*has_items ? "," : "", json->file);
		if (json->depth <= json->lines) {
			break_line(json);
		} else if (*has_items) {
			fputc(' ', json->file);
		}
		*has_items = true;
	}
	if (key) {
		put_text(json->file, key);
		fputs(": ", json->file);
	}
}

void vtr_json_open(struct vtr_json *json, const char *key, char bracket)
{
	start_item(json, key);
	vtr_assert(json->depth < VTR_JSON_MAX_DEPTH);
	json->has_items[json->depth++] = false;
	fputc(bracket, json->file);
}

void vtr_json_close(struct vtr_json *json, char bracket)
{
	vtr_assert(json->depth > 0);
	bool has_items = json->has_items[--json->depth];
	if (has_items && json->depth < json->lines) {
		break_line(json);
	}
	fputc(bracket, json->file);
	if (json->depth == 0) {
		fputc('\n', json->file);
	}
}

void vtr_json_text(struct vtr_json *json, const char *key, const char *text)
{
	start_item(json, key);
	if (text) {
		put_text(json->file, text);
	} else {
		fputs("null", json->file);
	}
}

void vtr_json_number(struct vtr_json *json, const char *key, uint64_t number)
{
	start_item(json, key);
	fprintf(json->file, "%llu", (unsigned long long)number);
}

void vtr_json_signed(struct vtr_json *json, const char *key, int64_t number)
{
	start_item(json, key);
	fprintf(json->file, "%lld", (long long)number);
}

void vtr_json_bool(struct vtr_json *json, const char *key, bool value)
{
	start_item(json, key);
	fputs(value ? "true" : "false", json->file);
}

void vtr_json_format(struct vtr_json *json, const char *key, const char *format, ...)
{
	va_list args;

	start_item(json, key);
	va_start(args, format);
	vfprintf(json->file, format, args);
	va_end(args);
}

static void skip_space(struct vtr_json_reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4)) {
		reader->at++;
	}
}

bool vtr_json_take(struct vtr_json_reader *reader, const char *token)
{
	size_t length = strlen(token);

	skip_space(reader);
	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, token, length) != 0) {
		return false;
	}
	reader->at += length;
	return true;
}

bool vtr_json_find(struct vtr_json_reader *reader, const char *key)
{
	char quoted[64];

	int length = snprintf(quoted, sizeof(quoted), "\"%s\"", key);
	vtr_assert(length > 0 && (size_t)length < sizeof(quoted));
	const char *at = memmem(reader->at, (size_t)(reader->end - reader->at), quoted, (size_t)length);
	if (!at) {
		return false;
	}
	reader->at = at + length;
	return vtr_json_take(reader, ":");
}

bool vtr_json_at_end(struct vtr_json_reader *reader)
{
	skip_space(reader);
	return reader->at == reader->end;
}

enum vtr_err vtr_json_read_bool(struct vtr_json_reader *reader, bool *out_value)
{
	bool value = vtr_json_take(reader, "true");

	if (!value && !vtr_json_take(reader, "false")) {
		return VTR_ERR_ARG;
	}
	*out_value = value;
	return VTR_OK;
}

enum vtr_err vtr_json_read_number(struct vtr_json_reader *reader, uint32_t *out_value)
{
	uint32_t value = 0;
	int digits = 0;

	skip_space(reader);
	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && digits < MAX_DIGITS) {
		value = value * 10 + (uint32_t)(*reader->at++ - '0');
		digits++;
	}
	/* A further digit, a fraction or an exponent then fails as neither comma nor brace. */
	if (digits == 0) {
		return VTR_ERR_ARG;
	}
	*out_value = value;
	return VTR_OK;
}

enum vtr_err vtr_json_read_text(struct vtr_json_reader *reader, const char **out_text, size_t *out_length)
{
	if (!vtr_json_take(reader, "\"")) {
		return VTR_ERR_ARG;
	}
	const char *text = reader->at;
	while (reader->at < reader->end && *reader->at != '"') {
		reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
	}
	size_t length = (size_t)(reader->at - text);
	if (!vtr_json_take(reader, "\"")) {
		return VTR_ERR_ARG;
	}
	*out_text = text;
	*out_length = length;
	return VTR_OK;
}
