/* SPDX-License-Identifier: MIT */
#include "display/words.h"

#include <string.h>

#include "platform/thread.h"

/* The number of tries of a reader: most writes take less than a microsecond, and none is often repeated. */
#define READ_TRIES 1000

/*
 * Each word is stored with release order and loaded with acquire order (plain moves on x86), so that none can
 * be reordered across the counter.
 */
void vtr_words_write(_Atomic uint32_t *count, _Atomic uint64_t *words, const void *from, size_t n)
{
	uint32_t old = atomic_load_explicit(count, memory_order_relaxed);

	atomic_store_explicit(count, old + 1, memory_order_relaxed);
	for (size_t i = 0; i < n; i++) {
		uint64_t value;
		memcpy(&value, (const char *)from + i * sizeof(value), sizeof(value));
		atomic_store_explicit(&words[i], value, memory_order_release);
	}
	atomic_store_explicit(count, old + 2, memory_order_release);
}

enum vtr_err vtr_words_read(const _Atomic uint32_t *count, const _Atomic uint64_t *words, void *to, size_t n,
                            uint32_t *out_ticket)
{
	for (int i = 0; i < READ_TRIES; i++) {
		uint32_t before = atomic_load_explicit(count, memory_order_acquire);
		if (before % 2 == 0) {
			for (size_t j = 0; j < n; j++) {
				uint64_t value = atomic_load_explicit(&words[j], memory_order_acquire);
				memcpy((char *)to + j * sizeof(value), &value, sizeof(value));
			}
			if (atomic_load_explicit(count, memory_order_relaxed) == before) {
				*out_ticket = before;
				return VTR_OK;
			}
		}
		vtr_os_cpu_relax();
	}
	return VTR_ERR_AGAIN;
}
