/* SPDX-License-Identifier: MIT */
#include "stream/numbers.h"

#include "base/mem.h"

static uint64_t state;

void numbers_begin(unsigned seed)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return limit != 0 ? (uint32_t)(state >> 32) % limit : 0;
}

bool one_in(uint32_t n)
{
	return below(n) == 0;
}

uint64_t change_number(uint64_t v, bool wide)
{
	static const uint64_t edges[] = { 0,           1,          2,
		                          3,           4,          7,
		                          8,           16,         63,
		                          64,          127,        255,
		                          256,         1000,       1023,
		                          4095,        4096,       4097,
		                          65535,       65536,      1 << 20,
		                          1 << 24,     0x7fffffff, 0x80000000,
		                          0xfffffffc,  0xfffffffe, 0xffffffff,
		                          0x100000000, 1ull << 36, 1ull << 40,
		                          INT64_MAX,   UINT64_MAX, UINT64_MAX - 3 };

	switch (below(8)) {
	case 0:
		return v + 1;
	case 1:
		return v - 1;
	case 2:
		return v * 2;
	case 3:
		return v ^ (UINT64_C(1) << below(wide ? 64 : 32));
	case 4:
		return v / 2;
	case 5:
		return UINT64_MAX / 4 / (v != 0 ? v : 1) + below(3); /* products with it overflow */
	case 6:
		return below(80); /* just behind the end of most arrays */
	default:
		return edges[below(VTR_ARRAY_LEN(edges))];
	}
}

uint64_t change_enum(uint64_t v)
{
	switch (below(6)) {
	case 0:
		return v ^ (1u << below(32));
	case 1:
		return below(8);
	case 2:
		return below(256);
	case 3:
		return 1000000000u + 1000 * below(600) + below(8); /* of an extension */
	case 4:
		return 0x7fffffff;
	default:
		return v + 1 - 2 * below(2);
	}
}
