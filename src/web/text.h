/* SPDX-License-Identifier: MIT */
#ifndef WEB_TEXT_H
#define WEB_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Text that grows as it is written. An allocation failure is reported by vtr_text_take().
 *
 * Thread: one.
 */
struct vtr_text {
	char *bytes; /* NULL: empty */
	size_t size; /* without the NUL */
	size_t capacity;
	bool failed;
};

void vtr_text_init(struct vtr_text *text);
void vtr_text_finish(struct vtr_text *text);

void vtr_text_add(struct vtr_text *text, const char *format, ...) VTR_PRINTF(2, 3);

/* Owner: *out_bytes is the caller's, to be freed by free(); never NULL. The text is empty afterwards.
 * Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_text_take(struct vtr_text *text, char **out_bytes, size_t *out_size);

#endif
