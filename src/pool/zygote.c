/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "zygote"
#include "pool/zygote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/zygote_protocol.h"
#include "platform/fork.h"
#include "platform/pipe.h"
#include "platform/thread.h"

#define MS INT64_C(1000000)
/* A fork takes a few milliseconds. A process that needs longer for its answer is killed. */
#define ANSWER_MS 5000
#define KILL_MS 2000
#define RESTART_MIN_MS 100
#define RESTART_MAX_MS 60000
#define LIVED_LONG_MS 60000
#define MAX_LIBRARIES 256

struct library {
	char *path;
	struct stat loaded; /* as it was when the process was told to load it; zeros: it was missing */
};

struct vtr_zygote {
	struct vtr_zygote_params params;
	struct vtr_child *child;
	struct library libraries[MAX_LIBRARIES];
	size_t library_count;
	size_t path_bytes;
	bool ready;
	bool unusable; /* the drivers cannot be forked */
};

/* --- the process --------------------------------------------------------------------------------- */

static enum vtr_err send_libraries(struct vtr_zygote *zygote)
{
	char paths[VTR_ZYGOTE_PATHS];
	size_t used = 0;

	for (size_t i = 0; i < zygote->library_count; i++) {
		struct library *library = &zygote->libraries[i];
		const size_t size = strlen(library->path) + 1;

		if (stat(library->path, &library->loaded) < 0) {
			library->loaded = (struct stat){ 0 };
		}
		memcpy(paths + used, library->path, size);
		used += size;
	}
	const struct vtr_ipc_parts parts = { .tail = paths, .tail_size = used };
	return vtr_child_send(zygote->child, VTR_ZYGOTE_LOAD, &parts);
}

static enum vtr_err start_process(void *data)
{
	struct vtr_zygote *zygote = data;
	char control[16];
	const char *const argv[] = { zygote->params.program, "zygote", "--control-fd", control, NULL };
	const struct vtr_child_spec spec = { .program = zygote->params.program,
		                             .argv = argv,
		                             .env = zygote->params.env };

	snprintf(control, sizeof(control), "%d", VTR_CHILD_CONTROL_FD);
	enum vtr_err err = vtr_child_start(zygote->child, &spec);
	return err == VTR_OK ? send_libraries(zygote) : err;
}

static enum vtr_err on_message(void *data, const struct vtr_ipc_message *message, unsigned *cost)
{
	struct vtr_zygote *zygote = data;
	const struct vtr_zygote_ready *ready = message->payload;

	(void)cost;
	zygote->ready = ready->can_fork != 0;
	if (!zygote->ready) {
		vtr_info(zygote->params.log,
		         ready->threads > 1 ?
		                 "the driver starts threads when it is loaded, so each worker loads it by "
		                 "itself" :
		                 "this system cannot fork workers, so each is started as a program");
		zygote->unusable = true;
		vtr_child_hang_up(zygote->child);
	} else {
		vtr_debug(zygote->params.log, "%u of %zu libraries are loaded", ready->loaded,
		          zygote->library_count);
	}
	return VTR_OK;
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct vtr_zygote *zygote = data;

	zygote->ready = false;
	if (!zygote->unusable) {
		const unsigned delay_ms = vtr_child_start_later(zygote->child);

		vtr_log_at(zygote->params.log, end->killed ? VTR_LOG_DEBUG : VTR_LOG_WARN,
		           "the process that workers are forked from has ended. Another one starts in %u ms, "
		           "and "
		           "meanwhile each worker loads the driver by itself",
		           delay_ms);
	}
}

static const struct vtr_child_events child_events = {
	.message = on_message,
	.died = on_died,
	.start = start_process,
};

enum vtr_err vtr_zygote_create(const struct vtr_zygote_params *params, struct vtr_zygote **out_zygote)
{
	struct vtr_zygote *zygote = calloc(1, sizeof(*zygote));

