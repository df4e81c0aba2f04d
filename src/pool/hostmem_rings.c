/* SPDX-License-Identifier: MIT */
#include "pool/hostmem_rings.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vk_gen.h"

#define STATUS_SIZE 4u

void vtr_hostmem_rings_init(struct vtr_hostmem_rings *rings)
{
	*rings = (struct vtr_hostmem_rings){ 0 };
}

void vtr_hostmem_rings_finish(struct vtr_hostmem_rings *rings)
{
	free(rings->ranges);
	vtr_hostmem_rings_init(rings);
}

/* Returns: the index of the first range whose id is not below `res_id`. */
static size_t find_range(const struct vtr_hostmem_rings *rings, uint32_t res_id)
{
	size_t low = 0;
	size_t high = rings->range_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (rings->ranges[middle].res_id < res_id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

enum vtr_err vtr_hostmem_rings_attach(struct vtr_hostmem_rings *rings, const struct vtr_hostmem_range *range)
{
	if (rings->range_count == rings->range_room) {
		size_t room = vtr_max(rings->range_room * 2, 64);
		struct vtr_hostmem_range *bigger = realloc(rings->ranges, room * sizeof(*bigger));
		if (!bigger) {
			return VTR_ERR_NOMEM;
		}
		rings->ranges = bigger;
		rings->range_room = room;
	}
	size_t at = find_range(rings, range->res_id);
	memmove(rings->ranges + at + 1, rings->ranges + at, (rings->range_count - at) * sizeof(*range));
	rings->ranges[at] = *range;
	rings->range_count++;
	return VTR_OK;
}

void vtr_hostmem_rings_detach(struct vtr_hostmem_rings *rings, uint32_t res_id)
{
	size_t at = find_range(rings, res_id);

	if (at == rings->range_count || rings->ranges[at].res_id != res_id) {
		return;
	}
	rings->range_count--;
	memmove(rings->ranges + at, rings->ranges + at + 1,
	        (rings->range_count - at) * sizeof(*rings->ranges));
	for (size_t i = rings->ring_count; i-- > 0;) {
		if (rings->rings[i].res_id == res_id) {
			rings->rings[i] = rings->rings[--rings->ring_count];
		}
	}
}

enum vtr_err vtr_hostmem_rings_add(struct vtr_hostmem_rings *rings, uint64_t ring_id, uint64_t status_offset)
{
	if (status_offset % STATUS_SIZE != 0) {
		return VTR_ERR_PROTOCOL;
	}
	for (size_t i = 0; i < rings->range_count; i++) {
		const struct vtr_hostmem_range *range = &rings->ranges[i];
		if (range->size < STATUS_SIZE || status_offset < range->offset ||
		    status_offset - range->offset > range->size - STATUS_SIZE) {
			continue;
		}
		if (rings->ring_count == VTR_HOSTMEM_MAX_RINGS) {
			return VTR_ERR_LIMIT;
		}
		rings->rings[rings->ring_count++] = (struct vtr_hostmem_ring){
			.id = ring_id,
			.status_offset = status_offset,
			.res_id = range->res_id,
		};
		return VTR_OK;
	}
	return VTR_ERR_GONE;
}

void vtr_hostmem_rings_remove(struct vtr_hostmem_rings *rings, uint64_t ring_id)
{
	for (size_t i = 0; i < rings->ring_count; i++) {
		if (rings->rings[i].id == ring_id) {
			rings->rings[i] = rings->rings[--rings->ring_count];
			return;
		}
	}
}

void vtr_hostmem_rings_break(struct vtr_hostmem_rings *rings, uint8_t *map)
{
	for (size_t i = 0; i < rings->ring_count; i++) {
		uint8_t *status = map + rings->rings[i].status_offset;
		atomic_fetch_or((_Atomic uint32_t *)(void *)status, VK_RING_STATUS_FATAL_BIT_MESA);
	}
	rings->ring_count = 0;
}
