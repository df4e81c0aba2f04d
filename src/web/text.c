/* SPDX-License-Identifier: MIT */
#include "web/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define FIRST_CAPACITY 1024

void vtr_text_init(struct vtr_text *text)
{
	*text = (struct vtr_text){ 0 };
}

void vtr_text_finish(struct vtr_text *text)
{
	free(text->bytes);
	vtr_text_init(text);
}

/* Makes room for `more` bytes and the NUL. */
static bool grow(struct vtr_text *text, size_t more)
{
	size_t needed = text->size + more + 1;

	if (needed > text->capacity) {
		size_t capacity = vtr_max(vtr_max(needed, text->capacity * 2), FIRST_CAPACITY);
		char *bytes = realloc(text->bytes, capacity);
		if (!bytes) {
			text->failed = true;
			return false;
		}
		text->bytes = bytes;
		text->capacity = capacity;
	}
	return true;
}

void vtr_text_add(struct vtr_text *text, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0 || text->failed || !grow(text, (size_t)length)) {
		text->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf(text->bytes + text->size, (size_t)length + 1, format, args);
	va_end(args);
	text->size += (size_t)length;
}

enum vtr_err vtr_text_take(struct vtr_text *text, char **out_bytes, size_t *out_size)
{
	if (text->failed || !grow(text, 0)) {
		vtr_text_finish(text);
		return VTR_ERR_NOMEM;
	}
	text->bytes[text->size] = '\0';
	*out_bytes = text->bytes;
	*out_size = text->size;
	vtr_text_init(text);
	return VTR_OK;
}
