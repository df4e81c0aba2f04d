/* SPDX-License-Identifier: MIT */
#ifndef VENUS_COMMAND_POOL_H
#define VENUS_COMMAND_POOL_H

#include "venus/device.h"
#include "venus/lane.h"

/*
 * Vulkan allows one thread at a time to record into command buffers of a pool. So with lanes, a guest's command pool
 * stands for several of the driver: one for the streams' own threads, which is the object's handle, and one for each
 * lane that has recorded a buffer of the pool. A guest's command buffer has a buffer of the driver in each of these
 * pools, allocated when it is first recorded there; its object's handle is the one that was recorded last.
 */

/* The pools of the lanes. Hangs on a command pool's object. Thread: any. */
struct vtr_host_pools {
	struct vtr_retired retired;
	struct vtr_venus *venus;
	struct vtr_device *device;
	VkCommandPoolCreateFlags flags;
	uint32_t family;
	unsigned count; /* of lanes */
	struct vtr_host_pool {
		pthread_mutex_t
			lock; /* held while the lane records into the pool, and by all other users of it */
		VkCommandPool handle; /* NULL: not created yet */
		bool gone;            /* destroyed with the guest's pool */
	} lanes[];
};

/* The command buffers of the lanes. Hangs on a command buffer's object. Thread: any. */
struct vtr_host_buffers {
	struct vtr_retired retired;
	struct vtr_host_pools *pools;
	VkCommandBufferLevel level;
	VkCommandBuffer own; /* in the pool of the streams' threads */
	unsigned lane;       /* that recorded it last; guarded by the lanes' lock */
	_Atomic bool gone;   /* freed by the guest */
	VkCommandBuffer lanes[]; /* NULL: not allocated yet; each guarded by its pool's lock */
};

/* Returns: NULL if lanes do not record this buffer. */
static inline struct vtr_host_buffers *vtr_host_buffers_of(struct vtr_object *command_buffer)
{
	return vtr_vk(command_buffer)->data;
}

/* Returns: whether this is a command buffer that exists, but which the driver could not record. Accepts NULL. */
static inline bool vtr_recording_failed(const struct vtr_object *o)
{
	return o != NULL && o->type == (VK_OBJECT_TYPE_COMMAND_BUFFER | VTR_OBJECT_FAILED) && o->handle != 0;
}

/**
 * Takes the lock of a lane's pool, and makes sure that the buffer has one of the driver's in there. Thread: the lane's,
 * which has looked up the buffer without ending its command since.
 *
 * Returns: false without the lock, if the driver has no memory or the guest frees the buffer meanwhile.
 */
bool vtr_host_buffers_open(struct vtr_host_buffers *buffers, unsigned lane);
/* Releases the lock. Unless `keep`, frees the driver's buffer. */
void vtr_host_buffers_close(struct vtr_host_buffers *buffers, unsigned lane, bool keep);

/* The object of a command pool or command buffer was removed: its data is freed when no stream uses it any more. */
void vtr_command_object_retire(struct vtr_venus *venus, struct vtr_vk_object *o);
/* Destroys the driver's pools of the lanes, before that of the object. */
void vtr_command_pool_destroy_lanes(struct vtr_vk_object *pool);

#endif
