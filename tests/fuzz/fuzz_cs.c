/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../wire/objects.h"
#include "vectors_gen.h"

/*
 * One command as a guest sends it: its number (any number is made one that exists), flags, arguments. The flags
 * say how many words of these the reader gets; it has to copy the others out of shared memory.
 * Decodes it, encodes it again and writes a reply; what was encoded must decode to the same in one piece.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 65536
#define ENCODE_SIZE ((size_t)1 << 20)
#define ARENA_LIMIT ((size_t)4 << 20)
/* The arena's first block, which is not taken from its budget. */
#define FIRST_BLOCK 16384
#define HEAD_SIZE 8

static struct {
	struct wire_objects objects;
	struct vtr_object failed;
	struct vtr_budget budget;
	struct vtr_arena arena;
	const struct vtw_pass *passes[VTW_COMMAND_COUNT];
	uint32_t count;
	uint8_t request[2][ENCODE_SIZE];
	uint8_t reply[ENCODE_SIZE];
} f;

static void init(void)
{
	vtr_assert(wire_objects_init(&f.objects));
	/* An image whose creation failed. */
	f.failed = (struct vtr_object){ .id = WIRE_OBJECT_COUNT + 1, .type = 10 | VTR_OBJECT_FAILED };
	vtr_assert(vtr_idmap_insert(&f.objects.map, &f.failed) == VTR_OK);
	vtr_budget_init(&f.budget, ARENA_LIMIT);
	vtr_arena_init(&f.arena, FIRST_BLOCK, &f.budget);
	for (size_t i = 0; vtw_passes[i] != NULL; i++) {
		for (const struct vtw_pass *p = vtw_passes[i]; p->pass != NULL; p++) {
			f.passes[f.count++] = p;
		}
	}
}

static const struct vtw_pass *choose(const uint8_t *data)
{
	const uint32_t number = vtr_cs_ld32(data);

	for (uint32_t i = 0; i < f.count; i++) {
		if (f.passes[i]->number == number) {
			return f.passes[i];
		}
	}
	return f.passes[number % f.count];
}

/* Returns: whether it decodes; *out_size is what it encodes to then, 0 when that does not fit. */
static bool pass(const struct vtw_pass *p, const uint8_t *data, size_t size, size_t split, uint8_t *encoded,
                 size_t *out_size)
{
	struct vtr_cs_writer request = { .cur = encoded, .end = encoded + ENCODE_SIZE };
	struct vtr_cs_writer reply = { .cur = f.reply, .end = f.reply + ENCODE_SIZE };
	uint8_t *copy = malloc(split + (split == 0)); /* ends where ASan looks */
	uint8_t *shared = malloc(size + (size == 0));
	struct vtr_cs_reader r;
	bool ok;

	vtr_assert(copy != NULL && shared != NULL);
	memcpy(copy, data, split);
	memcpy(shared, data, size);
	vtr_cs_reader_init(&r, copy, split, &f.objects.map, &f.arena);
	vtr_cs_reader_continue(&r, shared + split, shared + size);
	ok = p->pass(&r, &request, &reply);
	vtr_assert(ok == (r.status == 0));
	vtr_assert((r.status & VTR_CS_POISONED) == 0 || vtr_cs_left(&r) == 0);
	vtr_assert(f.arena.held <= FIRST_BLOCK + ARENA_LIMIT);
	*out_size = ok && !request.full ? (size_t)(request.cur - encoded) : 0;
	vtr_arena_reset(&f.arena);
	free(copy);
	free(shared);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct vtw_pass *p;
	size_t first, second, split;

	if (size < HEAD_SIZE || size > INPUT_MAX) {
		return 0;
	}
	if (f.count == 0) {
		init();
	}
	p = choose(data);
	size -= HEAD_SIZE;
	split = vtr_cs_ld32(data + 4) % (size + 1) & ~(size_t)3;
	if (!pass(p, data + HEAD_SIZE, size, split, f.request[0], &first) || first == 0) {
		return 0;
	}
	first -= HEAD_SIZE;
	vtr_assert(pass(p, f.request[0] + HEAD_SIZE, first, first, f.request[1], &second));
	first += HEAD_SIZE;
	vtr_assert(second == first && memcmp(f.request[0], f.request[1], first) == 0);
	return 0;
}
