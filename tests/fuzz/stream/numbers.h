/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_NUMBERS_H
#define TESTS_FUZZ_STREAM_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* Random numbers, the same for the same seed. */
void numbers_begin(unsigned seed);
uint32_t below(uint32_t limit); /* 0 if the limit is 0 */
bool one_in(uint32_t n);

/* A number near the one given, or at an edge of what commands allow. */
uint64_t change_number(uint64_t v, bool wide);
uint64_t change_enum(uint64_t v);

#endif
