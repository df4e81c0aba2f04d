/* SPDX-License-Identifier: MIT */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

/*
 * For unit tests in C. A test is a function that checks things; the first check that fails ends the
 * program with 1. main() is a list of RUN(test) and ends with `return 0;`.
 */

#ifdef NDEBUG
#error "tests need their assertions"
#endif

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

/* What meson takes for "skipped". */
#define TEST_EXIT_SKIPPED 77

#define CHECK(cond)                                           \
	do {                                                  \
		if (!(cond)) {                                \
			test_fail(__FILE__, __LINE__, #cond); \
		}                                             \
	} while (0)

/* For whole numbers of any type. */
#define CHECK_EQ(got, wanted) \
	test_check_eq(__FILE__, __LINE__, #got, (intmax_t)(got), #wanted, (intmax_t)(wanted))

#define CHECK_STR(got, wanted) test_check_str(__FILE__, __LINE__, #got, got, wanted)

/* For enum vtr_err. */
#define CHECK_ERR(got, wanted) test_check_err(__FILE__, __LINE__, #got, got, wanted)
#define CHECK_OK(got) CHECK_ERR(got, VTR_OK)

/* Runs a test unless the list TEST_SKIPS (tests/posix_skips.txt) names PROGRAM:TEST. */
#define RUN(test)                             \
	do {                                  \
		printf("%s\n", #test);        \
		fflush(stdout);               \
		if (!test_is_listed(#test)) { \
			test();               \
		}                             \
	} while (0)

/* Ends the program: what it tests cannot be had on this machine. */
#define SKIP(reason)                             \
	do {                                     \
		printf("skipped: %s\n", reason); \
		exit(TEST_EXIT_SKIPPED);         \
	} while (0)

/* Returns: whether the list names the test; then the reason is printed. */
static inline bool test_is_listed(const char *test)
{
	const char *list = getenv("TEST_SKIPS");
	FILE *file = list && list[0] ? fopen(list, "re") : NULL;
	char name[256];
	char line[512];
	bool found = false;

	snprintf(name, sizeof(name), "%s:%s: ", program_invocation_short_name, test);
	while (file && !found && fgets(line, sizeof(line), file)) {
		found = strncmp(line, name, strlen(name)) == 0;
	}
	if (found) {
		printf("skipped: %s", line + strlen(name));
	}
	if (file) {
		fclose(file);
	}
	return found;
}

VTR_NORETURN static inline void test_fail(const char *file, int line, const char *what)
{
	fflush(stdout);
	fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
	exit(1);
}

static inline void test_check_eq(const char *file, int line, const char *got_text, intmax_t got,
                                 const char *wanted_text, intmax_t wanted)
{
	if (got != wanted) {
		fprintf(stderr, "%s is %" PRIdMAX ", not %" PRIdMAX "\n", got_text, got, wanted);
		test_fail(file, line, wanted_text);
	}
}

static inline void test_check_str(const char *file, int line, const char *text, const char *got,
                                  const char *wanted)
{
	if (got == NULL || strcmp(got, wanted) != 0) {
		fprintf(stderr, "got    \"%s\"\nwanted \"%s\"\n", got == NULL ? "(null)" : got, wanted);
		test_fail(file, line, text);
	}
}

static inline void test_check_err(const char *file, int line, const char *text, enum vtr_err got,
                                  enum vtr_err wanted)
{
	if (got != wanted) {
		fprintf(stderr, "got %s, not %s (errno: %m)\n", vtr_err_name(got), vtr_err_name(wanted));
		test_fail(file, line, text);
	}
}

/* How many fds this process has open. */
static inline int test_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	CHECK(dir != NULL);
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count - 3; /* ".", ".." and the folder itself */
}

/* A new folder; the caller removes it. */
static inline void test_make_dir(char *out_path, size_t size)
{
	snprintf(out_path, size, "/tmp/vitrine-test-XXXXXX");
	CHECK(mkdtemp(out_path) != NULL);
}

#endif
