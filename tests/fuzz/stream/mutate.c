/* SPDX-License-Identifier: MIT */
/*
 * Changes inputs of the fuzz target `stream` by what they mean: whole commands, and, in mutate_step.c, what is in them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stream/mutate.h"
#include "stream/numbers.h"
#include "stream/trunks.h"
#include "vk_gen.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                 uint8_t *out, size_t max_size, unsigned seed);

/* Command numbers, and the target's own memory for replies. */
enum { SET_REPLY = 178, SEEK_REPLY = 179, REPLY_RES = 0x7f000000 };
enum { BEGIN_BUFFER = 90, END_BUFFER = 91 };
/* A recording gets at least RECORDING_SIZE bytes if the input has a command for it. */
enum { MAX_CLONED = 64, RECORDING_SIZE = 4096, MAX_RECORDED = 256 };

/* Whether the change would be undone by what a trunk does before it. */
static bool is_whole;

/* --- whole steps ------------------------------------------------------------------------------------ */

/* Returns: where it is now. */
static uint32_t insert(const struct step *s)
{
	const struct step copy = *s;
	const uint32_t at = below(rec.count + 1);

	(void)recording_insert(&rec, at, &copy);
	return vtr_min(at, rec.count - 1);
}

/* Returns: where it is now, any step's place if there is no room. */
static uint32_t insert_payload(enum step_op op, const void *payload, size_t size)
{
	const uint8_t *copy = payload_copy(payload, size);

	if (copy == NULL) {
		return 0;
	}
	return insert(&(struct step){
		.head = { (uint8_t)op, (uint8_t)below(1 + RECORDING_RINGS), (uint16_t)(size / 4) },
		.payload = copy,
	});
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
	(void)insert_payload(STEP_COMMAND, bytes, (size_t)(w.cur - bytes));
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
	struct step s = { .head = { .ring = rec.steps[at].head.ring } };
	uint8_t *p = is_command(&rec.steps[at]) ? own(&rec.steps[at], 0) : NULL;

	if (p == NULL) {
		return;
	}
	p[4] |= VK_COMMAND_GENERATE_REPLY_BIT_EXT;
	vtr_cs_put32(&w, seek ? SEEK_REPLY : SET_REPLY);
	vtr_cs_put32(&w, 0);
	if (!seek) {
		vtr_cs_put64(&w, 1);
		vtr_cs_put32(&w, one_in(2) ? res : REPLY_RES);
	}
	/* The sum with a size may overflow. */
	vtr_cs_put64(&w,
	             one_in(4) ? 0 - UINT64_C(4) * below(1024) : change_number(4096, true) & ~UINT64_C(3));
	if (!seek) {
		vtr_cs_put64(&w, one_in(2) ? 4096 : change_number(4096, true));
	}
	s.payload = payload_copy(bytes, (size_t)(w.cur - bytes));
	s.head.words = (uint16_t)((w.cur - bytes) / 4);
	if (s.payload != NULL) {
		(void)recording_insert(&rec, at, &s);
	}
}

/* A command asks for a reply though none was given a place, which ends the context. */
static void reply_nowhere(uint32_t at)
{
	const struct step_reply reply = { .size = REPLY_NOWHERE };
	const struct step s = { .head = { .op = STEP_REPLY, .words = sizeof(reply) / 4 },
		                .payload = payload_copy(&reply, sizeof(reply)) };

	if (at >= rec.count || !is_command(&rec.steps[at]) || s.payload == NULL) {
		return;
	}
	for (uint32_t i = 0; i <= at; i++) {
		uint8_t *p = is_command(&rec.steps[i]) ? own(&rec.steps[i], 0) : NULL;

		if (p != NULL) {
			p[4] = (uint8_t)(i == at ? p[4] | VK_COMMAND_GENERATE_REPLY_BIT_EXT :
			                           p[4] & ~VK_COMMAND_GENERATE_REPLY_BIT_EXT);
		}
	}
	recording_remove(&rec, at + 1, rec.count - at - 1);
	(void)recording_insert(&rec, 0, &s);
	is_whole = true;
}

/* A command's reply gets less room than it needs. */
static void reply_short(uint32_t at)
{
	const struct step_reply reply = { .size = 4 * (one_in(2) ? below(16) : below(512)) };
	const struct step s = { .head = { .op = STEP_REPLY, .words = sizeof(reply) / 4 },
		                .payload = payload_copy(&reply, sizeof(reply)) };
	uint8_t *p = at < rec.count && is_command(&rec.steps[at]) ? own(&rec.steps[at], 0) : NULL;

	if (p != NULL && s.payload != NULL) {
		p[4] |= VK_COMMAND_GENERATE_REPLY_BIT_EXT;
		(void)recording_insert(&rec, at, &s);
	}
}

