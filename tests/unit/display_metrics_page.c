/* SPDX-License-Identifier: MIT */
#include "display/metrics_page.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test.h"

enum { ROUNDS = 20000, MAX_SIZE = 300 };

static struct vtr_metrics_page page;
static _Atomic bool done;

static void check(const char *text, size_t size)
{
	vtr_autofree char *got = NULL;
	size_t got_size;

	CHECK_OK(vtr_metrics_page_read(&page, &got, &got_size));
	CHECK_EQ(got_size, size);
	CHECK(memcmp(got, text, size) == 0);
}

static void texts_of_all_sizes(void)
{
	vtr_autofree char *text = calloc(1, VTR_METRICS_MAX_TEXT + 1);

	check("", 0);
	for (size_t size = 0; size < 20; size++) {
		CHECK_OK(vtr_metrics_page_write(&page, "vitrine_serve_connections 1", size));
		check("vitrine_serve_connections 1", size);
	}
	memset(text, 'x', VTR_METRICS_MAX_TEXT);
	CHECK_OK(vtr_metrics_page_write(&page, text, VTR_METRICS_MAX_TEXT));
	check(text, VTR_METRICS_MAX_TEXT);
	CHECK_ERR(vtr_metrics_page_write(&page, text, VTR_METRICS_MAX_TEXT + 1), VTR_ERR_LIMIT);
	check(text, VTR_METRICS_MAX_TEXT);
	CHECK_OK(vtr_metrics_page_write(&page, "", 0));
}

/* The front has died in the middle of a write, or has written nonsense. */
static void broken_pages(void)
{
	char *text = NULL;
	size_t size;

	page.count++;
	CHECK_ERR(vtr_metrics_page_read(&page, &text, &size), VTR_ERR_AGAIN);
	page.count++;
	page.words[0] = VTR_METRICS_MAX_TEXT + 1;
	CHECK_ERR(vtr_metrics_page_read(&page, &text, &size), VTR_ERR_AGAIN);
	page.words[0] = UINT64_MAX;
	CHECK_ERR(vtr_metrics_page_read(&page, &text, &size), VTR_ERR_AGAIN);
	CHECK(text == NULL);
	CHECK_OK(vtr_metrics_page_write(&page, "", 0));
}

static void *read_all(void *unused)
{
	unsigned *count = unused;

	while (!done) {
		vtr_autofree char *text = NULL;
		size_t size;

		if (vtr_metrics_page_read(&page, &text, &size) != VTR_OK) {
			continue; /* it is written all the time here */
		}
		/* Each text is its size in the same letter. */
		for (size_t i = 0; i < size; i++) {
			CHECK_EQ(text[i], (char)('a' + size % 26));
		}
		++*count;
	}
	return NULL;
}

static void a_text_is_whole(void)
{
	char text[MAX_SIZE];
	pthread_t thread;
	unsigned count = 0;

	CHECK_EQ(pthread_create(&thread, NULL, read_all, &count), 0);
	for (size_t i = 0; i < ROUNDS; i++) {
		const size_t size = i % MAX_SIZE;
		memset(text, (int)('a' + size % 26), size);
		CHECK_OK(vtr_metrics_page_write(&page, text, size));
	}
	done = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	check(text, (ROUNDS - 1) % MAX_SIZE);
}

int main(void)
{
	RUN(texts_of_all_sizes);
	RUN(broken_pages);
	RUN(a_text_is_whole);
	return 0;
}
