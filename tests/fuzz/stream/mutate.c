/* SPDX-License-Identifier: MIT */
/*
 * Changes inputs of the fuzz target `stream` by what they mean: whole commands, and the fields that the registry knows
 * in them (fields.h).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/fields.h"
#include "stream/make.h"
#include "stream/recording.h"
#include "vk_gen.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_size, unsigned seed);

/* Command numbers, and the target's own memory for replies. */
enum { SET_REPLY = 178, SEEK_REPLY = 179, REPLY_RES = 0x7f000000 };
enum { MAX_NAMES = 1024, MAX_PAYLOADS = 1 << 20, MAX_STEP = UINT16_MAX * 4, MAX_CLONED = 64 };

/* An object that a recording names. */
struct name {
	uint64_t id;
	uint16_t type;
	bool made; /* by a command of the recording */
};

static struct {
	struct name list[MAX_NAMES];
	uint32_t count;
	uint64_t highest;
	uint32_t resources[64];
	uint32_t resource_count;
} names;

static uint64_t state;
static struct recording rec, other;
static struct fields fields;
/* The payloads of changed steps, which may grow. */
static uint8_t payloads[MAX_PAYLOADS];
static size_t payloads_used;

static uint32_t below(uint32_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return limit != 0 ? (uint32_t)(state >> 32) % limit : 0;
}

static bool one_in(uint32_t n)
{
	return below(n) == 0;
}

static bool is_command(const struct step *s)
{
	return s->head.op <= STEP_INDIRECT && s->head.words >= 2;
}

static size_t find_fields(const struct step *s)
{
	return is_command(s) ? fields_find(s->payload, step_size(s), &fields) : 0;
}

/* --- which objects and resources there are ---------------------------------------------------------- */

static void note_name(const uint8_t *payload, const struct field *f)
{
	const uint64_t id = field_get(payload, f);

	if (id == 0) {
		return;
	}
	for (uint32_t i = 0; i < names.count; i++) {
		if (names.list[i].id == id && names.list[i].type == f->type) {
			names.list[i].made |= f->kind == FIELD_NEW;
			return;
		}
	}
	if (names.count < MAX_NAMES) {
		names.list[names.count++] = (struct name){ id, f->type, f->kind == FIELD_NEW };
		names.highest = vtr_max(names.highest, id);
	}
}

static void note_resource(uint32_t res)
{
	if (names.resource_count < VTR_ARRAY_LEN(names.resources)) {
		names.resources[names.resource_count++] = res;
	}
}

static void collect(const struct recording *r)
{
	for (uint32_t i = 0; i < r->count; i++) {
		const struct step *s = &r->steps[i];

		if ((s->head.op == STEP_BLOB || s->head.op == STEP_PIECES) && step_size(s) >= 4) {
			note_resource(vtr_cs_ld32(s->payload));
		} else if (find_fields(s) != 0) {
			for (uint32_t k = 0; k < fields.count; k++) {
				if (fields.list[k].kind == FIELD_HANDLE || fields.list[k].kind == FIELD_NEW) {
					note_name(s->payload, &fields.list[k]);
				}
			}
		}
	}
}

static void collect_anew(void)
{
	names.count = names.resource_count = 0;
	names.highest = 0;
	collect(&rec);
}

/* Returns: an object of this type, 0 if there is none. */
static uint64_t pick_typed(uint16_t type)
{
	const uint32_t first = below(names.count);

	for (uint32_t i = 0; i < names.count; i++) {
		const struct name *n = &names.list[(first + i) % names.count];

		if (n->type == type) {
			return n->id;
		}
	}
	return 0;
}

static uint64_t pick_handle(uint16_t type)
{
	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return names.highest + 1 + below(4); /* there is none yet */
	case 2:
		return UINT64_C(1) << below(64);
	case 3:
	case 4:
	case 5:
		return names.count != 0 ? names.list[below(names.count)].id : 0;
	default:
		return pick_typed(type);
	}
}

/* --- numbers ---------------------------------------------------------------------------------------- */

static uint64_t change_number(uint64_t v, bool wide)
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

static uint64_t change_enum(uint64_t v)
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

/* --- one field -------------------------------------------------------------------------------------- */

