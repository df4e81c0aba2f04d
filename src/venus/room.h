/* SPDX-License-Identifier: MIT */
#ifndef VENUS_ROOM_H
#define VENUS_ROOM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The limit of all memory of a worker's process, its own and a driver's: whatever a program has the driver make,
 * the kernel counts it. The limit is what the process has when its program gets a device, plus VTR_ROOM_EXTRA,
 * plus the program's budget (-o max-memory). Shared memory, which the kernel does not count here (RLIMIT_DATA), is
 * counted by vtr_room_take(), and lowers the kernel's limit for the rest.
 *
 * A driver makes shared memory by itself, too: lavapipe has descriptors in one memory file. The kernel limits the
 * size of each file to the budget and VTR_ROOM_EXTRA.
 *
 * If several workers share a budget, the supervisor divides it (pool/memory_share.h): it sets the kernel's limit
 * of each, and the amount in its part of the account. This process lowers the limit at once for what it takes, and
 * never raises it above that amount.
 *
 * Thread: any, except for vtr_room_open() and vtr_room_close().
 */
#define VTR_ROOM_EXTRA (UINT64_C(64) << 20)
/* The most that a process may have before its program gets a device, beside the program's budget: a driver's libraries,
 * and memory that it reserves. */
#define VTR_ROOM_DRIVER (UINT64_C(4) << 30)

struct vtr_room {
	pthread_mutex_t lock;
	int data_fd; /* see vtr_os_data_open(); -1: nothing is limited */
	uint64_t budget; /* bytes */
	struct vtr_budget_part part; /* what the supervisor divides; without `shared`: nothing */
	uint64_t base; /* private memory that does not count; 0: the program has no device yet */
	uint64_t taken; /* shared memory */
};

/* Call it before the sandbox applies. Where the kernel has no such limit, nothing is limited. */
void vtr_room_open(struct vtr_room *room, uint64_t budget, const struct vtr_budget_part *part);
void vtr_room_close(struct vtr_room *room);

/* The program has got a device: the limit applies from the first call on. `budgeted`: what it has of its budget,
 * which is no part of what a driver needs. Accepts NULL, as all that follow. */
void vtr_room_begin(struct vtr_room *room, uint64_t budgeted);

/* Counts shared memory that is about to be made. Returns: false, with nothing taken, if there is no room for it. */
VTR_MUST_CHECK bool vtr_room_take(struct vtr_room *room, uint64_t size);
void vtr_room_give(struct vtr_room *room, uint64_t size);

/* Returns: whether the process's private memory is within 1/16 of its limit, or 16 MiB. Async-signal-safe. */
bool vtr_room_is_short(const struct vtr_room *room);

#endif
