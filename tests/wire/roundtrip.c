/* SPDX-License-Identifier: MIT */
/*
 * Holds the generated codec against oracle.py, which reads the wire schema on its own.
 *
 *     roundtrip VECTORS NAMES     (both made by oracle.py)
 *
 * Each request must decode to its last byte, encode to the same bytes again and give the expected
 * reply, also when the reader gets a part of it only and has to copy the rest out of shared memory; each
 * of its prefixes must poison the reader; and with any word overwritten, decoding must stay within the
 * bytes (which end where their allocation ends, for ASan) and the arena's limit.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects.h"
#include "vectors_gen.h"

#define ARENA_LIMIT ((size_t)4 << 20)
#define ENCODE_SIZE ((size_t)1 << 20)
#define HEAD_SIZE 8
/* More words than this of one request are not all overwritten, but a random choice of them. */
#define MAX_MUTATIONS 160

struct record {
	uint32_t command;
	uint32_t kind; /* 1: encodes to the same bytes; 2: valid, but its form is not kept */
	uint32_t request_size;
	uint32_t reply_size;
};

struct test {
	struct wire_objects objects;
	struct vtr_budget budget;
	struct vtr_arena arena;
	const struct vtw_pass *passes[VTW_COMMAND_COUNT];
	uint8_t *request; /* what was encoded */
	uint8_t *reply;
	uint64_t seed;
	unsigned records, commands, splits, prefixes, mutations, survivors, failures;
	size_t most_memory;
};

struct outcome {
	bool ok;
	uint32_t status;
	size_t left;
	size_t request_size;
	size_t reply_size;
	bool full;
	const char *why;
};

static uint32_t draw(struct test *t)
{
	t->seed ^= t->seed << 13;
	t->seed ^= t->seed >> 7;
	t->seed ^= t->seed << 17;
	return (uint32_t)(t->seed >> 16);
}

static void failed(struct test *t, const struct record *rec, const char *what, const char *why)
{
	t->failures++;
	if (t->failures <= 40) {
		printf("FAIL %s (record %u, %u bytes): %s%s%s\n", t->passes[rec->command]->name, t->records,
		       rec->request_size, what, why != NULL ? ": " : "", why != NULL ? why : "");
	}
}

/* A copy that ends where its allocation ends. */
static uint8_t *duplicate(const uint8_t *data, size_t size, size_t shift)
{
	uint8_t *memory = malloc(size + shift + (size + shift == 0));

	if (memory == NULL) {
		abort();
	}
	memcpy(memory + shift, data, size);
	return memory;
}

/* Decodes a copy of the first bytes, and the others from where they lie. Bytes are changed by decoding. */
static struct outcome pass(struct test *t, uint32_t command, const uint8_t *data, size_t size, size_t split)
{
	const size_t shift = t->records % 2 * 4; /* a u64 lies at any multiple of 4 */
	uint8_t *memory = duplicate(data, split, shift);
	uint8_t *shared = duplicate(data, size, shift);
	struct vtr_cs_writer request = { .cur = t->request, .end = t->request + ENCODE_SIZE };
	struct vtr_cs_writer reply = { .cur = t->reply, .end = t->reply + ENCODE_SIZE };
	struct vtr_cs_reader r;
	struct outcome o;

	vtr_cs_reader_init(&r, memory + shift, split, &t->objects.map, &t->arena);
	vtr_cs_reader_continue(&r, shared + shift + split, shared + shift + size);
	o.ok = t->passes[command]->pass(&r, &request, &reply);
	o.status = r.status;
	o.left = vtr_cs_left(&r);
	o.request_size = (size_t)(request.cur - t->request);
	o.reply_size = (size_t)(reply.cur - t->reply);
	o.full = request.full || reply.full;
	o.why = r.why;
	if (t->arena.held > t->most_memory) {
		t->most_memory = t->arena.held;
	}
	vtr_arena_reset(&t->arena);
	free(memory);
	free(shared);
	return o;
}

static size_t draw_split(struct test *t, size_t size)
{
	return draw(t) % (size / 4 + 1) * 4;
}

