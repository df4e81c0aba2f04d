/* SPDX-License-Identifier: MIT */
#ifndef POOL_STATUS_SOCKET_H
#define POOL_STATUS_SOCKET_H

#include <stdbool.h>

#include "base/err.h"

/*
 * A socket at which the server's user, or root, learns who uses what. To connect is to ask: nothing is read from the
 * one who connects. The answer is one byte with two fds of constant memory, a text and JSON (pool/status.h), and the
 * connection closes; without an answer, the one who connected may not ask. So no answer is ever waited for.
 *
 * Answers are limited: further connections wait in the socket's queue meanwhile.
 *
 * Thread: the loop's.
 */
struct vtr_log;
struct vtr_os_loop;
struct vtr_status_socket;
struct vtr_supervisor;

/* The answers that are given at once, and the time until there is one more. */
#define VTR_STATUS_BURST 10
#define VTR_STATUS_INTERVAL_MS 100

struct vtr_status_socket_params {
	struct vtr_log *log; /* may be NULL; outlives the socket, like all that follows */
	struct vtr_os_loop *loop;
	const struct vtr_supervisor *supervisor;
	int listen_fd; /* borrowed; does not block */
	bool is_in_reach; /* clients of the supervisor may have its folder */
};

/* Owner: *out_socket is the caller's. Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_status_socket_create(const struct vtr_status_socket_params *params,
                                                     struct vtr_status_socket **out_socket);
/* Accepts NULL. */
void vtr_status_socket_destroy(struct vtr_status_socket *socket);

#endif
