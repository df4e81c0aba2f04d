/* SPDX-License-Identifier: MIT */
#ifndef POOL_ZYGOTE_H
#define POOL_ZYGOTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Starts workers by forking a process that has loaded the driver (worker/zygote.h), where that is possible. Until that
 * process is ready, while it restarts, and where it cannot be used, workers are started as programs.
 *
 * The process is restarted when it dies, and when a file of a library has changed since it was loaded.
 *
 * Thread: the loop's.
 */

struct vtr_log;
struct vtr_os_loop;
struct vtr_os_spawn;
struct vtr_zygote;

struct vtr_zygote_params {
	struct vtr_log *log; /* may be NULL; outlives the zygote, like all that is borrowed */
	struct vtr_os_loop *loop;
	const char *program;
	const char *const *env; /* see struct vtr_spawner */
	bool cpus_only; /* only for drivers whose devices are all CPUs */
};

/* Starts no process. Owner: *out_zygote is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_zygote_create(const struct vtr_zygote_params *params,
                                              struct vtr_zygote **out_zygote);

/* Ends the process. Workers live on. Accepts NULL. */
void vtr_zygote_destroy(struct vtr_zygote *zygote);

/* Adds a library that the drivers have loaded. The path is copied; one that does not fit is left out. */
void vtr_zygote_add_library(struct vtr_zygote *zygote, const char *path);

/* All libraries have been added: starts the process, unless there are devices for which it should not run. An error is
 * logged. */
void vtr_zygote_open(struct vtr_zygote *zygote, bool found_cpus_only);

/* Starts a worker. `data` is the zygote; the rest is as for vtr_os_spawn(). */
VTR_MUST_CHECK enum vtr_err vtr_zygote_start_worker(void *data, const struct vtr_os_spawn *spawn,
                                                    pid_t *out_pid, int *out_death_fd);

#endif
