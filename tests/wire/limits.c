/* SPDX-License-Identifier: MIT */
/* What a few bytes can make the decoder do: take memory, take stack, take time. */
#include <stdlib.h>

#include "args_0_gen.h"
#include "args_1_gen.h"
#include "objects.h"
#include "test.h"

#define ARENA_FIRST 4096
#define ARENA_LIMIT ((size_t)1 << 20)

enum { DEVICE = 3, PHYSICAL_DEVICE = 2, COMMAND_BUFFER = 5, BUFFER = 8, QUERY_POOL = 22 };

static struct wire_objects objects;
static struct vtr_budget budget;
static struct vtr_arena arena;
static uint8_t data[1 << 20];
static struct vtr_cs_writer w;

static void begin(void)
{
	vtr_arena_finish(&arena);
	vtr_budget_init(&budget, ARENA_LIMIT);
	vtr_arena_init(&arena, ARENA_FIRST, &budget);
	w = (struct vtr_cs_writer){ .cur = data, .end = data + sizeof(data) };
}

static struct vtr_cs_reader reader(void)
{
	struct vtr_cs_reader r;

	CHECK(!w.full);
	vtr_cs_reader_init(&r, data, (size_t)(w.cur - data), &objects.map, &arena);
	return r;
}

/* A count that no bytes stand behind. */
static void count_without_elements(void)
{
	const uint64_t counts[] = { 1, 1000, INT32_MAX, UINT32_MAX };

	for (size_t i = 0; i < VTR_ARRAY_LEN(counts); i++) {
		struct vtw_vkCmdSetViewport a;
		struct vtr_cs_reader r;

		begin();
		vtr_cs_put64(&w, COMMAND_BUFFER);
		vtr_cs_put32(&w, 0);
		vtr_cs_put32(&w, (uint32_t)counts[i]);
		vtr_cs_put64(&w, counts[i]);
		r = reader();
		vtw_args_vkCmdSetViewport(&r, &a);
		CHECK_EQ(r.status, VTR_CS_SHORT);
		CHECK(arena.held <= ARENA_FIRST);
	}
}

/* The count is 64 bits wide, its length member 32. */
static void count_that_wraps(void)
{
	struct vtw_vkCmdSetViewport a;
	struct vtr_cs_reader r;

	begin();
	vtr_cs_put64(&w, COMMAND_BUFFER);
	vtr_cs_put32(&w, 0);
	vtr_cs_put32(&w, 1);
	vtr_cs_put64(&w, (UINT64_C(1) << 32) + 1);
	memset(vtr_cs_room(&w, 64), 0, 64);
	r = reader();
	vtw_args_vkCmdSetViewport(&r, &a);
	CHECK_EQ(r.status, VTR_CS_BAD);
}

/* Memory for what the driver shall fill is the one thing that a count alone takes: up to the limit. */
static void output_without_end(void)
{
	const uint64_t sizes[] = {
		1, 4096, ARENA_LIMIT, UINT64_C(1) << 40, UINT64_MAX - 4096, UINT64_MAX - 1, UINT64_MAX,
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(sizes); i++) {
		struct vtw_vkGetQueryPoolResults a;
		struct vtr_cs_reader r;

		begin();
		vtr_cs_put64(&w, DEVICE);
		vtr_cs_put64(&w, QUERY_POOL);
		vtr_cs_put64(&w, 0);
		vtr_cs_put64(&w, sizes[i]); /* dataSize */
		vtr_cs_put64(&w, sizes[i]); /* of pData */
		vtr_cs_put64(&w, 8);
		vtr_cs_put32(&w, 0);
		r = reader();
		vtw_args_vkGetQueryPoolResults(&r, &a);
		CHECK_EQ(r.status, sizes[i] < ARENA_LIMIT ? 0 : VTR_CS_BAD);
		CHECK(budget.used <= ARENA_LIMIT);
		if (r.status == 0) {
			memset(a.pData, 0xff, (size_t)sizes[i] + VTR_CS_OUT_SLACK);
		}
	}
}

