/* SPDX-License-Identifier: MIT */
#ifndef VTEST_VTEST_H
#define VTEST_VTEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "venus/venus.h"

/*
 * The vtest protocol, as Mesa's Venus driver speaks it (VN_DEBUG=vtest), for one connection. One
 * connection is one renderer context, which lives in the same process and thread: a request goes
 * from the socket into the renderer without a hop.
 */

struct vtr_vtest_events {
	/* See vtr_venus_events.ring. The serving thread. */
	void (*ring)(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset);
	/* Serving has ended, VTR_OK when the client closed. The context is destroyed next, which may take as long as
	 * the device needs for what the client left. The serving thread. */
	void (*ending)(void *data, enum vtr_err why);
};

struct vtr_vtest_params {
	struct vtr_log *log; /* may be NULL */
	int fd; /* the connection, borrowed */
	int stop_fd; /* serving ends when it is readable or hung up; -1: none */
	uint32_t handshake_timeout_ms; /* until CONTEXT_INIT; 0: no limit */
	uint32_t reply_timeout_ms; /* for a client to read replies that another waits behind; 0: no limit */
	const struct vtr_vtest_events *events; /* entries must all be set */
	void *data; /* handed to events */
	uint64_t max_memory; /* this and what follows: see vtr_venus_params */
	uint32_t min_import_alignment;
	bool no_host_import;
	bool no_export;
	const struct vtr_known *known;
};

/**
 * Limits what the client at the other end of `fd` can leave unread: parts of two replies, of which one has
 * an fd. To be called before vtr_vtest_serve(). Returns: VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_limit_unread(int fd);

/**
 * Serves the connection until it ends. On any failure the client was hung up and the context's rings
 * carry the FATAL bit; closing `fd` is left to the caller in any case.
 *
 * Returns: VTR_OK         the client closed the connection
 *          VTR_ERR_GONE   stop_fd said so
 *          VTR_ERR_GUEST  the client broke the protocol or did not read its replies (logged)
 *          VTR_ERR_LIMIT  the client used up a budget whose request has no error reply (logged)
 *          VTR_ERR_NOMEM, VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_vtest_serve(const struct vtr_vtest_params *params);

/**
 * Makes Mesa's client at the other end of `fd` end with an error instead of spinning, whatever it
 * is doing. Does not block; safe in any process that holds the socket, several times too. The
 * caller closes `fd` afterwards, and so must all that hold a duplicate: what is then unread resets
 * the connection.
 */
void vtr_vtest_hang_up(int fd);

#endif
