/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_STREAM_RECORDING_H
#define TESTS_FUZZ_STREAM_RECORDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An input of the fuzz target `stream`: how the context is set up, then what the guest does, step by step. Recordings
 * of real programs have the same form.
 */
struct recording_head {
	uint8_t setup; /* enum recording_setup */
	uint8_t fail_every; /* of the driver's commands that can fail; 0: none */
	uint16_t fail_from; /* the step from which on they fail */
};

enum recording_setup {
	SETUP_NO_HOST_IMPORT = 1,
	SETUP_NO_EXPORT = 2,
	SETUP_HOSTMEM = 4, /* as in a VM */
	SETUP_RACE = 8, /* rings run at the same time */
	SETUP_FLAT = 16, /* all commands come in the context's stream */
	SETUP_SMALL = 32, /* a small budget */
	/* Inputs of the corpus have other bits, too. These have no effect. */
};

enum step_op {
	STEP_COMMAND,
	STEP_INDIRECT, /* a command by vkExecuteCommandStreamsMESA, with those that follow in the same ring */
	STEP_BLOB, /* struct step_blob */
	STEP_UNREF, /* struct step_unref */
	STEP_FENCE, /* struct step_fence */
	STEP_PIECES, /* struct step_blob: a resource of scattered memory */
	STEP_REPLY, /* struct step_reply: where the next replies go */
	STEP_END_RING, /* destroys the ring */
	STEP_OPS, /* in recordings: another context begins */
};

/* In recordings: the ring of a step that needs hostmem. */
enum { RECORDED_HOSTMEM = 1 };

struct step_blob {
	uint32_t res;
	uint32_t flags;
	uint64_t id;
	uint64_t size;
};

struct step_unref {
	uint32_t res;
};

struct step_fence {
	uint32_t timeline;
};

struct step_reply {
	uint32_t offset;
	uint32_t size;
};

/* As a size: replies get no place, so that there is none if there was none before. */
#define REPLY_NOWHERE UINT32_MAX

/* Before its payload. Rings have numbers from 1; 0 is the context's stream. */
struct step_head {
	uint8_t op;
	uint8_t ring;
	uint16_t words; /* of the payload */
};

enum { RECORDING_RINGS = 3, RECORDING_MAX_STEPS = 2048 };

struct step {
	struct step_head head;
	const uint8_t *payload; /* in the input; any alignment */
};

static inline size_t step_size(const struct step *s)
{
	return (size_t)s->head.words * 4;
}

struct recording {
	struct recording_head head;
	uint32_t count;
	struct step steps[RECORDING_MAX_STEPS];
};

/* Reads as many steps as there are. Returns: false if there is not even a head. */
bool recording_read(struct recording *rec, const uint8_t *data, size_t size);
/* Appends one; keeps it as it was if there is no room. */
bool recording_insert(struct recording *rec, uint32_t at, const struct step *step);
void recording_remove(struct recording *rec, uint32_t at, uint32_t count);
/* Returns: the size; steps that do not fit are left out. */
size_t recording_write(const struct recording *rec, uint8_t *out, size_t max_size);

#endif