/* Chains are read by recursion. */
static uint32_t read_chain(uint32_t length)
{
	struct vtw_vkCreateDevice a;
	struct vtr_cs_reader r;

	begin();
	vtr_cs_put64(&w, PHYSICAL_DEVICE);
	vtr_cs_put64(&w, 1);
	vtr_cs_put32(&w, VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO);
	for (uint32_t i = 0; i < length; i++) {
		vtr_cs_put64(&w, 1);
		vtr_cs_put32(&w, VK_STRUCTURE_TYPE_DEVICE_PRIVATE_DATA_CREATE_INFO);
	}
	vtr_cs_put64(&w, 0);
	for (uint32_t i = 0; i < length; i++) {
		vtr_cs_put32(&w, i); /* privateDataSlotRequestCount */
	}
	for (uint32_t i = 0; i < 56 / 4; i++) {
		vtr_cs_put32(&w, 0); /* the members, all empty, and no allocator */
	}
	vtr_cs_put64(&w, 1);
	vtr_cs_put64(&w, 4711); /* the new device */
	r = reader();
	vtw_args_vkCreateDevice(&r, &a);
	if (r.status == 0) {
		const VkDevicePrivateDataCreateInfo *link = a.pCreateInfo->pNext;

		for (uint32_t i = length; i > 0; i--, link = link->pNext) {
			CHECK_EQ(link->privateDataSlotRequestCount, i - 1);
		}
		CHECK(link == NULL);
		CHECK_EQ(a.pDevice, 4711);
		CHECK(r.cur == r.end);
	}
	return r.status;
}

static void long_chains(void)
{
	CHECK_EQ(read_chain(0), 0);
	CHECK_EQ(read_chain(1), 0);
	CHECK_EQ(read_chain(VTR_CS_MAX_CHAIN), 0);
	CHECK_EQ(read_chain(VTR_CS_MAX_CHAIN + 1), VTR_CS_BAD);
	CHECK_EQ(read_chain(60000), VTR_CS_BAD);
}

/* An id of another type, and one that does not exist. */
static void wrong_objects(void)
{
	const uint64_t ids[] = { 0, DEVICE, 4711, UINT64_MAX };

	for (size_t i = 0; i < VTR_ARRAY_LEN(ids); i++) {
		struct vtw_vkCmdSetViewport a;
		struct vtr_cs_reader r;

		begin();
		vtr_cs_put64(&w, ids[i]);
		vtr_cs_put64(&w, 0);
		vtr_cs_put64(&w, 0);
		r = reader();
		vtw_args_vkCmdSetViewport(&r, &a);
		CHECK_EQ(r.status, VTR_CS_BAD);
	}
}

/* A reader of `size` bytes of `data`, with what comes behind them up to the writer in shared memory. */
static struct vtr_cs_reader split_reader(size_t size)
{
	static uint8_t copy[sizeof(data)];
	struct vtr_cs_reader r;

	CHECK(!w.full);
	memcpy(copy, data, size);
	vtr_cs_reader_init(&r, copy, size, &objects.map, &arena);
	vtr_cs_reader_continue(&r, data + size, w.cur);
	return r;
}

/* Arrays of handles and of scalars, at any multiple of 4 and cut at any place. */
static void arrays_in_place(void)
{
	enum { COUNT = 3, SIZE = 32 + 16 * COUNT };
	struct vtr_object *buffer = &objects.objects[BUFFER - 1];

	buffer->handle = 4711;
	for (size_t cut = 0; cut <= SIZE; cut += 4) {
		for (size_t pad = 0; pad < 8; pad += 4) {
			struct vtw_vkCmdBindVertexBuffers a;
			struct vtr_cs_reader r;

			begin();
			memset(vtr_cs_room(&w, pad), 0, pad);
			vtr_cs_put64(&w, COMMAND_BUFFER);
			vtr_cs_put32(&w, 0);
			vtr_cs_put32(&w, COUNT);
			for (uint64_t word = 0; word < 2; word++) {
				vtr_cs_put64(&w, COUNT);
				for (uint64_t i = 0; i < COUNT; i++) {
					vtr_cs_put64(&w, word == 0 ? BUFFER : i << 40);
				}
			}
			r = split_reader(pad + cut);
			vtr_cs_take(&r, pad);
			vtw_args_vkCmdBindVertexBuffers(&r, &a);
			CHECK_EQ(r.status, 0);
			CHECK_EQ(vtr_cs_left(&r), 0);
			CHECK_EQ((uintptr_t)a.pBuffers % 8, 0);
			CHECK_EQ((uintptr_t)a.pOffsets % 8, 0);
			for (uint64_t i = 0; i < COUNT; i++) {
				CHECK_EQ((uintptr_t)a.pBuffers[i], 4711);
				CHECK_EQ(a.pOffsets[i], i << 40);
			}
			CHECK(cut < SIZE || arena.held == 0);
		}
	}
	buffer->handle = buffer->id;
}

