/* SPDX-License-Identifier: MIT */
#include "pool/hostmem_rings.h"

#include "base/mem.h"
#include "test.h"

static struct vtr_hostmem_rings rings;
static _Alignas(8) uint8_t map[65536];

static uint32_t word(size_t offset)
{
	uint32_t value;

	memcpy(&value, map + offset, sizeof(value));
	return value;
}

static void attach(uint32_t res_id, uint64_t offset, uint64_t size)
{
	const struct vtr_hostmem_range range = { .res_id = res_id, .offset = offset, .size = size };

	CHECK_OK(vtr_hostmem_rings_attach(&rings, &range));
}

static void begin(void)
{
	memset(map, 0, sizeof(map));
	vtr_hostmem_rings_init(&rings);
}

static void tells_its_rings(void)
{
	begin();
	attach(5, 4096, 4096);
	attach(3, 0, 4096);
	attach(9, 8192, 4096);
	CHECK_OK(vtr_hostmem_rings_add(&rings, 1, 128));
	CHECK_OK(vtr_hostmem_rings_add(&rings, 2, 4096));
	CHECK_OK(vtr_hostmem_rings_add(&rings, 3, 12284));
	map[4096] = 5;
	vtr_hostmem_rings_remove(&rings, 3);
	vtr_hostmem_rings_remove(&rings, 77);
	vtr_hostmem_rings_break(&rings, map);
	CHECK_EQ(word(128), 2);
	CHECK_EQ(word(4096), 7); /* what else it says stays */
	CHECK_EQ(word(12284), 0);
	vtr_hostmem_rings_finish(&rings);
}

static void believes_nothing(void)
{
	static const uint64_t outside[] = {
		0, 4092, 8192, 65536, UINT64_MAX - 3, UINT64_MAX - UINT64_MAX % 4, 1ull << 63,
	};

	begin();
	attach(5, 4096, 4096);
	for (size_t i = 0; i < VTR_ARRAY_LEN(outside); i++) {
		CHECK_ERR(vtr_hostmem_rings_add(&rings, 1, outside[i]), VTR_ERR_GONE);
	}
	for (uint64_t i = 1; i < 4; i++) {
		CHECK_ERR(vtr_hostmem_rings_add(&rings, 1, 4096 + i), VTR_ERR_PROTOCOL);
		CHECK_ERR(vtr_hostmem_rings_add(&rings, 1, UINT64_MAX - 3 + i), VTR_ERR_PROTOCOL);
	}
	CHECK_EQ(rings.ring_count, 0);
	for (uint64_t i = 0; i < VTR_HOSTMEM_MAX_RINGS; i++) {
		CHECK_OK(vtr_hostmem_rings_add(&rings, i, 4096 + 4 * i));
	}
	CHECK_ERR(vtr_hostmem_rings_add(&rings, 1000, 8188), VTR_ERR_LIMIT);
	vtr_hostmem_rings_finish(&rings);
}

/* The memory may be another program's by the time that the worker dies. */
static void forgets_detached_memory(void)
{
	begin();
	attach(5, 4096, 4096);
	attach(6, 8192, 4096);
	CHECK_OK(vtr_hostmem_rings_add(&rings, 1, 4096));
	CHECK_OK(vtr_hostmem_rings_add(&rings, 2, 8192));
	CHECK_OK(vtr_hostmem_rings_add(&rings, 3, 4100));
	vtr_hostmem_rings_detach(&rings, 5);
	vtr_hostmem_rings_detach(&rings, 5);
	vtr_hostmem_rings_detach(&rings, 99);
	CHECK_ERR(vtr_hostmem_rings_add(&rings, 4, 4104), VTR_ERR_GONE);
	vtr_hostmem_rings_break(&rings, map);
	CHECK_EQ(word(4096), 0);
	CHECK_EQ(word(4100), 0);
	CHECK_EQ(word(8192), 2);
	vtr_hostmem_rings_finish(&rings);
}

static void holds_many_ranges(void)
{
	begin();
	for (uint32_t i = 0; i < 2000; i++) {
		attach(i * 7 % 2000, 4 * (uint64_t)i, 4);
	}
	for (uint32_t i = 0; i < 2000; i += 2) {
		vtr_hostmem_rings_detach(&rings, i);
	}
	CHECK_EQ(rings.range_count, 1000);
	for (uint32_t i = 0; i < 2000; i++) {
		CHECK_ERR(vtr_hostmem_rings_add(&rings, 1, 4 * (uint64_t)i),
		          i * 7 % 2000 % 2 == 0 ? VTR_ERR_GONE : VTR_OK);
		vtr_hostmem_rings_remove(&rings, 1);
	}
	vtr_hostmem_rings_finish(&rings);
}

int main(void)
{
	RUN(tells_its_rings);
	RUN(believes_nothing);
	RUN(forgets_detached_memory);
	RUN(holds_many_ranges);
	return 0;
}
