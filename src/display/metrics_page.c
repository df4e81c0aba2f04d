/* SPDX-License-Identifier: MIT */
#include "display/metrics_page.h"

#include <stdlib.h>
#include <string.h>

#include "display/words.h"

/* The number of tries of a reader: the next text is written a second later. */
#define READ_TRIES 10

/* The text as it lies in the words. */
struct packed_text {
	uint64_t size;
	char text[];
};

static size_t words_of(uint64_t size)
{
	return 1 + (size_t)((size + sizeof(uint64_t) - 1) / sizeof(uint64_t));
}

enum vtr_err vtr_metrics_page_write(struct vtr_metrics_page *page, const char *text, size_t size)
{
	if (size > VTR_METRICS_MAX_TEXT) {
		return VTR_ERR_LIMIT;
	}
	struct packed_text *packed = calloc(words_of(size), sizeof(uint64_t));
	if (!packed) {
		return VTR_ERR_NOMEM;
	}
	packed->size = size;
	memcpy(packed->text, text, size);
	vtr_words_write(&page->count, page->words, packed, words_of(size));
	free(packed);
	return VTR_OK;
}

enum vtr_err vtr_metrics_page_read(const struct vtr_metrics_page *page, char **out_text, size_t *out_size)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint64_t size;
		uint32_t before;
		uint32_t after;
		enum vtr_err err = vtr_words_read(&page->count, page->words, &size, 1, &before);

		if (err != VTR_OK) {
			return err;
		}
		if (size > VTR_METRICS_MAX_TEXT) {
			return VTR_ERR_AGAIN;
		}
		struct packed_text *packed = malloc(words_of(size) * sizeof(uint64_t));
		if (!packed) {
			return VTR_ERR_NOMEM;
		}
		err = vtr_words_read(&page->count, page->words, packed, words_of(size), &after);
		if (err == VTR_OK && before == after) {
			memmove(packed, packed->text, (size_t)size);
			*out_text = (char *)packed;
			*out_size = (size_t)size;
			return VTR_OK;
		}
		free(packed);
	}
	return VTR_ERR_AGAIN;
}
