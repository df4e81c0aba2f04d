/* SPDX-License-Identifier: MIT */
/*
 * Cuts recordings of programs (record.c) into inputs of the fuzz target `stream`:
 *
 *     stream-cut OUTDIR NAME RECORDING...
 *
 * An input has some commands in a row, and before them those that made the objects which they name. A part of a
 * recording that has only commands which earlier parts had as well is left out.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "fields.h"
#include "recording.h"

enum { PART = 32, MAX_STEPS = 90, MAX_BYTES = 16 << 10, MAX_PAYLOAD = 8192, MAX_NEEDED = 4096, ENOUGH = 8 };
/* Commands about the transport: the target makes rings and places for replies itself, so a few of them are enough. */
enum {
	ALLOCATE_MEMORY = 21,
	CREATE_SHADER = 59,
	SET_REPLY = 178,
	SEEK_REPLY = 179,
	EXECUTE = 180,
	CREATE_RING = 188,
	NOTIFY_RING = 190
};
enum { WAIT_VIRTQUEUE_SEQNO = 252, WAIT_RING_SEQNO = 253, TRANSPORT_MAX = 8 };

static struct step *steps;
static uint32_t step_count, step_room;
static uint8_t seen[VTW_COMMAND_COUNT]; /* inputs with that command, up to ENOUGH */
static uint64_t needed[MAX_NEEDED]; /* ids of objects; resources have RES above theirs */
static uint32_t needed_count;
static struct fields fields;
static uint32_t written;

#define RES (UINT64_C(1) << 63)

static bool is_transport(uint32_t command)
{
	return command == SET_REPLY || command == SEEK_REPLY || command == EXECUTE ||
	       (command >= CREATE_RING && command <= NOTIFY_RING);
}

/* Whether the command is left out. */
static bool is_dropped(uint32_t command)
{
	static uint32_t kept[256];

	if (command == WAIT_VIRTQUEUE_SEQNO || command == WAIT_RING_SEQNO || command == NOTIFY_RING) {
		return true;
	}
	return is_transport(command) && kept[command]++ >= TRANSPORT_MAX;
}

static bool is_command(const struct step *s)
{
	return s->head.op <= STEP_INDIRECT;
}

static uint32_t command_of(const struct step *s)
{
	return is_command(s) && s->head.words >= 2 ? vtr_cs_ld32(s->payload) : VTW_COMMAND_COUNT;
}

/* Leaves the beginning of a shader's code, which says nothing to the renderer. */
static void shorten_shader(struct step *s)
{
	enum { SIZE_AT = 40, CODE_AT = 56, KEPT = 64 };
	uint8_t *p = (uint8_t *)(uintptr_t)s->payload; /* in the file's copy */
	const uint64_t words = KEPT / 4, bytes = KEPT;
	const size_t code =
		command_of(s) == CREATE_SHADER && step_size(s) > CODE_AT ? vtr_cs_ld64(p + SIZE_AT) : 0;

	if (code <= KEPT || code > step_size(s) - CODE_AT || vtr_cs_ld64(p + SIZE_AT + 8) != code / 4) {
		return;
	}
	memcpy(p + SIZE_AT, &bytes, sizeof(bytes));
	memcpy(p + SIZE_AT + 8, &words, sizeof(words));
	memmove(p + CODE_AT + KEPT, p + CODE_AT + code, step_size(s) - CODE_AT - code);
	s->head.words = (uint16_t)(s->head.words - (code - KEPT) / 4);
}

/* Half of all memory is of the checker's other type, which the CPU can access, as all of lavapipe's is. */
static void change_memory_type(struct step *s)
{
	static uint32_t allocations;
	uint8_t *p = (uint8_t *)(uintptr_t)s->payload;

	if (command_of(s) != ALLOCATE_MEMORY || fields_find(p, step_size(s), &fields) == 0 ||
	    allocations++ % 2 == 0) {
		return;
	}
	for (uint32_t i = fields.count; i-- > 0;) {
		if (fields.list[i].kind == FIELD_U32) {
			field_set(p, &fields.list[i], 1);
			return;
		}
	}
}

static void add_step(struct step *s)
{
	shorten_shader(s);
	change_memory_type(s);
	if (step_size(s) > MAX_PAYLOAD || is_dropped(command_of(s)) ||
	    (is_command(s) && fields_find(s->payload, step_size(s), &fields) != step_size(s))) {
		return;
	}
	if (step_count == step_room) {
		step_room = step_room * 2 + 1024;
		steps = realloc(steps, step_room * sizeof(*steps));
		vtr_assert(steps != NULL);
	}
	steps[step_count++] = *s;
}

/* --- parts ------------------------------------------------------------------------------------------ */

static bool is_needed(uint64_t id)
{
	for (uint32_t i = 0; i < needed_count; i++) {
		if (needed[i] == id) {
			return true;
		}
	}
	return false;
}

/* An object is made once, so commands before that one are about another of the same id. */
static void unneed(uint64_t id)
{
	for (uint32_t i = 0; i < needed_count; i++) {
		if (needed[i] == id) {
			needed[i] = needed[--needed_count];
			return;
		}
	}
}

static void need(uint64_t id)
{
	if (id != 0 && id != RES && !is_needed(id) && needed_count < MAX_NEEDED) {
		needed[needed_count++] = id;
	}
}

