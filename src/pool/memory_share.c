/* SPDX-License-Identifier: MIT */
#include "pool/memory_share.h"

#include <stdlib.h>

#include "platform/shm.h"

/* The shared memory has one budget for each kind of memory, in equal pieces of whole pages. */
struct vtr_memory_share {
	char *map;
	size_t piece;
	int fd;
	size_t count;
	size_t max_parts;
	bool taken[];
};

static size_t size_of(size_t parts)
{
	return sizeof(struct vtr_shared_budget) + parts * sizeof(struct vtr_budget_slot);
}

static struct vtr_shared_budget *budget_of(void *map, size_t piece, enum vtr_memory_kind kind)
{
	return (struct vtr_shared_budget *)(void *)((char *)map + kind * piece);
}

enum vtr_err vtr_memory_share_create(size_t max_parts, struct vtr_memory_share **out_share)
{
	struct vtr_memory_share *share = calloc(1, sizeof(*share) + max_parts * sizeof(share->taken[0]));
	void *map = NULL;

	if (!share) {
		return VTR_ERR_NOMEM;
	}
	share->piece = vtr_align_up(size_of(max_parts), vtr_os_page_size());
	share->max_parts = max_parts;
	share->fd = -1;
	const size_t size = share->piece * VTR_MEMORY_KIND_COUNT;
	enum vtr_err err = vtr_os_shm_create("vitrine-memory-share", size, &share->fd);
	if (err == VTR_OK) {
		err = vtr_os_shm_map(share->fd, 0, size, true, &map);
	}
	if (err != VTR_OK) {
		vtr_memory_share_destroy(share);
		return err;
	}
	share->map = map;
	for (enum vtr_memory_kind kind = 0; kind < VTR_MEMORY_KIND_COUNT; kind++) {
		budget_of(map, share->piece, kind)->limit = UINT64_MAX;
	}
	*out_share = share;
	return VTR_OK;
}

void vtr_memory_share_destroy(struct vtr_memory_share *share)
{
	if (share) {
		vtr_os_shm_unmap(share->map, share->piece * VTR_MEMORY_KIND_COUNT);
		vtr_close(&share->fd);
		free(share);
	}
}

void vtr_memory_share_limit(struct vtr_memory_share *share, enum vtr_memory_kind kind, uint64_t limit)
{
	budget_of(share->map, share->piece, kind)->limit = limit;
}

enum vtr_err vtr_memory_share_take(struct vtr_memory_share *share, size_t *out_index)
{
	for (size_t i = 0; i < share->max_parts; i++) {
		if (!share->taken[i]) {
			share->taken[i] = true;
			share->count++;
			*out_index = i;
			return VTR_OK;
		}
	}
	return VTR_ERR_LIMIT;
}

bool vtr_memory_share_return(struct vtr_memory_share *share, size_t index,
                             uint64_t add_refused[VTR_MEMORY_KIND_COUNT])
{
	vtr_assert(share->taken[index]);
	for (enum vtr_memory_kind kind = 0; kind < VTR_MEMORY_KIND_COUNT; kind++) {
		const struct vtr_budget_part part = { .shared = budget_of(share->map, share->piece, kind),
			                              .index = index };

		add_refused[kind] += vtr_budget_part_return(&part);
	}
	share->taken[index] = false;
	return --share->count == 0;
}

void vtr_memory_share_read(const struct vtr_memory_share *share, size_t index, enum vtr_memory_kind kind,
                           uint64_t *out_used, uint64_t *out_refused)
{
	const struct vtr_budget_slot *slot = &budget_of(share->map, share->piece, kind)->parts[index];

	*out_used = atomic_load_explicit(&slot->used, memory_order_relaxed);
	*out_refused = atomic_load_explicit(&slot->refused, memory_order_relaxed);
}

int vtr_memory_share_fd(const struct vtr_memory_share *share)
{
	return share->fd;
}

enum vtr_err vtr_memory_share_map(int fd, size_t index,
                                  struct vtr_budget_part out_parts[VTR_MEMORY_KIND_COUNT])
{
	uint64_t size;
	void *map;
	enum vtr_err err = vtr_os_shm_size(fd, &size);

	if (err == VTR_OK && size / VTR_MEMORY_KIND_COUNT < size_of(index + 1)) {
		err = VTR_ERR_INVALID;
	}
	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, &map);
	}
	for (enum vtr_memory_kind kind = 0; err == VTR_OK && kind < VTR_MEMORY_KIND_COUNT; kind++) {
		out_parts[kind] = (struct vtr_budget_part){
			.shared = budget_of(map, size / VTR_MEMORY_KIND_COUNT, kind),
			.index = index,
		};
	}
	return err;
}