/* Gives the step a payload of its own, with `more` bytes behind the old ones. Returns: NULL if they do not fit. */
static uint8_t *own(struct step *s, size_t more)
{
	uint8_t *copy = payloads + payloads_used;

	if (step_size(s) + more > MAX_STEP || step_size(s) + more > MAX_PAYLOADS - payloads_used) {
		return NULL;
	}
	memcpy(copy, s->payload, step_size(s));
	memset(copy + step_size(s), 0, more);
	payloads_used += step_size(s) + more;
	s->payload = copy;
	return copy;
}

/* Numbers before an array that are its length get another value with it. */
static void set_lengths(uint8_t *payload, uint32_t field, uint64_t old, uint64_t value)
{
	for (uint32_t i = 0; i < field; i++) {
		const struct field *f = &fields.list[i];

		if ((f->kind == FIELD_U32 || f->kind == FIELD_U64) && field_get(payload, f) == old) {
			field_set(payload, f, value);
		}
	}
	field_set(payload, &fields.list[field], value);
}

/* Repeats or removes the last element of an array. */
static void resize_array(struct step *s, uint32_t field)
{
	const struct field f = fields.list[field];
	const uint64_t n = field_get(s->payload, &f);
	const size_t begin = (size_t)f.at + 8;
	const size_t bytes = f.end - begin;
	const size_t each = f.kind == FIELD_COUNT && n != 0 ? bytes / n : 0;
	const size_t size = step_size(s);
	const bool grow = one_in(2);
	uint8_t *p;

	if (each == 0 || each % 4 != 0 || each * n != bytes || (p = own(s, grow ? each : 0)) == NULL) {
		return;
	}
	if (grow) {
		memmove(p + f.end + each, p + f.end, size - f.end);
		memcpy(p + f.end, p + f.end - each, each);
	} else {
		memmove(p + f.end - each, p + f.end, size - f.end);
	}
	s->head.words = (uint16_t)((grow ? size + each : size - each) / 4);
	set_lengths(p, field, n, grow ? n + 1 : n - 1);
}

static void change_count(struct step *s, uint32_t field)
{
	const uint64_t n = field_get(s->payload, &fields.list[field]);
	uint8_t *p;

	if (one_in(2)) {
		resize_array(s, field);
		return;
	}
	p = own(s, 0);
	if (p == NULL) {
		return;
	}
	if (one_in(2)) {
		set_lengths(p, field, n, change_number(n, true)); /* the array has other bytes than it says */
	} else {
		field_set(p, &fields.list[field], one_in(3) ? 0 : change_number(n, true));
	}
}

static uint64_t changed(const struct field *f, uint64_t v)
{
	switch (f->kind) {
	case FIELD_HANDLE:
		return pick_handle(f->type);
	case FIELD_NEW:
		return one_in(3) && names.count != 0 ? names.list[below(names.count)].id : names.highest + 1;
	case FIELD_RESOURCE:
		return names.resource_count != 0 && !one_in(4) ?
		               names.resources[below(names.resource_count)] :
		               change_number(v, false);
	case FIELD_ENUM:
	case FIELD_STYPE:
	case FIELD_TAG:
		return change_enum(v);
	case FIELD_POINTER:
	case FIELD_CHAIN:
		return below(3);
	default:
		return change_number(v, f->size == 8);
	}
}

static void change_field(struct step *s)
{
	uint32_t field;
	uint8_t *p;

	if (find_fields(s) == 0 || fields.count == 0) {
		return;
	}
	field = below(fields.count);
	if ((fields.list[field].kind == FIELD_STYPE || fields.list[field].kind == FIELD_POINTER ||
	     fields.list[field].kind == FIELD_CHAIN) &&
	    !one_in(4)) {
		field = below(fields.count); /* most changes of these only end the context */
	}
	if (fields.list[field].kind == FIELD_COUNT || fields.list[field].kind == FIELD_BYTES) {
		change_count(s, field);
	} else if ((p = own(s, 0)) != NULL) {
		field_set(p, &fields.list[field],
		          changed(&fields.list[field], field_get(p, &fields.list[field])));
	}
}

/* The words of a step that is no command, or bytes of which the registry knows nothing. */
static void change_words(struct step *s)
{
	uint8_t *p = s->head.words != 0 ? own(s, 0) : NULL;
	uint32_t at, v;

	if (p == NULL) {
		return;
	}
	at = 4 * below(s->head.words);
	v = vtr_cs_ld32(p + at);
	v = one_in(4) && names.count != 0 ? (uint32_t)names.list[below(names.count)].id :
	                                    (uint32_t)change_number(v, false);
	memcpy(p + at, &v, sizeof(v));
}

