/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_PLACES_H
#define SCREEN_PLACES_H

#include <stdbool.h>

#include "base/err.h"
#include "platform/inet.h"
#include "screen/tokens.h"

/*
 * Where people and programs find what the screen process serves, and by what right. The front listens, so that
 * what is wrong with an address is known at once, and so that connections wait while the process is started again.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_screen_client_params;

#define VTR_SCREEN_LINK_MAX (VTR_OS_INET_TEXT + 32 + VTR_TOKEN_LENGTH)

struct vtr_screen_places {
	struct vtr_log *log;
	int http_fd;   /* listens; -1: nothing is served */
	int hxfr_fd;   /* the same */
	int tokens_fd; /* struct vtr_tokens, read-only; -1 if nothing is served at all */
	bool http_is_remote; /* other machines can reach it */
	/* Addresses with their ports, links with their tokens; "" for what is not served. */
	char http[VTR_OS_INET_TEXT];
	char hxfr[VTR_OS_INET_TEXT];
	char control_link[VTR_SCREEN_LINK_MAX];
	char view_link[VTR_SCREEN_LINK_MAX];
	char hxfr_link[VTR_SCREEN_LINK_MAX];
};

/* Owner: *out_places is the caller's; nothing is open after a failure. Returns: as
 * vtr_screen_client_create(); what is wrong is logged. */
VTR_MUST_CHECK enum vtr_err vtr_screen_places_open(struct vtr_log *log,
                                                   const struct vtr_screen_client_params *params,
                                                   struct vtr_screen_places *out_places);
void vtr_screen_places_close(struct vtr_screen_places *places);

#endif
