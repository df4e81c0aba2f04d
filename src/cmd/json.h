/* SPDX-License-Identifier: MIT */
#ifndef CMD_JSON_H
#define CMD_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Writes indented JSON, with commas between items. `key` is NULL in arrays and for the outermost value.
 *
 * Thread: one.
 */
#define VTR_JSON_MAX_DEPTH 8

struct vtr_json {
	FILE *file;
	int depth;
	bool has_items[VTR_JSON_MAX_DEPTH]; /* for each open object or array */
};

void vtr_json_open(struct vtr_json *json, const char *key, char bracket);
void vtr_json_close(struct vtr_json *json, char bracket);

/* NULL becomes null; control characters are escaped. */
void vtr_json_text(struct vtr_json *json, const char *key, const char *text);
void vtr_json_number(struct vtr_json *json, const char *key, uint64_t number);
void vtr_json_signed(struct vtr_json *json, const char *key, int64_t number);
void vtr_json_bool(struct vtr_json *json, const char *key, bool value);

#endif
