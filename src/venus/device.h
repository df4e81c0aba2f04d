/* SPDX-License-Identifier: MIT */
#ifndef VENUS_DEVICE_H
#define VENUS_DEVICE_H

#include "venus/context.h"
#include "venus/physical.h"

#define VTR_MAX_QUEUES 64

/* A fence that the transport asked for: done when the queue's timeline gets to `value`. */
struct vtr_pending_fence {
	struct vtr_list link;
	uint64_t value;
	uint64_t fence_id;
};

struct vtr_queue {
	struct vtr_vk_object *object; /* NULL until the guest asked for the queue; under timeline_lock */
	struct vtr_device *device;
	VkQueue handle;
	uint32_t family, index;
	VkDeviceQueueCreateFlags flags;
	uint32_t timeline;            /* 1..63, 0: none; under timeline_lock */
	pthread_mutex_t lock; /* held while the driver's queue is used, never while it waits for the GPU;
	                               * guards what follows */
	bool gone; /* the device is being destroyed; set under timeline_lock, too */
	VkSemaphore semaphore; /* a timeline that submits advance, made for the first fence */
	uint64_t submitted; /* the last value that a submit will signal */
	bool stale; /* something was submitted behind it */
	uint32_t unused_signals; /* submits that signalled for nobody */
	bool eager; /* submits signal by themselves: fences are being asked for */
	pthread_mutex_t fence_lock; /* guards fences; taken inside lock */
	struct vtr_list fences; /* pending, in order */
	struct vtr_os_thread waiter; /* waits for the semaphore; started with the first fence */
	bool waiter_runs;
	bool unsettled; /* has fences that the waiter was not told of; the context's thread */
	_Atomic bool waiter_stop;
	_Atomic uint32_t waiter_word; /* parked on while nothing is pending */
};

/* Freed, with its queues, when no command can hold it any more. */
struct vtr_device {
	struct vtr_retired retired;
	struct vtr_device *next; /* in venus->devices; guarded by instance_lock */
	struct vtr_venus *venus;
	struct vtr_vk_object *object;
	struct vtr_physical *physical;
	VkDevice handle;
	struct vtw_device_procs procs;
	struct vtr_queue *queues[VTR_MAX_QUEUES];
	uint32_t queue_count;
	pthread_mutex_t lock; /* guards what follows, and that the driver's device stays */
	struct vtr_list objects;
	struct vtr_list
		unfit; /* memory that sparse resources cannot be bound to (memory.h); sparse devices */
	bool gone; /* it is being destroyed: nothing can be made of it */
	bool timeline_semaphores;
	bool sparse; /* the guest enabled sparse binding */
	VkExternalMemoryHandleTypeFlagBits
		import_type; /* of most memory that programs map, where it is imported */
};

/* How the device's memory of a type is shared. */
static inline enum vtr_share vtr_device_share(const struct vtr_device *device, uint32_t type)
{
	const struct vtr_memory_strategy *s = &device->physical->strategy;

	return device->sparse ? s->sparse_share[type] : s->share[type];
}

/* More than any driver has; the guest's list is one of those that we offered. */
#define VTR_MAX_EXTENSIONS 512

struct vtr_extension_names {
	const char *list[VTR_MAX_EXTENSIONS]; /* borrowed */
	uint32_t n;
};

/* What the driver is asked to enable: what the guest enables of the driver's, and what we need ourselves. The guest's
 * driver refuses names that it did not offer; those that it offers without us (VK_KHR_present_id2 and others for its
 * windows) it sends along at times. */
void vtr_device_choose_extensions(const struct vtr_physical *physical, const VkDeviceCreateInfo *info,
                                  struct vtr_extension_names *out_names);

static inline struct vtr_queue *vtr_queue_of(struct vtr_object *o)
{
	return vtr_vk(o)->data;
}

/* Every device that is left in the context. */
void vtr_devices_destroy(struct vtr_venus *venus);

/* --- fence.c -------------------------------------------------------------------------------------- */

VTR_MUST_CHECK enum vtr_err vtr_timeline_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id);
/* Called with queue->lock held: whether this submit is to signal, and what. */
bool vtr_queue_wants_signal(struct vtr_queue *queue, uint64_t *out_value);
/* Called with queue->lock held, after a submit to the driver. */
void vtr_queue_submitted(struct vtr_queue *queue, bool signalled, VkResult result);
/* Before the device is destroyed: its queues are not used any more. */
void vtr_device_close_queues(struct vtr_device *device);
/* Signals what is pending, ends the waiter. Behind the above. */
void vtr_device_finish_fences(struct vtr_device *device);

#endif
