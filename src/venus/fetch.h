/* SPDX-License-Identifier: MIT */
#ifndef VENUS_FETCH_H
#define VENUS_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vtr_resource;

/*
 * Recordings that lie in the guest's memory until a lane copies them (docs/threads.md, "Lanes").
 *
 * A guest reuses that memory as soon as the ring's head has passed the command that names it. So the head stays in
 * front of the first recording that is not copied: the ring's thread notes its position, the thread that copies it
 * marks the note, and the ring's thread drops marked notes when it publishes the head. This needs no lock.
 */

/* Guests send a recording in one piece, or in pieces of which each is twice as long as the one before. */
#define VTR_MAX_PIECES 16

/* The places of bytes in the guest's memory, each with a reference. */
struct vtr_pieces {
	size_t size; /* of all */
	unsigned count;
	struct vtr_piece {
		struct vtr_resource *resource;
		const uint8_t *bytes;
		size_t size;
	} list[VTR_MAX_PIECES];
};

/* Copies the pieces one after the other. */
void vtr_pieces_copy(const struct vtr_pieces *pieces, uint8_t *to);
/* Gives up the references. */
void vtr_pieces_drop(struct vtr_pieces *pieces);

/* More recordings than this are not held: the ring's thread copies the next ones itself. A power of two. */
#define VTR_MAX_HOLDS 64

struct vtr_hold {
	uint32_t position; /* in the ring, of the command that names the recording */
	_Atomic bool over; /* it is copied; set once, by any thread */
};

/* Of a ring. Thread: the one that runs it. */
struct vtr_holds {
	uint32_t first, next;
	struct vtr_hold list[VTR_MAX_HOLDS];
};

/* Returns: the new hold, which stays valid until it is marked; NULL if there are too many. */
struct vtr_hold *vtr_holds_add(struct vtr_holds *holds, uint32_t position);
/* Drops what is over. Returns: whether a position is held. *out_position is the first one. */
bool vtr_holds_first(struct vtr_holds *holds, uint32_t *out_position);

/* Returns: whether there may be holds. */
static inline bool vtr_holds_any(const struct vtr_holds *holds)
{
	return holds->first != holds->next;
}

#endif
