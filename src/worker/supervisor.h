/* SPDX-License-Identifier: MIT */
#ifndef WORKER_SUPERVISOR_H
#define WORKER_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "worker/spawn.h"

/*
 * The front of all vtest clients of one process. It holds a duplicate of each connection and a
 * mapping of each ring's status word, never reads a byte from a client, and never waits for
 * anybody. A connection costs one fd until its first bytes arrive; then it gets a worker process.
 *
 *   worker dies      -> FATAL into its rings, connection hung up, one line in the log; it counts until the
 *                       client has read its replies or closed
 *   client goes      -> the worker should notice and end; it is killed if it does not
 *   this process dies -> the workers see the control socket close, hang up their clients and end
 *
 * Thread: the loop's.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_supervisor;

/* Ring memory mapped for each client, a page each. A client with more rings ends by the first. */
#define VTR_SUPERVISOR_MAX_RINGS 64

struct vtr_supervisor_params {
	struct vtr_log *log; /* may be NULL; must outlive the supervisor, like `loop` */
	struct vtr_os_loop *loop;
	struct vtr_spawner_params spawner; /* copied */
	uint32_t max_clients;       /* further connections are reset */
	uint32_t max_clients_per_user; /* of each uid; 0: half of max_clients, all of them for our own uid */
	uint32_t silent_timeout_ms; /* until a client's first bytes; 0: no limit */
	uint32_t leave_timeout_ms; /* a worker's time to end after its client; 0: no limit */
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_supervisor_create(const struct vtr_supervisor_params *params,
                                                  struct vtr_supervisor **out_supervisor);

/* Hangs up all clients and ends all workers: gives them a moment, then kills them. Accepts NULL. */
void vtr_supervisor_destroy(struct vtr_supervisor *supervisor);

/**
 * Accepts connections on `listen_fd` (borrowed; closed only after vtr_supervisor_destroy()) from
 * now on.
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_supervisor_listen(struct vtr_supervisor *supervisor, int listen_fd);

/* Clients connected, workers not yet reaped, and clients that are over but have replies unread. */
size_t vtr_supervisor_client_count(const struct vtr_supervisor *supervisor);

#endif