static void change_flags(struct step *s)
{
	uint8_t *p = is_command(s) ? own(s, 0) : NULL;

	if (p != NULL) {
		p[4] ^= VK_COMMAND_GENERATE_REPLY_BIT_EXT;
	}
}

/* --- from the tables -------------------------------------------------------------------------------- */

static uint64_t source_handle(uint16_t type)
{
	return one_in(8) ? pick_handle(type) : pick_typed(type);
}

static uint64_t source_new(void)
{
	return ++names.highest;
}

static uint32_t source_resource(void)
{
	return names.resource_count != 0 ? names.resources[below(names.resource_count)] : below(8);
}

static uint64_t source_number(void)
{
	return change_number(4096, true);
}

static const struct make_source source = { below, source_handle, source_new, source_resource, source_number };

/* Chains a struct to one of those in a command, as the first. */
static void insert_chained(struct step *s)
{
	static uint8_t members[4096];
	uint32_t stype;
	size_t size, tail;
	struct field f;
	uint8_t *p;

	if (find_fields(s) == 0 || fields.count == 0) {
		return;
	}
	f = fields.list[below(fields.count)];
	for (uint32_t i = 0; i < fields.count && f.kind != FIELD_CHAIN; i++) {
		f = fields.list[below(fields.count)];
	}
	if (f.kind != FIELD_CHAIN ||
	    !make_chained(&source, f.type, &stype, members, sizeof(members), &size) ||
	    (p = own(s, 12 + size)) == NULL) {
		return;
	}
	/* The rest of the chain lies between the type and the members. */
	tail = step_size(s) - f.end;
	memmove(p + f.end + 12 + size, p + f.end, tail);
	memmove(p + f.at + 12, p + f.at, f.end - f.at);
	memcpy(p + f.end + 12, members, size);
	memcpy(p + f.at, &(uint64_t){ 1 }, 8);
	memcpy(p + f.at + 8, &stype, 4);
	s->head.words = (uint16_t)((step_size(s) + 12 + size) / 4);
}

/* --- whole steps ------------------------------------------------------------------------------------ */

static void insert(const struct step *s)
{
	struct step copy = *s;

	(void)recording_insert(&rec, below(rec.count + 1), &copy);
}

static void insert_payload(enum step_op op, const void *payload, size_t size)
{
	uint8_t *copy = payloads + payloads_used;

	if (size > MAX_PAYLOADS - payloads_used) {
		return;
	}
	memcpy(copy, payload, size);
	payloads_used += size;
	insert(&(struct step){
		.head = { (uint8_t)op, (uint8_t)below(1 + RECORDING_RINGS), (uint16_t)(size / 4) },
		.payload = copy,
	});
}

/* Any command that there is, about objects of the recording. */
static void insert_made(void)
{
	static uint8_t bytes[16384];
	const uint32_t flags = one_in(3) ? VK_COMMAND_GENERATE_REPLY_BIT_EXT : 0;
	const size_t size = make_command(&source, below(VTW_COMMAND_COUNT), flags, bytes, sizeof(bytes));

	if (size != 0) {
		insert_payload(STEP_COMMAND, bytes, size);
	}
}

/* Ends an object that the recording has made, wherever. */
static void insert_destroy(void)
{
	const struct name *n = names.count != 0 ? &names.list[below(names.count)] : NULL;
	const uint32_t command = n != NULL ? field_destroyers[n->type] : 0;
	uint8_t bytes[32];
	struct vtr_cs_writer w = { .cur = bytes, .end = bytes + sizeof(bytes) };
	const uint32_t type = n != NULL ? field_types[n->type] : 0;

	if (n == NULL || (command == 0 && type != VK_OBJECT_TYPE_INSTANCE)) {
		return;
	}
	vtr_cs_put32(&w, command);
	vtr_cs_put32(&w, 0);
	if (type != VK_OBJECT_TYPE_INSTANCE && type != VK_OBJECT_TYPE_DEVICE) {
		for (uint16_t t = 0; t < field_type_count; t++) {
			if (field_types[t] == VK_OBJECT_TYPE_DEVICE) {
				vtr_cs_put64(&w, pick_typed(t));
			}
		}
	}
	vtr_cs_put64(&w, n->id);
	vtr_cs_put64(&w, 0);
	insert_payload(STEP_COMMAND, bytes, (size_t)(w.cur - bytes));
}

