/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/object.h"

#include <stdlib.h>

#include "base/log.h"
#include "venus/context.h"
#include "venus/device.h"
#include "venus/room.h"

#define BLOCK_OBJECTS 256

struct block {
	struct vtr_list link;
	struct vtr_vk_object objects[BLOCK_OBJECTS];
};

enum vtr_err vtr_object_table_init(struct vtr_object_table *table)
{
	vtr_list_init(&table->free);
	vtr_list_init(&table->retired);
	vtr_list_init(&table->blocks);
	atomic_init(&table->objects, 0);
	return vtr_idmap_init(&table->map);
}

void vtr_object_table_finish(struct vtr_object_table *table)
{
	while (!vtr_list_empty(&table->blocks)) {
		struct block *b = vtr_container_of(table->blocks.next, struct block, link);

		vtr_list_remove(&b->link);
		free(b);
	}
	vtr_idmap_finish(&table->map);
}

/* Called with the lock held, like grow(). Reclaims retired objects that no command uses any more. */
static void reclaim(struct vtr_venus *venus)
{
	struct vtr_object_table *table = &venus->objects;
	const uint64_t oldest = vtr_retire_advance(&venus->retire);

	while (!vtr_list_empty(&table->retired)) {
		struct vtr_vk_object *o = vtr_container_of(table->retired.next, struct vtr_vk_object, link);

		if (o->epoch >= oldest) {
			break;
		}
		vtr_list_remove(&o->link);
		vtr_list_insert(&table->free, &o->link);
	}
}

/* Its limit is above that of live objects, for retired ones that a long command holds. */
static void grow(struct vtr_object_table *table)
{
	struct block *b = table->room < 2 * VTR_MAX_OBJECTS ? calloc(1, sizeof(*b)) : NULL;

	if (b != NULL) {
		vtr_list_insert(&table->blocks, &b->link);
		for (size_t i = 0; i < BLOCK_OBJECTS; i++) {
			vtr_list_insert(&table->free, &b->objects[i].link);
		}
		table->room += BLOCK_OBJECTS;
	}
}

static struct vtr_vk_object *object_alloc(struct vtr_venus *venus)
{
	struct vtr_object_table *table = &venus->objects;
	struct vtr_vk_object *o = NULL;

	pthread_mutex_lock(&venus->retire.lock);
	if (vtr_list_empty(&table->free)) {
		reclaim(venus);
	}
	if (vtr_list_empty(&table->free)) {
		grow(table);
	}
	if (!vtr_list_empty(&table->free)) {
		o = vtr_container_of(table->free.next, struct vtr_vk_object, link);
		vtr_list_remove(&o->link);
	}
	pthread_mutex_unlock(&venus->retire.lock);
	if (o != NULL) {
		*o = (struct vtr_vk_object){ 0 };
		vtr_list_init(&o->link);
		vtr_list_init(&o->children);
		atomic_fetch_add_explicit(&table->objects, 1, memory_order_relaxed);
	}
	return o;
}

static void object_retire(struct vtr_venus *venus, struct vtr_vk_object *o)
{
	struct vtr_object_table *table = &venus->objects;

	atomic_fetch_sub_explicit(&table->objects, 1, memory_order_relaxed);
	if (o->counted) {
		vtr_budget_give(&venus->resources.budget, VTR_SYNC_BYTES);
	}
	pthread_mutex_lock(&venus->retire.lock);
	o->epoch = atomic_load_explicit(&venus->retire.epoch, memory_order_relaxed);
	vtr_list_append(&table->retired, &o->link);
	pthread_mutex_unlock(&venus->retire.lock);
}

static bool is_sync(uint32_t type)
{
	return type == VK_OBJECT_TYPE_FENCE || type == VK_OBJECT_TYPE_SEMAPHORE ||
	       type == VK_OBJECT_TYPE_EVENT;
}

struct vtr_vk_object *vtr_object_reserve(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type,
                                         uint64_t id, VkResult *out_ret)
{
	struct vtr_object_table *table = &d->venus->objects;
	struct vtr_vk_object *p = parent != NULL ? vtr_vk(parent) : NULL;
	const bool counted = is_sync(type);
	struct vtr_vk_object *o = NULL;

	if (id == 0 || id >= VTR_IDMAP_MAX_IDS || vtr_idmap_get(&table->map, id) != NULL) {
		vtr_dispatch_fail(d, "a new object's id is zero, out of range or in use");
		*out_ret = VK_ERROR_UNKNOWN;
		return NULL;
	}
	if (atomic_load(&table->objects) < VTR_MAX_OBJECTS &&
	    (!counted || vtr_budget_take(&d->venus->resources.budget, VTR_SYNC_BYTES))) {
		o = object_alloc(d->venus);
		if (o == NULL && counted) {
			vtr_budget_give(&d->venus->resources.budget, VTR_SYNC_BYTES);
		}
	}
	if (o == NULL) {
		*out_ret = VK_ERROR_OUT_OF_HOST_MEMORY;
		vtr_object_set_failed(d, parent, type, id);
		return NULL;
	}
	o->base.id = id;
	o->base.type = type;
	o->counted = counted;
	if (p != NULL) {
		o->procs = p->procs;
		o->device = p->device;
	}
	*out_ret = VK_SUCCESS;
	return o;
}

