/* SPDX-License-Identifier: MIT */
#ifndef POOL_SUPERVISOR_H
#define POOL_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "pool/spawn.h"

/*
 * Accepts vtest clients and starts a worker process for each. It holds a duplicate of each connection and a mapping of
 * each ring's status word. It never reads a byte from a client, and never waits for a client or worker. A connection
 * costs one fd until its first bytes arrive; then its worker is started when it is its identity's turn
 * (pool/identity.h).
 *
 *   worker dies       -> FATAL into its rings, connection hung up, one line in the log; the client counts until it
 *                        has read its replies or closed
 *   client goes       -> the worker should notice and end; it is killed if it does not
 *   this process dies -> the workers see the control socket close, hang up their clients and end
 *
 * Thread: the loop's.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_status;
struct vtr_supervisor;

/* The most rings of a client whose status word is mapped, a page each. The first ones are enough: Mesa looks at its
 * first ring whenever it waits. */
#define VTR_SUPERVISOR_MAX_RINGS 64

struct vtr_supervisor_params {
	struct vtr_log *log; /* may be NULL; must outlive the supervisor, like `loop` */
	struct vtr_os_loop *loop;
	struct vtr_spawner spawner;
	/* Clients of other users and in containers use the spawner's cache, too. */
	bool cache_for_all;
	uint32_t max_clients; /* further connections are reset */
	/* The limit for each uid, and for each container (pool/identity.h). 0: half of max_clients; for our own uid,
	 * all of them. */
	uint32_t max_clients_per_user;
	/* Bytes that all clients of another user together may have, or of a container under our own uid. */
	uint64_t memory_limit;
	/* A control group in which each user, and each container under our own uid, gets one for its workers, so that
	 * all have equal shares of the processor. NULL: the workers share it as they are. Borrowed. */
	const char *cgroup;
	uint32_t silent_timeout_ms; /* the time until a client's first bytes; 0: no limit */
	uint32_t leave_timeout_ms; /* the time that a worker has to end after its client; 0: no limit */
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_supervisor_create(const struct vtr_supervisor_params *params,
                                                  struct vtr_supervisor **out_supervisor);

/* Hangs up all clients, gives the workers a moment to end, then kills them. Accepts NULL. */
void vtr_supervisor_destroy(struct vtr_supervisor *supervisor);

/**
 * Starts to accept connections on `listen_fd` (borrowed; close it only after vtr_supervisor_destroy()).
 *
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_supervisor_listen(struct vtr_supervisor *supervisor, int listen_fd);

/* Describes who uses what at the moment. Owner: end *out_status with vtr_status_finish(). Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_supervisor_describe(const struct vtr_supervisor *supervisor,
                                                    struct vtr_status *out_status);

#endif
