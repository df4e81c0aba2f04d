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
 * A Vulkan object of the guest's. A command that has found one may use it until the command ends, also when
 * another ring removes it meanwhile (venus/retire.h). Its memory is used again for other objects.
 * Thread: any; nothing changes once it is known, but for `data` of memory (vtr_venus.memory_lock) and what
 *         is under the device's lock.
 */
struct vtr_vk_object {
	struct vtr_object base;
	const void *procs;            /* entry points: vtw_instance_procs or vtw_device_procs */
	struct vtr_device *device;    /* a device's own, too; NULL: an instance's */
	void *data;                   /* what the type's handlers add: vtr_memory, vtr_queue, ... */
	struct vtr_vk_object *pool;   /* of a descriptor set or command buffer */
	struct vtr_list link;         /* in device->objects or pool->children; later in the table's lists */
	struct vtr_list children;     /* of a pool; under the device's lock, like `link` and `gone` */
	bool gone;		    /* removed: a pool takes no children any more */
	uint64_t epoch;               /* retired in this one */
	uint8_t needs;                /* of a buffer or image (image.c) */
	VkFormat format;              /* of an image */
	uint32_t layers;              /* of an image */
};

struct vtr_object_table {
	struct vtr_idmap map;
	struct vtr_list free;    /* can be used again; guarded by vtr_retire.lock, like what follows */
	struct vtr_list retired; /* oldest first */
	struct vtr_list blocks;
	uint32_t room;           /* of all blocks, in objects */
	_Atomic uint32_t sync_objects; /* fences, semaphores and events alive */
	_Atomic uint32_t objects;
};

/* Drivers keep a kernel object or a page for each; an app has a few hundred. */
#define VTR_MAX_SYNC_OBJECTS 65536
/* A large game has some hundred thousand; each costs us 128 bytes and the driver more. */
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
 * Takes an object for `id`, a child of `parent` (the command's first argument), before the driver is
 * asked: nothing that can fail is left for afterwards.
 *
 * Returns NULL with *out_ret set when a budget is used up, or with the reader poisoned when the id
 * cannot be.
 */
struct vtr_vk_object *vtr_object_reserve(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type,
                                         uint64_t id, VkResult *out_ret);
/* Makes it known, or, when ret is an error, leaves a tombstone unless the guest gets to know of it. */
void vtr_object_publish(struct vtr_dispatch *d, struct vtr_vk_object *o, uint64_t handle, VkResult ret);
/* Forgets an object, which lasts until the command ends. False: another thread did, and this one must
 * not tell the driver. */
bool vtr_object_remove(struct vtr_dispatch *d, struct vtr_object *o);
void vtr_object_remove_children(struct vtr_dispatch *d, struct vtr_vk_object *pool);
/* Leaves a tombstone for an object that could not be made: commands that name it fail quietly. */
void vtr_object_bury(struct vtr_dispatch *d, struct vtr_object *parent, VkObjectType type, uint64_t id);
/* Removes the tombstone that the command named, when it is of this type. */
void vtr_object_exhume(struct vtr_dispatch *d, VkObjectType type);

#endif
