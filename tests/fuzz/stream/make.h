/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_MAKE_H
#define TESTS_FUZZ_STREAM_MAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Commands and chained structs that no recording has, from the tables of fields.h: well-formed, with arrays of the
 * lengths that the numbers beside them say. Their values come from the caller.
 */
struct make_source {
	uint32_t (*below)(uint32_t limit); /* a random number; 0 if the limit is 0 */
	uint64_t (*handle)(uint16_t type); /* of an object; its type is its place in field_types */
	uint64_t (*new_id)(void);
	uint32_t (*resource)(void);
	uint64_t (*number)(void);
};

/* Makes the command with this number. Returns: its size, 0 if there is no such command or it does not fit. */
size_t make_command(const struct make_source *source, uint32_t command, uint32_t flags, uint8_t *out,
                    size_t max_size);

/* Makes the members of a struct that can be chained to the one of a field FIELD_CHAIN. Returns: false if none can be,
 * or if they do not fit. */
bool make_chained(const struct make_source *source, uint16_t chain, uint32_t *out_stype, uint8_t *out,
                  size_t max_size, size_t *out_size);

#endif
