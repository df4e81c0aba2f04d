/* SPDX-License-Identifier: MIT */
#include "stream/make.h"

#include <string.h>

#include "stream/fields.h"

enum { MAX_DEPTH = 12, MAX_LENGTH = 3 };

struct maker {
	const struct make_source *source;
	uint8_t *out;
	size_t max_size;
	size_t at;
	unsigned depth;
	bool bad;
	/* One length for all arrays, so that they agree with their numbers, in whichever struct those are. */
	uint32_t length;
	uint32_t chained; /* of 8 chains that can go on, how many do */
	/* The last enum: often the tag of the union that follows. */
	uint32_t last_enum;
};

static const struct field_item *make_item(struct maker *m, const struct field_item *item);

static bool one_in(struct maker *m, uint32_t n)
{
	return m->source->below(n) == 0;
}

static void put(struct maker *m, const void *value, size_t size)
{
	if (m->bad || size > m->max_size - m->at) {
		m->bad = true;
		return;
	}
	memcpy(m->out + m->at, value, size);
	m->at += size;
}

static void put32(struct maker *m, uint32_t value)
{
	put(m, &value, sizeof(value));
}

static void put64(struct maker *m, uint64_t value)
{
	put(m, &value, sizeof(value));
}

static void make_list(struct maker *m, uint32_t list)
{
	const struct field_item *item = &field_items[list];

	while (!m->bad && item->kind != FIELD_END) {
		item = make_item(m, item);
	}
}

/* --- structs ---------------------------------------------------------------------------------------- */

static const struct field_struct *pick_chained(const struct make_source *source,
                                               const struct field_struct *head)
{
	const uint16_t *chain = &field_chains[head->chain];
	uint32_t count = 0;

	while (chain[count] != UINT16_MAX) {
		count++;
	}
	return count != 0 ? &field_structs[chain[source->below(count)]] : NULL;
}

static void make_chain(struct maker *m, const struct field_struct *head, bool partial)
{
	const struct field_struct *s = m->source->below(8) < m->chained ? pick_chained(m->source, head) :
	                                                                  NULL;

	if (s == NULL || m->depth >= MAX_DEPTH) {
		put64(m, 0);
		return;
	}
	m->depth++;
	put64(m, 1);
	put32(m, (uint32_t)s->stype);
	make_chain(m, head, partial);
	make_list(m, partial ? s->filled : s->given);
	m->depth--;
}

static const struct field_item *next_case(const struct field_item *item)
{
	while (item->kind != FIELD_END) {
		item++;
	}
	return item + 1;
}

/* The case that the last enum names, or any. */
static void make_union(struct maker *m, const struct field_struct *s)
{
	const struct field_item *item = &field_items[s->given];
	const struct field_item *chosen = item;

	for (uint32_t count = 1; item->kind != FIELD_END; item = next_case(item), count++) {
		if (item->ref == m->last_enum) {
			chosen = item;
			break;
		}
		if (one_in(m, count)) {
			chosen = item;
		}
	}
	put32(m, chosen->ref);
	make_list(m, (uint32_t)(chosen + 1 - field_items));
}

static void make_struct(struct maker *m, const struct field_struct *s, bool partial)
{
	if (++m->depth > MAX_DEPTH) {
		m->bad = true;
		return;
	}
	if (s->is_union) {
		make_union(m, s);
	} else {
		if (s->stype >= 0) {
			put32(m, (uint32_t)s->stype);
			make_chain(m, s, partial);
		}
		make_list(m, partial ? s->filled : s->given);
	}
	m->depth--;
}

/* --- single items ----------------------------------------------------------------------------------- */

/* A few small values are what most enums and flags have. */
static uint32_t pick_enum(struct maker *m)
{
	switch (m->source->below(4)) {
	case 0:
		return 0;
	case 1:
		return 1u << m->source->below(8);
	case 2:
		return m->source->below(8);
	default:
		return m->source->below(128);
	}
}