/* Makes it findable, unless its parent is being destroyed. Called with the device's lock held, if there is a
 * device: the thread that destroys the device then finds the object. */
static enum vtr_err insert(struct vtr_object_table *table, struct vtr_vk_object *o)
{
	const bool child = o->device != NULL && o->base.type != VK_OBJECT_TYPE_DEVICE;
	enum vtr_err err;

	if (child &&
	    (o->device->gone || (o->pool != NULL && (o->pool->gone || o->pool->device != o->device)))) {
		return VTR_ERR_GONE;
	}
	err = vtr_idmap_insert(&table->map, &o->base);
	if (err == VTR_OK && child) {
		vtr_list_insert(o->pool != NULL ? &o->pool->children : &o->device->objects, &o->link);
	}
	return err;
}

static bool publish(struct vtr_dispatch *d, struct vtr_vk_object *o)
{
	struct vtr_object_table *table = &d->venus->objects;
	enum vtr_err err;

	if (o->device != NULL) {
		pthread_mutex_lock(&o->device->lock);
	}
	err = insert(table, o);
	if (o->device != NULL) {
		pthread_mutex_unlock(&o->device->lock);
	}
	if (err != VTR_OK) {
		vtr_dispatch_fail(d, err == VTR_ERR_GONE ? "its device or pool was destroyed meanwhile" :
		                                           "a new object's id cannot be used");
		object_retire(d->venus, o);
	}
	return err == VTR_OK;
}

/* A driver rarely says why it has no memory. */
static void log_shortage(const struct vtr_dispatch *d, VkResult ret)
{
	if ((ret == VK_ERROR_OUT_OF_HOST_MEMORY || ret == VK_ERROR_OUT_OF_DEVICE_MEMORY) &&
	    vtr_room_is_short(d->venus->resources.room)) {
		vtr_warn_limited(d->venus->log,
		                 "the driver cannot make an object, because the worker has used up its "
		                 "memory (VkResult %d). If the program needs more, raise -o max-memory",
		                 (int)ret);
	}
}

bool vtr_object_publish(struct vtr_dispatch *d, struct vtr_vk_object *o, uint64_t handle, VkResult ret)
{
	if (ret < 0) {
		log_shortage(d, ret);
		o->base.type |= VTR_OBJECT_FAILED;
		o->base.handle = 0;
		if (vtr_dispatch_wants_reply(d)) { /* the guest reads the error and drops the id */
			object_retire(d->venus, o);
			return true;
		}
	} else {
		o->base.handle = handle;
	}
	return publish(d, o);
}

void vtr_object_set_failed(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type, uint64_t id)
{
	struct vtr_object_table *table = &d->venus->objects;
	struct vtr_vk_object *o;

	if (vtr_dispatch_wants_reply(d)) {
		return;
	}
	/* Failing creates must be limited; the context fails at the limit. */
	o = atomic_load(&table->objects) < 2 * VTR_MAX_OBJECTS ? object_alloc(d->venus) : NULL;
	if (o == NULL) {
		vtr_dispatch_fail(d, "the context has too many objects");
		return;
	}
	o->base.id = id;
	o->base.type = type | VTR_OBJECT_FAILED;
	o->device = parent != NULL ? vtr_vk(parent)->device : NULL;
	(void)publish(d, o);
}

bool vtr_object_remove(struct vtr_dispatch *d, struct vtr_object *object)
{
	struct vtr_object_table *table = &d->venus->objects;
	struct vtr_vk_object *o = vtr_vk(object);

	/* A guest that destroys an object twice at once, in two rings, must not free it twice. */
	if (!vtr_idmap_remove(&table->map, object)) {
		return false;
	}
	if (o->device != NULL) {
		pthread_mutex_lock(&o->device->lock);
		vtr_list_remove(&o->link);
		o->gone = true;
		pthread_mutex_unlock(&o->device->lock);
	}
	object_retire(d->venus, o);
	return true;
}

void vtr_object_remove_children(struct vtr_dispatch *d, struct vtr_vk_object *pool)
{
	for (;;) {
		struct vtr_object *child = NULL;

		pthread_mutex_lock(&pool->device->lock);
		if (!vtr_list_empty(&pool->children)) {
			struct vtr_vk_object *o =
				vtr_container_of(pool->children.next, struct vtr_vk_object, link);

			vtr_list_remove(&o->link);
			child = &o->base;
		}
		pthread_mutex_unlock(&pool->device->lock);
		if (child == NULL) {
			return;
		}
		vtr_object_remove(d, child); /* unless another thread is removing it */
	}
}

void vtr_object_clear_failed(struct vtr_dispatch *d, VkObjectType type)
{
	struct vtr_object *failed = d->r.failed;

	if (failed != NULL && failed->type == (type | VTR_OBJECT_FAILED)) {
		vtr_object_remove(d, failed);
	}
}
