/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CHILD_H
#define SCREEN_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"

/*
 * Keeps a process running that sees the displays, for screen/client.h: starts it, again after it died (at
 * once, then ever later while it keeps dying), and tells it of the buffers, which is a table on this side
 * and sent as far as the socket takes it.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_notes;
struct vtr_os_loop;
struct vtr_os_spawn_fd;
struct vtr_screen_child;
struct vtr_screen_outputs;

/* A process that ends with this has said why it cannot do its work; to start it again would not help. */
#define VTR_SCREEN_EXIT_USELESS 3

/* The fds are borrowed, as all else is; -1: none. */
struct vtr_screen_child_params {
	struct vtr_log *log;
	const char *log_filter; /* or NULL */
	struct vtr_os_loop *loop;
	const char *program;
	const char *command;     /* of the program: "screen", "window" */
	const char *const *args; /* its own options, NULL at the end */
	const struct vtr_os_spawn_fd *fds; /* its own */
	size_t fd_count;
	bool may_leave; /* by its own will (status 0), or because it is useless: that is the end then */
	int board_fd;   /* read-only */
	int notes_fd;
	struct vtr_notes *notes; /* cleared for each process */
	int window_fd;           /* read-only */
	uint64_t window_size;
	struct vtr_screen_outputs *outputs; /* or NULL */
	const struct vtr_screen_events *events;
	void *data;
};

/* Owner: *out_child is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS (it cannot be started). */
VTR_MUST_CHECK enum vtr_err vtr_screen_child_create(const struct vtr_screen_child_params *params,
                                                    struct vtr_screen_child **out_child);

/* Waits a moment for the process to end, then kills it. Accepts NULL. */
void vtr_screen_child_destroy(struct vtr_screen_child *child);

/* Whether there is a process, or will be again. */
bool vtr_screen_child_lives(const struct vtr_screen_child *child);

/* Wakes the process, if there is one. */
void vtr_screen_child_ring(struct vtr_screen_child *child);

/* See vtr_screen_ops. What there is no room for is logged, and not shown. */
void vtr_screen_child_add_buffer(struct vtr_screen_child *child, uint32_t buffer, int fd, uint64_t size);
void vtr_screen_child_remove_buffer(struct vtr_screen_child *child, uint32_t buffer);

#endif
