/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "cache"
#include "cmd/workers.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cmd/sandbox_paths.h"
#include "cmd/user_cache.h"
#include "platform/proc.h"
#include "pool/shader_cache.h"
#include "pool/zygote.h"
#include "vk/mesa_cache.h"

/* Room for the index, and for what Mesa writes before it removes old shaders. */
#define CACHE_BYTES (VTR_MESA_CACHE_BYTES + VTR_MESA_CACHE_BYTES / 4)

enum vtr_err vtr_workers_init(struct vtr_workers *workers, const struct vtr_tuning *tuning,
                              const char *log_filter)
{
	bool outside;

	*workers = (struct vtr_workers){ .config = tuning->renderer };
	if (log_filter && strlen(log_filter) >= sizeof(workers->config.log_filter)) {
		return VTR_ERR_ARG;
	}
	snprintf(workers->config.log_filter, sizeof(workers->config.log_filter), "%s",
	         log_filter ? log_filter : "");
	enum vtr_err err = vtr_os_self_path(workers->program, sizeof(workers->program));
	if (err == VTR_OK) {
		err = vtr_sandbox_paths_add(&workers->config, tuning->driver, &outside);
	}
	return err == VTR_OK ? vtr_driver_env_init(tuning, &workers->env) : err;
}

void vtr_workers_finish(struct vtr_workers *workers)
{
	vtr_zygote_destroy(workers->zygote);
	vtr_shader_cache_close(workers->cache);
	vtr_driver_env_finish(&workers->env);
}

enum vtr_err vtr_workers_open_cache(struct vtr_workers *workers,
                                    const struct vtr_workers_cache_params *params)
{
	char own[PATH_MAX];
	struct vtr_shader_cache_params cache_params = {
		.log = params->log,
		.loop = params->loop,
		.dir = params->option,
		.max_bytes = CACHE_BYTES,
	};

	if (params->option ? strcmp(params->option, "none") == 0 :
	                     !params->by_default || !vtr_user_cache("shaders", own, sizeof(own))) {
		return VTR_OK;
	}
	if (!params->option) {
		cache_params.dir = own;
	}
	enum vtr_err err = vtr_shader_cache_open(&cache_params, &workers->cache);
	if (err == VTR_OK) {
		return VTR_OK;
	}
	const char *why = err == VTR_ERR_ARG ? "it belongs to another user, or others may write to it" :
	                                       vtr_err_text(err);
	if (!params->option) {
		vtr_info(params->log, "programs compile their shaders each time: %s cannot be used: %s", own,
		         why);
		return VTR_OK;
	}
	fprintf(stderr,
	        "vitrine %s: cannot keep compiled shaders in %s: %s. Choose a folder that you alone can "
	        "write to, or "
	        "--cache none\n",
	        params->command, params->option, why);
	return VTR_ERR_ARG;
}

enum vtr_err vtr_workers_open_zygote(struct vtr_workers *workers, enum vtr_zygote_mode mode, bool has_many,
                                     struct vtr_log *log, struct vtr_os_loop *loop)
{
	const struct vtr_zygote_params params = {
		.log = log,
		.loop = loop,
		.program = workers->program,
		.env = (const char *const *)workers->env.set,
		.cpus_only = mode == VTR_ZYGOTE_AUTO,
	};

	/* A GPU that was not chosen has its driver in the processes, too. */
	if (mode == VTR_ZYGOTE_OFF || (mode == VTR_ZYGOTE_AUTO && (!has_many || workers->has_gpu))) {
		return VTR_OK;
	}
	return vtr_zygote_create(&params, &workers->zygote);
}

struct vtr_spawner vtr_workers_spawner(const struct vtr_workers *workers)
{
	return (struct vtr_spawner){
		.program = workers->program,
		.env = (const char *const *)workers->env.set,
		.config = &workers->config,
		.cache = workers->cache,
		.zygote = workers->zygote,
	};
}