/* A place for replies, wherever it lies, and then a command that replies there. */
static void insert_reply(void)
{
	const uint32_t res = names.resource_count != 0 ? names.resources[below(names.resource_count)] :
	                                                 REPLY_RES;
	const uint32_t at = below(rec.count);
	const bool seek = one_in(2);
	uint8_t bytes[64];
	struct vtr_cs_writer w = { .cur = bytes, .end = bytes + sizeof(bytes) };
	struct step s = { .head = { .ring = rec.steps[at].head.ring }, .payload = payloads + payloads_used };
	uint8_t *p = is_command(&rec.steps[at]) ? own(&rec.steps[at], 0) : NULL;

	if (p == NULL || sizeof(bytes) > MAX_PAYLOADS - payloads_used) {
		return;
	}
	p[4] |= VK_COMMAND_GENERATE_REPLY_BIT_EXT;
	vtr_cs_put32(&w, seek ? SEEK_REPLY : SET_REPLY);
	vtr_cs_put32(&w, 0);
	if (!seek) {
		vtr_cs_put64(&w, 1);
		vtr_cs_put32(&w, one_in(2) ? res : REPLY_RES);
	}
	vtr_cs_put64(&w, change_number(4096, true) & ~UINT64_C(3));
	if (!seek) {
		vtr_cs_put64(&w, one_in(2) ? 4096 : change_number(4096, true));
	}
	s.payload = payloads + payloads_used;
	s.head.words = (uint16_t)((w.cur - bytes) / 4);
	memcpy(payloads + payloads_used, bytes, (size_t)(w.cur - bytes));
	payloads_used += (size_t)(w.cur - bytes);
	(void)recording_insert(&rec, at, &s);
}

static void insert_other(void)
{
	const uint32_t res = names.resource_count != 0 ? names.resources[below(names.resource_count)] :
	                                                 below(8);
	const struct step_blob blob = { .res = one_in(2) ? res : 100 + below(100),
		                        .flags = one_in(4) ? below(8) : 1,
		                        .id = one_in(2) || names.count == 0 ?
		                                      0 :
		                                      names.list[below(names.count)].id,
		                        .size = one_in(2) ? 4096u << below(6) : change_number(4096, true) };
	const struct step_reply reply = { .offset = one_in(2) ? 0 : 65536 - 4 * below(64),
		                          .size = one_in(2) ? below(64) * 4 :
		                                              (uint32_t)change_number(4096, false) };
	const uint32_t word = one_in(2) ? res : below(65);

	switch (below(7)) {
	case 0:
		insert_payload(STEP_BLOB, &blob, sizeof(blob));
		break;
	case 1:
		insert_payload(STEP_PIECES, &blob, sizeof(blob));
		break;
	case 2:
		insert_payload(STEP_UNREF, &word, sizeof(word));
		break;
	case 3:
		insert_payload(STEP_FENCE, &word, sizeof(word));
		break;
	case 4:
		insert_payload(STEP_REPLY, &reply, sizeof(reply));
		break;
	case 5:
		insert_reply();
		break;
	default:
		insert_payload(STEP_END_RING, &word, 0);
		break;
	}
}

/* Gives the objects that a step makes new ids, and its handles those that earlier steps of the clone got. */
static void rename_objects(struct step *s, uint64_t (*map)[2], uint32_t *map_count)
{
	uint8_t *p = find_fields(s) != 0 ? own(s, 0) : NULL;

	for (uint32_t i = 0; p != NULL && i < fields.count; i++) {
		const struct field *f = &fields.list[i];
		const uint64_t id = field_get(p, f);

		if (f->kind == FIELD_NEW && id != 0 && *map_count < MAX_CLONED) {
			map[*map_count][0] = id;
			map[(*map_count)++][1] = ++names.highest;
			field_set(p, f, names.highest);
		}
		for (uint32_t k = *map_count; f->kind == FIELD_HANDLE && k-- > 0;) {
			if (map[k][0] == id) {
				field_set(p, f, map[k][1]);
				break;
			}
		}
	}
}

