/* SPDX-License-Identifier: MIT */
/* Commands that are made from the tables are what vitrine's decoders understand, and are taken apart to their end. */
#include "../../wire/objects.h"
#include "stream/fields.h"
#include "stream/make.h"
#include "test.h"
#include "vectors_gen.h"

enum { TRIES = 200, MIN_DECODED = TRIES / 10, ARENA_LIMIT = 4 << 20 };

static struct wire_objects objects;
static struct vtr_budget budget;
static struct vtr_arena arena;
static uint8_t made[16384], request[1 << 18], reply[1 << 20];
static uint64_t state = 1;

static uint32_t below(uint32_t limit)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return limit != 0 ? (uint32_t)(state >> 33) % limit : 0;
}

static uint64_t handle(uint16_t type)
{
	for (uint64_t i = 0; i < WIRE_OBJECT_COUNT; i++) {
		if (wire_object_types[i] == field_types[type]) {
			return i + 1;
		}
	}
	return 0;
}

static uint64_t new_id(void)
{
	return 1000;
}

static uint32_t resource(void)
{
	return 1;
}

static uint64_t number(void)
{
	return 4096;
}

static const struct make_source source = { below, handle, new_id, resource, number };

/* Returns: whether vitrine decodes it. */
static bool decodes(const struct vtw_pass *p, size_t size)
{
	struct vtr_cs_writer again = { .cur = request, .end = request + sizeof(request) };
	struct vtr_cs_writer answer = { .cur = reply, .end = reply + sizeof(reply) };
	struct vtr_cs_reader r;
	bool ok;

	vtr_cs_reader_init(&r, made + 8, size - 8, &objects.map, &arena);
	ok = p->pass(&r, &again, &answer) && vtr_cs_left(&r) == 0;
	vtr_arena_reset(&arena);
	return ok;
}

static void make_each(void)
{
	static struct fields fields;

	for (size_t i = 0; vtw_passes[i] != NULL; i++) {
		for (const struct vtw_pass *p = vtw_passes[i]; p->pass != NULL; p++) {
			unsigned decoded = 0, count = 0;

			for (unsigned k = 0; k < TRIES; k++) {
				const size_t size = make_command(&source, p->number, 0, made, sizeof(made));

				if (size != 0) {
					CHECK_EQ(fields_find(made, size, &fields), size);
					decoded += decodes(p, size);
					count++;
				}
			}
			if (decoded < MIN_DECODED) {
				printf("command %u: %u of %u can be decoded\n", p->number, decoded, count);
			}
			CHECK(decoded >= MIN_DECODED);
		}
	}
}

int main(void)
{
	CHECK(wire_objects_init(&objects));
	vtr_budget_init(&budget, ARENA_LIMIT);
	vtr_arena_init(&arena, 16384, &budget);
	RUN(make_each);
	vtr_arena_finish(&arena);
	vtr_idmap_finish(&objects.map);
	return 0;
}
