/* SPDX-License-Identifier: MIT */
#ifndef DISPLAY_HOST_ENDPOINTS_H
#define DISPLAY_HOST_ENDPOINTS_H

#include <stdbool.h>

#include "base/err.h"
#include "display/tokens.h"
#include "platform/inet.h"

/*
 * The addresses and tokens of what the screen process serves. The front listens, so that errors in an address show at
 * once, and so that connections wait while the process is restarted.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_display_host_params;

#define VTR_ENDPOINT_LINK_MAX (VTR_OS_INET_TEXT + 32 + VTR_TOKEN_LENGTH)

struct vtr_endpoints {
	struct vtr_log *log;
	int http_fd;   /* the listening socket; -1: HTTP is not served */
	int hxfr_fd;   /* the same for HXFR */
	int tokens_fd; /* struct vtr_tokens, read-only; -1: nothing is served */
	int links_fd;  /* struct vtr_links_page; -1: HTTP is not served, or shows no displays */
	bool http_is_remote; /* other machines can reach it */
	/* Addresses with ports, and links with tokens; "" for what is not served. */
	char http[VTR_OS_INET_TEXT];
	char hxfr[VTR_OS_INET_TEXT];
	char control_link[VTR_ENDPOINT_LINK_MAX];
	char view_link[VTR_ENDPOINT_LINK_MAX];
	char hxfr_link[VTR_ENDPOINT_LINK_MAX];
};

/* Owner: *out_places is the caller's; nothing is open after an error. Returns: as vtr_display_host_create(). Errors
 * are logged. */
VTR_MUST_CHECK enum vtr_err vtr_endpoints_open(struct vtr_log *log,
                                               const struct vtr_display_host_params *params,
                                               struct vtr_endpoints *out_places);
void vtr_endpoints_close(struct vtr_endpoints *places);

#endif