	if (!zygote) {
		return VTR_ERR_NOMEM;
	}
	zygote->params = *params;
	const struct vtr_child_params child_params = {
		.log = params->log,
		.loop = params->loop,
		.name = "zygote",
		.events = &child_events,
		.data = zygote,
		.in_rules = vtr_zygote_rules,
		.in_rule_count = VTR_ZYGOTE_OP_COUNT,
		.out_rules = vtr_zygote_request_rules,
		.max_queue_bytes = 4 * (VTR_ZYGOTE_PATHS + VTR_ZYGOTE_ARGUMENTS),
		.max_queue_fds = 4 * VTR_IPC_MAX_FDS,
		.turn_budget = 8,
		.restart_min_ms = RESTART_MIN_MS,
		.restart_max_ms = RESTART_MAX_MS,
		.lived_long_ms = LIVED_LONG_MS,
	};
	enum vtr_err err = vtr_child_create(&child_params, &zygote->child);
	if (err != VTR_OK) {
		free(zygote);
		return err;
	}
	*out_zygote = zygote;
	return VTR_OK;
}

void vtr_zygote_destroy(struct vtr_zygote *zygote)
{
	if (!zygote) {
		return;
	}
	vtr_child_destroy(zygote->child);
	for (size_t i = 0; i < zygote->library_count; i++) {
		free(zygote->libraries[i].path);
	}
	free(zygote);
}

void vtr_zygote_add_library(struct vtr_zygote *zygote, const char *path)
{
	const size_t size = strlen(path) + 1;

	if (zygote->library_count == MAX_LIBRARIES || size > VTR_ZYGOTE_PATHS - zygote->path_bytes) {
		return;
	}
	char *copy = strdup(path);
	if (copy) {
		zygote->libraries[zygote->library_count++].path = copy;
		zygote->path_bytes += size;
	}
}

void vtr_zygote_open(struct vtr_zygote *zygote, bool found_cpus_only)
{
	if (zygote->library_count == 0 || (zygote->params.cpus_only && !found_cpus_only)) {
		return;
	}
	enum vtr_err err = start_process(zygote);
	if (err != VTR_OK) {
		vtr_warn(zygote->params.log,
		         "cannot start the process that workers are forked from: %s. Each worker "
		         "loads the driver by itself",
		         vtr_err_text(err));
	}
}

/* --- workers ------------------------------------------------------------------------------------- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       vtr_os_mtime_ns(a) == vtr_os_mtime_ns(b);
}

/* The driver may have been updated. The process has loaded the old files. */
static bool is_current(const struct vtr_zygote *zygote)
{
	for (size_t i = 0; i < zygote->library_count; i++) {
		const struct library *library = &zygote->libraries[i];
		struct stat now = { 0 };

		if (stat(library->path, &now) < 0) {
			now = (struct stat){ 0 };
		}
		if (!is_same_file(&now, &library->loaded)) {
			vtr_info(zygote->params.log, "%s has changed: loading the driver anew",
			         library->path);
			return false;
		}
	}
	return true;
}

/* Fills the request and its fds, without the pipe. Returns: false if they do not fit. */
static bool make_request(const struct vtr_os_spawn *spawn, struct vtr_zygote_start *request, int *fds,
                         size_t *fd_count)
{
	*request = (struct vtr_zygote_start){ .fd_count = (uint32_t)spawn->fd_count };
	*fd_count = 0;
	for (size_t i = 0; i < spawn->fd_count; i++) {
		size_t at = 0;

		while (at < *fd_count && fds[at] != spawn->fds[i].fd) {
			at++;
		}
		if (at == VTR_IPC_MAX_FDS - 1) {
			return false;
		}
		fds[at] = spawn->fds[i].fd;
		*fd_count = vtr_max(*fd_count, at + 1);
		request->which[i] = (uint32_t)at;
		request->as[i] = (uint32_t)spawn->fds[i].as;
	}
	return true;
}

