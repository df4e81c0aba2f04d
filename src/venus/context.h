/* SPDX-License-Identifier: MIT */
#ifndef VENUS_CONTEXT_H
#define VENUS_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/burst.h"
#include "platform/thread.h"
#include "venus/dispatch.h"
#include "venus/hang.h"
#include "venus/object.h"
#include "venus/resource.h"
#include "venus/retire.h"
#include "venus/venus.h"
#include "vk/loader.h"

struct vtr_ring;
struct vtr_physical;

struct vtr_ring_entry {
	uint64_t id;
	struct vtr_ring *ring;
};

/* docs/threads.md has the order of the locks. */
struct vtr_venus {
	struct vtr_log *log;
	struct vtr_venus_params params;
	struct vtr_venus_hostmem hostmem;
	_Atomic bool dead;

	struct vtr_retire retire; /* decides when memory that a command may use is freed */
	struct vtr_object_table objects;
	struct vtr_resource_table resources;
	struct vtr_budget device_memory; /* in the heaps of devices; see vtr_memory_limit() */
	struct vtr_dispatch dispatch; /* the context stream's. Thread: the context's */

	/* The context's stream waits for this position of the ring, or NULL (venus/deferred.h).
	 * Thread: the context's */
	struct vtr_ring *awaited;
	uint32_t awaited_position;
	struct vtr_os_hold hold; /* whether rings get there soon */
	bool may_defer; /* the stream being run is one command that may come meanwhile */

	pthread_mutex_t rings_lock; /* guards rings, ring_count; only the context's thread changes them */
	struct vtr_ring_entry *rings;
	uint32_t ring_count, ring_room;
	struct vtr_os_thread watch; /* reports that rings are alive; trims pooled memory */
	bool watch_runs;
	bool watch_stop; /* guarded by rings_lock */
	uint64_t watch_period_ns;
	pthread_cond_t watch_wake;

	pthread_mutex_t instance_lock; /* guards creation and enumeration of the following */
	struct vtr_loader *loader;
	struct vtr_vk_object *instance;
	struct vtw_instance_procs instance_procs;
	struct vtr_device *devices;
	struct vtr_physical **physicals;
	uint32_t physical_count;

	pthread_mutex_t memory_lock; /* keeps vtr_memory alive while it is used */
	_Atomic bool unwatched; /* a queue is unwatched */
	_Atomic bool sleeps; /* the context's thread sleeps, or is about to, or waits for a ring */
	pthread_mutex_t timeline_lock; /* guards timelines, and keeps their queues alive */
	struct vtr_queue *timelines[VTR_TIMELINE_COUNT];
	struct vtr_hang hang;
};

/* Logs the reason (once) and fails the context. Thread: any. */
void vtr_venus_fail(struct vtr_venus *venus, const char *what, const char *why, uint64_t value);

#endif
