/* SPDX-License-Identifier: MIT */
#ifndef POOL_HOSTMEM_RINGS_H
#define POOL_HOSTMEM_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The hostmem ranges of one context, and the rings in them. When the context's worker dies, its rings' status words are
 * written, and no word that belongs to another context by then.
 *
 * Thread: the owner's.
 */

/* The most rings of a context whose status word is written. Any further rings are left out: Mesa looks at its first
 * ring whenever it waits. */
#define VTR_HOSTMEM_MAX_RINGS 64

struct vtr_hostmem_ring {
	uint64_t id;
	uint64_t status_offset; /* in hostmem, within the resource */
	uint32_t res_id;
};

struct vtr_hostmem_range {
	uint32_t res_id;
	uint64_t offset;
	uint64_t size;
};

struct vtr_hostmem_rings {
	struct vtr_hostmem_ring rings[VTR_HOSTMEM_MAX_RINGS];
	size_t ring_count;
	struct vtr_hostmem_range *ranges; /* sorted by res_id */
	size_t range_count;
	size_t range_room;
};

void vtr_hostmem_rings_init(struct vtr_hostmem_rings *rings);
void vtr_hostmem_rings_finish(struct vtr_hostmem_rings *rings);

/* Adds a range, which must lie in hostmem, to the context. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_hostmem_rings_attach(struct vtr_hostmem_rings *rings,
                                                     const struct vtr_hostmem_range *range);

/* Removes a range and the rings in it. Unknown ids are ignored. */
void vtr_hostmem_rings_detach(struct vtr_hostmem_rings *rings, uint32_t res_id);

/**
 * Adds a ring that a worker reports. The report is not trusted.
 *
 * Returns: VTR_ERR_PROTOCOL  no status word can be at this offset
 *          VTR_ERR_GONE      the offset is in no attached range (any more); the ring is not added
 *          VTR_ERR_LIMIT     there are too many rings; this one is not added
 */
VTR_MUST_CHECK enum vtr_err vtr_hostmem_rings_add(struct vtr_hostmem_rings *rings, uint64_t ring_id,
                                                  uint64_t status_offset);

/* Unknown ids are ignored. */
void vtr_hostmem_rings_remove(struct vtr_hostmem_rings *rings, uint64_t ring_id);

/* Sets FATAL in the status words of the rings, then removes the rings. `map` is hostmem's. */
void vtr_hostmem_rings_break(struct vtr_hostmem_rings *rings, uint8_t *map);

#endif
