/* SPDX-License-Identifier: MIT */
#ifndef VENUS_RETIRE_H
#define VENUS_RETIRE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * When memory that commands use may be freed.
 *
 * A command finds objects by their ids, without a lock, and uses them until it ends. Another stream may
 * remove the same objects meanwhile: no correct guest does that, a hostile one will. So what is removed is
 * not freed but retired, and its memory is used again once every stream (the context's, and each ring) has
 * been between two commands since.
 *
 * Epochs say when that is. What is retired takes the number of the current one; a stream notes the number
 * between two commands. What has a lower number than every stream noted is held by none.
 *
 * Thread: any; a stream's functions belong to the thread that runs its commands.
 */
#define VTR_RETIRE_STREAMS 65 /* VTR_MAX_RINGS and the context's */
#define VTR_RETIRE_IDLE UINT64_MAX

/* Devices (6 KiB) and physical devices (100 KiB) that may wait to be freed. There is one at a time, but for a command
 * that takes longer than it takes to make and destroy so many, and those that wait for the GPU hold nothing. */
#define VTR_MAX_RETIRED 1024

struct vtr_retire_stream {
	_Atomic uint64_t epoch; /* VTR_RETIRE_IDLE: no command runs */
	bool used; /* under vtr_retire.lock */
	char apart[48]; /* each stream writes its own cache line */
};

/* Part of a structure that is retired by itself. */
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
	struct vtr_retire_stream streams[VTR_RETIRE_STREAMS];
};

void vtr_retire_init(struct vtr_retire *retire);
/* Frees what is retired. No stream is left. */
void vtr_retire_finish(struct vtr_retire *retire);

/* A stream's place. There are enough. */
struct vtr_retire_stream *vtr_retire_stream_create(struct vtr_retire *retire);
void vtr_retire_stream_destroy(struct vtr_retire *retire, struct vtr_retire_stream *stream);

/* Called with the lock held: begins a new epoch. Returns: what was retired in an epoch before this one is
 * held by no stream. */
uint64_t vtr_retire_advance(struct vtr_retire *retire);

/* Gives the item to be freed by item->free(), which is set. Nothing may lead to it any more. */
void vtr_retire_add(struct vtr_retire *retire, struct vtr_retired *item);
/* Frees what no stream holds. Returns: how many items are left. */
uint32_t vtr_retire_reclaim(struct vtr_retire *retire);

/* The stream is going to run commands. */
static inline void vtr_retire_begin(const struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	atomic_store_explicit(&stream->epoch, atomic_load_explicit(&retire->epoch, memory_order_acquire),
	                      memory_order_relaxed);
	/* Either vtr_retire_advance() sees the number, or this stream does not find what was removed. */
	atomic_thread_fence(memory_order_seq_cst);
}

/* It is between two commands. */
static inline void vtr_retire_step(const struct vtr_retire *retire, struct vtr_retire_stream *stream)
{
	const uint64_t epoch = atomic_load_explicit(&retire->epoch, memory_order_acquire);

	if (__builtin_expect(atomic_load_explicit(&stream->epoch, memory_order_relaxed) != epoch, 0)) {
		atomic_store_explicit(&stream->epoch, epoch, memory_order_release);
	}
}

/* It holds nothing for now: no command runs, or the one that does waits and has forgotten what it found. */
static inline void vtr_retire_end(struct vtr_retire_stream *stream)
{
	atomic_store_explicit(&stream->epoch, VTR_RETIRE_IDLE, memory_order_release);
}

#endif
