/* SPDX-License-Identifier: MIT */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The web server of the screen process: shows the displays to users and programs.
 *
 *   GET /                             a page that shows the displays, and takes input for them
 *   GET /ws                           the WebSocket of that page (web/message.h)
 *   GET /api/displays                 JSON: the displays
 *   PUT /api/displays/N               JSON: asks the guest for another mode
 *   GET /api/displays/N/frame.png     what a display shows now; ?cursor=1: with the cursor;
 *                                     ?after=N: once it shows a frame newer than N, or after some seconds
 *   GET /metrics                      counters, in the text format of Prometheus
 *
 * All except the page's own files require a token (display/tokens.h): in the page's first message, in a header
 * "Authorization: Bearer TOKEN", or as an argument "?token=TOKEN".
 *
 * Thread: the functions below, the main one; requests are served by a separate thread.
 */
struct vtr_log;
struct vtr_display_client;
struct vtr_links_page;
struct vtr_metrics_page;
struct vtr_sound;
struct vtr_sound_page;
struct vtr_streams;
struct vtr_tokens;
struct vtr_web;

/* Whether this build has the web server and HXFR. */
bool vtr_web_is_built(void);

struct vtr_web_params {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	struct vtr_streams *streams;
	const struct vtr_sound_page *sound_page; /* for metrics; NULL: the machine has no sound */
	struct vtr_sound *sound; /* outlives the server. NULL: the machine has none */
	/* Of another server than that of displays: only these are served, at /metrics. NULL: the displays are. Outlives
	 * the server. */
	const struct vtr_metrics_page *metrics;
	const struct vtr_tokens *tokens; /* copied */
	struct vtr_links_page *links; /* outlives the server; NULL: no links can be made */
	int listen_fd; /* consumed, on failure too; does not block */
	bool remote; /* other machines can reach it; see struct vtr_origin_check */
	const char *names; /* host names that they use, separated by commas; NULL: none */
	const char *tls_cert; /* files; NULL: no TLS */
	const char *tls_key;
	/* A listening socket for the guest's agent (web/agent_link.h), consumed like listen_fd; NULL: none. */
	int *take_agent_fd;
	/* A listening socket for the folder shared with the guest (web/folder_link.h), consumed like listen_fd; NULL:
	 * none. */
	int *take_webdav_fd;
	uint64_t webdav_bytes; /* the most in the folder */
	bool has_touch; /* the guest has a touch screen */
	uint32_t pads; /* game pads that it has: at most VTR_PADS */
};

/* Prepares everything that needs files. Errors are logged. `screen` outlives the server, and must not run during this
 * function and vtr_web_destroy(). Owner: *out_web is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_ARG (certificate or
 * key cannot be used). */
VTR_MUST_CHECK enum vtr_err vtr_web_create(const struct vtr_web_params *params, struct vtr_web **out_web);

/* Starts to serve. Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_web_start(struct vtr_web *web);

/* Ends all connections. Accepts NULL. */
void vtr_web_destroy(struct vtr_web *web);

#endif
