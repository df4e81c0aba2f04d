/* SPDX-License-Identifier: MIT */
#ifndef POOL_WORKER_SHARES_H
#define POOL_WORKER_SHARES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "platform/loop.h"

/*
 * What the workers of an identity share: an account of memory (pool/memory_share.h) and, if the server may divide a
 * control group, the processor. The owner of both is a user, or one of its control groups if the user is ours: another
 * user could have any number of these.
 *
 * Thread: the supervisor's.
 */
struct vtr_identities;
struct vtr_identity;
struct vtr_log;

struct vtr_worker_shares {
	/* To be set before vtr_worker_shares_init(). */
	struct vtr_log *log;
	const struct vtr_identities *identities; /* must last as long as this */
	uint64_t memory_limit; /* bytes for each owner that is foreign (struct vtr_identity) */
	size_t max_workers;
	const char *cgroup; /* see struct vtr_supervisor_params; NULL: none */
	/* Private. */
	uint32_t next_group;
	struct vtr_os_loop_timer *timer;
};

/* The part of one worker. */
struct vtr_worker_share {
	struct vtr_identity *owner; /* NULL: none */
	size_t index; /* in owner->memory */
};

/**
 * From now on `loop` looks at the memory of workers, as long as some share a limit: it divides what is left
 * (pool/memory_share.h), and kills a worker of those who have far more. Returns: VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_worker_shares_init(struct vtr_worker_shares *shares,
                                                   struct vtr_os_loop *loop);
void vtr_worker_shares_finish(struct vtr_worker_shares *shares);

/* Takes a part for a worker of `identity`, before its start. Returns: VTR_ERR_LIMIT, VTR_ERR_NOMEM, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_worker_shares_enter(struct vtr_worker_shares *shares,
                                                    struct vtr_identity *identity,
                                                    struct vtr_worker_share *share);

/* The worker has started: moves it to the others, and gives it its part of what they divide. Returns: VTR_ERR_OS,
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_worker_shares_move(struct vtr_worker_shares *shares,
                                                   const struct vtr_worker_share *share, pid_t worker);

/* The worker has ended. Does nothing without a part. */
void vtr_worker_shares_leave(const struct vtr_worker_shares *shares, struct vtr_identity *identity,
                             struct vtr_worker_share *share);

#endif