static void check_valid(struct test *t, const struct record *rec, const uint8_t *request,
                        const uint8_t *reply, size_t split)
{
	const struct outcome o =
		pass(t, rec->command, request + HEAD_SIZE, rec->request_size - HEAD_SIZE, split);

	if (!o.ok || o.status != 0) {
		failed(t, rec, "does not decode",
		       (o.status & VTR_CS_SHORT) != 0 ? "reads past the end" : o.why);
		return;
	}
	if (o.left != 0) {
		failed(t, rec, "bytes are left", NULL);
	}
	if (o.full) {
		failed(t, rec, "cannot be encoded", NULL);
	}
	if (rec->kind == 1 &&
	    (o.request_size != rec->request_size || memcmp(t->request, request, o.request_size) != 0)) {
		failed(t, rec, "encodes to other bytes", NULL);
	}
	if (o.reply_size != rec->reply_size || memcmp(t->reply, reply, o.reply_size) != 0) {
		failed(t, rec, "another reply", o.reply_size != rec->reply_size ? "size" : "bytes");
	}
}

static void check_splits(struct test *t, const struct record *rec, const uint8_t *request,
                         const uint8_t *reply)
{
	const size_t words = (rec->request_size - HEAD_SIZE) / 4;

	for (size_t i = 0; i <= words && i < MAX_MUTATIONS; i++) {
		check_valid(t, rec, request, reply, words < MAX_MUTATIONS ? i * 4 : draw_split(t, words * 4));
		t->splits++;
	}
}

static void check_prefixes(struct test *t, const struct record *rec, const uint8_t *request)
{
	const size_t size = rec->request_size - HEAD_SIZE;
	const size_t step = size > 2048 ? 68 : 4;

	for (size_t n = 0; n < size; n += step) {
		const size_t split = n / 4 % 2 != 0 ? n : draw_split(t, n);
		const struct outcome o = pass(t, rec->command, request + HEAD_SIZE, n, split);

		t->prefixes++;
		if (o.ok || (o.status & VTR_CS_POISONED) == 0 || o.left != 0) {
			failed(t, rec, "a prefix decodes", NULL);
			return;
		}
		/* A ring's window may end anywhere: what is cut off must not look like a broken protocol. */
		if ((o.status & VTR_CS_BAD) != 0) {
			failed(t, rec, "a prefix is called invalid", o.why);
			return;
		}
	}
}

/* What still decodes after a change must be stable: encoded and decoded, it encodes to the same. */
static void check_survivor(struct test *t, const struct record *rec, const struct outcome *first)
{
	const size_t size = first->request_size;
	uint8_t *copy;
	struct outcome o;

	t->survivors++;
	if (first->full) {
		return;
	}
	copy = malloc(size);
	if (copy == NULL) {
		abort();
	}
	memcpy(copy, t->request, size);
	o = pass(t, rec->command, copy + HEAD_SIZE, size - HEAD_SIZE, size - HEAD_SIZE);
	if (!o.ok) {
		failed(t, rec, "what a changed request encodes to does not decode", o.why);
	} else if (o.left != 0 || o.request_size != size || memcmp(copy, t->request, size) != 0) {
		failed(t, rec, "what a changed request encodes to is not stable", NULL);
	}
	free(copy);
}

static void check_mutations(struct test *t, const struct record *rec, uint8_t *request)
{
	const size_t size = rec->request_size - HEAD_SIZE;
	const size_t words = size / 4;
	const size_t count = words < MAX_MUTATIONS ? words : MAX_MUTATIONS;

	for (size_t i = 0; i < count; i++) {
		const size_t word = words <= MAX_MUTATIONS ? i : draw(t) % words;
		uint8_t *at = request + HEAD_SIZE + word * 4;
		const uint32_t values[] = { 0, UINT32_MAX, draw(t), draw(t) % 33 };
		uint32_t kept;

		memcpy(&kept, at, sizeof(kept));
		for (size_t v = 0; v < VTR_ARRAY_LEN(values); v++) {
			memcpy(at, &values[v], sizeof(values[v]));
			const size_t split = v % 2 != 0 ? size : draw_split(t, size);
			const struct outcome o = pass(t, rec->command, request + HEAD_SIZE, size, split);

			t->mutations++;
			if (o.ok) {
				check_survivor(t, rec, &o);
			} else if (o.status == 0 || ((o.status & VTR_CS_POISONED) != 0 && o.left != 0)) {
				failed(t, rec, "refused, but not poisoned", NULL);
			}
		}
		memcpy(at, &kept, sizeof(kept));
	}
}

