/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_WORDS_H
#define DISPLAY_WORDS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Memory that one process writes and others read without a lock: a counter, which is odd during a write, and words.
 *
 * Thread: one writes; any reads.
 */

/* Writes the first `n` words. */
void vtr_words_write(_Atomic uint32_t *count, _Atomic uint64_t *words, const void *from, size_t n);

/* Reads the first `n` words, of one write. *out_ticket: changes with each write. Returns: VTR_ERR_AGAIN (the writer has
 * stopped in the middle of a write, or writes all the time). */
VTR_MUST_CHECK enum vtr_err vtr_words_read(const _Atomic uint32_t *count, const _Atomic uint64_t *words,
                                           void *to, size_t n, uint32_t *out_ticket);

#endif
