/* SPDX-License-Identifier: MIT */
#include "pool/memory_share.h"

#include <stdlib.h>

#include "platform/shm.h"

struct vtr_memory_share {
	struct vtr_shared_budget *shared;
	size_t size;
	int fd;
	size_t count;
	size_t max_parts;
	bool taken[];
};

static size_t size_of(size_t parts)
{
	return sizeof(struct vtr_shared_budget) + parts * sizeof(uint64_t);
}

enum vtr_err vtr_memory_share_create(uint64_t limit, size_t max_parts, struct vtr_memory_share **out_share)
{
	struct vtr_memory_share *share = calloc(1, sizeof(*share) + max_parts * sizeof(share->taken[0]));
	void *map = NULL;

	if (!share) {
		return VTR_ERR_NOMEM;
	}
	share->size = size_of(max_parts);
	share->max_parts = max_parts;
	share->fd = -1;
	enum vtr_err err = vtr_os_shm_create("vitrine-memory-share", share->size, &share->fd);
	if (err == VTR_OK) {
		err = vtr_os_shm_map(share->fd, 0, share->size, true, &map);
	}
	if (err != VTR_OK) {
		vtr_memory_share_destroy(share);
		return err;
	}
	share->shared = map;
	share->shared->limit = limit;
	*out_share = share;
	return VTR_OK;
}

void vtr_memory_share_destroy(struct vtr_memory_share *share)
{
	if (share) {
		vtr_os_shm_unmap(share->shared, share->size);
		vtr_close(&share->fd);
		free(share);
	}
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

bool vtr_memory_share_return(struct vtr_memory_share *share, size_t index)
{
	const struct vtr_budget_part part = { .shared = share->shared, .index = index };

	vtr_assert(share->taken[index]);
	vtr_budget_part_return(&part);
	share->taken[index] = false;
	return --share->count == 0;
}

int vtr_memory_share_fd(const struct vtr_memory_share *share)
{
	return share->fd;
}

enum vtr_err vtr_memory_share_map(int fd, size_t index, struct vtr_budget_part *out_part)
{
	const size_t size = size_of(index + 1);
	void *map;
	enum vtr_err err = vtr_os_shm_check(fd, size);

	if (err == VTR_OK) {
		err = vtr_os_shm_map(fd, 0, size, true, &map);
	}
	if (err == VTR_OK) {
		*out_part = (struct vtr_budget_part){ .shared = map, .index = index };
	}
	return err;
}
