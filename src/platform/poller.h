/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_POLLER_H
#define PLATFORM_POLLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "platform/loop.h"

/*
 * How posix/loop.c waits for fds: poll() in posix/, kqueue in macos/. Used by that file alone; linux/loop.c waits by
 * itself.
 *
 * Thread: the loop's.
 */
struct vtr_os_poller;

/* A watch of the loop, which owns it. */
struct vtr_os_loop_fd {
	struct vtr_list
		node; /* in the loop's list of watches or, once removed in a callback, of removed ones */
	struct vtr_os_loop *loop;
	int fd;
	bool in;
	bool out;
	bool removed;
	unsigned ready; /* events of the last wait; the poller's until it returns them */
	vtr_os_loop_fd_fn fn;
	void *data;
};

/* Owner: *out_poller is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_poller_create(struct vtr_os_poller **out_poller);

/* Accepts NULL. */
void vtr_os_poller_destroy(struct vtr_os_poller *poller);

/* Begins to watch, or heeds that watch->in or watch->out have changed. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_os_poller_set(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch);

/* Ends that. The fd is still open. */
void vtr_os_poller_forget(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch);

/**
 * Waits until a watch has events, for at most `timeout_ns` (< 0: no limit).
 *
 * `watches`    all watches, by their nodes; `watch_count` of them.
 * *out_ready:  those with events in `ready`, in the order in which to call them; valid until the next wait.
 * Returns:     VTR_ERR_NOMEM, VTR_ERR_OS; after a signal VTR_OK with none.
 */
VTR_MUST_CHECK enum vtr_err vtr_os_poller_wait(struct vtr_os_poller *poller, const struct vtr_list *watches,
                                               size_t watch_count, int64_t timeout_ns,
                                               struct vtr_os_loop_fd ***out_ready, size_t *out_count);

#endif
