/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static int depth;
static int members; /* written so far in the innermost object */

static void put_string(const char *text)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\') {
			printf("\\%c", *p);
		} else if (*p < 0x20 || *p > 0x7e) {
			printf("\\u%04x", *p);
		} else {
			putchar(*p);
		}
	}
	putchar('"');
}

static void put_name(const char *name)
{
	printf("%s\n%*s", members++ ? "," : "", depth, "");
	put_string(name);
	printf(": ");
}

void json_begin(const char *name)
{
	if (name) {
		put_name(name);
	}
	putchar('{');
	depth++;
	members = 0;
}

void json_end(void)
{
	depth--;
	printf("\n%*s}", depth, "");
	members = 1; /* the object that just ended is one of its parent's */
	if (depth == 0) {
		putchar('\n');
	}
}

void json_uint(const char *name, uint64_t value)
{
	put_name(name);
	printf("%" PRIu64, value);
}

void json_int(const char *name, int64_t value)
{
	put_name(name);
	printf("%" PRId64, value);
}

void json_float(const char *name, double value)
{
	put_name(name);
	printf("%.9g", value);
}

void json_string(const char *name, const char *value)
{
	put_name(name);
	put_string(value);
}

void json_hex(const char *name, const uint8_t *bytes, uint32_t count)
{
	put_name(name);
	putchar('"');
	for (uint32_t i = 0; i < count; i++) {
		printf("%02x", bytes[i]);
	}
	putchar('"');
}

void json_printf(const char *name, const char *fmt, ...)
{
	char text[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_string(name, text);
}
