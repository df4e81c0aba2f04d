/* SPDX-License-Identifier: MIT */
#ifndef VTEST_VTEST_H
#define VTEST_VTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "venus/venus.h"

/*
 * The vtest protocol, as Mesa's Venus driver uses it (VN_DEBUG=vtest), for one connection. One connection is
 * one renderer context, which lives in the same process and thread: a request goes from the socket to the
 * renderer without another process in between.
 */

struct vtr_room;

struct vtr_vtest_events {
	/* See vtr_venus_events.ring. Thread: the serving thread. */
	void (*ring)(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset);
	/* There is a context from now on, until the next. The serving thread. */
	void (*context)(void *data, struct vtr_venus *venus);
	/* Serving has ended, VTR_OK if the client closed. The context is destroyed next, which may take as
	 * long as the device needs for its pending work. Thread: the serving thread. */
	void (*ending)(void *data, enum vtr_err why);
	/* See vtr_venus_events.device. Thread: any. */
	void (*device)(void *data, const char *name);
	/* See vtr_venus_events.stalled. `program`: as the client calls itself, printable. Thread: any. */
	void (*stalled)(void *data, const struct vtr_stall *stall, const char *program);
};

struct vtr_vtest_params {
	struct vtr_log *log; /* may be NULL */
	int fd; /* the connection, borrowed */
	const struct vtr_renderer_config *config; /* of the context, with the timeouts */
	struct vtr_budget_part memory; /* see vtr_venus_params */
	struct vtr_budget_part device_memory;
	struct vtr_room *room; /* may be NULL */
	const struct vtr_vtest_events *events;    /* all entries must be set */
	void *data; /* passed to the events */
};

/**
 * Limits what the peer of `fd` can leave unread: parts of two replies, of which one has an fd. Call it before
 * vtr_vtest_serve(). Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_limit_unread(int fd);

/**
 * Serves the connection until it ends, or until another thread hangs it up (vtr_vtest_hang_up()). On any failure the
 * client was hung up and the context's rings have the FATAL bit. The caller closes `fd` in any case.
 *
 * Returns: VTR_OK            the client closed the connection
 *          VTR_ERR_PROTOCOL  the client broke the protocol or did not read its replies (logged)
 *          VTR_ERR_LIMIT     the client used up a budget whose request has no error reply (logged)
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_serve(const struct vtr_vtest_params *params);

#endif
