/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_MUTATE_H
#define TESTS_FUZZ_STREAM_MUTATE_H

#include "stream/fields.h"
#include "stream/make.h"
#include "stream/recording.h"

/*
 * What mutate.c (whole recordings) and mutate_step.c (one step) share. Thread: the fuzzer's.
 */
enum { MAX_NAMES = 1024, MAX_PAYLOADS = 1 << 20, MAX_STEP = UINT16_MAX * 4 };

/* An object that a recording names. */
struct name {
	uint64_t id;
	uint16_t type;
	bool made; /* by a command of the recording */
};

struct names {
	struct name list[MAX_NAMES];
	uint32_t count;
	uint64_t highest;
	uint32_t resources[64];
	uint32_t resource_count;
};

extern struct names names;
extern struct recording rec, other; /* the one that is changed, and one from which steps come */
extern struct fields fields; /* of the last find_fields() */
extern const struct make_source source; /* names of the recording */

/* Notes which objects and resources a recording names; collect_anew() only those of rec. */
void collect(const struct recording *r);
void collect_anew(void);
/* Returns: an object of this type, 0 if there is none. */
uint64_t pick_typed(uint16_t type);

bool is_command(const struct step *s);
/* Returns: the command's size, 0 if the registry does not know all of it. */
size_t find_fields(const struct step *s);

/* The payloads of changed steps, until they are cleared. */
void payloads_clear(void);
/* Returns: a copy; NULL if there is no room. */
uint8_t *payload_copy(const void *data, size_t size);
/* Gives the step a payload of its own, with `more` bytes behind the old ones. Returns: NULL if they do not fit. */
uint8_t *own(struct step *s, size_t more);

void change_field(struct step *s);
/* Removes an array, or what a pointer or the rest of a chain has; mostly with the numbers that count it. */
void remove_contents(struct step *s);
/* The words of a step that is no command, or bytes of which the registry knows nothing. */
void change_words(struct step *s);
void change_flags(struct step *s);
/* Chains a struct to one of those in a command, as the first. */
void insert_chained(struct step *s);

#endif
