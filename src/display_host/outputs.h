/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_HOST_OUTPUTS_H
#define DISPLAY_HOST_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "platform/proc.h"

/*
 * The front's side of the files and servers that get the video. Each has a process (`vitrine mux`), which is started
 * whenever the screen process is started, with a socket between the two. When the screen process ends, the mux
 * processes finish their files; those of the next screen process begin new files. When a mux process ends, the others
 * continue.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_display_outputs;

#define VTR_DISPLAY_MAX_OUTPUTS 8

/* The fd number of the socket in such a process. */
#define VTR_OUTPUT_FD_FEED 3

/* A file or server that gets a display's video. */
struct vtr_display_output {
	const char *target; /* NAME.mp4, NAME.mkv, or a URL */
	bool is_url;
};

struct vtr_display_outputs_params {
	struct vtr_log *log;
	const char *log_filter; /* or NULL */
	struct vtr_os_loop *loop;
	const char *program;
	const struct vtr_display_output *items; /* borrowed */
	size_t count;
	enum vtr_os_sandbox_mode sandbox; /* of the processes */
};

/* Starts no process. Owner: *out_outputs is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_display_outputs_create(const struct vtr_display_outputs_params *params,
                                                       struct vtr_display_outputs **out_outputs);

/* Starts all processes. Those that cannot be started are logged and left out. Owner: out_fds are the caller's, for
 * the screen process. Returns: the number of fds. */
size_t vtr_display_outputs_start(struct vtr_display_outputs *outputs, int out_fds[VTR_DISPLAY_MAX_OUTPUTS]);

/* Gives the processes a moment to finish their files. Call it after the screen process has ended. Accepts NULL. */
void vtr_display_outputs_destroy(struct vtr_display_outputs *outputs);

#endif
