/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_TEXT_H
#define WEBDAV_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A text that grows up to a limit. The first failure stays: what is added after it is dropped, and it is checked once,
 * at the end.
 *
 * Thread: one.
 */
struct vtr_dav_text {
	char *bytes; /* NULL: empty */
	size_t size, room;
	bool failed; /* it is too long, or memory was short */
};

/* The longest: a list of all that a folder may hold, with long names. */
#define VTR_DAV_MAX_TEXT (8u << 20)

void vtr_dav_text_finish(struct vtr_dav_text *text);

void vtr_dav_text_add(struct vtr_dav_text *text, const char *bytes, size_t size);
void vtr_dav_text_format(struct vtr_dav_text *text, const char *format, ...) VTR_PRINTF(2, 3);

/* Adds text of others, with what XML and HTML give a meaning as references. */
void vtr_dav_text_escape(struct vtr_dav_text *text, const char *bytes);

/* Adds a part of a path, percent-encoded where a URL requires it. */
void vtr_dav_text_encode(struct vtr_dav_text *text, const char *bytes);

#endif
