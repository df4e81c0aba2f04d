/* SPDX-License-Identifier: MIT */
#include "pool/memory_share.h"

#include <stdlib.h>

#include "platform/data_limit.h"
#include "platform/shm.h"

/* Between two looks the kernel limits a worker's private memory, but not shared memory that its driver makes:
 * while that grows, the next look comes soon. */
#define LOOK_MS 100
#define LOOK_SOON_MS 10
#define GROWS_BYTES (UINT64_C(1) << 20)
/* Workers take and give memory all the time; what is missed is seen at the next division. */
#define MAX_TRIES 3

/* A worker's part. */
struct part {
	bool taken;
	pid_t worker; /* 0: not yet */
	/* At the last look: private memory beyond its base, and shared memory that it did not say it takes. */
	uint64_t own, shared;
	uint64_t in_ram;
	bool is_ending; /* it was told to end, which frees its memory a moment later */
};

/* The shared memory has one budget for each kind of memory, in equal pieces of whole pages. */
struct vtr_memory_share {
	char *map;
	size_t piece;
	int fd;
	uint64_t max_mapped; /* the limit of mapped memory, of which private memory is taken, too */
	size_t count;
	size_t max_parts;
	struct part parts[];
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
	struct vtr_memory_share *share = calloc(1, sizeof(*share) + max_parts * sizeof(share->parts[0]));
	void *map = NULL;

	if (!share) {
		return VTR_ERR_NOMEM;
	}
	share->max_mapped = UINT64_MAX;
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
	if (kind == VTR_MEMORY_MAPPED) {
		share->max_mapped = limit;
	}
	atomic_store(&budget_of(share->map, share->piece, kind)->limit, limit);
}

enum vtr_err vtr_memory_share_take(struct vtr_memory_share *share, size_t *out_index)
{
	for (size_t i = 0; i < share->max_parts; i++) {
		if (!share->parts[i].taken) {
			struct vtr_budget_slot *slot =
				&budget_of(share->map, share->piece, VTR_MEMORY_MAPPED)->parts[i];

			atomic_store(&slot->base, 0);
			atomic_store(&slot->taken, 0);
			atomic_store(&slot->amount, UINT64_MAX);
			share->parts[i] = (struct part){ .taken = true };
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
	vtr_assert(share->parts[index].taken);
	for (enum vtr_memory_kind kind = 0; kind < VTR_MEMORY_KIND_COUNT; kind++) {
		const struct vtr_budget_part part = { .shared = budget_of(share->map, share->piece, kind),
			                              .index = index };

		add_refused[kind] += vtr_budget_part_return(&part);
	}
	share->parts[index].taken = false;
	return --share->count == 0;
}

/* --- division -------------------------------------------------------------------------------------- */

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Reads what a worker has. What it says is its claim. The kernel's figures are not, and no worker gets beyond the
 * limit that it began with. */
static void look(struct part *part, const struct vtr_budget_slot *slot)
{
	const uint64_t base = atomic_load(&slot->base);
	const uint64_t taken = atomic_load(&slot->taken);
	struct vtr_os_in_ram ram;
	vtr_autofd int fd = -1;
	uint64_t size;

	part->own = part->shared = part->in_ram = 0;
	if (base == 0 || part->worker == 0 || vtr_os_data_open(part->worker, &fd) != VTR_OK ||
	    vtr_os_data_size(fd, &size) != VTR_OK || vtr_os_memory_in_ram(part->worker, &ram) != VTR_OK) {
		return; /* it has no device yet, or has ended */
	}
	part->own = size - vtr_min(size, base);
	part->shared = ram.shared - vtr_min(ram.shared, taken);
	part->in_ram = ram.own + ram.shared;
}

/* Sets the kernel's limit; again if the worker has taken or given back shared memory meanwhile. */
static void grant(const struct part *part, struct vtr_budget_slot *slot, uint64_t left)
{
	uint64_t taken = atomic_load(&slot->taken);

	for (int i = 0; i < MAX_TRIES; i++) {
		const uint64_t base = atomic_load(&slot->base);
		const uint64_t before = taken;

		atomic_store(&slot->amount, add(add(taken, part->own), left));
		if (base != 0 && part->worker != 0) {
			/* It may have ended. */
			(void)(vtr_os_data_limit(part->worker, add(base, add(part->own, left)), false) ==
			       VTR_OK);
		}
		taken = atomic_load(&slot->taken);
		if (taken == before) {
			return;
		}
	}
}

unsigned vtr_memory_share_divide(struct vtr_memory_share *share)
{
	struct vtr_shared_budget *budget = budget_of(share->map, share->piece, VTR_MEMORY_MAPPED);
	uint64_t own = 0;
	uint64_t used = 0;
	bool grows = false;

	if (share->max_mapped == UINT64_MAX) {
		return 0;
	}
	for (size_t i = 0; i < share->max_parts; i++) {
		if (share->parts[i].taken) {
			const uint64_t before = share->parts[i].shared;

			look(&share->parts[i], &budget->parts[i]);
			grows = grows || share->parts[i].shared > before + GROWS_BYTES;
			own = add(own, add(share->parts[i].own, share->parts[i].shared));
			used = add(used, atomic_load(&budget->parts[i].used));
		}
	}
	atomic_store(&budget->limit, share->max_mapped - vtr_min(own, share->max_mapped));
	const uint64_t left = share->max_mapped - vtr_min(add(own, used), share->max_mapped);
	for (size_t i = 0; i < share->max_parts; i++) {
		if (share->parts[i].taken) {
			grant(&share->parts[i], &budget->parts[i], left / share->count);
		}
	}
	return grows ? LOOK_SOON_MS : LOOK_MS;
}

pid_t vtr_memory_share_excess(struct vtr_memory_share *share)
{
	struct part *worst = NULL;
	uint64_t sum = 0;

	for (size_t i = 0; i < share->max_parts; i++) {
		struct part *part = &share->parts[i];

		if (!part->taken || part->is_ending) {
			continue;
		}
		sum = add(sum, part->in_ram);
		if (!worst || part->in_ram > worst->in_ram) {
			worst = part;
		}
	}
	if (!worst || sum <= add(share->max_mapped, share->count * VTR_MEMORY_WORKER)) {
		return 0;
	}
	worst->is_ending = true;
	return worst->worker;
}

uint64_t vtr_memory_share_limits(const struct vtr_memory_share *share, size_t *out_workers)
{
	*out_workers = share->count;
	return share->max_mapped;
}

void vtr_memory_share_started(struct vtr_memory_share *share, size_t index, pid_t worker)
{
	share->parts[index].worker = worker;
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
