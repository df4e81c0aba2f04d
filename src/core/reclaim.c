/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "core"
#include "core/reclaim.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/shm.h"

/* Takes about half a millisecond. */
#define PIECE ((uint64_t)1 << 20)

static void discard(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size)
{
	if (vtr_os_shm_discard(reclaim->hostmem->fd, offset, size) != VTR_OK) {
		vtr_error(reclaim->log,
		          "%" PRIu64 " bytes that a guest gave back could not be emptied, it may find "
		          "them again elsewhere: %m",
		          size);
	}
}

static void add(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size)
{
	enum vtr_err err = size > 0 ? vtr_ranges_take(&reclaim->stale, offset, size) : VTR_OK;

	vtr_assert(err != VTR_ERR_INVALID);
	if (err != VTR_OK) {
		discard(reclaim, offset, size); /* no memory to queue it */
	}
}

/* Discards a part of the range. Returns: how many bytes from its start on are empty. */
static uint64_t discard_piece(struct vtr_reclaim *reclaim, const struct vtr_range *range)
{
	uint64_t at;

	if (vtr_os_shm_find_data(reclaim->hostmem->fd, range->offset, &at) != VTR_OK) {
		at = range->offset;
	}
	if (at >= range->offset + range->size) {
		return range->size; /* most of hostmem was never written */
	}
	uint64_t empty = at - range->offset;
	uint64_t size = vtr_min(range->size - empty, PIECE);
	discard(reclaim, at, size);
	return empty + size;
}

static void on_timer(void *data)
{
	struct vtr_reclaim *reclaim = data;
	struct vtr_range first;

	if (!vtr_ranges_overlap(&reclaim->stale, 0, reclaim->hostmem->size, &first)) {
		return;
	}
	uint64_t empty = discard_piece(reclaim, &first);
	vtr_ranges_give(&reclaim->stale, first.offset);
	add(reclaim, first.offset + empty, first.size - empty);
	if (reclaim->stale.count > 0) {
		vtr_os_loop_timer_set(reclaim->timer, 0);
	}
}

enum vtr_err vtr_reclaim_init(struct vtr_reclaim *reclaim, struct vtr_log *log, struct vtr_os_loop *loop,
                              const struct vtr_hostmem *hostmem)
{
	*reclaim = (struct vtr_reclaim){ .log = log, .hostmem = hostmem };
	vtr_ranges_init(&reclaim->stale, 0, hostmem->size);
	return vtr_os_loop_add_timer(loop, on_timer, reclaim, &reclaim->timer);
}

void vtr_reclaim_finish(struct vtr_reclaim *reclaim)
{
	vtr_os_loop_timer_destroy(reclaim->timer);
	reclaim->timer = NULL;
	vtr_ranges_finish(&reclaim->stale);
}

void vtr_reclaim_add(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size)
{
	add(reclaim, offset, size);
	vtr_os_loop_timer_set(reclaim->timer, 0);
}

void vtr_reclaim_add_all(struct vtr_reclaim *reclaim)
{
	vtr_ranges_clear(&reclaim->stale);
	vtr_reclaim_add(reclaim, 0, reclaim->hostmem->size);
}

void vtr_reclaim_claim(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size)
{
	struct vtr_range range;
	uint64_t end = offset + size;

	while (vtr_ranges_overlap(&reclaim->stale, offset, size, &range)) {
		uint64_t range_end = range.offset + range.size;
		uint64_t from = vtr_max(offset, range.offset);
		uint64_t to = vtr_min(end, range_end);
		vtr_ranges_give(&reclaim->stale, range.offset);
		discard(reclaim, from, to - from);
		add(reclaim, range.offset, from - range.offset);
		add(reclaim, to, range_end - to);
	}
}
