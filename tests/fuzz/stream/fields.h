/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_FIELDS_H
#define TESTS_FUZZ_STREAM_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire_gen.h"

/*
 * The fields of an encoded command: handles, counts, numbers and the words of pointers, with their offsets. The wire
 * format comes from the registry as tables (gen_fields.py). Nothing of src/wire/ is used, so that a command can be
 * taken apart whatever objects there are.
 */
enum field_kind {
	FIELD_U32,
	FIELD_U64, /* also sizes and offsets */
	FIELD_ABSENT, /* the word of a pointer that must be absent; 64 bits */
	FIELD_ENUM, /* or flags */
	FIELD_RESOURCE, /* a resource's number, 32 bits */
	FIELD_HANDLE,
	FIELD_NEW, /* the id of an object to be created */
	FIELD_COUNT, /* of an array, or the word of a pointer without contents; 64 bits */
	FIELD_BYTES, /* the count of bytes that follow; 64 bits */
	FIELD_POINTER, /* the word of a pointer; 64 bits */
	FIELD_CHAIN, /* the word before a chained struct, or of none; 64 bits */
	FIELD_STYPE,
	FIELD_TAG, /* of a union */
	/* Only in tables. */
	FIELD_ARRAY,
	FIELD_STRUCT,
	FIELD_PARTIAL,
	FIELD_CASE,
	FIELD_END,
};

struct field {
	uint32_t at;
	uint8_t kind;
	uint8_t size; /* 4 or 8 */
	/* Of a handle: its place in field_types. Of a chain: 2 * the place of the struct that it belongs to in
	 * field_structs, and 1 if the host fills it. */
	uint16_t type;
	/* Of an array, bytes or a chain: where they end, without padding; else where the field ends. */
	uint32_t end;
};

enum { FIELDS_MAX = 512 };

struct fields {
	uint32_t command;
	uint32_t count; /* of those listed; a longer command has more */
	struct field list[FIELDS_MAX];
};

/* Finds the fields of the command at the beginning of the data. Returns: the command's size, or 0 if it is cut off or
 * unknown. */
size_t fields_find(const uint8_t *data, size_t size, struct fields *out_fields);

/* The value of a field. */
uint64_t field_get(const uint8_t *data, const struct field *f);
void field_set(uint8_t *data, const struct field *f, uint64_t value);

/* --- tables: fields_gen.c --------------------------------------------------------------------------- */

struct field_item {
	enum field_kind kind;
	uint32_t ref; /* a struct, a type of handles, the value of a union's tag, or as gen_fields.py says */
};

/* Where its lists begin: of items in a request, of items if the host fills it, of structs that may be chained. */
struct field_struct {
	int32_t stype; /* -1: has none */
	uint32_t given;
	uint32_t filled;
	uint32_t chain;
	bool is_union;
};

extern const struct field_struct field_structs[];
extern const uint16_t field_chains[]; /* each list ends with UINT16_MAX */
extern const struct field_item field_items[];
extern const uint32_t field_commands[VTW_COMMAND_COUNT]; /* 1 + the first item; 0: no such command */
extern const uint32_t field_types[]; /* VkObjectType */
extern const size_t field_type_count;
extern const uint32_t field_destroyers[]; /* for each type the command that destroys one; 0: none */

#endif
