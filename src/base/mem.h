/* SPDX-License-Identifier: MIT */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"

#if VTR_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(addr, size) ((void)(addr), (void)(size))
#endif

#define VTR_ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Checked arithmetic. Returns: false if the result does not fit; *out is untouched then. */
VTR_MUST_CHECK static inline bool vtr_mul(size_t a, size_t b, size_t *out)
{
	size_t result;

	if (__builtin_mul_overflow(a, b, &result)) {
		return false;
	}
	*out = result;
	return true;
}

VTR_MUST_CHECK static inline bool vtr_add(size_t a, size_t b, size_t *out)
{
	size_t result;

	if (__builtin_add_overflow(a, b, &result)) {
		return false;
	}
	*out = result;
	return true;
}

/* `pow2` must be a power of two, and value + pow2 - 1 must not overflow. */
static inline size_t vtr_align_up(size_t value, size_t pow2)
{
	return (value + pow2 - 1) & ~(pow2 - 1);
}

static inline size_t vtr_min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline size_t vtr_max(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Cleanup of temporaries in leaf functions: `vtr_autofd int fd = -1;`, `vtr_autofree char *s = NULL;`. Never
 * use them in a function that has a goto (style: one cleanup idiom per function).
 */
#define vtr_autofd __attribute__((cleanup(vtr_close)))
#define vtr_autofree __attribute__((cleanup(vtr_autofree_run)))

/* Closes *fd unless it is negative, and sets it to -1. Keeps errno. */
void vtr_close(int *fd);

/* Returns: *fd, and sets it to -1. Moves an fd out of a vtr_autofd. */
static inline int vtr_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void vtr_autofree_run(void *pointer_to_pointer)
{
	free(*(void **)pointer_to_pointer);
}

/* What one process has of a budget that several share. */
struct vtr_budget_slot {
	_Atomic uint64_t used;
	_Atomic uint64_t refused; /* how often it was refused more */
	/* All memory of the process, see venus/room.h: what the process says, and what it may have in all. */
	_Atomic uint64_t base, taken;
	_Atomic uint64_t amount;
};

/*
 * A budget of several processes, in memory that they share. They need not trust each other: one that writes anything
 * there changes only what they may take together.
 */
struct vtr_shared_budget {
	_Atomic uint64_t used;
	_Atomic uint64_t limit;
	struct vtr_budget_slot parts[]; /* what each process has taken of `used` */
};

/* One process's part. Owner: the memory is borrowed. */
struct vtr_budget_part {
	struct vtr_shared_budget *shared; /* NULL: none */
	size_t index;
};

/* Gives back what a process has taken that has ended. Returns: how often it was refused more. */
uint64_t vtr_budget_part_return(const struct vtr_budget_part *part);

/*
 * A budget limits how much of something one guest may hold. The destructor of an object gives back what was
 * taken for it.
 *
 * Thread: any.
 */
struct vtr_budget {
	_Atomic uint64_t used;
	uint64_t limit;
	struct vtr_budget_part part; /* what is taken is taken here, too */
};

static inline void vtr_budget_init(struct vtr_budget *budget, uint64_t limit)
{
	atomic_init(&budget->used, 0);
	budget->limit = limit;
	budget->part = (struct vtr_budget_part){ 0 };
}

/* Returns: false, with nothing taken, if `amount` more would go over the limit, or over that of the shared budget. */
VTR_MUST_CHECK bool vtr_budget_take(struct vtr_budget *budget, uint64_t amount);

/* The same, with one more limit for what is taken in all: of the shared budget, or of this one if it shares none. */
VTR_MUST_CHECK bool vtr_budget_take_within(struct vtr_budget *budget, uint64_t amount, uint64_t limit);

/* Returns: how much vtr_budget_take_within() would give now. */
uint64_t vtr_budget_left(const struct vtr_budget *budget, uint64_t limit);

/* Gives back what was taken. Giving back more is a bug. */
void vtr_budget_give(struct vtr_budget *budget, uint64_t amount);

/*
 * An arena holds many small allocations that end together, for instance everything that one command decodes
 * to. It grows in blocks. The first block stays across resets; the others count against a budget until the
 * reset.
 *
 * Thread: that of its owner.
 */
struct vtr_arena_block;

struct vtr_arena {
	char *cur; /* free bytes of the current block: [cur, end) */
	char *end;
	char *first; /* the begin of the first block while it is the current one, else NULL */
	struct vtr_arena_block *newest; /* the current block, linked to the older ones */
	size_t first_size;
	size_t held; /* bytes in all blocks */
	struct vtr_budget *budget;
};

#define VTR_ARENA_ALIGN ((size_t)16)

/* Prepares `arena`; allocates nothing yet. `first_block` is in bytes. `budget` is borrowed and must outlive
 * the arena. */
void vtr_arena_init(struct vtr_arena *arena, size_t first_block, struct vtr_budget *budget);

/* The slow path of vtr_arena_reset(). */
void vtr_arena_reset_blocks(struct vtr_arena *arena);

/* Ends all allocations; keeps the first block. */
static inline void vtr_arena_reset(struct vtr_arena *arena)
{
	if (VTR_UNLIKELY(arena->cur != arena->first)) {
		if (arena->first != NULL) {
			ASAN_POISON_MEMORY_REGION(arena->first, (size_t)(arena->cur - arena->first));
			arena->cur = arena->first;
		} else {
			vtr_arena_reset_blocks(arena);
		}
	}
}

/* Ends all allocations and frees everything. The arena can be used again. */
void vtr_arena_finish(struct vtr_arena *arena);

/* The slow path of vtr_arena_alloc(). */
void *vtr_arena_alloc_block(struct vtr_arena *arena, size_t size);

/**
 * Owner:   the arena; valid until it is reset or finished. Not zeroed, aligned to 16 bytes.
 * Returns: NULL if the budget is used up or the host is out of memory. Size 0 gives a valid pointer to no
 *          bytes.
 */
static inline void *vtr_arena_alloc(struct vtr_arena *arena, size_t size)
{
	size_t rounded = (size + VTR_ARENA_ALIGN - 1) & ~(VTR_ARENA_ALIGN - 1);
	void *result = arena->cur;

	/* `rounded` is 0 for size 0 and, by overflow, for SIZE_MAX; both take the slow path. */
	if (VTR_UNLIKELY(rounded - 1 >= (size_t)(arena->end - arena->cur))) {
		return vtr_arena_alloc_block(arena, size);
	}
	arena->cur += rounded;
	ASAN_UNPOISON_MEMORY_REGION(result, size);
	return result;
}

#endif
