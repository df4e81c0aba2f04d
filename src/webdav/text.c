/* SPDX-License-Identifier: MIT */
#include "webdav/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM 1024
/* The longest piece that is formatted: numbers and names of ours. */
#define FORMAT_MAX 512

void vtr_dav_text_finish(struct vtr_dav_text *text)
{
	free(text->bytes);
	*text = (struct vtr_dav_text){ .bytes = NULL };
}

void vtr_dav_text_add(struct vtr_dav_text *text, const char *bytes, size_t size)
{
	if (text->failed || size > VTR_DAV_MAX_TEXT - text->size) {
		text->failed = true;
		return;
	}
	if (size > text->room - text->size) {
		const size_t room = vtr_max(vtr_max(2 * text->room, FIRST_ROOM), text->size + size);
		char *moved = realloc(text->bytes, room);
		if (!moved) {
			text->failed = true;
			return;
		}
		text->bytes = moved;
		text->room = room;
	}
	if (size > 0) {
		memcpy(text->bytes + text->size, bytes, size);
		text->size += size;
	}
}

void vtr_dav_text_format(struct vtr_dav_text *text, const char *format, ...)
{
	char piece[FORMAT_MAX];
	va_list args;

	va_start(args, format);
	const int size = vsnprintf(piece, sizeof(piece), format, args);
	va_end(args);
	vtr_assert(size >= 0 && (size_t)size < sizeof(piece));
	vtr_dav_text_add(text, piece, (size_t)size);
}

void vtr_dav_text_escape(struct vtr_dav_text *text, const char *bytes)
{
	for (const char *at = bytes; *at && !text->failed; at++) {
		const size_t plain = strcspn(at, "&<>\"");
		vtr_dav_text_add(text, at, plain);
		at += plain;
		switch (*at) {
		case '&':
			vtr_dav_text_add(text, "&amp;", 5);
			break;
		case '<':
			vtr_dav_text_add(text, "&lt;", 4);
			break;
		case '>':
			vtr_dav_text_add(text, "&gt;", 4);
			break;
		case '"':
			vtr_dav_text_add(text, "&quot;", 6);
			break;
		default: /* the end */
			return;
		}
	}
}

void vtr_dav_text_encode(struct vtr_dav_text *text, const char *bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	static const char plain_ones[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
	const char *at = bytes;

	while (*at && !text->failed) {
		const size_t plain = strspn(at, plain_ones);
		vtr_dav_text_add(text, at, plain);
		at += plain;
		if (*at) {
			const uint8_t c = (uint8_t)*at++;
			const char coded[3] = { '%', digits[c >> 4], digits[c & 0xf] };
			vtr_dav_text_add(text, coded, sizeof(coded));
		}
	}
}
