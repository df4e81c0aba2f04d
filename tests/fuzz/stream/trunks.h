/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_TRUNKS_H
#define TESTS_FUZZ_STREAM_TRUNKS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Inputs that ran to their end: changed inputs run behind them, so that changes meet contexts with many objects. Most
 * changed commands end their context, and the smallest inputs are kept, so runs would be short without them.
 */
enum { TRUNK_MIN_COMMANDS = 40, TRUNK_MAX_COMMANDS = 112, TRUNK_MAX_SIZE = 12288 };

/* Keeps the input if it is of use, perhaps in the place of a shorter one. */
void trunks_note(const uint8_t *data, size_t size, uint64_t commands);
/* Returns: a trunk's bytes, NULL if there is none. `number` is any. */
const uint8_t *trunks_pick(uint32_t number, size_t *out_size);

#endif
