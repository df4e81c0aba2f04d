/* SPDX-License-Identifier: MIT */
/*
 * The linker sends the renderer's calls of strcmp() here (--wrap). libFuzzer's own takes half of a run's time, for the
 * names of extensions, and what it learns from them does not help a mutator that knows commands.
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
