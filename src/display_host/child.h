/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_HOST_CHILD_H
#define DISPLAY_HOST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "display/types.h"
#include "platform/proc.h"

/*
 * Keeps a display process running, for display_host/host.h. It restarts the process when it dies, after a delay that
 * grows while the process keeps dying. It sends the process the table of buffers, as far as the socket takes it.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_scanout_acks;
struct vtr_os_loop;
struct vtr_os_spawn_fd;
struct vtr_display_child;
struct vtr_display_outputs;

/* Whose microphone the guest hears, of several processes: two at once would be heard as neither. */
struct vtr_display_voice {
	int64_t first_ns; /* when a process that speaks first sent a block; 0: none has */
};

/* The exit status of a process that cannot do its work and has logged why. It is not restarted. */
#define VTR_SCREEN_EXIT_USELESS 3

/* All members are borrowed. For fds, -1: none. */
struct vtr_display_child_params {
	struct vtr_log *log;
	const char *log_filter; /* or NULL */
	struct vtr_os_loop *loop;
	const char *program;
	const char *command;     /* of the program: "screen", "window" */
	const char *const *args; /* the command's own options, NULL at the end */
	/* An option more once the process has crashed soon after its start; NULL: none. */
	const char *crashed_arg;
	const struct vtr_os_spawn_fd *fds; /* the command's own */
	size_t fd_count;
	/* The process is not restarted after status 0 or VTR_SCREEN_EXIT_USELESS. */
	bool may_leave;
	int page_fd;   /* read-only */
	int acks_fd;
	struct vtr_scanout_acks *acks; /* cleared before each start */
	int hostmem_fd;           /* read-only */
	uint64_t hostmem_size;
	struct vtr_display_outputs *outputs; /* or NULL */
	struct vtr_display_voice *voice; /* shared by the processes that may speak; NULL: this one may not */
	bool speaks_first; /* the others are not heard while this one speaks */
	enum vtr_os_role role;
	enum vtr_os_sandbox_mode sandbox;
	const struct vtr_display_events *events;
	void *data;
};

/* Owner: *out_child is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS (the process cannot be started). */
VTR_MUST_CHECK enum vtr_err vtr_display_child_create(const struct vtr_display_child_params *params,
                                                     struct vtr_display_child **out_child);

/* Waits a moment for the process to end, then kills it. Accepts NULL. */
void vtr_display_child_destroy(struct vtr_display_child *child);

/* Returns: whether the process runs or will be restarted. */
bool vtr_display_child_lives(const struct vtr_display_child *child);

/* Returns: whether there is a process that wants the guest's sound. */
bool vtr_display_child_listens(const struct vtr_display_child *child);

/* Wakes the process, if there is one. */
void vtr_display_child_ring(struct vtr_display_child *child);

/* See vtr_display_ops. Buffers for which there is no room are logged, and not shown. */
void vtr_display_child_add_buffer(struct vtr_display_child *child, uint32_t buffer,
                                  const struct vtr_hostmem *memory);
void vtr_display_child_remove_buffer(struct vtr_display_child *child, uint32_t buffer);

#endif
