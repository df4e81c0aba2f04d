/* SPDX-License-Identifier: MIT */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"

/* Thread: the device's, for all of this file. */

/**
 * Makes a window: sparse memory that costs nothing until somebody writes to it, mapped here.
 *
 * `name`   shows up in /proc, for people.
 * `size`   a power of two (QEMU aborts on others) and at least a page.
 * Owner:   end it with vtr_window_finish(), after whatever uses it.
 * Returns: VTR_ERR_ARG (the size), VTR_ERR_OS. *out_window is untouched on failure.
 */
VTR_MUST_CHECK enum vtr_err vtr_window_init(const char *name, uint64_t size, struct vtr_window *out_window);
void vtr_window_finish(struct vtr_window *window);

/*
 * Which stretches of a window are taken, so that no two overlap: sorted by offset.
 */
struct vtr_range {
	uint64_t offset;
	uint64_t size; /* never 0 */
};

struct vtr_ranges {
	struct vtr_range *items;
	size_t count;
	size_t room;
	uint64_t limit; /* ranges end here at the latest */
	uint64_t hint;  /* where vtr_ranges_find() looks first */
};

void vtr_ranges_init(struct vtr_ranges *ranges, uint64_t limit);
void vtr_ranges_finish(struct vtr_ranges *ranges);

/**
 * Takes a range that somebody else chose.
 * Returns: VTR_ERR_GUEST (empty, out of bounds, or it overlaps another), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_ranges_take(struct vtr_ranges *ranges, uint64_t offset, uint64_t size);

/* Finds room and takes it. Returns: VTR_ERR_LIMIT (none is left), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_ranges_find(struct vtr_ranges *ranges, uint64_t size, uint64_t *out_offset);

/* Gives a range back that was taken at `offset`. */
void vtr_ranges_give(struct vtr_ranges *ranges, uint64_t offset);

/* The first range that has a byte in common with [offset, offset + size), which lies within the limit.
 * Returns: false: there is none. */
bool vtr_ranges_overlap(const struct vtr_ranges *ranges, uint64_t offset, uint64_t size,
                        struct vtr_range *out_range);

void vtr_ranges_clear(struct vtr_ranges *ranges);

#endif