static void make_number(struct maker *m, const struct field_item *item)
{
	const uint64_t v = item->ref != 0           ? (uint64_t)m->length * item->ref :
	                   item->kind == FIELD_ENUM ? pick_enum(m) :
	                   m->source->below(4) != 0 ? m->source->below(5) :
	                                              m->source->number();

	m->last_enum = (uint32_t)v;
	if (item->kind == FIELD_U64) {
		put64(m, v);
	} else {
		put32(m, (uint32_t)v);
	}
}

/* Text that ends, where it is text. */
static void make_bytes(struct maker *m, uint32_t fixed)
{
	static const uint8_t text[512] = "main";
	const uint32_t count = fixed != 0 ? fixed : one_in(m, 2) ? m->length : 5;

	put64(m, count);
	put(m, text, ((size_t)count + 3) & ~(size_t)3);
}

static const struct field_item *make_repeated(struct maker *m, const struct field_item *item)
{
	const bool pointer = item->kind == FIELD_POINTER;
	const struct field_item *inner = item + 1;
	uint32_t count = pointer ? 1 : item->ref != 0 ? item->ref : m->length;

	if (pointer ? item->ref == 1 && one_in(m, 3) : item->ref == 0 && one_in(m, 12)) {
		count = 0;
	}
	put64(m, count);
	for (uint32_t i = 0; i < count && !m->bad; i++) {
		(void)make_item(m, inner);
	}
	while (inner->kind == FIELD_ARRAY || inner->kind == FIELD_POINTER) {
		inner++;
	}
	return inner + 1;
}

/* Returns: the next item. */
static const struct field_item *make_item(struct maker *m, const struct field_item *item)
{
	switch (item->kind) {
	case FIELD_ARRAY:
	case FIELD_POINTER:
		return make_repeated(m, item);
	case FIELD_BYTES:
		make_bytes(m, item->ref);
		break;
	case FIELD_STRUCT:
	case FIELD_PARTIAL:
		make_struct(m, &field_structs[item->ref], item->kind == FIELD_PARTIAL);
		break;
	case FIELD_HANDLE:
		put64(m, m->source->handle((uint16_t)item->ref));
		break;
	case FIELD_NEW:
		put64(m, m->source->new_id());
		break;
	case FIELD_COUNT: /* a number that the host fills, or an array of them */
		put64(m, one_in(m, 2) ? 1 : m->length);
		break;
	case FIELD_ABSENT:
		put64(m, 0);
		break;
	case FIELD_RESOURCE:
		put32(m, m->source->resource());
		break;
	default:
		make_number(m, item);
		break;
	}
	return item + 1;
}

static struct maker begin(const struct make_source *source, uint8_t *out, size_t max_size)
{
	return (struct maker){ .source = source,
		               .out = out,
		               .max_size = max_size,
		               .chained = source->below(4) != 0 ? 3 : 7,
		               .length = source->below(3) != 0 ? 1 : source->below(1 + MAX_LENGTH) };
}

size_t make_command(const struct make_source *source, uint32_t command, uint32_t flags, uint8_t *out,
                    size_t max_size)
{
	struct maker m = begin(source, out, max_size);

	if (command >= VTW_COMMAND_COUNT || field_commands[command] == 0) {
		return 0;
	}
	put32(&m, command);
	put32(&m, flags);
	make_list(&m, field_commands[command] - 1);
	return m.bad ? 0 : m.at;
}

bool make_chained(const struct make_source *source, uint16_t chain, uint32_t *out_stype, uint8_t *out,
                  size_t max_size, size_t *out_size)
{
	struct maker m = begin(source, out, max_size);
	const struct field_struct *s = pick_chained(source, &field_structs[chain / 2]);

	if (s == NULL) {
		return false;
	}
	make_list(&m, chain % 2 != 0 ? s->filled : s->given);
	*out_stype = (uint32_t)s->stype;
	*out_size = m.at;
	return !m.bad;
}
