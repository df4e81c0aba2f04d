/* SPDX-License-Identifier: MIT */
#ifndef CMD_WORKERS_H
#define CMD_WORKERS_H

#include <limits.h>

#include "base/err.h"
#include "cmd/tuning.h"
#include "cmd/vtest_server.h"
#include "pool/spawn.h"

/* The parameters for starting processes that load a driver. The program is this one; the configuration and the
 * environment come from the renderer options. */

struct vtr_workers {
	char program[PATH_MAX];
	struct vtr_renderer_config config; /* the prober adds to it */
	struct vtr_driver_env env;
	struct vtr_shader_cache *cache; /* NULL: none */
	struct vtr_zygote *zygote; /* NULL: none */
	bool has_gpu; /* among the devices that vtr_workers_choose_gpu() chose from */
};

/* `log_filter` NULL: the default. `workers` must not move afterwards.
 * Returns: VTR_ERR_ARG (the filter is too long), VTR_ERR_OS, VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_workers_init(struct vtr_workers *workers, const struct vtr_tuning *tuning,
                                             const char *log_filter);

/* Call it when the workers have ended. */
void vtr_workers_finish(struct vtr_workers *workers);

struct vtr_workers_cache_params {
	const char *command; /* for messages */
	const char *option; /* the value of --cache; NULL: not given */
	bool by_default; /* not given means the user's own folder; else it means none */
	struct vtr_log *log;
	struct vtr_os_loop *loop;
};

/**
 * Opens the shader cache that --cache selects. The user's own folder is left out if it cannot be used; that is logged.
 *
 * Returns: VTR_ERR_ARG: the folder that was given cannot be used. The reason was printed.
 */
VTR_MUST_CHECK enum vtr_err vtr_workers_open_cache(struct vtr_workers *workers,
                                                   const struct vtr_workers_cache_params *params);

/* Prepares the process that workers are forked from, if `mode` asks for it; the prober starts it. `has_many`: the
 * command serves many clients. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_workers_open_zygote(struct vtr_workers *workers, enum vtr_zygote_mode mode,
                                                    bool has_many, struct vtr_log *log,
                                                    struct vtr_os_loop *loop);

/* Owner: `workers`, also of what the result points to. */
struct vtr_spawner vtr_workers_spawner(const struct vtr_workers *workers);

#endif
