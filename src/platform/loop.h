/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOOP_H
#define PLATFORM_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

/*
 * An event loop for fds, timers, signals and wake-ups from other threads. It is level-triggered: a callback
 * that leaves data unread is called again.
 *
 * Thread: one thread creates the loop, adds to it, runs and destroys it. Only vtr_os_loop_wakeup() and
 *         vtr_os_loop_quit() may be called from other threads. Callbacks run in vtr_os_loop_run() and may
 *         add, modify and remove anything, also themselves.
 */
struct vtr_os_loop;
struct vtr_os_loop_fd;
struct vtr_os_loop_timer;

enum vtr_os_loop_events {
	VTR_OS_LOOP_IN = 1 << 0,
	VTR_OS_LOOP_OUT = 1 << 1,
	VTR_OS_LOOP_HUP = 1 << 2, /* the other side closed, or an error; always reported */
};

typedef void (*vtr_os_loop_fd_fn)(void *data, unsigned events);
typedef void (*vtr_os_loop_signal_fn)(void *data, int signo);
typedef void (*vtr_os_loop_fn)(void *data);

/* Owner: *out_loop is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_create(struct vtr_os_loop **out_loop);

/* Also frees everything that was added; signals get their previous disposition back. Accepts NULL. */
void vtr_os_loop_destroy(struct vtr_os_loop *loop);

/**
 * Watches an fd, which is borrowed and must outlive the watch.
 *
 * Owner:   *out_watch is the loop's; valid until vtr_os_loop_remove() or the loop's end. It is set before the
 *          first callback. May be NULL if the watch is never modified or removed.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS (EPERM: a file or a device that is always ready).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_fd(struct vtr_os_loop *loop, int fd, bool in, bool out,
                                               vtr_os_loop_fd_fn fn, void *data,
                                               struct vtr_os_loop_fd **out_watch);

/* With neither `in` nor `out`, HUP is still reported. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_modify_fd(struct vtr_os_loop_fd *watch, bool in, bool out);

/* Ends *watch and sets it to NULL: no callback is called any more. The fd stays open. Does nothing if *watch is
 * NULL. */
void vtr_os_loop_remove(struct vtr_os_loop_fd **watch);

/**
 * Adds a timer, which is not set yet. Owner: *out_timer is the loop's; valid until
 * vtr_os_loop_timer_destroy() or the loop's end. Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_timer(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data,
                                                  struct vtr_os_loop_timer **out_timer);

/* Fires once, after `after_ns` (0: at the next turn; < 0: never). Replaces the previous setting. */
void vtr_os_loop_timer_set(struct vtr_os_loop_timer *timer, int64_t after_ns);

/* Accepts NULL. */
void vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer);

/*
 * A task that runs once at the end of the current turn: after the callbacks of everything that is ready now,
 * before the loop waits again. Use it for work that is cheaper for many events together than for each.
 *
 * Owner: the caller, who keeps it valid while it is deferred.
 */
struct vtr_os_loop_task {
	struct vtr_list node;
	vtr_os_loop_fn fn;
	void *data;
};

void vtr_os_loop_task_init(struct vtr_os_loop_task *task, vtr_os_loop_fn fn, void *data);

/* Does nothing if the task is already deferred. For the next turn use a timer: a task that defers itself
 * again keeps the loop from waiting. */
void vtr_os_loop_defer(struct vtr_os_loop *loop, struct vtr_os_loop_task *task);

/* The task does not run. Does nothing if it is not deferred. */
void vtr_os_loop_task_cancel(struct vtr_os_loop_task *task);

/**
 * Delivers a signal to a callback. Add signals before the process has threads that were not made by
 * vtr_os_thread_create(), since those could receive the signal. One callback for each signal.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_add_signal(struct vtr_os_loop *loop, int signo,
                                                   vtr_os_loop_signal_fn fn, void *data);

/* Sets what vtr_os_loop_wakeup() calls in the loop's thread. Set it before the first wake-up. */
void vtr_os_loop_set_wakeup(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data);

/* Has the wake-up callback called soon; several wake-ups may cause one call. Thread: any. */
void vtr_os_loop_wakeup(struct vtr_os_loop *loop);

/* Runs until vtr_os_loop_quit(). It can be run again. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_loop_run(struct vtr_os_loop *loop);

/* Ends vtr_os_loop_run() after the callback that runs now, or at once if it has not been called yet. Thread:
 * any. */
void vtr_os_loop_quit(struct vtr_os_loop *loop);

#endif
