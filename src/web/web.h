/* SPDX-License-Identifier: MIT */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "base/err.h"

/*
 * The web server of the screen process: what the displays show, for people and programs on this machine.
 *
 *   GET /                             a page with the displays
 *   GET /api/displays                 JSON: the displays
 *   PUT /api/displays/N               JSON: asks the guest for another mode
 *   GET /api/displays/N/frame.png     what a display shows now; ?cursor=1: with the cursor;
 *                                     ?after=N: once it shows a frame newer than N, or after some seconds
 *   GET /metrics                      counters, in the text format of Prometheus
 *
 * Thread: what is below, the main one; requests are served by a thread of its own.
 */
struct vtr_log;
struct vtr_screen;
struct vtr_web;

struct vtr_web_params {
	struct vtr_log *log;
	struct vtr_screen *screen;
	int listen_fd; /* consumed, on failure too; does not block */
};

/* Prepares all that needs files. Owner: *out_web is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_create(const struct vtr_web_params *params,
                                           struct vtr_web **out_web);

/* Starts to serve. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_web_start(struct vtr_web *web);

/* Ends all connections. Accepts NULL. */
void vtr_web_destroy(struct vtr_web *web);

#endif