static bool read_record(FILE *in, struct record *rec, uint8_t **out_request, uint8_t **out_reply)
{
	if (fread(rec, sizeof(*rec), 1, in) != 1) {
		return false;
	}
	*out_request = malloc(rec->request_size);
	*out_reply = malloc(rec->reply_size);
	return *out_request != NULL && *out_reply != NULL && rec->request_size >= HEAD_SIZE &&
	       fread(*out_request, rec->request_size, 1, in) == 1 &&
	       fread(*out_reply, rec->reply_size, 1, in) == 1;
}

static void run(struct test *t, FILE *in)
{
	struct record rec;
	uint8_t *request, *reply;

	for (; read_record(in, &rec, &request, &reply); t->records++) {
		if (rec.command >= VTW_COMMAND_COUNT || t->passes[rec.command] == NULL) {
			printf("FAIL command %u cannot be decoded\n", rec.command);
			t->failures++;
		} else {
			check_valid(t, &rec, request, reply, rec.request_size - HEAD_SIZE);
			check_splits(t, &rec, request, reply);
			check_prefixes(t, &rec, request);
			check_mutations(t, &rec, request);
		}
		free(request);
		free(reply);
	}
}

/* The handle types must be those that oracle.py counted. */
static bool check_head(FILE *in)
{
	char magic[4];
	uint32_t count, types[WIRE_OBJECT_COUNT];

	return fread(magic, sizeof(magic), 1, in) == 1 && memcmp(magic, "VTRW", 4) == 0 &&
	       fread(&count, sizeof(count), 1, in) == 1 && count == WIRE_OBJECT_COUNT &&
	       fread(types, sizeof(types), 1, in) == 1 &&
	       memcmp(types, wire_object_types, sizeof(types)) == 0;
}

/* Both know the same commands under the same numbers. */
static void check_names(struct test *t, FILE *in)
{
	unsigned number, count = 0;
	char name[128];

	while (fscanf(in, "%u %127s", &number, name) == 2) {
		count++;
		if (number >= VTW_COMMAND_COUNT || t->passes[number] == NULL ||
		    strcmp(t->passes[number]->name, name) != 0 || vtw_command_infos[number].name == NULL ||
		    strcmp(vtw_command_infos[number].name, name) != 0) {
			printf("FAIL command %u is %s in the schema alone\n", number, name);
			t->failures++;
		}
	}
	if (count != t->commands) {
		printf("FAIL %u commands in the schema, %u in the codec\n", count, t->commands);
		t->failures++;
	}
}

int main(int argc, char **argv)
{
	static struct test t = { .seed = 88172645463325252u };
	FILE *vectors = argc == 3 ? fopen(argv[1], "rb") : NULL;
	FILE *names = argc == 3 ? fopen(argv[2], "r") : NULL;

	if (vectors == NULL || names == NULL || !check_head(vectors) || !wire_objects_init(&t.objects)) {
		fprintf(stderr, "usage: roundtrip VECTORS NAMES\n");
		return 2;
	}
	for (size_t i = 0; vtw_passes[i] != NULL; i++) {
		for (const struct vtw_pass *p = vtw_passes[i]; p->pass != NULL; p++) {
			t.passes[p->number] = p;
			t.commands++;
		}
	}
	t.request = malloc(ENCODE_SIZE);
	t.reply = malloc(ENCODE_SIZE);
	vtr_budget_init(&t.budget, ARENA_LIMIT);
	vtr_arena_init(&t.arena, 16384, &t.budget);
	check_names(&t, names);
	run(&t, vectors);
	if (t.most_memory > ARENA_LIMIT || t.records == 0) {
		printf("FAIL %u records, %zu bytes of arena\n", t.records, t.most_memory);
		t.failures++;
	}
	printf("%u requests of %u commands, %u splits, %u prefixes, %u changes of which %u decode, "
	       "at most %zu bytes of arena: %u failures\n",
	       t.records, t.commands, t.splits, t.prefixes, t.mutations, t.survivors, t.most_memory,
	       t.failures);
	vtr_arena_finish(&t.arena);
	vtr_idmap_finish(&t.objects.map);
	free(t.request);
	free(t.reply);
	fclose(vectors);
	fclose(names);
	return t.failures != 0;
}