/* Whether the step makes what is needed, which then is needed no more. */
static bool makes_needed(const struct step *s)
{
	bool makes = false;

	if (s->head.op == STEP_BLOB || s->head.op == STEP_PIECES) {
		makes = is_needed(RES | vtr_cs_ld32(s->payload));
		unneed(RES | vtr_cs_ld32(s->payload));
		return makes;
	}
	if (!is_command(s) || fields_find(s->payload, step_size(s), &fields) == 0) {
		return false;
	}
	for (uint32_t i = 0; i < fields.count; i++) {
		const uint64_t id =
			fields.list[i].kind == FIELD_NEW ? field_get(s->payload, &fields.list[i]) : 0;

		makes |= id != 0 && is_needed(id);
		unneed(id);
	}
	return makes;
}

static void need_all_of(const struct step *s)
{
	if (s->head.op == STEP_BLOB || s->head.op == STEP_PIECES) {
		need(vtr_cs_ld64(s->payload + 8));
	}
	if (!is_command(s) || fields_find(s->payload, step_size(s), &fields) == 0) {
		return;
	}
	for (uint32_t i = 0; i < fields.count; i++) {
		const struct field *f = &fields.list[i];

		if (f->kind == FIELD_HANDLE) {
			need(field_get(s->payload, f));
		} else if (f->kind == FIELD_RESOURCE) {
			need(RES | field_get(s->payload, f));
		}
	}
}

static bool is_new(uint32_t begin, uint32_t end)
{
	for (uint32_t i = begin; i < end; i++) {
		const uint32_t command = command_of(&steps[i]);

		if (command < VTW_COMMAND_COUNT && seen[command] < ENOUGH) {
			return true;
		}
	}
	return false;
}

static void note_seen(const struct recording *rec)
{
	for (uint32_t i = 0; i < rec->count; i++) {
		const uint32_t command = command_of(&rec->steps[i]);

		if (command < VTW_COMMAND_COUNT && seen[command] < ENOUGH) {
			seen[command]++;
		}
	}
}

/* How the parts run, in turn. */
static uint8_t setup_of(const struct recording *rec)
{
	static const uint8_t setups[] = { SETUP_FLAT, 0, SETUP_FLAT | SETUP_HOSTMEM, SETUP_RACE,
		                          SETUP_FLAT | SETUP_NO_HOST_IMPORT };

	for (uint32_t i = 0; i < rec->count; i++) {
		if (!is_command(&rec->steps[i]) && rec->steps[i].head.ring == RECORDED_HOSTMEM) {
			return SETUP_FLAT | SETUP_HOSTMEM;
		}
	}
	return setups[written % VTR_ARRAY_LEN(setups)];
}

static void write_part(const char *folder, const char *name, const struct recording *rec)
{
	static uint8_t bytes[MAX_BYTES];
	const size_t size = recording_write(rec, bytes, sizeof(bytes));
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s-%03u", folder, name, written++);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	vtr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

/* The steps [begin, end), and before them what they need. */
static void cut_part(const char *folder, const char *name, uint32_t begin, uint32_t end)
{
	static struct recording rec;

	rec.count = 0;
	rec.head = (struct recording_head){ 0 };
	needed_count = 0;
	for (uint32_t i = end; i-- > 0 && rec.count < MAX_STEPS;) {
		const bool makes = makes_needed(&steps[i]);

		if (i >= begin || makes) {
			need_all_of(&steps[i]);
			(void)recording_insert(&rec, 0, &steps[i]);
		}
	}
	rec.head.setup = setup_of(&rec);
	note_seen(&rec);
	write_part(folder, name, &rec);
}

/* The steps so far are those of one context. */
static void cut_context(const char *folder, const char *name)
{
	for (uint32_t at = 0; at < step_count; at += PART) {
		const uint32_t end = step_count - at < PART ? step_count : at + PART;

		if (is_new(at, end)) {
			cut_part(folder, name, at, end);
		}
	}
	step_count = 0;
}

static void cut_file(const char *folder, const char *name, uint8_t *data, size_t size)
{
	for (size_t at = sizeof(struct recording_head); at + sizeof(struct step_head) <= size;) {
		struct step s;

		memcpy(&s.head, data + at, sizeof(s.head));
		s.payload = data + at + sizeof(s.head);
		at += sizeof(s.head) + step_size(&s);
		if (s.head.op == STEP_OPS) {
			cut_context(folder, name);
		} else if (at <= size) {
			add_step(&s);
		}
	}
	cut_context(folder, name);
}

/* Returns: the file's bytes, the caller's; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *out_size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && (data = malloc((size_t)st.st_size + 1)) != NULL) {
		*out_size = (size_t)st.st_size;
		if (read(fd, data, *out_size) != st.st_size) {
			free(data);
			data = NULL;
		}
	}
	if (fd >= 0) {
		close(fd);
	}
	return data;
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: stream-cut OUTDIR NAME RECORDING...\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		size_t size;
		uint8_t *data = read_file(argv[i], &size);

		if (data == NULL) {
			fprintf(stderr, "%s: cannot be read\n", argv[i]);
			return 1;
		}
		cut_file(argv[1], argv[2], data, size);
		free(data);
	}
	free(steps);
	printf("%u inputs\n", written);
	return 0;
}
