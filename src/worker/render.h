/* SPDX-License-Identifier: MIT */
#ifndef WORKER_RENDER_H
#define WORKER_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "worker/spawn.h"

/*
 * Renderers for the contexts of a VM: a worker process for each. What is asked of one goes to its
 * socket, and what the socket does not take waits in a queue, so nothing here blocks. Nothing that a
 * worker says is believed: fences must be owed, rings must lie in attached memory.
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
struct vtr_renders;

/* What may wait for a worker that does not read: bytes, and fds of attached memory. */
#define VTR_RENDER_MAX_QUEUE (64u << 20)
#define VTR_RENDER_MAX_QUEUED_FDS 512
/* Fds in the socket to a worker that does not read, together with those of a VM's other workers less than the
 * 1024 at which other programs of the user could send none. A VM's RAM has one fd as a rule. */
#define VTR_RENDER_MAX_UNREAD_FDS 8
/* Resources that a worker is to let go. An honest one is quick; one that was taken over may never say so. */
#define VTR_RENDER_MAX_DETACHING 65536
/* How long a worker may hold on to memory that it is to let go, which its guest waits for. */
#define VTR_RENDER_DETACH_MS 30000
/* Fences that a worker may owe. The guest's queue has room for fewer. */
#define VTR_RENDER_MAX_OWED 65536

struct vtr_renders_params {
	struct vtr_log *log; /* may be NULL; must outlive the renders, like `loop` and `window` */
	struct vtr_os_loop *loop;
	const struct vtr_window *window;
	struct vtr_spawner_params spawner; /* copied */
	uint32_t max_contexts;
	uint32_t leave_timeout_ms; /* a worker's time to end; 0: no limit */
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_renders_create(const struct vtr_renders_params *params,
                                               struct vtr_renders **out_renders);

/* Ends all that are left, without an event: gives them a moment, then kills them. Accepts NULL. */
void vtr_renders_destroy(struct vtr_renders *renders);

/* Workers that run, those of destroyed contexts among them. */
size_t vtr_renders_process_count(const struct vtr_renders *renders);

/* `data` of its create() is a struct vtr_renders. */
extern const struct vtr_render_ops vtr_worker_render_ops;

#endif
