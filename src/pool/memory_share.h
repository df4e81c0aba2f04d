/* SPDX-License-Identifier: MIT */
#ifndef POOL_MEMORY_SHARE_H
#define POOL_MEMORY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The memory that the workers of one identity give their clients together. The workers keep the account among
 * themselves, in memory that they share; this process reads it, and takes back what a worker had when it ends. It holds
 * against programs: a worker that was taken over can write anything there.
 *
 * Thread: the supervisor's.
 */
struct vtr_memory_share;

/* What each worker may have in RAM beside the limit: what it has at its start (measured: 23 MiB with lavapipe), and
 * what it may have beyond that (VTR_ROOM_EXTRA). */
#define VTR_MEMORY_WORKER (UINT64_C(128) << 20)

enum vtr_memory_kind {
	VTR_MEMORY_MAPPED, /* what programs can map, and what the worker itself needs for them */
	VTR_MEMORY_DEVICE, /* what they have in the heaps of devices, mapped or not */
	VTR_MEMORY_KIND_COUNT,
};

/* Without limits. `max_parts`: workers at a time. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_create(size_t max_parts, struct vtr_memory_share **out_share);
/* Accepts NULL. */
void vtr_memory_share_destroy(struct vtr_memory_share *share);

/* Sets the limit of one kind, in bytes; UINT64_MAX: none. What is already taken stays. */
void vtr_memory_share_limit(struct vtr_memory_share *share, enum vtr_memory_kind kind, uint64_t limit);

/* Takes a part for one more worker, which finds it at *out_index. Returns: VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_take(struct vtr_memory_share *share, size_t *out_index);
/* The worker of a part has started. */
void vtr_memory_share_started(struct vtr_memory_share *share, size_t index, pid_t worker);
/**
 * Divides what is left of mapped memory: each worker may have the memory that it has, and an equal part of the
 * rest. The kernel refuses more (venus/room.h). Does nothing without a limit. A worker's needs change, so call it
 * when one comes or goes, and again as it says.
 *
 * Returns: after how many milliseconds to call it again; 0: no more.
 */
unsigned vtr_memory_share_divide(struct vtr_memory_share *share);
/**
 * After a division: finds the worker that has to end because all of them together have more in RAM than the limit and
 * VTR_MEMORY_WORKER for each: the one with the most. The kernel's limits refuse private memory before; this is for
 * shared memory that drivers make, which no limit of a process counts.
 *
 * Those that were found before count no more. Returns: 0 if they have not.
 */
pid_t vtr_memory_share_excess(struct vtr_memory_share *share);
/* Returns: the limit of mapped memory, UINT64_MAX without one; and how many workers share it. */
uint64_t vtr_memory_share_limits(const struct vtr_memory_share *share, size_t *out_workers);
/* The worker has ended. Adds how often it was refused more of each kind. Returns: whether no part is left. */
bool vtr_memory_share_return(struct vtr_memory_share *share, size_t index,
                             uint64_t add_refused[VTR_MEMORY_KIND_COUNT]);

/* Reads the bytes that a worker says it has taken, and how often it says it was refused more. */
void vtr_memory_share_read(const struct vtr_memory_share *share, size_t index, enum vtr_memory_kind kind,
                           uint64_t *out_used, uint64_t *out_refused);

/* Returns: the shared memory, for a worker; see vtr_memory_share_map(). Owner: `share`. */
int vtr_memory_share_fd(const struct vtr_memory_share *share);

/* In a worker: maps the shared memory, for as long as the process runs. Returns: VTR_ERR_INVALID, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_memory_share_map(int fd, size_t index,
                                                 struct vtr_budget_part out_parts[VTR_MEMORY_KIND_COUNT]);

#endif
