/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RETIRE_H
#define VENUS_RETIRE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * Decides when memory that commands use may be freed.
 *
 * A command finds objects by their ids, without a lock, and uses them until it ends. Another stream may
 * remove the same objects meanwhile: no correct guest does that, but a hostile one may. So removed objects
 * are not freed but retired, and their memory is reused once every stream (the context's and each
 * ring's) has been between two commands since.
 *
 * This is tracked by epochs. A retired item gets the number of the current epoch; a stream records the number
 * between two commands. An item with a lower number than all streams have recorded is not in use.
 *
 * Thread: any; a stream's functions belong to the thread that runs its commands.
 */
#define VTR_RETIRE_IDLE UINT64_MAX

/* Limit of devices (6 KiB) and physical devices (100 KiB) that wait to be freed. Usually there is one at
 * most. More accumulate only while one command takes as long as creating and destroying so many; waits for
 * the GPU do not count. */
#define VTR_MAX_RETIRED 1024

/* Embedded in the structure that runs a stream's commands. */
struct vtr_retire_stream {
	_Atomic uint64_t epoch; /* VTR_RETIRE_IDLE: no command runs */
	struct vtr_list link; /* in vtr_retire.streams */
	uint64_t
		seen; /* the epoch at the last look (venus/hang.h); guarded by the lock, like the next member */
	int64_t stuck_ns; /* the time in which it has stayed the same */
};

/* Embedded in a structure that is retired on its own. */
struct vtr_retired {
	struct vtr_list link;
	uint64_t epoch;
	void (*free)(struct vtr_retired *item);
};

struct vtr_retire {
	_Atomic uint64_t epoch; /* changes under the lock */
	pthread_mutex_t lock; /* guards what follows, and the lists of vtr_object_table */
	struct vtr_list items; /* oldest first */
	uint32_t count;
	struct vtr_list streams;
};

void vtr_retire_init(struct vtr_retire *retire);
/* Frees retired items. There must be no streams. */
void vtr_retire_finish(struct vtr_retire *retire);

/* Adds a stream, which runs no command yet; it counts until it is finished, and must not be moved meanwhile.
 */
void vtr_retire_stream_init(struct vtr_retire *retire, struct vtr_retire_stream *stream);
void vtr_retire_stream_finish(struct vtr_retire *retire, struct vtr_retire_stream *stream);

/* Called with the lock held: begins a new epoch. Returns: an epoch; what was retired before it is held by no
 * stream. */
uint64_t vtr_retire_advance(struct vtr_retire *retire);

/* Calls look() for each stream, with the lock held, and begins a new epoch. */
void vtr_retire_look(struct vtr_retire *retire, void (*look)(void *data, struct vtr_retire_stream *stream),
                     void *data);

/* The item will be freed by item->free(), which must be set. It must not be reachable any more. */
void vtr_retire_add(struct vtr_retire *retire, struct vtr_retired *item);
/* Frees what no stream holds. Returns: how many items are left. */
uint32_t vtr_retire_reclaim(struct vtr_retire *retire);

/* The stream is about to run commands. */
static inline void vtr_retire_begin(const struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	atomic_store_explicit(&stream->epoch, atomic_load_explicit(&retire->epoch, memory_order_acquire),
	                      memory_order_relaxed);
	/* Either vtr_retire_advance() sees the number, or this stream does not find what was removed. */
	atomic_thread_fence(memory_order_seq_cst);
}

/* The stream is between two commands. */
static inline void vtr_retire_step(const struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	const uint64_t epoch = atomic_load_explicit(&retire->epoch, memory_order_acquire);

	if (__builtin_expect(atomic_load_explicit(&stream->epoch, memory_order_relaxed) != epoch, 0)) {
		atomic_store_explicit(&stream->epoch, epoch, memory_order_release);
	}
}

/* The stream holds nothing: no command runs, or the current one waits and has dropped what it found. */
static inline void vtr_retire_end(struct vtr_retire_stream *stream)
{
	atomic_store_explicit(&stream->epoch, VTR_RETIRE_IDLE, memory_order_release);
}

#endif
