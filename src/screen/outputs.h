/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_OUTPUTS_H
#define SCREEN_OUTPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * The front's side of files and servers that the video goes to: a process for each (`vitrine mux`), started
 * whenever the screen process is, with a socket between the two. The screen process ends: they finish their
 * files, and those of the next one begin new ones. One of them ends: the rest goes on.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_screen_outputs;

#define VTR_SCREEN_MAX_OUTPUTS 8

/* The number of the socket in such a process. */
#define VTR_OUTPUT_FD_FEED 3

/* A file or a server that gets a display's video. */
struct vtr_screen_output {
	const char *target; /* NAME.mp4, NAME.mkv, or a URL */
	bool is_url;
};

struct vtr_screen_outputs_params {
	struct vtr_log *log;
	const char *log_filter; /* or NULL */
	struct vtr_os_loop *loop;
	const char *program;
	const struct vtr_screen_output *items; /* borrowed */
	size_t count;
};

/* Starts nothing yet. Owner: *out_outputs is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_screen_outputs_create(const struct vtr_screen_outputs_params *params,
                                                      struct vtr_screen_outputs **out_outputs);

/* Starts all. Those that cannot be started are logged and left out. Owner: out_fds are the caller's, for the
 * screen process. Returns: how many. */
size_t vtr_screen_outputs_start(struct vtr_screen_outputs *outputs, int out_fds[VTR_SCREEN_MAX_OUTPUTS]);

/* Gives them a moment to finish their files: the screen process has ended before. Accepts NULL. */
void vtr_screen_outputs_destroy(struct vtr_screen_outputs *outputs);

#endif
