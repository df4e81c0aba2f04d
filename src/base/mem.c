/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <unistd.h>

/* Blocks double up to this size. Beyond it, saving allocations is not worth the wasted memory. */
#define MAX_BLOCK_GROWTH ((size_t)1 << 20)

struct vtr_arena_block {
	struct vtr_arena_block *older;
	size_t size;  /* capacity in bytes */
	bool counted; /* taken from the budget */
	alignas(16) char data[];
};

static_assert(sizeof(struct vtr_arena_block) % 16 == 0, "the data follow aligned");

void vtr_close(int *fd)
{
	int saved_errno = errno; /* the caller may be about to return VTR_ERR_OS */

	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	errno = saved_errno;
}

static void start_block(struct vtr_arena *arena, struct vtr_arena_block *block)
{
	arena->cur = block->data;
	arena->end = block->data + block->size;
	arena->first = block->counted ? NULL : block->data;
	ASAN_POISON_MEMORY_REGION(block->data, block->size);
}

static void free_newest(struct vtr_arena *arena)
{
	struct vtr_arena_block *block = arena->newest;

	arena->newest = block->older;
	arena->held -= block->size;
	if (block->counted) {
		vtr_budget_give(arena->budget, block->size);
	}
	ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
	free(block);
}

void vtr_arena_init(struct vtr_arena *arena, size_t first_block, struct vtr_budget *budget)
{
	vtr_assert(first_block >= VTR_ARENA_ALIGN && first_block <= MAX_BLOCK_GROWTH);
	*arena = (struct vtr_arena){
		.first_size = first_block & ~(VTR_ARENA_ALIGN - 1),
		.budget = budget,
	};
}

/* A new block with room for `rounded` bytes, or NULL. The first block is not counted: it is small, and stays. */
static struct vtr_arena_block *new_block(struct vtr_arena *arena, size_t rounded)
{
	struct vtr_arena_block *block;
	size_t size = arena->first_size;
	const bool counted = arena->newest != NULL || rounded > size;

	if (arena->newest != NULL) {
		size = vtr_min(arena->newest->size * 2, MAX_BLOCK_GROWTH);
	}
	size = vtr_max(size, rounded);
	if (counted && !vtr_budget_take(arena->budget, size)) {
		size = rounded;
		if (!vtr_budget_take(arena->budget, size)) {
			return NULL;
		}
	}
	block = malloc(sizeof(*block) + size);
	if (block == NULL) {
		if (counted) {
			vtr_budget_give(arena->budget, size);
		}
		return NULL;
	}
	*block = (struct vtr_arena_block){ .older = arena->newest, .size = size, .counted = counted };
	return block;
}

void *vtr_arena_alloc_block(struct vtr_arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2) {
		return NULL;
	}
	/* Size 0 also takes space, so that NULL always means failure. */
	size_t rounded = vtr_align_up(vtr_max(size, 1), VTR_ARENA_ALIGN);
	if (rounded > (size_t)(arena->end - arena->cur)) {
		struct vtr_arena_block *block = new_block(arena, rounded);

		if (block == NULL) {
			return NULL;
		}
		arena->newest = block;
		arena->held += block->size;
		start_block(arena, block);
	}
	void *result = arena->cur;
	arena->cur += rounded;
	ASAN_UNPOISON_MEMORY_REGION(result, size);
	return result;
}

void vtr_arena_reset_blocks(struct vtr_arena *arena)
{
	while (arena->newest != NULL && arena->newest->counted) {
		free_newest(arena);
	}
	if (arena->newest != NULL) {
		start_block(arena, arena->newest);
	} else {
		arena->cur = arena->end = arena->first = NULL;
	}
}

void vtr_arena_finish(struct vtr_arena *arena)
{
	while (arena->newest != NULL) {
		free_newest(arena);
	}
	arena->cur = arena->end = arena->first = NULL;
}

