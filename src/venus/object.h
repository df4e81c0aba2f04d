/* SPDX-License-Identifier: MIT */
#ifndef VENUS_OBJECT_H
#define VENUS_OBJECT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/idmap.h"
#include "base/list.h"
#include "procs_gen.h"
#include "vk_gen.h"

struct vtr_dispatch;
struct vtr_device;

/*
 * A Vulkan object of the guest. A command that has found one may use it until the command ends, even if
 * another ring removes it meanwhile (venus/retire.h). Its memory is reused for other objects.
 *
 * Thread: any; constant once published, except for `data` of memory (vtr_venus.memory_lock) and the members
 *         under the device's lock.
 */
struct vtr_vk_object {
	struct vtr_object base;
	const void *procs;            /* entry points: vtw_instance_procs or vtw_device_procs */
	struct vtr_device *device;    /* also of the device itself; NULL: an instance.s */
	void *data;                   /* data of the type's handlers: vtr_memory, vtr_queue, ... */
	struct vtr_vk_object *pool;   /* of a descriptor set or command buffer */
	struct vtr_list link;         /* in device->objects or pool->children; later in the table's lists */
	struct vtr_list children;     /* of a pool; under the device's lock, like `link` and `gone` */
	bool gone;      /* removed: a pool accepts no children any more */
	uint64_t epoch;               /* epoch in which it was retired */
	bool counted;                 /* it has taken VTR_SYNC_BYTES of the budget */
	uint8_t needs;                /* of a buffer or image (image.c) */
	VkFormat format;              /* of an image */
	uint32_t layers;              /* of an image */
};

struct vtr_object_table {
	struct vtr_idmap map;
	struct vtr_list free;    /* reusable; guarded by vtr_retire.lock, like the members below */
	struct vtr_list retired; /* oldest first */
	struct vtr_list blocks;
	uint32_t room;           /* of all blocks, in objects */
	_Atomic uint32_t objects;
};

/* What a fence, semaphore or event takes from the context's budget: drivers keep a kernel object or a page
 * for each. */
#define VTR_SYNC_BYTES 4096
/* A large game has some hundred thousand; each costs us 128 bytes, and more in the driver. */
#define VTR_MAX_OBJECTS (4u << 20)

VTR_MUST_CHECK enum vtr_err vtr_object_table_init(struct vtr_object_table *table);
void vtr_object_table_finish(struct vtr_object_table *table);

static inline struct vtr_vk_object *vtr_vk(struct vtr_object *o)
{
	return vtr_container_of(o, struct vtr_vk_object, base);
}

static inline const struct vtw_device_procs *vtr_device_procs(struct vtr_object *o)
{
	return vtr_vk(o)->procs;
}

static inline const struct vtw_instance_procs *vtr_instance_procs(struct vtr_object *o)
{
	return vtr_vk(o)->procs;
}

/**
 * Reserves an object for `id`, a child of `parent` (the command's first argument), before the driver is
 * called, so that nothing can fail afterwards.
 *
 * Returns: NULL with *out_ret set if a budget is used up, or with the reader poisoned if the id is invalid.
 */
struct vtr_vk_object *vtr_object_reserve(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type,
                                         uint64_t id, VkResult *out_ret);
/* Makes it findable. If ret is an error, marks it as failed instead, unless the guest reads that error. Returns:
 * false if its id was used or its device or pool destroyed meanwhile. The context has failed then, and ends with
 * the driver's object. */
bool vtr_object_publish(struct vtr_dispatch *d, struct vtr_vk_object *o, uint64_t handle, VkResult ret);
/* Removes an object, which stays valid until the command ends. Returns: false if another thread did; then
 * this one must not call the driver. */
bool vtr_object_remove(struct vtr_dispatch *d, struct vtr_object *o);
void vtr_object_remove_children(struct vtr_dispatch *d, struct vtr_vk_object *pool);
/* Records that an object could not be created: commands that name it fail without an error. */
void vtr_object_set_failed(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type, uint64_t id);
/* Removes the record of the failed object that the command named, if it is of this type. */
void vtr_object_clear_failed(struct vtr_dispatch *d, VkObjectType type);

#endif