/* Returns: the bytes of all arguments; 0 if they do not fit. argv[0] is left out: the command's name follows it. */
static size_t join_arguments(const struct vtr_os_spawn *spawn, struct vtr_zygote_start *request,
                             char text[VTR_ZYGOTE_ARGUMENTS])
{
	size_t used = 0;

	for (size_t i = 1; spawn->argv[i]; i++) {
		const size_t size = strlen(spawn->argv[i]) + 1;

		if (size > VTR_ZYGOTE_ARGUMENTS - used) {
			return 0;
		}
		memcpy(text + used, spawn->argv[i], size);
		used += size;
		request->argument_count++;
	}
	return used;
}

static enum vtr_err send_request(struct vtr_zygote *zygote, const struct vtr_os_spawn *spawn, int pipe_fd)
{
	struct vtr_zygote_start request;
	char arguments[VTR_ZYGOTE_ARGUMENTS];
	int fds[VTR_IPC_MAX_FDS];
	size_t fd_count;

	if (!make_request(spawn, &request, fds, &fd_count)) {
		return VTR_ERR_LIMIT;
	}
	const size_t size = join_arguments(spawn, &request, arguments);
	if (size == 0) {
		return VTR_ERR_LIMIT;
	}
	fds[fd_count++] = pipe_fd;
	const struct vtr_ipc_parts parts = {
		.payload = &request, .tail = arguments, .tail_size = size, .fds = fds, .fd_count = fd_count
	};
	return vtr_child_send(zygote->child, VTR_ZYGOTE_START, &parts);
}

/* Waits until the process has answered, or is dead and can start nothing any more. Returns: VTR_ERR_AGAIN: nothing was
 * started; VTR_ERR_OS: that is not certain. */
static enum vtr_err take_answer(struct vtr_zygote *zygote, int pipe_fd, pid_t *out_pid)
{
	struct vtr_zygote_answer answer = { 0 };

	if (!vtr_child_wait(zygote->child, pipe_fd, vtr_os_now_ns() + ANSWER_MS * MS)) {
		vtr_warn(zygote->params.log,
		         "the process that workers are forked from does not answer: killing it");
		vtr_child_kill(zygote->child);
		if (!vtr_child_wait(zygote->child, pipe_fd, vtr_os_now_ns() + KILL_MS * MS)) {
			errno = ETIMEDOUT;
			return VTR_ERR_OS;
		}
	}
	if (read(pipe_fd, &answer, sizeof(answer)) != (ssize_t)sizeof(answer) || answer.pid <= 0) {
		vtr_warn(zygote->params.log, "cannot fork a worker: %s", strerror(answer.error));
		return VTR_ERR_AGAIN;
	}
	*out_pid = answer.pid;
	return VTR_OK;
}

/* Returns: VTR_ERR_AGAIN: nothing was started, and the program can be. */
static enum vtr_err fork_worker(struct vtr_zygote *zygote, const struct vtr_os_spawn *spawn, pid_t *out_pid,
                                int *out_death_fd)
{
	int ends[2];

	if (!zygote->ready || !vtr_child_is_connected(zygote->child)) {
		return VTR_ERR_AGAIN;
	}
	if (!is_current(zygote)) {
		zygote->ready = false;
		vtr_child_kill(zygote->child);
		return VTR_ERR_AGAIN;
	}
	if (vtr_os_pipe(true, ends) != VTR_OK) {
		return VTR_ERR_AGAIN;
	}
	vtr_autofd int read_end = ends[0];
	enum vtr_err err = send_request(zygote, spawn, ends[1]);
	close(ends[1]);
	if (err != VTR_OK) {
		return VTR_ERR_AGAIN;
	}
	err = take_answer(zygote, read_end, out_pid);
	return err == VTR_OK ? vtr_os_watch_child(*out_pid, out_death_fd) : err;
}

enum vtr_err vtr_zygote_start_worker(void *data, const struct vtr_os_spawn *spawn, pid_t *out_pid,
                                     int *out_death_fd)
{
	enum vtr_err err = fork_worker(data, spawn, out_pid, out_death_fd);

	return err == VTR_ERR_AGAIN ? vtr_os_spawn(spawn, out_pid, out_death_fd) : err;
}
