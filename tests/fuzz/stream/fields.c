/* SPDX-License-Identifier: MIT */
#include "fields.h"

enum { MAX_DEPTH = 64 };

struct walk {
	const uint8_t *data;
	size_t size;
	size_t at;
	unsigned depth;
	bool bad;
	struct fields *fields;
};

static const struct field_item *walk_item(struct walk *w, const struct field_item *item);

uint64_t field_get(const uint8_t *data, const struct field *f)
{
	return f->size == 8 ? vtr_cs_ld64(data + f->at) : vtr_cs_ld32(data + f->at);
}

void field_set(uint8_t *data, const struct field *f, uint64_t value)
{
	memcpy(data + f->at, &value, f->size);
}

/* Returns: the field's value, 0 behind the end. */
static uint64_t take(struct walk *w, enum field_kind kind, uint8_t size, uint32_t type)
{
	const struct field f = { (uint32_t)w->at, (uint8_t)kind, size, (uint16_t)type,
		                 (uint32_t)w->at + size };

	if (w->bad || w->size - w->at < size) {
		w->bad = true;
		return 0;
	}
	w->at += size;
	if (w->fields->count < FIELDS_MAX) {
		w->fields->list[w->fields->count++] = f;
	}
	return field_get(w->data, &f);
}

/* Notes the end of the array or chain whose count or first word was taken as number `field`. */
static void note_end(struct walk *w, uint32_t field, size_t end)
{
	if (field < w->fields->count) {
		w->fields->list[field].end = (uint32_t)end;
	}
}

static void walk_bytes(struct walk *w)
{
	const uint32_t field = w->fields->count;
	const uint64_t n = take(w, FIELD_BYTES, 8, 0);
	const size_t left = w->size - w->at;

	if (w->bad || n > left || ((n + 3) & ~UINT64_C(3)) > left) {
		w->bad = true;
		return;
	}
	note_end(w, field, w->at + n);
	w->at += (n + 3) & ~UINT64_C(3);
}

static void walk_list(struct walk *w, uint32_t list)
{
	const struct field_item *item = &field_items[list];

	while (!w->bad && item->kind != FIELD_END) {
		item = walk_item(w, item);
	}
}

static void walk_union(struct walk *w, const struct field_struct *s)
{
	const uint64_t tag = take(w, FIELD_TAG, 4, 0);
	const struct field_item *item = &field_items[s->given];

	while (!w->bad && item->kind != FIELD_END) { /* a case, its items, their end */
		if (item->ref == tag) {
			walk_list(w, (uint32_t)(item + 1 - field_items));
			return;
		}
		while (item->kind != FIELD_END) {
			item++;
		}
		item++;
	}
	w->bad = true;
}

static const struct field_struct *find_chained(const struct field_struct *head, uint64_t stype)
{
	for (const uint16_t *c = &field_chains[head->chain]; *c != UINT16_MAX; c++) {
		if ((uint64_t)(uint32_t)field_structs[*c].stype == stype) {
			return &field_structs[*c];
		}
	}
	return NULL;
}

/* The rest of the chain comes before a struct's own members. */
static void walk_chain(struct walk *w, const struct field_struct *head, bool partial)
{
	const uint32_t field = w->fields->count;
	const struct field_struct *s;

	if (take(w, FIELD_CHAIN, 8, (uint32_t)(head - field_structs) * 2 + partial) == 0 || w->bad) {
		return;
	}
	s = find_chained(head, take(w, FIELD_STYPE, 4, 0));
	if (s == NULL || ++w->depth > MAX_DEPTH) {
		w->bad = true;
		return;
	}
	walk_chain(w, head, partial);
	walk_list(w, partial ? s->filled : s->given);
	w->depth--;
	note_end(w, field, w->at);
}

static void walk_struct(struct walk *w, const struct field_struct *s, bool partial)
{
	if (++w->depth > MAX_DEPTH) {
		w->bad = true;
		return;
	}
	if (s->is_union) {
		walk_union(w, s);
	} else {
		if (s->stype >= 0) {
			w->bad |= take(w, FIELD_STYPE, 4, 0) != (uint32_t)s->stype;
			walk_chain(w, s, partial);
		}
		walk_list(w, partial ? s->filled : s->given);
	}
	w->depth--;
}

static const struct field_item *behind(const struct field_item *item)
{
	while (item->kind == FIELD_ARRAY || item->kind == FIELD_POINTER) {
		item++;
	}
	return item + 1;
}

/* Returns: the next item. */
static const struct field_item *walk_item(struct walk *w, const struct field_item *item)
{
	const uint32_t field = w->fields->count;
	uint64_t n;

	switch (item->kind) {
	case FIELD_ARRAY:
	case FIELD_POINTER:
		n = take(w, item->kind == FIELD_ARRAY ? FIELD_COUNT : FIELD_POINTER, 8, 0);
		n = item->kind == FIELD_POINTER && n > 1 ? 1 : n;
		w->bad |= n > w->size;
		for (uint64_t i = 0; i < n && !w->bad; i++) {
			(void)walk_item(w, item + 1);
		}
		note_end(w, field, w->at);
		return behind(item);
	case FIELD_BYTES:
		walk_bytes(w);
		break;
	case FIELD_STRUCT:
	case FIELD_PARTIAL:
		walk_struct(w, &field_structs[item->ref], item->kind == FIELD_PARTIAL);
		break;
	case FIELD_U32:
	case FIELD_ENUM:
	case FIELD_RESOURCE:
		(void)take(w, item->kind, 4, 0);
		break;
	default:
		(void)take(w, item->kind, 8, item->ref);
		break;
	}
	return item + 1;
}

size_t fields_find(const uint8_t *data, size_t size, struct fields *out_fields)
{
	struct walk w = { .data = data, .size = size, .at = 8, .fields = out_fields };

	out_fields->count = 0;
	if (size < 8) {
		return 0;
	}
	out_fields->command = vtr_cs_ld32(data);
	if (out_fields->command >= VTW_COMMAND_COUNT || field_commands[out_fields->command] == 0) {
		return 0;
	}
	walk_list(&w, field_commands[out_fields->command] - 1);
	return w.bad ? 0 : w.at;
}
