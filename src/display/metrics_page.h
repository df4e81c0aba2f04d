/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_METRICS_PAGE_H
#define DISPLAY_METRICS_PAGE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Metrics of `vitrine serve`, in Prometheus' text format: shared memory that the front writes and the screen process
 * reads. It is sparse until written. Zeros are an empty text.
 *
 * Thread: one writes; any reads.
 */

/* More than the text has with the longest names (VTR_STATUS_MAX_METRICS). */
#define VTR_METRICS_MAX_TEXT (2u << 20)

struct vtr_metrics_page {
	_Atomic uint32_t count; /* see display/words.h */
	uint32_t unused;
	_Atomic uint64_t words[1 + VTR_METRICS_MAX_TEXT / sizeof(uint64_t)]; /* the text's size; the text */
};

/* A text that is too long is left out, and the one before it stays. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_metrics_page_write(struct vtr_metrics_page *page, const char *text,
                                                   size_t size);

/* Owner: *out_text is the caller's, to free. Returns: VTR_ERR_AGAIN, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_metrics_page_read(const struct vtr_metrics_page *page, char **out_text,
                                                  size_t *out_size);

#endif
