/* SPDX-License-Identifier: MIT */
#ifndef VENUS_DISPATCH_H
#define VENUS_DISPATCH_H

#include "dispatch_gen.h"
#include "venus/object.h"
#include "wire/cs.h"

struct vtr_venus;
struct vtr_ring;
struct vtr_resource;
struct vtr_retire_stream;

/*
 * Runs command streams: the context's, or a ring's. Each has its own reader, memory and reply stream.
 * Thread: the one whose stream it is.
 */
struct vtr_dispatch {
	struct vtr_cs_reader r;
	struct vtr_venus *venus;
	struct vtr_ring *ring; /* NULL: the context's stream */
	struct vtr_retire_stream *stream; /* says when its commands hold objects */
	uint32_t command;      /* number of the one that runs */
	uint32_t flags;        /* VkCommandFlagBitsEXT */
	bool borrowed;         /* a ring's commands run in the context's thread: nothing may wait */
	bool postponed;        /* so a command was left for the ring's own thread */
	bool indirect;         /* inside vkExecuteCommandStreamsMESA */
	struct vtr_arena arena;
	char *arena_start;     /* where the arena is when it is empty */
	struct vtr_resource *reply_resource; /* a reference */
	size_t reply_offset;
	size_t reply_size;
	struct vtr_cs_writer reply;
	/* Private copies of guest memory: [0] of the ring's bytes, [1] of indirect streams. */
	uint8_t *window[2];
	size_t window_size[2];
};

void vtr_dispatch_init(struct vtr_dispatch *d, struct vtr_venus *venus, struct vtr_ring *ring);
void vtr_dispatch_finish(struct vtr_dispatch *d);

/**
 * Runs the commands in private memory, all complete. `progress`, when set, is called behind each one
 * with the bytes done so far. *out_done (may be NULL) is less than `size` only when a borrowed ring's
 * command was postponed.
 * Returns: VTR_ERR_GUEST; the context is dead then.
 */
VTR_MUST_CHECK enum vtr_err vtr_dispatch_run(struct vtr_dispatch *d, const uint8_t *data, size_t size,
                                             void (*progress)(struct vtr_dispatch *d, size_t done),
                                             size_t *out_done);
/* The same for memory that the guest can write: copied piece by piece, each byte once per attempt. */
VTR_MUST_CHECK enum vtr_err vtr_dispatch_run_shared(struct vtr_dispatch *d, const uint8_t *data, size_t size);

/* A private buffer of at least `size` bytes, kept. NULL when there is no memory. */
uint8_t *vtr_dispatch_window(struct vtr_dispatch *d, unsigned which, size_t size);

/* --- for handlers --------------------------------------------------------------------------------- */

/* Breaks the context down: the guest did what no correct driver does. `why` is a literal. */
void vtr_dispatch_fail(struct vtr_dispatch *d, const char *why);
void vtr_dispatch_missing(struct vtr_dispatch *d); /* the driver has no such entry point */
/* Whether the command was decoded but names an object that does not exist because it failed. */
bool vtr_dispatch_tomb(struct vtr_dispatch *d);
/* Around a wait that can last: what the command has found so far may be freed, and is not to be used afterwards. */
void vtr_dispatch_pause(struct vtr_dispatch *d);
void vtr_dispatch_resume(struct vtr_dispatch *d);
struct vtr_cs_writer *vtr_dispatch_reply(struct vtr_dispatch *d);
void vtr_dispatch_replied(struct vtr_dispatch *d);
/* Memory until the end of the command; poisons and returns NULL at the limit. */
static inline void *vtr_dispatch_alloc(struct vtr_dispatch *d, size_t count, size_t size)
{
	return vtr_cs_alloc(&d->r, count, size);
}

static inline bool vtr_dispatch_wants_reply(const struct vtr_dispatch *d)
{
	return (d->flags & VK_COMMAND_GENERATE_REPLY_BIT_EXT) != 0;
}

/* --- pNext chains --------------------------------------------------------------------------------- */

/* The first struct of this type behind `head` (itself not looked at), or NULL. */
void *vtr_chain_find(const void *head, VkStructureType type);
/* Takes it out of the chain. */
void *vtr_chain_unlink(void *head, VkStructureType type);
/* Puts `item` right behind `head`. */
void vtr_chain_push(void *head, void *item);

#endif
