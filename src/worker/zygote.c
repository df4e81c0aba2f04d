/* SPDX-License-Identifier: MIT */
#include "worker/zygote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc/zygote_protocol.h"
#include "platform/fork.h"
#include "platform/proc.h"

/* The most arguments of a worker, argv[0] included. */
#define MAX_ARGUMENTS 32

/* The tails of messages are texts that each end with NUL. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at;
	const char *nul = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;

	*at = nul ? nul + 1 : end;
	return nul ? text : NULL;
}

static enum vtr_err load(const struct vtr_zygote_process *process, const struct vtr_ipc_message *message)
{
	struct vtr_zygote_ready ready = { 0 };
	const struct vtr_ipc_parts parts = { .payload = &ready };
	const char *at = message->tail;
	const char *end = at + message->tail_size;

	vtr_os_heap_share(); /* the workers' heap begins as a copy of this one */
	for (const char *path = next_text(&at, end); path; path = next_text(&at, end)) {
		/* A worker loads what is missing by itself, and reports why that fails. */
		ready.loaded += vtr_os_pin_library(path) == VTR_OK;
	}
	ready.threads = vtr_os_thread_count();
	ready.can_fork = vtr_os_can_fork_sibling();
	return vtr_ipc_send(process->control_fd, vtr_zygote_rules, VTR_ZYGOTE_READY, &parts);
}

/* In the new process: becomes a worker as if the program had been started with these arguments and fds. */
static _Noreturn void become_worker(const struct vtr_zygote_process *process,
                                    const struct vtr_os_spawn_fd *fds, size_t fd_count, int argc, char **argv)
{
	(void)setsid();
	if (vtr_os_replace_fds(fds, fd_count) != VTR_OK) {
		_exit(1);
	}
	exit(process->run(argc, argv));
}

static void answer(int fd, pid_t pid, int error)
{
	const struct vtr_zygote_answer value = { .pid = pid, .error = error };

	/* A pipe takes so few bytes at once. If its reader has gone, the worker sees its own sockets close. */
	(void)!write(fd, &value, sizeof(value));
}

static enum vtr_err start(const struct vtr_zygote_process *process, const struct vtr_ipc_message *message)
{
	const struct vtr_zygote_start *request = message->payload;
	const char *at = message->tail;
	const char *end = at + message->tail_size;
	const int answer_fd = message->fds[message->fd_count - 1];
	struct vtr_os_spawn_fd fds[VTR_OS_SPAWN_MAX_FDS];
	char *argv[MAX_ARGUMENTS + 1] = { NULL };
	pid_t pid = 0;

	if (request->fd_count > VTR_OS_SPAWN_MAX_FDS || request->argument_count == 0 ||
	    request->argument_count > MAX_ARGUMENTS) {
		return VTR_ERR_PROTOCOL;
	}
	for (uint32_t i = 0; i < request->fd_count; i++) {
		if (request->which[i] >= message->fd_count - 1) {
			return VTR_ERR_PROTOCOL;
		}
		fds[i] = (struct vtr_os_spawn_fd){ .fd = message->fds[request->which[i]],
			                           .as = (int)request->as[i] };
	}
	for (uint32_t i = 0; i < request->argument_count; i++) {
		argv[i] = (char *)next_text(&at, end); /* the worker may change its copy */
		if (!argv[i]) {
			return VTR_ERR_PROTOCOL;
		}
	}
	enum vtr_err err = vtr_os_fork_sibling(&pid);
	if (err == VTR_OK && pid == 0) {
		become_worker(process, fds, request->fd_count, (int)request->argument_count, argv);
	}
	answer(answer_fd, err == VTR_OK ? pid : 0, err == VTR_OK ? 0 : err == VTR_ERR_OS ? errno : ENOSYS);
	return VTR_OK;
}

enum vtr_err vtr_zygote_serve(const struct vtr_zygote_process *process)
{
	struct vtr_ipc ipc;
	enum vtr_err err = VTR_OK;

	vtr_ipc_init(&ipc, process->control_fd, vtr_zygote_request_rules, VTR_ZYGOTE_REQUEST_COUNT);
	while (err == VTR_OK) {
		struct pollfd pollfd = { .fd = process->control_fd, .events = POLLIN };
		struct vtr_ipc_message message;

		err = vtr_ipc_receive(&ipc, &message);
		if (err == VTR_ERR_AGAIN) {
			err = poll(&pollfd, 1, -1) < 0 && errno != EINTR ? VTR_ERR_OS : VTR_OK;
		} else if (err == VTR_OK) {
			err = message.op == VTR_ZYGOTE_LOAD ? load(process, &message) :
			                                      start(process, &message);
		}
	}
	vtr_ipc_finish(&ipc);
	return err == VTR_ERR_GONE ? VTR_OK : err;
}
