/* SPDX-License-Identifier: MIT */
#ifndef VENUS_DISPATCH_H
#define VENUS_DISPATCH_H

#include "dispatch_gen.h"
#include "venus/object.h"
#include "venus/retire.h"
#include "wire/cs.h"

struct vtr_venus;
struct vtr_ring;
struct vtr_resource;

enum vtr_scratch {
	VTR_SCRATCH_STREAM,   /* of what the ring or the context's stream has */
	VTR_SCRATCH_INDIRECT, /* of indirect streams */
	VTR_SCRATCHES
};

/*
 * The state of one command stream, which is the context's or a ring's. Each has its own reader, memory and reply
 * stream. Thread: the one that runs the stream.
 */
struct vtr_dispatch {
	struct vtr_cs_reader r;
	struct vtr_venus *venus;
	struct vtr_ring *ring; /* NULL: the context's stream */
	struct vtr_retire_stream stream; /* records when its commands use objects */
	uint32_t command;      /* the current command; written atomically, because hang.c reads it */
	uint32_t flags;        /* VkCommandFlagBitsEXT */
	bool borrowed;         /* the context's thread runs a ring's commands, and must not wait */
	bool postponed;        /* a command was left for the ring's own thread */
	bool indirect;         /* inside vkExecuteCommandStreamsMESA */
	struct vtr_arena arena;
	struct vtr_resource *reply_resource; /* a reference */
	size_t reply_offset;
	size_t reply_size;
	struct vtr_cs_writer reply;
	uint8_t *scratch[VTR_SCRATCHES]; /* private copies */
	size_t scratch_size[VTR_SCRATCHES];
};

void vtr_dispatch_init(struct vtr_dispatch *d, struct vtr_venus *venus, struct vtr_ring *ring);
void vtr_dispatch_finish(struct vtr_dispatch *d);

/**
 * Runs complete commands in private memory, which decoding changes. `progress`, if not NULL, is called after each
 * command with the number of bytes done. *out_done (may be NULL) is less than `size` only if a command of a borrowed
 * ring was postponed.
 * Returns: VTR_ERR_PROTOCOL; the context is dead then.
 */
VTR_MUST_CHECK enum vtr_err vtr_dispatch_run(struct vtr_dispatch *d, uint8_t *data, size_t size,
                                             void (*progress)(struct vtr_dispatch *d, size_t done),
                                             size_t *out_done);
/* The same for memory that the guest can write. It is copied piece by piece, each byte of a command once, except for
 * a command's bulk bytes (wire/cs.h), which are not copied. */
VTR_MUST_CHECK enum vtr_err vtr_dispatch_run_shared(struct vtr_dispatch *d, const uint8_t *data, size_t size);

/* Returns: a private buffer of at least `size` bytes, which is kept for the next call; NULL without memory. */
uint8_t *vtr_dispatch_scratch(struct vtr_dispatch *d, enum vtr_scratch which, size_t size);

/* --- functions for handlers ----------------------------------------------------------------------- */

/* Fails the context: a correct driver never does this. `why` is a literal. */
void vtr_dispatch_fail(struct vtr_dispatch *d, const char *why);
void vtr_dispatch_missing(struct vtr_dispatch *d); /* the driver has no such entry point */
/* Returns: whether the command was decoded but names an object whose creation failed. */
bool vtr_dispatch_names_failed(struct vtr_dispatch *d);
/* pause() and resume() enclose a wait that can be long. In between, objects that the command has looked up may be
 * freed; they must not be used afterwards. */
void vtr_dispatch_pause(struct vtr_dispatch *d);
void vtr_dispatch_resume(struct vtr_dispatch *d);
struct vtr_cs_writer *vtr_dispatch_reply(struct vtr_dispatch *d);
void vtr_dispatch_replied(struct vtr_dispatch *d);
/* Returns: the position of `size` bytes of the command's reply, from its byte `at` on, in memory that the
 *          guest can write. NULL: no reply is wanted, or there is no room. */
uint8_t *vtr_dispatch_reply_place(struct vtr_dispatch *d, size_t at, size_t size);
/* Returns: memory that is valid until the end of the command. At the limit: poisons the reader and returns NULL. */
static inline void *vtr_dispatch_alloc(struct vtr_dispatch *d, size_t count, size_t size)
{
	return vtr_cs_alloc(&d->r, count, size);
}

static inline bool vtr_dispatch_wants_reply(const struct vtr_dispatch *d)
{
	return (d->flags & VK_COMMAND_GENERATE_REPLY_BIT_EXT) != 0;
}

/* --- pNext chains --------------------------------------------------------------------------------- */

/* Returns: the first struct of this type behind `head` (which is not checked), or NULL. */
void *vtr_chain_find(const void *head, VkStructureType type);
/* Unlinks the first struct of this type behind `head`. Returns: the struct, or NULL. */
void *vtr_chain_unlink(void *head, VkStructureType type);
/* Inserts `item` right behind `head`. */
void vtr_chain_push(void *head, void *item);

#endif
