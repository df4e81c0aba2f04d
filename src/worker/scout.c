/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/scout.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "venus/known.h"
#include "venus/trial.h"

#define MAX_ARGS (2 * (VTR_KNOWN_MAX_DEVICES + 16))

struct vtr_scout {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	pid_t pid; /* 0: has ended */
	int death_fd;
	int answer_fd;
	struct vtr_os_loop_fd *answer_watch;
	char answer[VTR_SCOUT_ANSWER + 1]; /* lines, later cut into strings */
	size_t answer_size;
	const char *args[MAX_ARGS]; /* "--known", a part of the answer, ... */
	size_t arg_count;
	size_t device_count;
	size_t cpu_count; /* devices that are CPUs */
};

const char *vtr_scout_rest(const char *line, const char *word)
{
	const size_t length = strlen(word);

	return strncmp(line, word, length) == 0 ? line + length : NULL;
}

static void add_arg(struct vtr_scout *scout, const char *option, const char *value)
{
	if (scout->arg_count + 2 <= VTR_ARRAY_LEN(scout->args)) {
		scout->args[scout->arg_count++] = option;
		scout->args[scout->arg_count++] = value;
	}
}

static void read_line(struct vtr_scout *scout, const char *line)
{
	const char *known = vtr_scout_rest(line, VTR_SCOUT_KNOWN);
	const char *readable = vtr_scout_rest(line, VTR_SCOUT_READABLE);
	const char *trial_text = vtr_scout_rest(line, VTR_SCOUT_TRIAL);
	struct vtr_known_device device;
	struct vtr_trial trial;

	if (known && vtr_known_parse(known, &device) == VTR_OK) {
		add_arg(scout, "--known", known);
		scout->device_count++;
		scout->cpu_count += device.is_cpu ? 1 : 0;
	} else if (readable) {
		add_arg(scout, "--readable", readable);
		vtr_info(scout->log, "a driver works only if it can read %s too: workers may", readable);
	} else if (trial_text && vtr_trial_parse(trial_text, &trial) == VTR_OK &&
	           trial.failed != VTR_TRIAL_STEPS) {
		vtr_warn(scout->log,
		         "a device with all that is offered enabled fails in the sandbox, at %s: programs "
		         "that ask "
		         "for as much will fail; 'vitrine doctor' says more",
		         vtr_trial_step_name(trial.failed));
	}
}

static void read_answer(struct vtr_scout *scout)
{
	char *state = NULL;

	for (char *line = strtok_r(scout->answer, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		read_line(scout, line);
	}
	vtr_debug(scout->log, "memory of %zu devices is known", scout->device_count);
}

static void reap(struct vtr_scout *scout)
{
	int status;

	/* It has nothing left to do but to end, or is of no use any more. */
	kill(scout->pid, SIGKILL);
	waitpid(scout->pid, &status, 0);
	scout->pid = 0;
	vtr_os_loop_remove(scout->answer_watch);
	vtr_close(&scout->answer_fd);
	vtr_close(&scout->death_fd);
}

static void on_answer(void *data, unsigned events)
{
	struct vtr_scout *scout = data;
	size_t n = 0;
	enum vtr_err err = VTR_ERR_GUEST;

	(void)events;
	if (scout->answer_size < VTR_SCOUT_ANSWER) {
		err = vtr_os_sock_recv(scout->answer_fd, scout->answer + scout->answer_size,
		                       VTR_SCOUT_ANSWER - scout->answer_size, &n, NULL, 0, NULL);
	}
	scout->answer_size += n;
	if (err == VTR_OK) {
		return;
	}
	reap(scout);
	if (err == VTR_ERR_GONE) {
		read_answer(scout);
	}
}

static enum vtr_err spawn(struct vtr_scout *scout, const struct vtr_scout_params *params, int worker_end)
{
	vtr_autofd int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = null_fd, .as = STDIN_FILENO },
		{ .fd = worker_end, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
	};
	vtr_autofree const char **argv = calloc(6 + params->spawner.arg_count, sizeof(*argv));
	size_t at = 0;

	if (null_fd < 0) {
		return VTR_ERR_OS;
	}
	if (!argv) {
		return VTR_ERR_NOMEM;
	}
	argv[at++] = params->spawner.program;
	argv[at++] = "worker";
	argv[at++] = "--probe";
	if (params->window) {
		argv[at++] = "--window";
	}
	if (params->trial) {
		argv[at++] = "--trial";
	}
	for (size_t i = 0; i < params->spawner.arg_count; i++) {
		argv[at++] = params->spawner.args[i];
	}
	const struct vtr_os_spawn child = {
		.path = params->spawner.program,
		.argv = (char *const *)argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
		.new_session = true,
		.env_set = params->spawner.env,
	};
	return vtr_os_spawn(&child, &scout->pid, &scout->death_fd);
}

enum vtr_err vtr_scout_start(const struct vtr_scout_params *params, struct vtr_scout **out_scout)
{
	struct vtr_scout *scout = calloc(1, sizeof(*scout));
	vtr_autofd int worker_end = -1;
	int ends[2];

	if (!scout) {
		return VTR_ERR_NOMEM;
	}
	scout->log = params->log;
	scout->loop = params->loop;
	scout->death_fd = -1;
	enum vtr_err err = vtr_os_sock_pair(ends);
	if (err != VTR_OK) {
		free(scout);
		return err;
	}
	scout->answer_fd = ends[0];
	worker_end = ends[1];
	err = spawn(scout, params, worker_end);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(scout->loop, scout->answer_fd, true, false, on_answer, scout,
		                         &scout->answer_watch);
	}
	if (err != VTR_OK) {
		vtr_scout_destroy(scout);
		return err;
	}
	*out_scout = scout;
	return VTR_OK;
}

void vtr_scout_wait(struct vtr_scout *scout, int timeout_ms)
{
	const int64_t end_ns = vtr_os_now_ns() + (int64_t)timeout_ms * 1000000;

	while (scout && scout->pid != 0) {
		struct pollfd answer = { .fd = scout->answer_fd, .events = POLLIN };
		const int64_t left_ns = end_ns - vtr_os_now_ns();

		if (left_ns <= 0) {
			return;
		}
		if (poll(&answer, 1, (int)(left_ns / 1000000) + 1) > 0) {
			on_answer(scout, 0);
		}
	}
}

bool vtr_scout_found_cpus_only(const struct vtr_scout *scout)
{
	return scout && scout->cpu_count > 0 && scout->cpu_count == scout->device_count;
}

void vtr_scout_destroy(struct vtr_scout *scout)
{
	if (!scout) {
		return;
	}
	if (scout->pid != 0) {
		reap(scout);
	}
	vtr_close(&scout->answer_fd);
	free(scout);
}

size_t vtr_scout_args(const struct vtr_scout *scout, const char *const **out_args)
{
	if (!scout) {
		return 0;
	}
	*out_args = scout->args;
	return scout->arg_count;
}