/* Another ring does the same as some steps, at the same time, with objects of its own. */
static void clone_steps(void)
{
	uint64_t map[MAX_CLONED][2];
	uint32_t map_count = 0;
	const uint32_t from = below(rec.count);
	const uint32_t count = 1 + below(vtr_min(rec.count - from, 16));
	const uint8_t ring = (uint8_t)(1 + below(RECORDING_RINGS));

	for (uint32_t i = 0; i < count; i++) {
		struct step s = rec.steps[from + i];

		rename_objects(&s, map, &map_count);
		s.head.ring = ring;
		if (!recording_insert(&rec, from + count + i, &s)) {
			return;
		}
	}
	if (one_in(2)) {
		rec.head.setup = (uint8_t)((rec.head.setup | SETUP_RACE) & ~SETUP_FLAT);
	}
}

static void change_head(void)
{
	if (one_in(3)) {
		rec.head.fail_every = one_in(2) ? 0 : (uint8_t)(1 + below(20));
	} else {
		rec.head.setup ^= (uint8_t)(1u << below(6));
	}
}

static void move(uint32_t at)
{
	const struct step s = rec.steps[at];

	recording_remove(&rec, at, 1);
	insert(&s);
}

static void change_order(uint32_t at)
{
	const struct step s = rec.steps[at];
	const uint32_t b = below(rec.count);

	switch (below(5)) {
	case 0:
		recording_remove(&rec, at, 1 + (one_in(4) ? below(rec.count - at) : 0));
		break;
	case 1:
		insert(&s);
		break;
	case 2:
		rec.steps[at] = rec.steps[b];
		rec.steps[b] = s;
		break;
	case 3:
		move(at);
		break;
	default:
		rec.steps[at].head.ring = (uint8_t)below(1 + RECORDING_RINGS);
		break;
	}
}

static void change(void)
{
	const uint32_t at = below(rec.count);

	if (rec.count == 0 || one_in(40)) {
		change_head();
		return;
	}
	switch (below(21)) {
	case 0:
	case 1:
	case 2:
	case 3:
		change_order(at);
		break;
	case 4:
	case 5:
		insert_destroy();
		break;
	case 6:
		insert_other();
		break;
	case 7:
		clone_steps();
		break;
	case 8:
		rec.steps[at].head.op ^= is_command(&rec.steps[at]) ? STEP_INDIRECT : 0;
		break;
	case 9:
		change_flags(&rec.steps[at]);
		break;
	case 10:
		change_words(&rec.steps[at]);
		break;
	case 11:
	case 12:
		insert_made();
		break;
	case 13:
		insert_chained(&rec.steps[at]);
		break;
	default:
		change_field(&rec.steps[at]);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t out[MAX_PAYLOADS];
	size_t n;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	payloads_used = 0;
	if (!recording_read(&rec, data, size)) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	collect_anew();
	for (uint32_t i = 1 + below(4); i != 0; i--) {
		change();
	}
	n = recording_write(&rec, out, vtr_min(max_size, sizeof(out)));
	memcpy(data, out, n);
	return n;
}

/* --- two recordings --------------------------------------------------------------------------------- */

/* Makes the step about objects of this recording, where there are some of the same type. */
static void adopt(struct step *s)
{
	uint8_t *p = find_fields(s) != 0 ? own(s, 0) : NULL;

	for (uint32_t i = 0; p != NULL && i < fields.count; i++) {
		const struct field *f = &fields.list[i];
		const uint64_t id = f->kind == FIELD_HANDLE && field_get(p, f) != 0 ? pick_typed(f->type) : 0;

		if (id != 0) {
			field_set(p, f, id);
		}
	}
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_size, unsigned seed)
{
	uint32_t from, count, to;
	bool same_ids;

	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	payloads_used = 0;
	if (!recording_read(&rec, data1, size1) || !recording_read(&other, data2, size2) ||
	    other.count == 0) {
		return 0;
	}
	collect_anew();
	from = below(other.count);
	count = 1 + below(vtr_min(other.count - from, 24));
	to = below(rec.count + 1);
	same_ids = one_in(3);
	for (uint32_t i = 0; i < count; i++) {
		struct step s = other.steps[from + i];

		if (!same_ids) {
			adopt(&s);
		}
		if (!recording_insert(&rec, to + i, &s)) {
			break;
		}
	}
	return recording_write(&rec, out, max_size);
}
