/* SPDX-License-Identifier: MIT */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Records which ranges of a memory or an address space are taken. They do not overlap and are sorted by
 * offset.
 *
 * Thread: one at a time.
 */
struct vtr_range {
	uint64_t offset;
	uint64_t size; /* never 0 */
};

struct vtr_ranges {
	struct vtr_range *items;
	size_t count;
	size_t room;
	uint64_t start; /* no range begins before this */
	uint64_t limit; /* no range ends beyond this */
	uint64_t hint;  /* where vtr_ranges_find() looks first */
};

void vtr_ranges_init(struct vtr_ranges *ranges, uint64_t start, uint64_t limit);
void vtr_ranges_finish(struct vtr_ranges *ranges);

/**
 * Takes the given range.
 * Returns: VTR_ERR_INVALID (empty, out of bounds, or it overlaps another), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_ranges_take(struct vtr_ranges *ranges, uint64_t offset, uint64_t size);

/* Finds room and takes it. Returns: VTR_ERR_LIMIT (none is left), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_ranges_find(struct vtr_ranges *ranges, uint64_t size, uint64_t *out_offset);

/* Gives back the range that begins at `offset`. */
void vtr_ranges_give(struct vtr_ranges *ranges, uint64_t offset);

/* Finds the first range that has a byte in common with [offset, offset + size), which lies within the limit.
 * Returns: false if there is none. */
bool vtr_ranges_overlap(const struct vtr_ranges *ranges, uint64_t offset, uint64_t size,
                        struct vtr_range *out_range);

void vtr_ranges_clear(struct vtr_ranges *ranges);

#endif
