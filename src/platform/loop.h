/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOOP_H
#define PLATFORM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * An event loop: fds, timers, signals and wake-ups from other threads. Level-triggered: a callback
 * that leaves something unread is called again.
 *
 * Thread: one thread makes the loop, adds to it, runs and destroys it; only vtr_os_loop_wakeup() and
 *         vtr_os_loop_quit() may be called from others. Callbacks run in vtr_os_loop_run() and may
 *         add, modify and remove anything, also themselves.
 */
struct vtr_os_loop;
struct vtr_os_loop_fd;
struct vtr_os_loop_timer;

enum vtr_os_loop_events {
	VTR_OS_LOOP_IN = 1 << 0,
	VTR_OS_LOOP_OUT = 1 << 1,
	VTR_OS_LOOP_HUP = 1 << 2, /* the other side closed, or an error; comes unasked */
};

typedef void (*vtr_os_loop_fd_fn)(void *data, unsigned events);
typedef void (*vtr_os_loop_signal_fn)(void *data, int signo);
typedef void (*vtr_os_loop_fn)(void *data);

/* Owner: *out_loop is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_create(struct vtr_os_loop **out_loop);

/* Ends all that was added too; signals take their usual course again. Accepts NULL. */
void vtr_os_loop_destroy(struct vtr_os_loop *loop);

/**
 * Watches an fd, which is borrowed and must outlive the watch.
 *
 * Owner:   *out_watch is the loop's; valid until vtr_os_loop_remove() or the loop's end. Set before
 *          the first callback. May be NULL if nobody will modify or remove it.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_fd(struct vtr_os_loop *loop, int fd, bool in, bool out,
                                               vtr_os_loop_fd_fn fn, void *data,
                                               struct vtr_os_loop_fd **out_watch);

/* With neither `in` nor `out`, HUP is still told. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_modify_fd(struct vtr_os_loop_fd *watch, bool in, bool out);

/* No callback comes any more. The fd stays open. Accepts NULL. */
void vtr_os_loop_remove(struct vtr_os_loop_fd *watch);

/**
 * Adds a timer, not set yet. Owner: *out_timer is the loop's; valid until
 * vtr_os_loop_timer_destroy() or the loop's end. Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_timer(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data,
                                                  struct vtr_os_loop_timer **out_timer);

/* Fires once, in `after_ns` (0: at the next turn); < 0: not at all. Replaces what was set. */
void vtr_os_loop_timer_set(struct vtr_os_loop_timer *timer, int64_t after_ns);

/* Accepts NULL. */
void vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer);

/*
 * Something to do once at the end of the current turn: when the callbacks of all that is ready now
 * are through, before the loop waits again. For what is cheaper for many than for each.
 *
 * Owner: the caller, who keeps it as long as it is deferred.
 */
struct vtr_os_loop_task {
	struct vtr_list node;
	vtr_os_loop_fn fn;
	void *data;
};

void vtr_os_loop_task_init(struct vtr_os_loop_task *task, vtr_os_loop_fn fn, void *data);

/* Does nothing if it is deferred already. For the next turn use a timer: a task that defers itself
 * again keeps the loop from waiting. */
void vtr_os_loop_defer(struct vtr_os_loop *loop, struct vtr_os_loop_task *task);

/* It is not called any more. Does nothing if it is not deferred. */
void vtr_os_loop_task_cancel(struct vtr_os_loop_task *task);

/**
 * Hands a signal to a callback. Add signals before the process has threads that were not made by
 * vtr_os_thread_create(), since they could take it. One callback for each signal.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_signal(struct vtr_os_loop *loop, int signo,
                                                   vtr_os_loop_signal_fn fn, void *data);

/* What vtr_os_loop_wakeup() calls in the loop's thread; set it before anybody wakes. */
void vtr_os_loop_set_wakeup(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data);

/* Has the wake-up callback called soon; once may stand for several. Thread: any. */
void vtr_os_loop_wakeup(struct vtr_os_loop *loop);

/* Runs until vtr_os_loop_quit(). It can be run again. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_run(struct vtr_os_loop *loop);

/* Ends vtr_os_loop_run() after the callback that runs now, also if it is yet to be called. Thread:
 * any. */
void vtr_os_loop_quit(struct vtr_os_loop *loop);

#endif
