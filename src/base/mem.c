/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <unistd.h>

/* Blocks double up to this size: beyond it, fewer allocations are not worth the waste. */
#define MAX_BLOCK_GROWTH ((size_t)1 << 20)

struct vtr_arena_block {
	struct vtr_arena_block *older;
	size_t size; /* bytes in data */
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
	ASAN_POISON_MEMORY_REGION(block->data, block->size);
}

static void free_block(struct vtr_arena_block *block)
{
	ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
	free(block);
}

void vtr_arena_init(struct vtr_arena *arena, size_t first_block, size_t limit)
{
	vtr_assert(first_block > 0 && first_block <= limit && limit <= SIZE_MAX / 2);
	*arena = (struct vtr_arena) {
		.first_size = first_block & ~(VTR_ARENA_ALIGN - 1),
		.limit = limit,
	};
}

/* The size of the block that an allocation of `rounded` bytes opens, or 0 at the limit. */
static size_t next_block_size(const struct vtr_arena *arena, size_t rounded)
{
	size_t left = arena->limit - arena->held;
	size_t wanted = arena->first_size;

	if (arena->newest != NULL) {
		wanted = vtr_min(arena->newest->size * 2, MAX_BLOCK_GROWTH);
	}
	wanted = vtr_max(wanted, rounded);
	if (wanted > left) {
		wanted = left & ~(VTR_ARENA_ALIGN - 1);
	}
	return wanted >= rounded ? wanted : 0;
}

void *vtr_arena_alloc_block(struct vtr_arena *arena, size_t size)
{
	if (size > arena->limit) {
		return NULL;
	}
	/* Nothing still needs a place, so that NULL always means failure. */
	size_t rounded = vtr_align_up(vtr_max(size, 1), VTR_ARENA_ALIGN);
	if (rounded > (size_t)(arena->end - arena->cur)) {
		size_t block_size = next_block_size(arena, rounded);
		if (block_size == 0) {
			return NULL;
		}
		struct vtr_arena_block *block = malloc(sizeof(*block) + block_size);
		if (block == NULL) {
			return NULL;
		}
		block->older = arena->newest;
		block->size = block_size;
		arena->newest = block;
		arena->held += block_size;
		start_block(arena, block);
	}
	void *result = arena->cur;
	arena->cur += rounded;
	ASAN_UNPOISON_MEMORY_REGION(result, size);
	return result;
}

void vtr_arena_reset(struct vtr_arena *arena)
{
	struct vtr_arena_block *block = arena->newest;

	if (block == NULL) {
		return;
	}
	while (block->older != NULL) {
		struct vtr_arena_block *older = block->older;

		free_block(block);
		block = older;
	}
	arena->newest = block;
	arena->held = block->size;
	start_block(arena, block);
}

void vtr_arena_finish(struct vtr_arena *arena)
{
	vtr_arena_reset(arena);
	if (arena->newest != NULL) {
		free_block(arena->newest);
	}
	arena->newest = NULL;
	arena->held = 0;
	arena->cur = NULL;
	arena->end = NULL;
}

bool vtr_budget_take(struct vtr_budget *budget, uint64_t amount)
{
	uint64_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);

	do {
		if (amount > budget->limit - used) {
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + amount,
	                                                memory_order_relaxed,
	                                                memory_order_relaxed));
	return true;
}

void vtr_budget_give(struct vtr_budget *budget, uint64_t amount)
{
	uint64_t before = atomic_fetch_sub_explicit(&budget->used, amount, memory_order_relaxed);

	vtr_assert(before >= amount);
}
