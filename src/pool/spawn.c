/* SPDX-License-Identifier: MIT */
#include "pool/spawn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc/child.h"
#include "vk/renderer_config.h"

/* The fd numbers of the configuration and of a client's connection in a worker. */
#define WORKER_CONFIG_FD 4
#define WORKER_CLIENT_FD 5

struct vtr_spawner {
	char *program;
	char **env; /* NULL-terminated */
	const struct vtr_renderer_config *config; /* borrowed */
};

static void free_strings(char **strings)
{
	for (size_t i = 0; strings && strings[i]; i++) {
		free(strings[i]);
	}
	free(strings);
}

static char **copy_strings(const char *const *strings, size_t count)
{
	char **copy = calloc(count + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(strings[i]);
		if (!copy[i]) {
			free_strings(copy);
			return NULL;
		}
	}
	return copy;
}

enum vtr_err vtr_spawner_create(const struct vtr_spawner_params *params, struct vtr_spawner **out_spawner)
{
	struct vtr_spawner *spawner = calloc(1, sizeof(*spawner));
	size_t env_count = 0;

	if (!spawner) {
		return VTR_ERR_NOMEM;
	}
	while (params->env && params->env[env_count]) {
		env_count++;
	}
	spawner->program = strdup(params->program);
	spawner->config = params->config;
	spawner->env = copy_strings(params->env, env_count);
	if (!spawner->program || !spawner->env) {
		vtr_spawner_destroy(spawner);
		return VTR_ERR_NOMEM;
	}
	*out_spawner = spawner;
	return VTR_OK;
}

void vtr_spawner_destroy(struct vtr_spawner *spawner)
{
	if (!spawner) {
		return;
	}
	free(spawner->program);
	free_strings(spawner->env);
	free(spawner);
}

enum vtr_err vtr_spawner_start(const struct vtr_spawner *spawner, uint32_t number, int client_fd,
                               struct vtr_child *child)
{
	vtr_autofd int config_fd = -1;
	char control_text[16];
	char config_text[16];
	char client_text[16];
	char number_text[16];
	const char *const argv[] = {
		spawner->program, "worker",      "--control-fd",
		control_text,     "--config-fd", config_text,
		"--number",       number_text,   client_fd >= 0 ? "--client-fd" : NULL,
		client_text,      NULL,
	};

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
		.env = (const char *const *)spawner->env,
		.fds = fds,
		.fd_count = client_fd >= 0 ? 2 : 1,
	};
	return vtr_child_start(child, &spec);
}
