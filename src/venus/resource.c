/* SPDX-License-Identifier: MIT */
#include "venus/resource.h"

#include <stdlib.h>
#include <unistd.h>

#include "platform/shm.h"
#include "platform/thread.h"
#include "venus/room.h"

/* The type of resources in their id map, which is of the same kind as the map of objects. */
#define RESOURCE_TYPE 1u
/* A guest's desktop has some thousands. */
#define MAX_RESOURCES 65536
/* Enough for an application that reallocates its staging buffers each frame. */
#define POOL_BYTES (256u << 20)
#define POOL_COUNT 64

enum vtr_err vtr_resource_table_init(struct vtr_resource_table *table, uint64_t limit)
{
	pthread_mutex_init(&table->lock, NULL);
	pthread_mutex_init(&table->pool.lock, NULL);
	vtr_list_init(&table->all);
	vtr_list_init(&table->pool.free);
	table->pool.bytes = 0;
	table->pool.count = 0;
	atomic_init(&table->count, 0);
	vtr_budget_init(&table->budget, limit);
	return vtr_idmap_init(&table->map);
}

void vtr_resource_table_finish(struct vtr_resource_table *table)
{
	while (!vtr_list_empty(&table->all)) {
		struct vtr_resource *res = vtr_container_of(table->all.next, struct vtr_resource, link);

		vtr_resource_remove(table, (uint32_t)res->base.id);
	}
	vtr_shm_trim(table, UINT64_MAX);
	vtr_idmap_finish(&table->map);
	pthread_mutex_destroy(&table->pool.lock);
	pthread_mutex_destroy(&table->lock);
}

static enum vtr_err publish(struct vtr_resource_table *table, uint32_t id, struct vtr_resource *res)
{
	enum vtr_err err;

	res->base = (struct vtr_object){ .id = id, .type = RESOURCE_TYPE };
	atomic_init(&res->refs, 1);
	vtr_list_init(&res->link);
	pthread_mutex_lock(&table->lock);
	err = vtr_idmap_insert(&table->map, &res->base);
	if (err == VTR_OK) {
		vtr_list_insert(&table->all, &res->link);
	}
	pthread_mutex_unlock(&table->lock);
	if (err != VTR_OK) {
		vtr_resource_unref(res);
		return err;
	}
	atomic_fetch_add(&table->count, 1);
	return VTR_OK;
}

enum vtr_err vtr_resource_add(struct vtr_resource_table *table, uint32_t id, int take_fd, uint64_t offset,
                              size_t size, bool want_map, bool stream)
{
	struct vtr_resource *res = calloc(1, sizeof(*res));
	void *map = NULL;
	enum vtr_err err = VTR_OK;

	if (res == NULL) {
		err = VTR_ERR_NOMEM;
	} else if (atomic_load(&table->count) >= MAX_RESOURCES) {
		err = VTR_ERR_LIMIT;
	} else if (want_map) {
		err = vtr_os_shm_map(take_fd, offset, size, true, &map);
	}
	if (err != VTR_OK) {
		vtr_close(&take_fd);
		free(res);
		return err;
	}
	*res = (struct vtr_resource){
		.fd = take_fd,
		.offset = offset,
		.size = size,
		.map = map,
		.map_size = size,
		.stream = stream,
	};
	return publish(table, id, res);
}

enum vtr_err vtr_resource_add_pieces(struct vtr_resource_table *table, uint32_t id,
                                     const struct vtr_os_shm_piece *pieces, size_t count, uint64_t offset,
                                     bool stream)
{
	struct vtr_resource *res = calloc(1, sizeof(*res));
	void *map = NULL;
	size_t size = 0;
	enum vtr_err err = VTR_OK;

	if (res == NULL) {
		err = VTR_ERR_NOMEM;
	} else if (atomic_load(&table->count) >= MAX_RESOURCES) {
		err = VTR_ERR_LIMIT;
	} else {
		err = vtr_os_shm_map_pieces(pieces, count, VTR_RESOURCE_ALIGNMENT, &map);
	}
	if (err != VTR_OK) {
		free(res);
		return err;
	}
	for (size_t i = 0; i < count; i++) {
		size += pieces[i].size; /* cannot overflow: they are mapped */
	}
	*res = (struct vtr_resource){
		.fd = -1,
		.offset = offset,
		.size = size,
		.map = map,
		.map_size = vtr_align_up(size, VTR_RESOURCE_ALIGNMENT),
		.lent = true,
		.table = table,
		.stream = stream,
	};
	return publish(table, id, res);
}

struct vtr_resource *vtr_resource_get(struct vtr_resource_table *table, uint32_t id)
{
	struct vtr_object *o;
	struct vtr_resource *res = NULL;

	pthread_mutex_lock(&table->lock);
	o = vtr_idmap_get(&table->map, id);
	if (o != NULL) {
		res = vtr_container_of(o, struct vtr_resource, base);
		atomic_fetch_add_explicit(&res->refs, 1, memory_order_relaxed);
	}
	pthread_mutex_unlock(&table->lock);
	return res;
}

/* Reports, once, that the memory is not accessed any more. */
static void release(struct vtr_resource *res)
{
	if (!atomic_exchange(&res->released, true)) {
		res->table->released(res->table->released_data, (uint32_t)res->base.id);
	}
}