/* Adds to a process's part last, and takes from it first: if it is killed in between, too much counts as taken. */
static bool take_part(const struct vtr_budget_part *part, uint64_t amount, uint64_t max)
{
	struct vtr_shared_budget *shared = part->shared;

	if (!shared) {
		return true;
	}
	const uint64_t limit = vtr_min(atomic_load_explicit(&shared->limit, memory_order_relaxed), max);
	uint64_t used = atomic_load_explicit(&shared->used, memory_order_relaxed);
	do {
		if (used > limit || amount > limit - used) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&shared->used, &used, used + amount,
	                                                memory_order_relaxed, memory_order_relaxed));
	atomic_fetch_add_explicit(&shared->parts[part->index].used, amount, memory_order_relaxed);
	return true;
}

static void give_part(const struct vtr_budget_part *part, uint64_t amount)
{
	if (part->shared) {
		atomic_fetch_sub_explicit(&part->shared->parts[part->index].used, amount,
		                          memory_order_relaxed);
		atomic_fetch_sub_explicit(&part->shared->used, amount, memory_order_relaxed);
	}
}

uint64_t vtr_budget_part_return(const struct vtr_budget_part *part)
{
	struct vtr_shared_budget *shared = part->shared;
	struct vtr_budget_slot *slot = &shared->parts[part->index];
	const uint64_t taken = atomic_exchange_explicit(&slot->used, 0, memory_order_relaxed);
	uint64_t used = atomic_load_explicit(&shared->used, memory_order_relaxed);
	uint64_t left;

	do {
		left = used > taken ? used - taken : 0; /* the process may have written anything */
	} while (!atomic_compare_exchange_weak_explicit(&shared->used, &used, left, memory_order_relaxed,
	                                                memory_order_relaxed));
	return atomic_exchange_explicit(&slot->refused, 0, memory_order_relaxed);
}

/* Returns: the limit of the process's own count. */
static uint64_t own_limit(const struct vtr_budget *budget, uint64_t limit)
{
	return budget->part.shared || budget->limit < limit ? budget->limit : limit;
}

static bool take(struct vtr_budget *budget, uint64_t amount, uint64_t limit)
{
	const uint64_t own = own_limit(budget, limit);
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);

	do {
		if (used > own || amount > own - used) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + amount,
	                                                memory_order_relaxed, memory_order_relaxed));
	if (!take_part(&budget->part, amount, limit)) {
		atomic_fetch_sub_explicit(&budget->used, amount, memory_order_relaxed);
		return false;
	}
	return true;
}

bool vtr_budget_take_within(struct vtr_budget *budget, uint64_t amount, uint64_t limit)
{
	const struct vtr_budget_part *part = &budget->part;
	const bool taken = take(budget, amount, limit);

	if (!taken && part->shared) {
		atomic_fetch_add_explicit(&part->shared->parts[part->index].refused, 1, memory_order_relaxed);
	}
	return taken;
}

bool vtr_budget_take(struct vtr_budget *budget, uint64_t amount)
{
	return vtr_budget_take_within(budget, amount, UINT64_MAX);
}

/* Returns: what is left of `limit`. */
static uint64_t left_of(uint64_t limit, const _Atomic uint64_t *used)
{
	const uint64_t now = atomic_load_explicit(used, memory_order_relaxed);

	return now < limit ? limit - now : 0;
}

uint64_t vtr_budget_left(const struct vtr_budget *budget, uint64_t limit)
{
	const struct vtr_shared_budget *shared = budget->part.shared;
	const uint64_t own = left_of(own_limit(budget, limit), &budget->used);

	return shared ? vtr_min(own, left_of(vtr_min(shared->limit, limit), &shared->used)) : own;
}

void vtr_budget_give(struct vtr_budget *budget, uint64_t amount)
{
	uint64_t before = atomic_fetch_sub_explicit(&budget->used, amount, memory_order_relaxed);

	vtr_assert(before >= amount);
	give_part(&budget->part, amount);
}
