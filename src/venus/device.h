/* SPDX-License-Identifier: MIT */
#ifndef VENUS_DEVICE_H
#define VENUS_DEVICE_H

#include "venus/context.h"
#include "venus/physical.h"
#include "venus/work.h"

#define VTR_MAX_QUEUES 64

/* A fence that the transport asked for: done when the queue's timeline reaches `value`. */
struct vtr_pending_fence {
	struct vtr_list link;
	uint64_t value;
	uint64_t fence_id;
};

struct vtr_queue {
	struct vtr_vk_object *object; /* NULL until the guest asks for the queue; under timeline_lock */
	struct vtr_device *device;
	VkQueue handle;
	uint32_t family, index;
	VkDeviceQueueCreateFlags flags;
	bool only_computes; /* it has no graphics */
	uint32_t timeline;            /* 1..63, 0: none; under timeline_lock */
	/* Held while the driver's queue is used, never during a wait for the GPU; guards the members below. */
	pthread_mutex_t lock;
	bool gone; /* the device is being destroyed; set under timeline_lock, too */
	VkSemaphore semaphore; /* a timeline that submits advance, created for the first fence */
	uint32_t calls; /* submits, counted until they are many */
	uint64_t submitted; /* the last value that a submit has signalled or will signal */
	bool stale; /* something was submitted after it */
	uint32_t unused_signals; /* consecutive submits whose signal was not needed */
	bool eager; /* submits signal a value without being asked, since fences are in use */
	pthread_mutex_t fence_lock; /* guards fences; taken inside lock */
	struct vtr_list fences; /* pending, in order */
	struct vtr_os_thread waiter; /* waits for the semaphore; started with the first fence */
	bool waiter_runs;
	bool unwatched; /* has fences that the waiter does not know yet; under timeline_lock */
	_Atomic bool waiter_stop;
	_Atomic uint32_t waiter_word; /* parked on while nothing is pending */
	pthread_mutex_t look_lock; /* held by vtr_queue_look(); keeps the semaphore and the queue alive */
	struct vtr_work work; /* guarded by device->work.lock */
};

/* Freed, with its queues, when no command can use it any more. */
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
	pthread_mutex_t lock; /* guards the members below, and keeps the driver's device alive */
	struct vtr_list objects;
	struct vtr_list unfit; /* memory unsuitable for sparse resources (memory.h) */
	bool gone; /* being destroyed: no objects can be created */
	bool timeline_semaphores;
	bool sparse; /* the guest enabled sparse binding */
	struct vtr_device_work work;
	VkExternalMemoryHandleTypeFlagBits import_type; /* of most mapped memory, if it is imported */
};

/* Returns: how the device's memory of a type (the guest's number) is shared. */
static inline enum vtr_share vtr_device_share(const struct vtr_device *device, uint32_t type)
{
	return vtr_types_share(device->physical, type, device->sparse);
}

/* More than any driver has; the guest's names are among those that we offered. */
#define VTR_MAX_EXTENSIONS 512

struct vtr_extension_names {
	const char *list[VTR_MAX_EXTENSIONS]; /* borrowed */
	uint32_t n;
};

/* Chooses the extensions for the driver: those that the guest enables and the driver has, and those that we
 * need. The guest's driver refuses names that it did not offer, but sometimes sends names that it implements
 * without us (VK_KHR_present_id2 and others for its windows). */
void vtr_device_choose_extensions(const struct vtr_physical *physical, const VkDeviceCreateInfo *info,
                                  struct vtr_extension_names *out_names);

static inline struct vtr_queue *vtr_queue_of(struct vtr_object *o)
{
	return vtr_vk(o)->data;
}

/* Destroys all devices of the context. */
void vtr_devices_destroy(struct vtr_venus *venus);

/* --- fence.c -------------------------------------------------------------------------------------- */

VTR_MUST_CHECK enum vtr_err vtr_timeline_fence(struct vtr_venus *venus, uint32_t timeline, uint64_t fence_id);
/* Called with queue->lock held. Returns: whether this submit must signal, and which value. */
bool vtr_queue_wants_signal(struct vtr_queue *queue, uint64_t *out_value);
/* Called with queue->lock held, after a submit to the driver. */
void vtr_queue_submitted(struct vtr_queue *queue, bool signalled, VkResult result);
/* Finds out how far the queue's work has got. `signalled`: its timeline is in use. Called with look_lock held. */
void vtr_queue_look(struct vtr_queue *queue, bool signalled);
/* Stops the use of its queues, before the device is destroyed. */
void vtr_device_close_queues(struct vtr_device *device);
/* Signals pending fences and ends the waiter. Call it after vtr_device_close_queues(). */
void vtr_device_finish_fences(struct vtr_device *device);

#endif
