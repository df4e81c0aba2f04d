/* SPDX-License-Identifier: MIT */
#include "worker/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "worker/scout.h"

/* The numbers of the fds in a worker. */
#define WORKER_CONTROL_FD 3
#define WORKER_CLIENT_FD 4
/* argv[0], "worker", three options of ours with their values. */
#define FIXED_ARGS 8

struct vtr_spawner {
	char *program;
	char **args; /* NULL-terminated, like env */
	size_t arg_count;
	char **env;
	const struct vtr_scout *scout; /* borrowed */
	int null_fd;                   /* stdin of workers, which must not hold ours open */
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
	spawner->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	spawner->program = strdup(params->program);
	spawner->arg_count = params->arg_count;
	spawner->scout = params->scout;
	spawner->args = copy_strings(params->args, params->arg_count);
	spawner->env = copy_strings(params->env, env_count);
	if (spawner->null_fd < 0 || !spawner->program || !spawner->args || !spawner->env) {
		enum vtr_err err = spawner->null_fd < 0 ? VTR_ERR_OS : VTR_ERR_NOMEM;
		vtr_spawner_destroy(spawner);
		return err;
	}
	*out_spawner = spawner;
	return VTR_OK;
}

void vtr_spawner_destroy(struct vtr_spawner *spawner)
{
	if (!spawner) {
		return;
	}
	vtr_close(&spawner->null_fd);
	free(spawner->program);
	free_strings(spawner->args);
	free_strings(spawner->env);
	free(spawner);
}

static enum vtr_err run(struct vtr_spawner *spawner, uint32_t number, int client_fd, int control_fd,
                        struct vtr_worker_process *process)
{
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = spawner->null_fd, .as = STDIN_FILENO }, { .fd = STDERR_FILENO, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },   { .fd = control_fd, .as = WORKER_CONTROL_FD },
		{ .fd = client_fd, .as = WORKER_CLIENT_FD }, /* the last: not for all */
	};
	char control_text[16];
	char client_text[16];
	char number_text[16];
	const char *const *known = NULL;
	size_t known_count = vtr_scout_args(spawner->scout, &known);
	vtr_autofree char **argv = calloc(FIXED_ARGS + spawner->arg_count + known_count + 1, sizeof(*argv));

	if (!argv) {
		return VTR_ERR_NOMEM;
	}
	snprintf(control_text, sizeof(control_text), "%d", WORKER_CONTROL_FD);
	snprintf(client_text, sizeof(client_text), "%d", WORKER_CLIENT_FD);
	snprintf(number_text, sizeof(number_text), "%u", number);
	char *fixed[FIXED_ARGS] = {
		spawner->program,       (char[]){ "worker" }, (char[]){ "--control-fd" }, control_text,
		(char[]){ "--number" }, number_text,          (char[]){ "--client-fd" },  client_text,
	};
	size_t fixed_count = client_fd >= 0 ? FIXED_ARGS : FIXED_ARGS - 2;
	memcpy(argv, fixed, fixed_count * sizeof(*argv));
	memcpy(argv + fixed_count, spawner->args, spawner->arg_count * sizeof(*argv));
	for (size_t i = 0; i < known_count; i++) {
		argv[fixed_count + spawner->arg_count + i] = (char *)known[i];
	}
	const struct vtr_os_spawn spawn = {
		.path = spawner->program,
		.argv = argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds) - (client_fd < 0),
		.new_session = true, /* Ctrl-C is for the program and for us */
		.env_set = (const char *const *)spawner->env,
	};
	return vtr_os_spawn(&spawn, &process->pid, &process->death_fd);
}

enum vtr_err vtr_spawner_start(struct vtr_spawner *spawner, uint32_t number, int client_fd,
                               struct vtr_worker_process *out_process)
{
	struct vtr_worker_process process = { .death_fd = -1 };
	int ends[2];
	enum vtr_err err = vtr_os_sock_pair(ends);

	if (err != VTR_OK) {
		return err;
	}
	err = run(spawner, number, client_fd, ends[1], &process);
	vtr_close(&ends[1]);
	if (err != VTR_OK) {
		vtr_close(&ends[0]);
		return err;
	}
	process.control_fd = ends[0];
	*out_process = process;
	return VTR_OK;
}

void vtr_worker_process_kill(const struct vtr_worker_process *process)
{
	/* Not reaped yet, so the number is still its own. */
	kill(process->pid, SIGKILL);
}

void vtr_worker_process_finish(struct vtr_worker_process *process, int64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = process->death_fd, .events = POLLIN };
	int status;

	for (;;) {
		int64_t left_ns = deadline_ns - vtr_os_now_ns();
		if (left_ns <= 0) {
			vtr_worker_process_kill(process);
			break;
		}
		int n = poll(&pollfd, 1, (int)(left_ns / 1000000) + 1);
		if (n > 0 || (n < 0 && errno != EINTR)) {
			break;
		}
	}
	while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
	}
	process->pid = 0;
}
