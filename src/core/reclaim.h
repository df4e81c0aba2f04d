/* SPDX-License-Identifier: MIT */
#ifndef CORE_RECLAIM_H
#define CORE_RECLAIM_H

#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "core/window.h"
#include "platform/loop.h"

/*
 * Gives memory of a window back to the system that nobody uses any more, and sees to it that whoever
 * gets the place next finds zeros. To give back 64 MiB takes the kernel 20 ms and more, so that is
 * done in small pieces, one a turn of the loop; only what is needed again sooner is done at once.
 *
 * Thread: the loop's.
 */
struct vtr_log;

struct vtr_reclaim {
	struct vtr_log *log;
	const struct vtr_window *window;
	struct vtr_ranges stale;
	struct vtr_os_loop_timer *timer;
};

/* `log` may be NULL; all outlive it. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_reclaim_init(struct vtr_reclaim *reclaim, struct vtr_log *log,
                                             struct vtr_os_loop *loop, const struct vtr_window *window);
/* What is left stays as it is. Accepts one that is all zeros. */
void vtr_reclaim_finish(struct vtr_reclaim *reclaim);

/* Nobody needs this range any more. None of it was added since it was last claimed. */
void vtr_reclaim_add(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size);
/* Nobody needs any of the window. */
void vtr_reclaim_add_all(struct vtr_reclaim *reclaim);

/* Somebody is about to use this range: it is zero now. */
void vtr_reclaim_claim(struct vtr_reclaim *reclaim, uint64_t offset, uint64_t size);

#endif