bool vtr_resource_remove(struct vtr_resource_table *table, uint32_t id)
{
	struct vtr_object *o;

	pthread_mutex_lock(&table->lock);
	o = vtr_idmap_get(&table->map, id);
	if (o != NULL) {
		vtr_idmap_remove(&table->map, o);
		vtr_list_remove(&vtr_container_of(o, struct vtr_resource, base)->link);
	}
	pthread_mutex_unlock(&table->lock);
	if (o != NULL) {
		struct vtr_resource *res = vtr_container_of(o, struct vtr_resource, base);

		atomic_fetch_sub(&table->count, 1);
		atomic_store(&res->gone, true);
		/* Remaining holders must not see what its next users write there. */
		if (res->lent && atomic_load(&res->refs) > 1) {
			enum vtr_err err = vtr_os_shm_revoke(res->map, res->map_size);

			vtr_assert(err == VTR_OK); /* needs no new address space */
			/* A GPU that has pinned it keeps access until its memory object is freed. */
			if (!atomic_load(&res->pinned)) {
				release(res);
			}
		}
		vtr_resource_unref(res);
	}
	return o != NULL;
}

void vtr_resource_unref(struct vtr_resource *res)
{
	if (res != NULL && atomic_fetch_sub(&res->refs, 1) == 1) {
		if (res->lent && atomic_load(&res->gone)) {
			release(res);
		}
		if (res->map != NULL) {
			vtr_os_shm_unmap(res->map, res->map_size);
		}
		if (res->budget != NULL) {
			vtr_room_give(res->table->room, res->size);
			vtr_budget_give(res->budget, res->size);
		}
		vtr_close(&res->fd);
		free(res);
	}
}

/* --- pooled shared memory ------------------------------------------------------------------------- */

static void block_free(struct vtr_resource_table *table, struct vtr_shm_block *block)
{
	vtr_room_give(table->room, block->size);
	vtr_os_shm_unmap(block->map, block->size);
	vtr_close(&block->fd);
	free(block);
}

static struct vtr_shm_block *pool_take(struct vtr_shm_pool *pool, size_t size)
{
	struct vtr_shm_block *found = NULL;
	struct vtr_list *it;

	pthread_mutex_lock(&pool->lock);
	for (it = pool->free.next; it != &pool->free && found == NULL; it = it->next) {
		struct vtr_shm_block *b = vtr_container_of(it, struct vtr_shm_block, link);

		if (b->size == size) {
			found = b;
		}
	}
	if (found != NULL) {
		vtr_list_remove(&found->link);
		pool->bytes -= size;
		pool->count--;
	}
	pthread_mutex_unlock(&pool->lock);
	return found;
}

static enum vtr_err block_create(size_t size, size_t alignment, struct vtr_shm_block **out_block)
{
	struct vtr_shm_block *b = calloc(1, sizeof(*b));
	void *map;
	enum vtr_err err;

	if (b == NULL) {
		return VTR_ERR_NOMEM;
	}
	vtr_list_init(&b->link);
	b->size = size;
	err = vtr_os_shm_create("vitrine-memory", size, &b->fd);
	if (err != VTR_OK) {
		free(b);
		return err;
	}
	err = vtr_os_shm_map_aligned(b->fd, 0, size, alignment, &map);
	if (err != VTR_OK) {
		vtr_close(&b->fd);
		free(b);
		return err;
	}
	b->map = map;
	*out_block = b;
	return VTR_OK;
}

/* Takes room. Blocks that wait for their next use make some. */
static bool has_room(struct vtr_resource_table *table, size_t size)
{
	if (vtr_room_take(table->room, size)) {
		return true;
	}
	vtr_shm_trim(table, UINT64_MAX);
	return vtr_room_take(table->room, size);
}

enum vtr_err vtr_shm_take(struct vtr_resource_table *table, size_t size, size_t alignment,
                          struct vtr_shm_block **out_block)
{
	struct vtr_shm_block *block;
	enum vtr_err err;

	if (!vtr_budget_take(&table->budget, size)) {
		return VTR_ERR_LIMIT;
	}
	block = pool_take(&table->pool, size);
	if (block == NULL) {
		err = VTR_ERR_LIMIT;
		if (has_room(table, size)) {
			err = block_create(size, alignment, &block);
			if (err != VTR_OK) {
				vtr_room_give(table->room, size);
			}
		}
		if (err != VTR_OK) {
			vtr_budget_give(&table->budget, size);
			return err;
		}
	}
	*out_block = block;
	return VTR_OK;
}

void vtr_shm_put(struct vtr_resource_table *table, struct vtr_shm_block *block, bool shared)
{
	struct vtr_shm_pool *pool = &table->pool;
	bool keep;

	vtr_budget_give(&table->budget, block->size);
	pthread_mutex_lock(&pool->lock);
	keep = !shared && pool->count < POOL_COUNT && pool->bytes + block->size <= POOL_BYTES;
	if (keep) {
		block->freed_ns = (uint64_t)vtr_os_now_ns();
		vtr_list_insert(&pool->free, &block->link);
		pool->bytes += block->size;
		pool->count++;
	}
	pthread_mutex_unlock(&pool->lock);
	if (!keep) {
		block_free(table, block);
	}
}

void vtr_shm_trim(struct vtr_resource_table *table, uint64_t older_than_ns)
{
	struct vtr_shm_pool *pool = &table->pool;

	for (;;) {
		struct vtr_shm_block *old = NULL;

		pthread_mutex_lock(&pool->lock);
		if (!vtr_list_empty(&pool->free)) {
			old = vtr_container_of(pool->free.prev, struct vtr_shm_block, link);
			if (old->freed_ns < older_than_ns) {
				vtr_list_remove(&old->link);
				pool->bytes -= old->size;
				pool->count--;
			} else {
				old = NULL;
			}
		}
		pthread_mutex_unlock(&pool->lock);
		if (old == NULL) {
			return;
		}
		block_free(table, old);
	}
}
