/* SPDX-License-Identifier: MIT */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/*
 * Writes and reads JSON.
 *
 * Thread: one for each writer or reader.
 */

/* --- the writer ---------------------------------------------------------------------------------------- */

#define VTR_JSON_MAX_DEPTH 8

/* Begins with zeros, except for the two members that its user sets. The stream reports errors. */
struct vtr_json {
	FILE *file;
	int lines; /* items down to this depth begin a line; deeper ones follow on the same line */
	int depth;
	bool has_items[VTR_JSON_MAX_DEPTH]; /* for each open object or array */
};

/* `key` is NULL in arrays and for the outermost value, behind which a line ends. */
void vtr_json_open(struct vtr_json *json, const char *key, char bracket);
void vtr_json_close(struct vtr_json *json, char bracket);

/* NULL becomes null; control characters are escaped. */
void vtr_json_text(struct vtr_json *json, const char *key, const char *text);
void vtr_json_number(struct vtr_json *json, const char *key, uint64_t number);
void vtr_json_signed(struct vtr_json *json, const char *key, int64_t number);
void vtr_json_bool(struct vtr_json *json, const char *key, bool value);

/* A number in the format that the caller chooses. */
void vtr_json_format(struct vtr_json *json, const char *key, const char *format, ...) VTR_PRINTF(3, 4);

/* --- the reader ---------------------------------------------------------------------------------------- */

/* A position in a text, which need not end with NUL. */
struct vtr_json_reader {
	const char *at;
	const char *end;
};

/* Skips `token`, and white space in front of it, if it comes next. Returns: whether it did. */
bool vtr_json_take(struct vtr_json_reader *reader, const char *token);

/* Moves to the value behind the first `key` of any object. Returns: whether there is one. */
bool vtr_json_find(struct vtr_json_reader *reader, const char *key);

/* Returns: whether nothing but white space is left. */
bool vtr_json_at_end(struct vtr_json_reader *reader);

/* Each reads the value that comes next. Returns: VTR_ERR_ARG (it is something else). */
VTR_MUST_CHECK enum vtr_err vtr_json_read_bool(struct vtr_json_reader *reader, bool *out_value);
/* Only whole numbers of at most nine digits. */
VTR_MUST_CHECK enum vtr_err vtr_json_read_number(struct vtr_json_reader *reader, uint32_t *out_value);
/* *out_text: inside of the text that is read, as it stands there, with its escapes. */
VTR_MUST_CHECK enum vtr_err vtr_json_read_text(struct vtr_json_reader *reader, const char **out_text,
                                               size_t *out_length);

#endif
