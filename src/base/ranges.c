/* SPDX-License-Identifier: MIT */
#include "base/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM 64

void vtr_ranges_init(struct vtr_ranges *ranges, uint64_t start, uint64_t limit)
{
	*ranges = (struct vtr_ranges){ .start = start, .limit = limit };
}

void vtr_ranges_finish(struct vtr_ranges *ranges)
{
	free(ranges->items);
	vtr_ranges_init(ranges, ranges->start, ranges->limit);
}

/* Returns: how many ranges begin before `offset`. */
static size_t count_before(const struct vtr_ranges *ranges, uint64_t offset)
{
	size_t low = 0;
	size_t high = ranges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->items[middle].offset < offset) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

/* Returns: where the gap in front of item `index` begins. */
static uint64_t gap_start(const struct vtr_ranges *ranges, size_t index)
{
	return index == 0 ? ranges->start : ranges->items[index - 1].offset + ranges->items[index - 1].size;
}

static uint64_t gap_end(const struct vtr_ranges *ranges, size_t index)
{
	return index == ranges->count ? ranges->limit : ranges->items[index].offset;
}

static enum vtr_err insert(struct vtr_ranges *ranges, size_t index, uint64_t offset, uint64_t size)
{
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? ranges->room * 2 : FIRST_ROOM;
		struct vtr_range *items = realloc(ranges->items, room * sizeof(*items));
		if (!items) {
			return VTR_ERR_NOMEM;
		}
		ranges->items = items;
		ranges->room = room;
	}
	memmove(&ranges->items[index + 1], &ranges->items[index],
	        (ranges->count - index) * sizeof(ranges->items[0]));
	ranges->items[index] = (struct vtr_range){ .offset = offset, .size = size };
	ranges->count++;
	return VTR_OK;
}

enum vtr_err vtr_ranges_take(struct vtr_ranges *ranges, uint64_t offset, uint64_t size)
{
	if (size == 0 || offset > ranges->limit || size > ranges->limit - offset) {
		return VTR_ERR_INVALID;
	}
	size_t index = count_before(ranges, offset);
	if (offset < gap_start(ranges, index) || offset + size > gap_end(ranges, index)) {
		return VTR_ERR_INVALID;
	}
	return insert(ranges, index, offset, size);
}

enum vtr_err vtr_ranges_find(struct vtr_ranges *ranges, uint64_t size, uint64_t *out_offset)
{
	size_t gaps = ranges->count + 1;
	/* There is usually room behind the range that was found last. */
	size_t first = count_before(ranges, ranges->hint);

	for (size_t i = 0; i < gaps; i++) {
		size_t index = (first + i) % gaps;
		uint64_t start = gap_start(ranges, index);
		if (gap_end(ranges, index) - start >= size) {
			enum vtr_err err = insert(ranges, index, start, size);
			if (err == VTR_OK) {
				ranges->hint = start + size;
				*out_offset = start;
			}
			return err;
		}
	}
	return VTR_ERR_LIMIT;
}

void vtr_ranges_give(struct vtr_ranges *ranges, uint64_t offset)
{
	size_t index = count_before(ranges, offset);

	vtr_assert(index < ranges->count && ranges->items[index].offset == offset);
	ranges->count--;
	memmove(&ranges->items[index], &ranges->items[index + 1],
	        (ranges->count - index) * sizeof(ranges->items[0]));
}

bool vtr_ranges_overlap(const struct vtr_ranges *ranges, uint64_t offset, uint64_t size,
                        struct vtr_range *out_range)
{
	size_t index = count_before(ranges, offset);

	/* The range before it may reach into it. */
	if (index > 0 && gap_start(ranges, index) > offset) {
		index--;
	}
	if (size == 0 || index == ranges->count || ranges->items[index].offset >= offset + size) {
		return false;
	}
	*out_range = ranges->items[index];
	return true;
}

void vtr_ranges_clear(struct vtr_ranges *ranges)
{
	ranges->count = 0;
	ranges->hint = 0;
}
