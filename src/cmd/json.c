/* SPDX-License-Identifier: MIT */
#include "cmd/json.h"

#include "base/err.h"

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

/* Writes comma, line break, indentation and key of the next item. */
static void start_item(struct vtr_json *json, const char *key)
{
	if (json->depth > 0) {
		bool *has_items = &json->has_items[json->depth - 1];
		fprintf(json->file, "%s\n%*s", *has_items ? "," : "", json->depth * 2, "");
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
	if (has_items) {
		fprintf(json->file, "\n%*s", json->depth * 2, "");
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
