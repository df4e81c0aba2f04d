/* SPDX-License-Identifier: MIT */
#ifndef CORE_RECLAIM_H
#define CORE_RECLAIM_H

#include <stdint.h>

#include "base/err.h"
#include "base/ranges.h"
#include "core/hostmem.h"
#include "core/ops.h"
#include "platform/loop.h"

/*
 * Returns unused memory of hostmem to the system, and ensures that its next user finds zeros. Discarding 64
 * MiB takes the kernel 20 ms and more. So it is done in small pieces, one for each turn of the loop; only
 * memory that is needed again sooner is discarded at once.
 *
 * Thread: the loop's.
 */
struct vtr_log;

struct vtr_reclaim {
	struct vtr_log *log;
	const struct vtr_hostmem *hostmem;
	struct vtr_ranges stale;
	struct vtr_os_loop_timer *timer;
};

/* `log` may be NULL; all outlive it. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_reclaim_init(struct vtr_reclaim *reclaim, struct vtr_log *log,
                                             struct vtr_os_loop *loop, const struct vtr_hostmem *hostmem);
/* Memory that is not discarded yet stays as it is. Accepts a zeroed struct. */
void vtr_reclaim_finish(struct vtr_reclaim *reclaim);

/* This range is not used any more. No part of it was added since it was last claimed. */
void vtr_reclaim_add(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size);
/* All of hostmem is unused. */
void vtr_reclaim_add_all(struct vtr_reclaim *reclaim);

/* This range is about to be used: it reads as zeros afterwards. */
void vtr_reclaim_claim(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size);

#endif
