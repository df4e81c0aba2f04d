/* SPDX-License-Identifier: MIT */
#include "cmd/workers.h"

#include <stdio.h>
#include <string.h>

#include "cmd/sandbox_paths.h"
#include "platform/proc.h"

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
	vtr_driver_env_finish(&workers->env);
}

struct vtr_spawner vtr_workers_spawner(const struct vtr_workers *workers)
{
	return (struct vtr_spawner){
		.program = workers->program,
		.env = (const char *const *)workers->env.set,
		.config = &workers->config,
	};
}
