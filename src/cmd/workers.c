/* SPDX-License-Identifier: MIT */
#include "cmd/workers.h"

#include <stdio.h>

#include "platform/proc.h"

static void add_arg(struct vtr_workers *workers, const char *name, const char *value)
{
	vtr_assert(workers->arg_count + 2 <= VTR_WORKERS_ARGS_MAX);
	workers->args[workers->arg_count++] = name;
	workers->args[workers->arg_count++] = value;
}

static void add_tuning(struct vtr_workers *workers, const struct vtr_tuning *tuning)
{
	snprintf(workers->texts[0], VTR_WORKERS_TEXT_MAX, "handshake-timeout=%u", tuning->handshake_ms);
	add_arg(workers, "-o", workers->texts[0]);
	snprintf(workers->texts[3], VTR_WORKERS_TEXT_MAX, "reply-timeout=%u", tuning->reply_ms);
	add_arg(workers, "-o", workers->texts[3]);
	if (tuning->max_memory != 0) {
		snprintf(workers->texts[1], VTR_WORKERS_TEXT_MAX, "max-memory=%llu",
		         (unsigned long long)tuning->max_memory);
		add_arg(workers, "-o", workers->texts[1]);
	}
	if (tuning->import_alignment != 0) {
		snprintf(workers->texts[2], VTR_WORKERS_TEXT_MAX, "import-alignment=%u",
		         tuning->import_alignment);
		add_arg(workers, "-o", workers->texts[2]);
	}
	if (tuning->no_host_import) {
		add_arg(workers, "-o", "no-host-import");
	}
	if (tuning->no_export) {
		add_arg(workers, "-o", "no-export");
	}
	if (tuning->no_sandbox) {
		add_arg(workers, "-o", "no-sandbox");
	}
}

enum vtr_err vtr_workers_init(struct vtr_workers *workers, const struct vtr_tuning *tuning,
                              const char *log_filter)
{
	*workers = (struct vtr_workers){ .arg_count = 0 };
	enum vtr_err err = vtr_os_self_path(workers->program, sizeof(workers->program));
	if (err != VTR_OK) {
		return err;
	}
	if (log_filter) {
		add_arg(workers, "--log", log_filter);
	}
	add_tuning(workers, tuning);
	return vtr_front_env_init(tuning, &workers->env);
}

void vtr_workers_finish(struct vtr_workers *workers)
{
	vtr_front_env_finish(&workers->env);
}

struct vtr_spawner_params vtr_workers_spawner(const struct vtr_workers *workers,
                                              const struct vtr_scout *scout)
{
	return (struct vtr_spawner_params){
		.program = workers->program,
		.args = workers->args,
		.arg_count = workers->arg_count,
		.env = (const char *const *)workers->env.set,
		.scout = scout,
	};
}
