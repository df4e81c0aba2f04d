/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_FAKE_VENUS_H
#define TESTS_UNIT_FAKE_VENUS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "venus/venus.h"

/*
 * A renderer without a driver, for tests of what sits in front of it. It stands in at the seam
 * venus/venus.h: a test links it in place of the real one.
 */
struct fake_venus {
	int contexts;       /* that exist */
	int resources;      /* that exist, in all contexts */
	uint64_t submitted; /* bytes, in all */
	bool refuse_submit; /* break down at the next stream */
	bool hold_fences;   /* retire none of timelines 1 to 63 until fake_venus_retire() */
	atomic_bool killed; /* by any thread */
	atomic_bool hangs; /* what vtr_venus_check() says */
	enum vtr_err blob_err; /* what the next blobs fail with */
};

extern struct fake_venus fake_venus;

/* Starts anew; nothing may exist any more. */
void fake_venus_reset(void);

/* Retires the oldest fence held; false if there is none. Any thread. */
bool fake_venus_retire(void);

/* Breaks the newest context down, as one of its threads would. Any thread. */
void fake_venus_die(void);

#endif
