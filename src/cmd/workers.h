/* SPDX-License-Identifier: MIT */
#ifndef CMD_WORKERS_H
#define CMD_WORKERS_H

#include <limits.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/front.h"
#include "cmd/tuning.h"
#include "worker/spawn.h"

/* How the processes that load a driver are started: this very program, its arguments and environment
 * from the renderer options. */

/* Arguments of `vitrine worker` for the tuning. */
#define VTR_WORKERS_ARGS_MAX 18
#define VTR_WORKERS_TEXT_MAX 64

struct vtr_workers {
	char program[PATH_MAX];
	const char *args[VTR_WORKERS_ARGS_MAX]; /* point into what follows, and to literals */
	size_t arg_count;
	char texts[4][VTR_WORKERS_TEXT_MAX];
	struct vtr_front_env env;
};

/* `log_filter` is borrowed; NULL: the default. Does not move afterwards. Returns: VTR_ERR_OS,
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_workers_init(struct vtr_workers *workers, const struct vtr_tuning *tuning,
                                             const char *log_filter);
void vtr_workers_finish(struct vtr_workers *workers);

/* The same for whoever starts them. `scout` may be NULL. Owner: `workers`. */
struct vtr_spawner_params vtr_workers_spawner(const struct vtr_workers *workers,
                                              const struct vtr_scout *scout);

#endif
