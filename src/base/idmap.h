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
 * id -> typed object, for ids that a guest hands out densely and never reuses.
 *
 * One sparse array indexed by the id: a lookup is a bounds check and a load, without a lock and
 * without a hash. Only the parts in use are writable, so the address space costs nothing; a part
 * whose last object went away is given back.
 *
 * Thread: lookups from any thread; insert and remove lock among themselves. The memory of an object
 *         must stay what it is while another thread may still have it from a lookup, which is the
 *         owner's to see to (venus/retire.h).
 */
struct vtr_object {
	uint64_t id;
	uint64_t handle; /* the driver's */
	uint32_t type;   /* the owner's; VTR_OBJECT_TOMB is set on objects whose creation failed */
};

#define VTR_OBJECT_TOMB 0x80000000u

/* 2^36 ids: at a million objects a second that is 19 hours, at a busy game's 10,000 a year. */
#define VTR_IDMAP_MAX_IDS (UINT64_C(1) << 36)

struct vtr_idmap {
	_Atomic(struct vtr_object *) *slots;
	pthread_mutex_t lock; /* guards what follows, and every change of a slot */
	uint32_t *live;       /* objects in each chunk of slots */
	uint64_t newest;      /* the highest chunk in use; it is not given back */
	uint32_t chunks;      /* in use */
};

/* Returns: VTR_ERR_NOMEM (no address space). */
VTR_MUST_CHECK enum vtr_err vtr_idmap_init(struct vtr_idmap *map);
void vtr_idmap_finish(struct vtr_idmap *map);

/**
 * Publishes object under object->id. Owner: the object stays the caller's.
 * Returns: VTR_ERR_GUEST (id 0, out of range or in use), VTR_ERR_LIMIT (ids scattered too widely).
 */
VTR_MUST_CHECK enum vtr_err vtr_idmap_insert(struct vtr_idmap *map, struct vtr_object *object);
/* Whether it was there: of several threads that remove an object, one gets true. Another object of the
 * same id stays. */
bool vtr_idmap_remove(struct vtr_idmap *map, const struct vtr_object *object);

/* The object, of whatever type, or NULL. */
static inline struct vtr_object *vtr_idmap_get(const struct vtr_idmap *map, uint64_t id)
{
	if (id >= VTR_IDMAP_MAX_IDS) {
		return NULL;
	}
	return atomic_load_explicit(&map->slots[id], memory_order_acquire);
}

#endif
