/* SPDX-License-Identifier: MIT */
#include "pool/spawn.h"

#include <stdio.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "vk/renderer_config.h"

/* The fd numbers of the configuration, of a client's connection and of the shared memory budget in a worker. */
#define WORKER_CONFIG_FD 4
#define WORKER_CLIENT_FD 5
#define WORKER_MEMORY_FD 6

enum vtr_err vtr_spawner_start(const struct vtr_spawner *spawner, const struct vtr_spawn_worker *worker,
                               struct vtr_child *child)
{
	vtr_autofd int config_fd = -1;
	char numbers[6][24];
	const char *argv[20] = { spawner->program, "worker",   "--control-fd", numbers[0],
		                 "--config-fd",    numbers[1], "--number",     numbers[2] };
	struct vtr_os_spawn_fd fds[3];
	size_t count = 8;
	size_t fd_count = 0;

	snprintf(numbers[0], sizeof(numbers[0]), "%d", VTR_CHILD_CONTROL_FD);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", WORKER_CONFIG_FD);
	snprintf(numbers[2], sizeof(numbers[2]), "%u", worker->number);
	enum vtr_err err = vtr_renderer_config_share(spawner->config, &config_fd);
	if (err != VTR_OK) {
		return err;
	}
	fds[fd_count++] = (struct vtr_os_spawn_fd){ .fd = config_fd, .as = WORKER_CONFIG_FD };
	if (worker->client_fd >= 0) {
		snprintf(numbers[3], sizeof(numbers[3]), "%d", WORKER_CLIENT_FD);
		argv[count++] = "--client-fd";
		argv[count++] = numbers[3];
		fds[fd_count++] = (struct vtr_os_spawn_fd){ .fd = worker->client_fd, .as = WORKER_CLIENT_FD };
	}
	if (worker->memory_fd >= 0) {
		snprintf(numbers[4], sizeof(numbers[4]), "%d", WORKER_MEMORY_FD);
		snprintf(numbers[5], sizeof(numbers[5]), "%zu", worker->memory_index);
		argv[count++] = "--memory-fd";
		argv[count++] = numbers[4];
		argv[count++] = "--memory-index";
		argv[count++] = numbers[5];
		fds[fd_count++] = (struct vtr_os_spawn_fd){ .fd = worker->memory_fd, .as = WORKER_MEMORY_FD };
	}
	if (worker->cache_dir) {
		argv[count++] = "--cache";
		argv[count++] = worker->cache_dir;
	}
	const struct vtr_child_spec spec = {
		.program = spawner->program,
		.argv = argv,
		.env = spawner->env,
		.fds = fds,
		.fd_count = fd_count,
	};
	return vtr_child_start(child, &spec);
}
