/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RESOURCE_H
#define VENUS_RESOURCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/idmap.h"
#include "base/list.h"
#include "base/mem.h"

/*
 * Memory that is shared with the guest, which knows it by a resource id: rings, replies, streams, and the
 * backing of VkDeviceMemory.
 *
 * Shared by the table, dispatchers that use it as a stream, and rings that live in it. Reference-counted.
 */
struct vtr_resource {
	struct vtr_object base; /* in the table's map */
	struct vtr_list link;   /* in table->all; under its lock */
	_Atomic uint32_t refs;
	_Atomic bool gone; /* the guest dropped it; it cannot be found any more, but may have holders */
	int fd; /* -1: only `map` exists */
	uint64_t offset; /* in fd, or in hostmem */
	size_t size;
	uint8_t *map; /* NULL: never mapped here */
	size_t map_size; /* what to unmap */
	bool lent; /* hostmem or guest RAM: the guest reuses this memory after dropping it */
	_Atomic bool released; /* the release was reported */
	_Atomic bool pinned; /* a GPU may access it, independent of the mapping here */
	struct vtr_resource_table *table;
	bool stream; /* plain shared memory: may contain rings, streams and replies */
	struct vtr_budget *budget; /* it is counted there and in the table's room; NULL: it is not ours */
};

/* Memory pages are kept for the next allocation of the same size: faulting in fresh pages costs far more than
 * the driver's import. */
struct vtr_shm_pool {
	pthread_mutex_t lock;
	struct vtr_list free; /* most recently used first */
	size_t bytes;
	uint32_t count;
};

/* A mapped piece of shared memory. */
struct vtr_shm_block {
	struct vtr_list link;
	int fd;
	uint8_t *map;
	size_t size;
	uint64_t freed_ns;
};

struct vtr_room;

struct vtr_resource_table {
	pthread_mutex_t lock; /* guards lookups together with taking a reference, and `all` */
	struct vtr_idmap map;
	struct vtr_list all;
	struct vtr_budget budget;
	_Atomic uint32_t count;
	/* See vtr_venus_events; set before there are lent resources. */
	void (*released)(void *data, uint32_t id);
	void *released_data;
	struct vtr_shm_pool pool;
	struct vtr_room *room; /* what all shared memory of ours is taken from; may be NULL */
};

VTR_MUST_CHECK enum vtr_err vtr_resource_table_init(struct vtr_resource_table *table, uint64_t limit);
void vtr_resource_table_finish(struct vtr_resource_table *table);

/**
 * Creates resource `id` from an fd, mapped here if `map` is NULL and `want_map`.
 * Owner: take_fd is consumed, on failure too.
 * Returns: VTR_ERR_INVALID (id in use), LIMIT, NOMEM, OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_resource_add(struct vtr_resource_table *table, uint32_t id, int take_fd,
                                             uint64_t offset, size_t size, bool want_map, bool stream);

/* The largest alignment for imported memory (Vulkan's limit of minImportedHostPointerAlignment). */
#define VTR_RESOURCE_ALIGNMENT 65536

/**
 * The same from pieces, which are mapped one after the other at an aligned address; no fd is kept. If the
 * resource is removed while there are references, the mapping is revoked: the holders see zeros from then on.
 * Returns: VTR_ERR_INVALID (id in use), LIMIT, NOMEM, OS.
 */
struct vtr_os_shm_piece;
VTR_MUST_CHECK enum vtr_err vtr_resource_add_pieces(struct vtr_resource_table *table, uint32_t id,
                                                    const struct vtr_os_shm_piece *pieces, size_t count,
                                                    uint64_t offset, bool stream);
/* Returns: whether it existed. */
bool vtr_resource_remove(struct vtr_resource_table *table, uint32_t id);
/* Returns: a reference, or NULL. */
struct vtr_resource *vtr_resource_get(struct vtr_resource_table *table, uint32_t id);
void vtr_resource_unref(struct vtr_resource *res);

/* --- pooled shared memory ------------------------------------------------------------------------- */

/* `alignment` is for the address here. Returns: VTR_ERR_LIMIT (budget), NOMEM, OS. Give the block back with
 * vtr_shm_put(). */
VTR_MUST_CHECK enum vtr_err vtr_shm_take(struct vtr_resource_table *table, size_t size, size_t alignment,
                                         struct vtr_shm_block **out_block);
/* `shared`: it may still be mapped elsewhere, so its pages are not reused. */
void vtr_shm_put(struct vtr_resource_table *table, struct vtr_shm_block *block, bool shared);
/* Frees pooled blocks that were unused for that time. */
void vtr_shm_trim(struct vtr_resource_table *table, uint64_t older_than_ns);

#endif
