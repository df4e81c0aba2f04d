/* SPDX-License-Identifier: MIT */
#ifndef VENUS_CONTEXT_H
#define VENUS_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/thread.h"
#include "venus/dispatch.h"
#include "venus/object.h"
#include "venus/resource.h"
#include "venus/retire.h"
#include "venus/venus.h"
#include "vk/loader.h"

#define VTR_MAX_RINGS 64

struct vtr_ring;
struct vtr_physical;

/* Lock order: timeline_lock, then queue->lock and queue->fence_lock, or device->lock and that of the id table; the
 * others are not held together, but for what is taken while an instance or a device is destroyed. */
struct vtr_venus {
	struct vtr_log *log;
	struct vtr_venus_params params;
	struct vtr_venus_window window;
	_Atomic bool dead;

	struct vtr_retire retire; /* when what a command may hold is freed */
	struct vtr_object_table objects;
	struct vtr_resource_table resources;
	struct vtr_dispatch dispatch; /* the context stream's. Thread: the context's */

	pthread_mutex_t rings_lock; /* guards rings, ring_count; changes by the context's thread only */
	struct vtr_ring *rings[VTR_MAX_RINGS];
	uint32_t ring_count;
	struct vtr_os_thread watch; /* reports that rings live; trims pooled memory */
	bool watch_runs;
	bool watch_stop; /* guarded by rings_lock */
	uint64_t watch_period_ns;
	pthread_cond_t watch_wake;

	pthread_mutex_t instance_lock; /* guards creation and enumeration of what follows */
	struct vtr_loader *loader;
	struct vtr_vk_object *instance;
	struct vtw_instance_procs instance_procs;
	struct vtr_device *devices;
	struct vtr_physical **physicals;
	uint32_t physical_count;

	pthread_mutex_t memory_lock; /* guards what hangs on memory objects against their being freed */
	bool unsettled; /* some queue is; the context's thread */
	pthread_mutex_t timeline_lock; /* guards timelines, and that their queues stay */
	struct vtr_queue *timelines[VTR_VENUS_TIMELINE_COUNT];
};

/* Logs why (once) and breaks the context down. Any thread. */
void vtr_venus_fail(struct vtr_venus *venus, const char *what, const char *why, uint64_t value);

#endif
