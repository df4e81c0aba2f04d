/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "screen"
#include "display_host/outputs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/child_refusals.h"
#include "ipc/sandbox_args.h"
#include "platform/sock.h"
#include "platform/thread.h"

/* The time that all processes together have to finish their files at the end. */
#define FINISH_MS 3000

/* A running process. */
struct process {
	struct vtr_list node;
	struct vtr_display_outputs *outputs;
	struct vtr_child *child;
};

struct vtr_display_outputs {
	struct vtr_display_outputs_params params;
	struct vtr_list processes;
};

static void forget(struct process *process)
{
	vtr_list_remove(&process->node);
	vtr_child_destroy(process->child);
	free(process);
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct process *process = data;

	if (WIFSIGNALED(end->status)) {
		vtr_warn(process->outputs->params.log,
		         "a recording or publishing process was ended by signal %d: its recording or stream "
		         "ends here, the guest goes on",
		         WTERMSIG(end->status));
	}
	forget(process);
}

static const struct vtr_child_events child_events = { .died = on_died };

static enum vtr_err spawn(const struct vtr_display_outputs_params *params,
                          const struct vtr_display_output *item, int feed_fd, struct vtr_child *child)
{
	const struct vtr_os_spawn_fd fds[] = { { .fd = feed_fd, .as = VTR_OUTPUT_FD_FEED } };
	const struct vtr_child_watch watch = {
		.role = item->is_url ? VTR_OS_ROLE_PUBLISHER : VTR_OS_ROLE_SERVER,
		.permits = params->sandbox == VTR_OS_SANDBOX_REPORT,
	};
	struct vtr_sandbox_args sandbox;
	vtr_sandbox_args_fill(params->sandbox, &sandbox);
	const char *const argv[] = {
		params->program,
		"mux",
		item->is_url ? "--publish" : "--record",
		item->target,
		sandbox.args[0],
		sandbox.args[1],
		sandbox.args[2],
		sandbox.args[3],
		params->log_filter ? "--log" : NULL,
		params->log_filter,
		NULL,
	};
	const struct vtr_child_spec spec = {
		.program = params->program,
		.argv = argv,
		.fds = fds,
		.fd_count = VTR_ARRAY_LEN(fds),
		.watch = params->sandbox != VTR_OS_SANDBOX_OFF ? &watch : NULL,
	};

	return vtr_child_start(child, &spec);
}

/* Owner: *out_fd is the caller's. */
static enum vtr_err start(struct vtr_display_outputs *outputs, const struct vtr_display_output *item,
                          int *out_fd)
{
	struct process *process = calloc(1, sizeof(*process));
	const struct vtr_child_params child_params = {
		.log = outputs->params.log,
		.loop = outputs->params.loop,
		.name = "mux",
		.events = &child_events,
		.data = process,
	};
	int ends[2] = { -1, -1 };

	if (!process) {
		return VTR_ERR_NOMEM;
	}
	process->outputs = outputs;
	vtr_list_append(&outputs->processes, &process->node);
	enum vtr_err err = vtr_child_create(&child_params, &process->child);
	if (err == VTR_OK) {
		err = vtr_os_sock_pair(ends);
	}
	if (err == VTR_OK) {
		err = spawn(&outputs->params, item, ends[1], process->child);
	}
	vtr_close(&ends[1]);
	if (err != VTR_OK) {
		vtr_close(&ends[0]);
		forget(process);
		return err;
	}
	*out_fd = ends[0];
	return VTR_OK;
}

enum vtr_err vtr_display_outputs_create(const struct vtr_display_outputs_params *params,
                                        struct vtr_display_outputs **out_outputs)
{
	struct vtr_display_outputs *outputs = calloc(1, sizeof(*outputs));

	vtr_assert(params->count <= VTR_DISPLAY_MAX_OUTPUTS);
	if (!outputs) {
		return VTR_ERR_NOMEM;
	}
	outputs->params = *params;
	vtr_list_init(&outputs->processes);
	*out_outputs = outputs;
	return VTR_OK;
}

size_t vtr_display_outputs_start(struct vtr_display_outputs *outputs, int out_fds[VTR_DISPLAY_MAX_OUTPUTS])
{
	size_t count = 0;

	for (size_t i = 0; i < outputs->params.count; i++) {
		enum vtr_err err = start(outputs, &outputs->params.items[i], &out_fds[count]);
		if (err == VTR_OK) {
			count++;
		} else {
			vtr_error(outputs->params.log, "cannot start a process that records or publishes: %s",
			          vtr_err_text(err));
		}
	}
	return count;
}

void vtr_display_outputs_destroy(struct vtr_display_outputs *outputs)
{
	if (!outputs) {
		return;
	}
	int64_t deadline_ns = vtr_os_now_ns() + FINISH_MS * INT64_C(1000000);
	while (!vtr_list_empty(&outputs->processes)) {
		struct process *process = vtr_container_of(outputs->processes.next, struct process, node);

		if (!vtr_child_finish(process->child, deadline_ns)) {
			vtr_warn(outputs->params.log, "a recording or publishing process does not end in "
			                              "time, so it is killed: the last "
			                              "second may be missing");
		}
		forget(process);
	}
	free(outputs);
}
