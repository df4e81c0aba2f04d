/* SPDX-License-Identifier: MIT */
/* Changes to one step of a recording: the fields that the registry knows in its command (fields.h). */
#include <string.h>

#include "base/mem.h"
#include "stream/mutate.h"
#include "stream/numbers.h"
#include "vk_gen.h"

struct names names;
struct recording rec, other;
struct fields fields;

static uint8_t payloads[MAX_PAYLOADS];
static size_t payloads_used;

void payloads_clear(void)
{
	payloads_used = 0;
}

uint8_t *payload_copy(const void *data, size_t size)
{
	uint8_t *copy = payloads + payloads_used;

	if (size > MAX_PAYLOADS - payloads_used) {
		return NULL;
	}
	memcpy(copy, data, size);
	payloads_used += size;
	return copy;
}

bool is_command(const struct step *s)
{
	return s->head.op <= STEP_INDIRECT && s->head.words >= 2;
}

size_t find_fields(const struct step *s)
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

void collect(const struct recording *r)
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

void collect_anew(void)
{
	names.count = names.resource_count = 0;
	names.highest = 0;
	collect(&rec);
}

/* Returns: an object of this type, 0 if there is none. */
uint64_t pick_typed(uint16_t type)
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

/* --- one field -------------------------------------------------------------------------------------- */

/* Gives the step a payload of its own, with `more` bytes behind the old ones. Returns: NULL if they do not fit. */
uint8_t *own(struct step *s, size_t more)
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

void change_field(struct step *s)
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

/* Removes an array, or what a pointer or the rest of a chain has; mostly with the numbers that count it. */
void remove_contents(struct step *s)
{
	uint32_t field;
	struct field f;
	uint8_t *p;

	if (find_fields(s) == 0 || fields.count == 0) {
		return;
	}
	field = below(fields.count);
	for (uint32_t i = 0; i < fields.count && fields.list[field].end <= fields.list[field].at + 8; i++) {
		field = (field + 1) % fields.count;
	}
	f = fields.list[field];
	f.end = f.kind == FIELD_BYTES ? (f.end + 3) & ~3u : f.end;
	if (f.end <= f.at + 8 || (p = own(s, 0)) == NULL) {
		return;
	}
	if ((f.kind == FIELD_COUNT || f.kind == FIELD_BYTES) && !one_in(4)) {
		set_lengths(p, field, field_get(p, &f), 0);
	}
	field_set(p, &f, 0);
	memmove(p + f.at + 8, p + f.end, step_size(s) - f.end);
	s->head.words = (uint16_t)(s->head.words - (f.end - f.at - 8) / 4);
}

/* The words of a step that is no command, or bytes of which the registry knows nothing. */
void change_words(struct step *s)
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

void change_flags(struct step *s)
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

const struct make_source source = { below, source_handle, source_new, source_resource, source_number };

/* Returns: whether the step has a chain; *out_field is one of its chains. */
static bool pick_chain(const struct step *s, struct field *out_field)
{
	const uint32_t count = find_fields(s) != 0 ? fields.count : 0;
	const uint32_t first = below(count);

	for (uint32_t i = 0; i < count; i++) {
		*out_field = fields.list[(first + i) % count];
		if (out_field->kind == FIELD_CHAIN) {
			return true;
		}
	}
	return false;
}

/* Chains a struct to one of those in a command, as the first. */
void insert_chained(struct step *s)
{
	static uint8_t members[4096];
	uint32_t stype;
	size_t size, tail;
	struct field f;
	uint8_t *p;

	if (!pick_chain(s, &f) || !make_chained(&source, f.type, &stype, members, sizeof(members), &size) ||
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
