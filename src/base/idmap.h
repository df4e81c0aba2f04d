/* SPDX-License-Identifier: MIT */
#ifndef BASE_IDMAP_H
#define BASE_IDMAP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Maps ids to typed objects. The guest allocates its ids densely and never reuses one.
 *
 * The map is one sparse array, indexed by the id: a lookup is a bounds check and a load, without a lock or a
 * hash. Only the chunks in use are writable, so the address space costs nothing. A chunk is released when its
 * last object is removed.
 *
 * Thread: lookups from any thread; insert and remove take a lock. The owner must keep an object's memory
 *         valid while another thread may still hold it from a lookup (venus/retire.h).
 */
struct vtr_object {
	uint64_t id;
	uint64_t handle; /* the driver's handle */
	uint32_t type;   /* the owner's; VTR_OBJECT_FAILED is set if its creation failed */
};

#define VTR_OBJECT_FAILED 0x80000000u

/* 2^36 ids: at a million objects a second that is 19 hours, at a busy game's 10,000 a year. */
#define VTR_IDMAP_MAX_IDS (UINT64_C(1) << 36)

struct vtr_idmap {
	_Atomic(struct vtr_object *) *slots;
	pthread_mutex_t lock; /* guards what follows, and every change of a slot */
	uint32_t *live;       /* number of objects in each chunk */
	uint64_t newest;      /* the highest chunk in use; it is never released */
	uint32_t chunks;      /* number of chunks in use */
};

/* Returns: VTR_ERR_NOMEM (no address space). */
VTR_MUST_CHECK enum vtr_err vtr_idmap_init(struct vtr_idmap *map);
void vtr_idmap_finish(struct vtr_idmap *map);

/**
 * Publishes object under object->id. Owner: the object stays the caller's.
 * Returns: VTR_ERR_INVALID (id 0, out of range or in use), VTR_ERR_LIMIT (ids scattered too widely).
 */
VTR_MUST_CHECK enum vtr_err vtr_idmap_insert(struct vtr_idmap *map, struct vtr_object *object);
/* Returns: whether the object was in the map. If several threads remove the same object, one of them gets
 *          true. Another object with the same id is left alone. */
bool vtr_idmap_remove(struct vtr_idmap *map, const struct vtr_object *object);

/* Returns: the object, of any type, or NULL. */
static inline struct vtr_object *vtr_idmap_get(const struct vtr_idmap *map, uint64_t id)
{
	if (id >= VTR_IDMAP_MAX_IDS) {
		return NULL;
	}
	return atomic_load_explicit(&map->slots[id], memory_order_acquire);
}

#endif
