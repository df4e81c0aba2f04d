/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WINDOW_RINGS_H
#define WORKER_WINDOW_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The memory of one context in a VM's window, and the rings in it: so that a ring's status word can
 * be written when its worker has died, and never a word that is somebody else's by then.
 *
 * Thread: the owner's.
 */

/* Rings that are told. A context with more has some that are not. */
#define VTR_WINDOW_MAX_RINGS 64

struct vtr_window_ring {
	uint64_t id;
	uint64_t status_offset; /* in the window; within the resource */
	uint32_t res_id;
};

struct vtr_window_range {
	uint32_t res_id;
	uint64_t offset;
	uint64_t size;
};

struct vtr_window_rings {
	struct vtr_window_ring rings[VTR_WINDOW_MAX_RINGS];
	size_t ring_count;
	struct vtr_window_range *ranges; /* by res_id */
	size_t range_count;
	size_t range_room;
};

void vtr_window_rings_init(struct vtr_window_rings *rings);
void vtr_window_rings_finish(struct vtr_window_rings *rings);

/* A range is the context's from now on. It lies in the window. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_window_rings_attach(struct vtr_window_rings *rings,
                                                    const struct vtr_window_range *range);

/* It is not any more, and the rings in it are forgotten. Unknown ids are ignored. */
void vtr_window_rings_detach(struct vtr_window_rings *rings, uint32_t res_id);

/**
 * A worker says that there is a ring, which is not believed.
 *
 * Returns: VTR_ERR_GUEST  no status word can lie there
 *          VTR_ERR_GONE   it lies in nothing that is attached, or not any more: it is not kept
 *          VTR_ERR_LIMIT  there are too many already: it is not kept
 */
VTR_MUST_CHECK enum vtr_err vtr_window_rings_add(struct vtr_window_rings *rings, uint64_t ring_id,
                                                 uint64_t status_offset);

/* Unknown ids are ignored. */
void vtr_window_rings_remove(struct vtr_window_rings *rings, uint64_t ring_id);

/* Tells everyone who looks at a ring that nobody serves it any more; forgets them. `map` is the window's. */
void vtr_window_rings_break(struct vtr_window_rings *rings, uint8_t *map);

#endif