/* The driver fails to make an object that a command is about. */
static void fail_object_of(uint32_t at)
{
	struct field f = { .kind = FIELD_END };
	uint64_t id;

	if (at < rec.count && find_fields(&rec.steps[at]) != 0 && fields.count != 0) {
		f = fields.list[below(fields.count)];
	}
	if (f.kind != FIELD_HANDLE) {
		return;
	}
	id = field_get(rec.steps[at].payload, &f);
	for (uint32_t i = 0; i < at; i++) {
		const struct step *s = &rec.steps[i];

		for (uint32_t k = find_fields(s) != 0 ? fields.count : 0; k-- > 0;) {
			if (fields.list[k].kind == FIELD_NEW &&
			    field_get(s->payload, &fields.list[k]) == id) {
				rec.head.fail_from = (uint16_t)i;
				rec.head.fail_every = 1;
				return;
			}
		}
	}
}

static void move_last(uint32_t at)
{
	const struct step s = rec.steps[at];

	recording_remove(&rec, at, 1);
	(void)recording_insert(&rec, rec.count, &s);
}

/* Any command that there is, about objects of the recording. It comes last, when there are all objects, if it is to get
 * as far as its reply, or to an object that could not be made. */
static void insert_made(void)
{
	static uint8_t bytes[16384];
	const uint32_t kind = below(8);
	const uint32_t flags = one_in(3) ? VK_COMMAND_GENERATE_REPLY_BIT_EXT : 0;
	const size_t size = make_command(&source, below(VTW_COMMAND_COUNT), flags, bytes, sizeof(bytes));
	uint32_t at;

	if (size == 0) {
		return;
	}
	at = insert_payload(STEP_COMMAND, bytes, size);
	if (kind < 3 && at < rec.count) {
		move_last(at);
		at = rec.count - 1;
	}
	switch (kind) {
	case 0:
		reply_nowhere(at);
		break;
	case 1:
		fail_object_of(at);
		break;
	case 2:
		reply_short(at);
		break;
	default:
		break;
	}
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
		(void)insert_payload(STEP_BLOB, &blob, sizeof(blob));
		break;
	case 1:
		(void)insert_payload(STEP_PIECES, &blob, sizeof(blob));
		break;
	case 2:
		(void)insert_payload(STEP_UNREF, &word, sizeof(word));
		break;
	case 3:
		(void)insert_payload(STEP_FENCE, &word, sizeof(word));
		break;
	case 4:
		(void)insert_payload(STEP_REPLY, &reply, sizeof(reply));
		break;
	case 5:
		insert_reply();
		break;
	default:
		(void)insert_payload(STEP_END_RING, &word, 0);
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

/* Returns: whether it is a command to record in this command buffer. */
static bool records(const struct step *s, uint64_t buffer)
{
	return find_fields(s) != 0 && fields.count != 0 && fields.list[0].kind == FIELD_HANDLE &&
	       field_get(s->payload, &fields.list[0]) == buffer && fields.command != BEGIN_BUFFER &&
	       fields.command != END_BUFFER;
}

/* Records a command buffer anew, from its begin to its end in one stream, as Mesa sends long ones. */
static void insert_recording(uint32_t from)
{
	const uint32_t end[] = { END_BUFFER, 0 };
	uint32_t begin = from, at = below(rec.count + 1), count = 0;
	struct step parts[MAX_RECORDED];
	struct step last = { .head = { STEP_INDIRECT, (uint8_t)(1 + below(RECORDING_RINGS)), 4 } };
	uint8_t bytes[16];
	size_t size = 0;

	while (begin < rec.count && (!is_command(&rec.steps[begin]) || step_size(&rec.steps[begin]) < 16 ||
	                             vtr_cs_ld32(rec.steps[begin].payload) != BEGIN_BUFFER)) {
		begin++;
	}
	if (begin == rec.count) {
		return;
	}
	memcpy(bytes, end, 8);
	memcpy(bytes + 8, rec.steps[begin].payload + 8, 8); /* the command buffer */
	last.payload = payload_copy(bytes, sizeof(bytes));
	parts[count++] = rec.steps[begin];
	for (uint32_t i = begin; i < rec.count && count < MAX_RECORDED; i++) {
		if (records(&rec.steps[i], vtr_cs_ld64(bytes + 8))) {
			parts[count++] = rec.steps[i];
		}
	}
	for (uint32_t n = 0; count > 1 && last.payload != NULL && size < RECORDING_SIZE && n < MAX_RECORDED;
	     n++) {
		struct step s = parts[n == 0 ? 0 : 1 + below(count - 1)];

		s.head.op = STEP_INDIRECT;
		s.head.ring = last.head.ring;
		size += step_size(&s);
		(void)recording_insert(&rec, at++, &s);
		at = vtr_min(at, rec.count);
	}
	if (size != 0) {
		(void)recording_insert(&rec, at, &last);
		rec.head.setup &= (uint8_t)~SETUP_FLAT;
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
		rec.head.fail_every = one_in(3) ? 0 : (uint8_t)(1 + (one_in(2) ? 0 : below(20)));
		rec.head.fail_from = (uint16_t)(one_in(4) ? 0 : below(rec.count));
	} else {
		rec.head.setup ^= (uint8_t)(1u << below(6));
	}
}

static void move(uint32_t at)
{
	const struct step s = rec.steps[at];

	recording_remove(&rec, at, 1);
	(void)insert(&s);
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
		(void)insert(&s);
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

/* Sends some steps in an indirect stream, or no longer. */
static void change_streams(uint32_t at)
{
	const uint32_t end = at + (one_in(2) ? 1 : 1 + below(rec.count - at));

	for (uint32_t i = at; i < end; i++) {
		rec.steps[i].head.op ^= is_command(&rec.steps[i]) ? STEP_INDIRECT : 0;
	}
}

/* Changes what a step says, or what the driver answers. */
static void change_contents(uint32_t at)
{
	switch (below(20)) {
	case 0:
		change_flags(&rec.steps[at]);
		break;
	case 1:
		change_words(&rec.steps[at]);
		break;
	case 2:
	case 3:
		for (uint32_t i = 1 + below(8); i != 0; i--) {
			insert_chained(&rec.steps[below(rec.count)]);
		}
		break;
	case 4:
		remove_contents(&rec.steps[at]);
		break;
	case 5:
		reply_nowhere(at);
		break;
	case 6:
		reply_short(at);
		break;
	case 7:
		fail_object_of(at);
		break;
	case 8: /* the driver fails from here on */
		rec.head.fail_from = (uint16_t)at;
		rec.head.fail_every = 1;
		break;
	default:
		change_field(&rec.steps[at]);
		break;
	}
}

static void change(void)
{
	const uint32_t at = below(rec.count);

	if (rec.count == 0 || one_in(30)) {
		change_head();
		return;
	}
	switch (below(32)) {
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
		change_streams(at);
		break;
	case 9:
		insert_recording(at);
		break;
	case 10:
	case 11:
		for (uint32_t i = 1 + below(4); i != 0; i--) {
			insert_made();
		}
		break;
	default:
		change_contents(at);
		break;
	}
}

/* Puts a trunk before the recording, whose objects get other ids. */
static void prepend_trunk(size_t size, size_t max_size)
{
	uint64_t map[MAX_CLONED][2];
	uint32_t map_count = 0;
	size_t trunk_size;
	const uint8_t *trunk = trunks_pick(below(UINT32_MAX), &trunk_size);

	if (trunk == NULL || trunk_size > max_size - vtr_min(size, max_size) ||
	    !recording_read(&other, trunk, trunk_size)) {
		return;
	}
	collect(&other);
	for (uint32_t i = 0; i < rec.count; i++) {
		rename_objects(&rec.steps[i], map, &map_count);
	}
	for (uint32_t i = 0; i < other.count && recording_insert(&rec, i, &other.steps[i]); i++) {
	}
	rec.head.fail_from = (uint16_t)(rec.head.fail_from + other.count);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static uint8_t out[MAX_PAYLOADS];
	size_t n;

	numbers_begin(seed);
	payloads_clear();
	if (!recording_read(&rec, data, size)) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	collect_anew();
	is_whole = one_in(16);
	/* Most inputs of the corpus have no rings, as all else is reached faster without. */
	if (one_in(3)) {
		rec.head.setup &= (uint8_t)~SETUP_FLAT;
	}
	for (uint32_t i = 1 + below(4); i != 0; i--) {
		change();
	}
	if (!is_whole) {
		prepend_trunk(size, max_size);
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

	numbers_begin(seed);
	payloads_clear();
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
	if (!one_in(16)) {
		prepend_trunk(size1, max_size);
	}
	return recording_write(&rec, out, max_size);
}
