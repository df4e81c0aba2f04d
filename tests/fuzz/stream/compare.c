/* SPDX-License-Identifier: MIT */
#include <stdint.h>

/*
 * The linker sends here what libFuzzer would watch of comparisons (--wrap): the renderer's calls of strcmp(), for the
 * names of extensions, and the calls that clang puts before each comparison of numbers. They took half of a run's time,
 * and what libFuzzer learns from them does not help a mutator that knows commands.
 */
int __wrap_strcmp(const char *a, const char *b);

#ifdef __clang__
#define PLAIN __attribute__((no_sanitize("address", "coverage", "undefined")))
#else
#define PLAIN
#endif

PLAIN int __wrap_strcmp(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return (unsigned char)*a - (unsigned char)*b;
}

#define UNWATCHED(bits)                                                                 \
	void __wrap___sanitizer_cov_trace_cmp##bits(uint64_t a, uint64_t b);            \
	void __wrap___sanitizer_cov_trace_const_cmp##bits(uint64_t a, uint64_t b);      \
	PLAIN void __wrap___sanitizer_cov_trace_cmp##bits(uint64_t a, uint64_t b)       \
	{                                                                               \
		(void)a;                                                                \
		(void)b;                                                                \
	}                                                                               \
	PLAIN void __wrap___sanitizer_cov_trace_const_cmp##bits(uint64_t a, uint64_t b) \
	{                                                                               \
		(void)a;                                                                \
		(void)b;                                                                \
	}

UNWATCHED(1)
UNWATCHED(2)
UNWATCHED(4)
UNWATCHED(8)

void __wrap___sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);
PLAIN void __wrap___sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
	(void)value;
	(void)cases;
}
