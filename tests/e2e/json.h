/* SPDX-License-Identifier: MIT */
#ifndef TESTS_E2E_JSON_H
#define TESTS_E2E_JSON_H

#include <stdint.h>

/* Writes JSON to stdout. Objects all the way down: each value has a name. */
void json_begin(const char *name); /* NULL: the whole text */
void json_end(void);
void json_uint(const char *name, uint64_t value);
void json_int(const char *name, int64_t value);
void json_float(const char *name, double value);
void json_string(const char *name, const char *value);
void json_hex(const char *name, const uint8_t *bytes, uint32_t count);
void json_printf(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
