/* SPDX-License-Identifier: MIT */
#ifndef WORKER_WATCH_H
#define WORKER_WATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"
#include "platform/thread.h"

/*
 * Ends a worker when the process that started it ends. A thread sees the control socket close, even while the serving
 * thread is in the driver. It sets FATAL in the rings, so that the guest does not wait for them, hangs up the client,
 * and ends the process within VTR_WORKER_LEAVE_SECONDS, whatever the driver does. The thread ends a context that hangs
 * in the driver in the same way.
 */

/* The time that a worker has to end by itself. Must be less than the time after which its starter kills it. */
#define VTR_WORKER_LEAVE_SECONDS 2

struct vtr_venus;

struct vtr_worker_watch {
	int control_fd; /* borrowed, like `client_fd` */
	int client_fd; /* the vtest connection; -1: none */
	int check_ms; /* see vtr_venus_check_ms() */
	struct vtr_os_thread thread;
	pthread_mutex_t lock; /* guards the members below */
	struct vtr_venus *venus; /* NULL: there is no context */
	bool serving;
	bool orphaned; /* the control socket closed while the worker served */
};

/**
 * Starts the thread. Call it after vtr_worker_lock_in(), whose file rules do not apply to existing threads.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT. After an error there is nothing to finish.
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_watch_start(struct vtr_worker_watch *watch, int control_fd,
                                                   int client_fd, int check_ms);

/* Sets the context. FATAL is set in its rings. */
void vtr_worker_watch_context(struct vtr_worker_watch *watch, struct vtr_venus *venus);

/**
 * Serving has ended, and the context is about to be destroyed. That may take as long as the device needs for the
 * remaining work, and never ends if the device waits for a semaphore that only the client would have signalled.
 * Therefore the process ends after VTR_WORKER_LEAVE_SECONDS in any case, with status 0 if `in_order`, else 1. A program
 * that exits does not wait for its device either: the kernel and its driver clean up.
 *
 * Returns: whether the control socket has closed; this counts as `in_order`.
 */
bool vtr_worker_watch_end(struct vtr_worker_watch *watch, bool in_order);

/* Shuts the control socket down, which ends the thread, and joins it. */
void vtr_worker_watch_finish(struct vtr_worker_watch *watch);

#endif
