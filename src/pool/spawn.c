/* SPDX-License-Identifier: MIT */
#include "pool/spawn.h"

#include <stdio.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "vk/renderer_config.h"

/* The fd numbers of the configuration and of a client's connection in a worker. */
#define WORKER_CONFIG_FD 4
#define WORKER_CLIENT_FD 5

enum vtr_err vtr_spawner_start(const struct vtr_spawner *spawner, uint32_t number, int client_fd,
                               const char *cache_dir, struct vtr_child *child)
{
	vtr_autofd int config_fd = -1;
	char control_text[16];
	char config_text[16];
	char client_text[16];
	char number_text[16];
	const char *argv[16] = { spawner->program, "worker",    "--control-fd", control_text,
		                 "--config-fd",    config_text, "--number",     number_text };
	size_t count = 8;

	if (client_fd >= 0) {
		argv[count++] = "--client-fd";
		argv[count++] = client_text;
	}
	if (cache_dir) {
		argv[count++] = "--cache";
		argv[count++] = cache_dir;
	}

	snprintf(control_text, sizeof(control_text), "%d", VTR_CHILD_CONTROL_FD);
	snprintf(config_text, sizeof(config_text), "%d", WORKER_CONFIG_FD);
	snprintf(client_text, sizeof(client_text), "%d", WORKER_CLIENT_FD);
	snprintf(number_text, sizeof(number_text), "%u", number);
	enum vtr_err err = vtr_renderer_config_share(spawner->config, &config_fd);
	if (err != VTR_OK) {
		return err;
	}
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = config_fd, .as = WORKER_CONFIG_FD },
		{ .fd = client_fd, .as = WORKER_CLIENT_FD }, /* last, because only some workers have it */
	};
	const struct vtr_child_spec spec = {
		.program = spawner->program,
		.argv = argv,
		.env = spawner->env,
		.fds = fds,
		.fd_count = client_fd >= 0 ? 2 : 1,
	};
	return vtr_child_start(child, &spec);
}
