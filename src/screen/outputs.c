/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "screen/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/sock.h"

/* At the end, how long files may take to be finished. */
#define FINISH_MS 3000

#define ARGS_MAX 7

/* One that runs. */
struct process {
	struct vtr_list node;
	struct vtr_screen_outputs *outputs;
	pid_t pid;
	int death_fd;
	struct vtr_os_loop_fd *watch;
};

struct vtr_screen_outputs {
	struct vtr_screen_outputs_params params;
	struct vtr_list processes;
	int null_fd;
};

static void forget(struct process *process)
{
	vtr_list_remove(&process->node);
	vtr_os_loop_remove(process->watch);
	vtr_close(&process->death_fd);
	free(process);
}

static void on_death(void *data, unsigned events)
{
	struct process *process = data;
	int status = 0;

	(void)events;
	if (vtr_os_wait(process->pid, &status) == VTR_ERR_AGAIN) {
		return;
	}
	if (WIFSIGNALED(status)) {
		vtr_warn(process->outputs->params.log,
		         "what records or publishes was ended by signal %d; the guest goes on",
		         WTERMSIG(status));
	}
	forget(process);
}

static enum vtr_err spawn(struct vtr_screen_outputs *outputs, const struct vtr_screen_output *item,
                          int feed_fd, struct process *process)
{
	const struct vtr_screen_outputs_params *params = &outputs->params;
	const struct vtr_os_spawn_fd fds[] = {
		{ .fd = outputs->null_fd, .as = STDIN_FILENO },
		{ .fd = STDERR_FILENO, .as = STDOUT_FILENO },
		{ .fd = STDERR_FILENO, .as = STDERR_FILENO },
		{ .fd = feed_fd, .as = VTR_OUTPUT_FD_FEED },
	};
	char command[] = "mux";
	char record_opt[] = "--record";
	char publish_opt[] = "--publish";
	char log_opt[] = "--log";
	char *argv[ARGS_MAX];
	size_t n = 0;

	argv[n++] = (char *)params->program;
	argv[n++] = command;
	argv[n++] = item->is_url ? publish_opt : record_opt;
	argv[n++] = (char *)item->target;
	if (params->log_filter) {
		argv[n++] = log_opt;
		argv[n++] = (char *)params->log_filter;
	}
	argv[n] = NULL;
	const struct vtr_os_spawn spawn = {
		.path = params->program,
		.argv = argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
		.new_session = true,
	};
	return vtr_os_spawn(&spawn, &process->pid, &process->death_fd);
}

/* Owner: *out_fd is the caller's. */
static enum vtr_err start(struct vtr_screen_outputs *outputs, const struct vtr_screen_output *item,
                          int *out_fd)
{
	struct process *process = calloc(1, sizeof(*process));
	int ends[2];

	if (!process) {
		return VTR_ERR_NOMEM;
	}
	process->outputs = outputs;
	process->death_fd = -1;
	vtr_list_init(&process->node);
	enum vtr_err err = vtr_os_sock_pair(ends);
	if (err != VTR_OK) {
		forget(process);
		return err;
	}
	err = spawn(outputs, item, ends[1], process);
	vtr_close(&ends[1]);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(outputs->params.loop, process->death_fd, true, false, on_death,
		                         process, &process->watch);
	}
	if (err != VTR_OK) {
		vtr_close(&ends[0]);
		if (process->pid != 0) {
			/* Nobody could tell its death: end it here and now. */
			kill(process->pid, SIGKILL);
			waitpid(process->pid, NULL, 0);
		}
		forget(process);
		return err;
	}
	vtr_list_append(&outputs->processes, &process->node);
	*out_fd = ends[0];
	return VTR_OK;
}

enum vtr_err vtr_screen_outputs_create(const struct vtr_screen_outputs_params *params,
                                       struct vtr_screen_outputs **out_outputs)
{
	struct vtr_screen_outputs *outputs = calloc(1, sizeof(*outputs));

	vtr_assert(params->count <= VTR_SCREEN_MAX_OUTPUTS);
	if (!outputs) {
		return VTR_ERR_NOMEM;
	}
	outputs->params = *params;
	vtr_list_init(&outputs->processes);
	outputs->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (outputs->null_fd < 0) {
		free(outputs);
		return VTR_ERR_OS;
	}
	*out_outputs = outputs;
	return VTR_OK;
}

size_t vtr_screen_outputs_start(struct vtr_screen_outputs *outputs, int out_fds[VTR_SCREEN_MAX_OUTPUTS])
{
	size_t count = 0;

	for (size_t i = 0; i < outputs->params.count; i++) {
		enum vtr_err err = start(outputs, &outputs->params.items[i], &out_fds[count]);
		if (err == VTR_OK) {
			count++;
		} else {
			vtr_error(outputs->params.log, "cannot record or publish: %s (%s)", vtr_err_name(err),
			          strerror(errno));
		}
	}
	return count;
}

/* Waits for its end, or some time and then ends it. */
static void finish(struct process *process)
{
	struct pollfd pollfd = { .fd = process->death_fd, .events = POLLIN };

	if (poll(&pollfd, 1, FINISH_MS) <= 0) {
		vtr_warn(process->outputs->params.log,
		         "what records or publishes does not end: the last second may be missing");
		kill(process->pid, SIGKILL);
	}
	waitpid(process->pid, NULL, 0);
	forget(process);
}

void vtr_screen_outputs_destroy(struct vtr_screen_outputs *outputs)
{
	if (!outputs) {
		return;
	}
	while (!vtr_list_empty(&outputs->processes)) {
		finish(vtr_container_of(outputs->processes.next, struct process, node));
	}
	vtr_close(&outputs->null_fd);
	free(outputs);
}
