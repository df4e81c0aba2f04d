/* SPDX-License-Identifier: MIT */
#ifndef POOL_WORKER_POOL_H
#define POOL_WORKER_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "pool/spawn.h"

/*
 * Renderers for the contexts of a VM, with a worker process for each. Messages to a worker that its socket does not
 * take wait in a queue, so no function here blocks. Nothing from a worker is trusted: the device checks its fences
 * against those that it asked for (vtr_renderer_events), its rings must lie in attached memory, and the memory that it
 * releases must have been detached.
 *
 *   worker dies, closes, or breaks the rules -> FATAL into its rings, gone()
 *   destroy()            -> the worker is killed
 *   either of these      -> ended() once the process is dead
 *   this process dies    -> the workers see the socket close and end
 *
 * Thread: the loop's.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_worker_pool;

/* The most that waits for a worker that does not read: bytes, and fds of attached memory. */
#define VTR_WORKER_POOL_MAX_QUEUE (64u << 20)
#define VTR_WORKER_POOL_MAX_QUEUED_FDS 512
/* The most unread fds in the socket to a worker. Those of all workers of a VM together must stay below 1024, at
 * which other programs of the user could not send fds any more. A VM's RAM usually has one fd. */
#define VTR_WORKER_POOL_MAX_UNREAD_FDS 8
/* The most resources that wait for their release. A correct worker is quick; a hijacked one may never release any. */
#define VTR_WORKER_POOL_MAX_DETACHING 65536
/* The time that a worker has to release detached memory, for which its guest waits. */
#define VTR_WORKER_POOL_DETACH_MS 30000

struct vtr_worker_pool_params {
	struct vtr_log *log; /* may be NULL; must outlive the pool, like `loop` and `hostmem` */
	struct vtr_os_loop *loop;
	const struct vtr_hostmem *hostmem;
	struct vtr_spawner spawner;
	uint32_t max_contexts;
	uint32_t leave_timeout_ms; /* the time that a worker has to end; 0: no limit */
	uint32_t detach_timeout_ms; /* the time that it has to release detached memory; not 0 */
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_worker_pool_create(const struct vtr_worker_pool_params *params,
                                                   struct vtr_worker_pool **out_pool);

/* Ends the remaining workers without an event: gives them a moment, then kills them. Accepts NULL. */
void vtr_worker_pool_destroy(struct vtr_worker_pool *pool);

/* Returns: the number of running workers, including those of destroyed contexts. */
size_t vtr_worker_pool_process_count(const struct vtr_worker_pool *pool);

/* `data` of create() is a struct vtr_worker_pool. */
extern const struct vtr_renderer_ops vtr_worker_pool_ops;

#endif
