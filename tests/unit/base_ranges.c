/* SPDX-License-Identifier: MIT */
#include "base/ranges.h"

#include "test.h"

static void ranges_never_overlap(void)
{
	struct vtr_ranges ranges;

	vtr_ranges_init(&ranges, 0, 100);
	CHECK_OK(vtr_ranges_take(&ranges, 20, 10));
	CHECK_OK(vtr_ranges_take(&ranges, 40, 10));
	CHECK_OK(vtr_ranges_take(&ranges, 30, 10));
	CHECK_OK(vtr_ranges_take(&ranges, 99, 1));
	CHECK_OK(vtr_ranges_take(&ranges, 0, 1));
	static const struct vtr_range bad[] = {
		{ 20, 10 }, { 20, 1 },         { 29, 1 },          { 15, 6 },
		{ 49, 2 },  { 1, 98 },         { 0, 100 },         { 99, 1 },
		{ 0, 1 },   { 60, 0 },         { 90, 11 },         { 100, 1 },
		{ 101, 1 }, { UINT64_MAX, 1 }, { 60, UINT64_MAX }, { UINT64_MAX, UINT64_MAX },
		{ 98, 2 },
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_ERR(vtr_ranges_take(&ranges, bad[i].offset, bad[i].size), VTR_ERR_INVALID);
	}
	CHECK_EQ(ranges.count, 5);
	vtr_ranges_give(&ranges, 30);
	CHECK_OK(vtr_ranges_take(&ranges, 35, 5));
	CHECK_OK(vtr_ranges_take(&ranges, 30, 5));
	vtr_ranges_finish(&ranges);
}

/* Against a plain map of which bytes are taken. */
static void many_ranges_in_any_order(void)
{
	enum { SIZE = 4096, ROUNDS = 20000 };
	static bool taken[SIZE];
	static uint32_t size_at[SIZE];
	struct vtr_ranges ranges;
	uint32_t random = 1;
	size_t live = 0, refused = 0;

	vtr_ranges_init(&ranges, 0, SIZE);
	for (int round = 0; round < ROUNDS; round++) {
		random = random * 1664525u + 1013904223u;
		uint32_t offset = (random >> 8) % SIZE;
		uint32_t size = (random >> 20) % 16 + 1;
		if (size_at[offset] > 0) {
			vtr_ranges_give(&ranges, offset);
			memset(&taken[offset], false, size_at[offset]);
			size_at[offset] = 0;
			live--;
			continue;
		}
		bool is_free = offset + size <= SIZE;
		for (uint32_t i = offset; is_free && i < offset + size; i++) {
			is_free = !taken[i];
		}
		CHECK_ERR(vtr_ranges_take(&ranges, offset, size), is_free ? VTR_OK : VTR_ERR_INVALID);
		if (is_free) {
			memset(&taken[offset], true, size);
			size_at[offset] = size;
			live++;
		} else {
			refused++;
		}
		CHECK_EQ(ranges.count, live);
	}
	CHECK(live > 200 && refused > 2000);
	vtr_ranges_finish(&ranges);
}

static void finds_room(void)
{
	struct vtr_ranges ranges;
	uint64_t at = 12345;

	vtr_ranges_init(&ranges, 0, 100);
	for (uint64_t i = 0; i < 10; i++) {
		CHECK_OK(vtr_ranges_find(&ranges, 10, &at));
		CHECK_EQ(at, i * 10);
	}
	at = 12345;
	CHECK_ERR(vtr_ranges_find(&ranges, 1, &at), VTR_ERR_LIMIT);
	CHECK_EQ(at, 12345);
	vtr_ranges_give(&ranges, 30);
	vtr_ranges_give(&ranges, 40);
	CHECK_ERR(vtr_ranges_find(&ranges, 21, &at), VTR_ERR_LIMIT);
	CHECK_OK(vtr_ranges_find(&ranges, 20, &at)); /* what is free again, in one piece */
	CHECK_EQ(at, 30);
	vtr_ranges_give(&ranges, 90);
	vtr_ranges_give(&ranges, 0);
	CHECK_OK(vtr_ranges_find(&ranges, 10, &at)); /* on from the last one */
	CHECK_EQ(at, 90);
	CHECK_OK(vtr_ranges_find(&ranges, 5, &at)); /* and around */
	CHECK_EQ(at, 0);
	vtr_ranges_clear(&ranges);
	CHECK_OK(vtr_ranges_find(&ranges, 100, &at));
	CHECK_EQ(at, 0);
	vtr_ranges_finish(&ranges);
}

int main(void)
{
	RUN(ranges_never_overlap);
	RUN(many_ranges_in_any_order);
	RUN(finds_room);
	return 0;
}
