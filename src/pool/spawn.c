/* SPDX-License-Identifier: MIT */
#include "pool/spawn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/child_refusals.h"
#include "platform/proc.h"
#include "pool/shader_cache.h"
#include "pool/zygote.h"
#include "vk/renderer_config.h"

/* The fd numbers of the configuration, of a client's connection and of the shared memory budget in a worker. */
#define WORKER_CONFIG_FD 4
#define WORKER_CLIENT_FD 5
#define WORKER_MEMORY_FD 6

static bool may_open(const void *data, const char *path, bool writes)
{
	const struct vtr_spawner *spawner = data;
	const char *cache = vtr_shader_cache_dir(spawner->cache);
	const char *readable[VTR_RENDERER_CONFIG_MAX_PATHS + 1];
	const struct vtr_os_sandbox_paths paths = { .read = readable };
	vtr_autofree char *real = realpath(path, NULL);

	if (cache && strncmp(path, cache, strlen(cache)) == 0 && path[strlen(cache)] == '/') {
		return true;
	}
	(void)vtr_renderer_config_readable(spawner->config, readable);
	return !writes && real && vtr_os_sandbox_reads(&paths, real);
}

/* What the prober's trial has found, see pool/prober.h. */
static bool is_usual(const void *data, const char *name)
{
	const struct vtr_spawner *spawner = data;

	return vtr_renderer_config_has_refused_call(spawner->config, name);
}

/* The command line and the fds of a worker. */
struct arguments {
	const char *argv[20];
	char numbers[8][24];
	size_t count;
	size_t number_count;
	struct vtr_os_spawn_fd fds[3];
	size_t fd_count;
};

static void add_number(struct arguments *arguments, const char *option, size_t value)
{
	char *text = arguments->numbers[arguments->number_count++];

	vtr_assert(arguments->number_count <= VTR_ARRAY_LEN(arguments->numbers));
	vtr_assert(arguments->count + 2 < VTR_ARRAY_LEN(arguments->argv));
	snprintf(text, sizeof(arguments->numbers[0]), "%zu", value);
	arguments->argv[arguments->count++] = option;
	arguments->argv[arguments->count++] = text;
}

/* Hands over `fd` as number `as`, and says so by `option`. */
static void add_fd(struct arguments *arguments, const char *option, int fd, int as)
{
	arguments->fds[arguments->fd_count++] = (struct vtr_os_spawn_fd){ .fd = fd, .as = as };
	add_number(arguments, option, (size_t)as);
}

enum vtr_err vtr_spawner_start(const struct vtr_spawner *spawner, const struct vtr_spawn_worker *worker,
                               struct vtr_child *child)
{
	vtr_autofd int config_fd = -1;
	struct arguments arguments = { .argv = { spawner->program, "worker" }, .count = 2 };
	const struct vtr_child_watch watch = {
		.role = VTR_OS_ROLE_DRIVER,
		.permits = spawner->config->sandbox == VTR_OS_SANDBOX_REPORT,
		.may_open = may_open,
		.is_usual = is_usual,
		.data = spawner,
	};
	const bool watched = spawner->config->sandbox != VTR_OS_SANDBOX_OFF;

	enum vtr_err err = vtr_renderer_config_share(spawner->config, &config_fd);
	if (err != VTR_OK) {
		return err;
	}
	add_number(&arguments, "--control-fd", VTR_CHILD_CONTROL_FD);
	add_fd(&arguments, "--config-fd", config_fd, WORKER_CONFIG_FD);
	add_number(&arguments, "--number", worker->number);
	if (worker->client_fd >= 0) {
		add_fd(&arguments, "--client-fd", worker->client_fd, WORKER_CLIENT_FD);
	}
	if (worker->memory_fd >= 0) {
		add_fd(&arguments, "--memory-fd", worker->memory_fd, WORKER_MEMORY_FD);
		add_number(&arguments, "--memory-index", worker->memory_index);
	}
	if (watched) {
		add_number(&arguments, "--refusals-fd", VTR_CHILD_REFUSALS_FD);
	}
	if (worker->cache_dir) {
		arguments.argv[arguments.count++] = "--cache";
		arguments.argv[arguments.count++] = worker->cache_dir;
	}
	const struct vtr_child_spec spec = {
		.program = spawner->program,
		.argv = arguments.argv,
		.env = spawner->env,
		.fds = arguments.fds,
		.fd_count = arguments.fd_count,
		.start = spawner->zygote ? vtr_zygote_start_worker : NULL,
		.start_data = spawner->zygote,
		.watch = watched ? &watch : NULL,
	};
	return vtr_child_start(child, &spec);
}
