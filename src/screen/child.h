/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_CHILD_H
#define SCREEN_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"

/*
 * Keeps the screen process running for screen/client.h: starts it, again after it died (at once, then
 * ever later while it keeps dying), and tells it of the buffers, which is a table on this side and
 * sent as far as the socket takes it.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_notes;
struct vtr_os_loop;
struct vtr_screen_child;
struct vtr_screen_outputs;
struct vtr_screen_video;

/* The fds are borrowed, as all else is; -1: none. */
struct vtr_screen_child_params {
	struct vtr_log *log;
	const char *log_filter; /* or NULL */
	struct vtr_os_loop *loop;
	const char *program;
	int board_fd; /* read-only */
	int notes_fd;
	struct vtr_notes *notes; /* cleared for each process */
	int window_fd;           /* read-only */
	uint64_t window_size;
	int http_fd; /* listens */
	const char *http;
	bool http_is_remote;
	const char *http_names; /* or NULL */
	const char *tls_cert;   /* or NULL */
	const char *tls_key;
	int hxfr_fd; /* listens */
	bool hxfr_is_open;
	int tokens_fd;
	const struct vtr_screen_video *video;
	struct vtr_screen_outputs *outputs; /* or NULL */
	const struct vtr_screen_events *events;
	void *data;
};

/* Owner: *out_child is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS (it cannot be started). */
VTR_MUST_CHECK enum vtr_err vtr_screen_child_create(const struct vtr_screen_child_params *params,
                                                    struct vtr_screen_child **out_child);

/* Waits a moment for the process to end, then kills it. Accepts NULL. */
void vtr_screen_child_destroy(struct vtr_screen_child *child);

/* Wakes the process, if there is one. */
void vtr_screen_child_ring(struct vtr_screen_child *child);

/* See vtr_screen_ops. What there is no room for is logged, and not shown. */
void vtr_screen_child_add_buffer(struct vtr_screen_child *child, uint32_t buffer, int fd,
                                 uint64_t size);
void vtr_screen_child_remove_buffer(struct vtr_screen_child *child, uint32_t buffer);

#endif
