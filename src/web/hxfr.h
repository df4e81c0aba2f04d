/* SPDX-License-Identifier: MIT */
#ifndef WEB_HXFR_H
#define WEB_HXFR_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Serves the displays' video to clients of HXFR, a frame export protocol of other virtual machine hosts: over
 * TCP, with one display per connection (docs/hxfr.md).
 *
 * Thread: the functions below, the main one; clients are served by a separate thread.
 */
struct vtr_hxfr;
struct vtr_log;
struct vtr_display_client;
struct vtr_streams;
struct vtr_tokens;

/* The most clients at a time. */
#define VTR_HXFR_MAX_CLIENTS 16
/* The most of one address without a token; and if another address needs a place, the most of one address. */
#define VTR_HXFR_MAX_OF_PEER (VTR_HXFR_MAX_CLIENTS / 2)
/* The most with the token for watching. The rest is for those who may control, and for those who have not shown a
 * token. */
#define VTR_HXFR_MAX_WATCHERS 12

struct vtr_hxfr_params {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	struct vtr_streams *streams;
	const struct vtr_tokens *tokens; /* copied; NULL: every client may do everything */
	int listen_fd; /* borrowed; does not block */
};

/* Starts to serve. Owner: *out_hxfr is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS, VTR_ERR_LIMIT. */
VTR_MUST_CHECK enum vtr_err vtr_hxfr_create(const struct vtr_hxfr_params *params, struct vtr_hxfr **out_hxfr);

/* Ends all connections. Accepts NULL. */
void vtr_hxfr_destroy(struct vtr_hxfr *hxfr);

#endif