/* What a guest writes after it was copied is not seen, whatever the reader still has to copy. */
static void shared_bytes_are_read_once(void)
{
	enum { WORDS = 4096 };
	struct vtr_cs_reader r;

	begin();
	for (uint32_t i = 0; i < WORDS; i++) {
		vtr_cs_put32(&w, i);
	}
	r = split_reader(8);
	CHECK_EQ(vtr_cs_ld32(vtr_cs_take(&r, 4)), 0);
	CHECK_EQ(vtr_cs_ld64(vtr_cs_take(&r, 8)), (UINT64_C(2) << 32) + 1);
	for (uint32_t i = 3; i < WORDS; i++) {
		const uint8_t *p = vtr_cs_take(&r, 4);

		CHECK_EQ(vtr_cs_ld32(p), i);
		memset(data, 0xff, (size_t)(r.more - data)); /* all that was copied */
	}
	CHECK_EQ(vtr_cs_left(&r), 0);
	CHECK_EQ(r.status, 0);
	CHECK(vtr_cs_take(&r, 4) == vtr_cs_zeros);
	CHECK_EQ(r.status, VTR_CS_SHORT);
}

/* Bulk bytes are used where they lie, but for those that were copied along with what comes before them. */
static void bulk_bytes(void)
{
	for (size_t n = 1; n < 40000; n += 977) {
		const size_t padded = (n + 3) & ~(size_t)3;
		uint64_t expected[2] = { n, n };
		struct vtr_cs_reader r;
		const uint8_t *first, *second;

		begin();
		for (uint32_t i = 0; i < 2; i++) {
			vtr_cs_put64(&w, n);
			memset(vtr_cs_room(&w, padded), (int)i + 1, padded);
		}
		vtr_cs_put32(&w, 4711);
		r = split_reader(8 + padded - 4);
		first = vtr_cs_bulk(&r, expected[0], false);
		CHECK(first == data + 8);
		second = vtr_cs_bulk(&r, expected[1], false);
		CHECK(second == data + 8 + padded + 8 || padded <= 4096);
		CHECK(second[0] == 2 && second[n - 1] == 2);
		CHECK_EQ(vtr_cs_ld32(vtr_cs_take(&r, 4)), 4711);
		CHECK_EQ(r.status, 0);
		CHECK_EQ(vtr_cs_left(&r), 0);
		CHECK(arena.held < 4 * 4096);

		r = split_reader(8 + padded);
		first = vtr_cs_bulk(&r, expected[0], false);
		CHECK(first != data + 8 && first[0] == 1 && first[n - 1] == 1);
	}
}

static void bulk_bytes_that_do_not_come(void)
{
	const uint64_t counts[] = {
		5, 8, 1000, UINT64_C(1) << 40, UINT64_MAX - 3, UINT64_MAX - 2, UINT64_MAX
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(counts); i++) {
		struct vtr_cs_reader r;

		begin();
		vtr_cs_put64(&w, counts[i]);
		vtr_cs_put32(&w, 0);
		for (size_t split = 8; split <= 12; split += 4) {
			r = split_reader(split);
			CHECK(vtr_cs_bulk(&r, counts[i], false) == NULL);
			CHECK_EQ(r.status, VTR_CS_SHORT);
			CHECK_EQ(vtr_cs_left(&r), 0);
			CHECK(arena.held == 0);
		}
	}
	begin();
	vtr_cs_put64(&w, 4);
	vtr_cs_put32(&w, 0);
	struct vtr_cs_reader r = split_reader(8);
	CHECK(vtr_cs_bulk(&r, 8, false) == NULL);
	CHECK_EQ(r.status, VTR_CS_BAD);
}

/* A reply's bytes: copied, already there, or zeros. */
static void bulk_replies(void)
{
	static const uint8_t bytes[6] = { 1, 2, 3, 4, 5, 6 }, zeros[8] = { 0 };

	begin();
	vtr_cs_put_bulk(&w, bytes, 6);
	CHECK_EQ(vtr_cs_ld64(data), 6);
	CHECK(memcmp(data + 8, bytes, 6) == 0 && data[14] == 0 && data[15] == 0);
	memset(data + 24, 7, 8);
	vtr_cs_put_bulk(&w, data + 24, 6);
	CHECK(data[24] == 7 && data[29] == 7 && data[30] == 0 && data[31] == 0);
	vtr_cs_put_bulk(&w, NULL, 8);
	CHECK(w.cur == data + 48 && memcmp(data + 40, zeros, 8) == 0);
	w.end = w.cur + 15;
	vtr_cs_put_bulk(&w, bytes, 6);
	CHECK(w.full);
}

int main(void)
{
	CHECK(wire_objects_init(&objects));
	RUN(count_without_elements);
	RUN(count_that_wraps);
	RUN(output_without_end);
	RUN(long_chains);
	RUN(wrong_objects);
	RUN(arrays_in_place);
	RUN(shared_bytes_are_read_once);
	RUN(bulk_bytes);
	RUN(bulk_bytes_that_do_not_come);
	RUN(bulk_replies);
	vtr_arena_finish(&arena);
	vtr_idmap_finish(&objects.map);
	return 0;
}
