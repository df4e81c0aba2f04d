/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/server.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "vtest/vtest.h"
#include "worker/context.h"
#include "worker/leave.h"
#include "worker/protocol.h"

/* Enough for VTR_IDS_MAX_LIVE blobs and the driver's own; less if the system says so. */
#define MAX_FDS (65536 + 4096)
/* How long a worker may hang in a driver after its supervisor died. */
#define ORPHAN_SECONDS 5

static void report_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	const struct vtr_worker_params *params = data;
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };
	const struct vtr_worker_ring_gone gone = { .ring_id = ring_id };
	const struct vtr_ipc_parts parts = {
		.payload = created ? (const void *)&ring : &gone,
		.fds = &fd,
		.fd_count = created ? 1 : 0,
	};
	enum vtr_err err = vtr_ipc_send(params->control_fd, vtr_worker_rules,
	                                created ? VTR_WORKER_RING : VTR_WORKER_RING_GONE, &parts);

	if (err != VTR_OK) {
		/* Serving ends by the same socket: the supervisor is gone. */
		vtr_debug(params->log, "cannot report a ring: %s", vtr_err_name(err));
	}
}

static void report_ending(void *data, enum vtr_err why)
{
	(void)data;
	vtr_worker_leave(why == VTR_OK);
}

static const struct vtr_vtest_events vtest_events = {
	.ring = report_ring,
	.ending = report_ending,
};

static void on_orphaned(int signo)
{
	(void)signo;
	alarm(ORPHAN_SECONDS);
}

/*
 * The serving thread sees the control socket close, unless it is stuck in the driver. For that
 * case the socket also raises SIGIO, and SIGALRM ends the process a little later. That takes a socket on
 * which nothing is ever said; the front of a VM speaks all the time, and its rings must be told before the
 * process ends, so there a thread looks (context.c).
 */
static enum vtr_err watch_supervisor(int control_fd)
{
	struct sigaction action = { .sa_handler = on_orphaned, .sa_flags = SA_RESTART };

	sigemptyset(&action.sa_mask);
	int flags = fcntl(control_fd, F_GETFL);
	if (flags < 0 || sigaction(SIGIO, &action, NULL) < 0 || fcntl(control_fd, F_SETOWN, getpid()) < 0 ||
	    fcntl(control_fd, F_SETFL, flags | O_ASYNC) < 0) {
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

static void log_sandbox(struct vtr_log *log, uint32_t applied)
{
	for (uint32_t bit = 1; bit <= VTR_OS_SANDBOX_ALL; bit <<= 1) {
		if ((VTR_OS_SANDBOX_ALL & bit) != 0 && (applied & bit) == 0) {
			vtr_info(log, "sandbox: this kernel or container cannot limit %s",
			         vtr_os_sandbox_name((enum vtr_os_sandbox)bit));
		}
	}
	vtr_debug(log, "sandbox: 0x%x of 0x%x apply", applied, (unsigned)VTR_OS_SANDBOX_ALL);
}

static enum vtr_err filter_syscalls(int *out_watch_fd, uint32_t *out_applied)
{
	if (out_watch_fd && vtr_os_sandbox_syscalls_watched(out_watch_fd, out_applied) == VTR_OK) {
		return VTR_OK;
	}
	return vtr_os_sandbox_syscalls(out_applied);
}

/* `out_watch_fd`: may be NULL. */
static enum vtr_err lock_process(const char *const *readable, int *out_watch_fd, uint32_t *out_applied)
{
	const struct vtr_os_limits limits = {
		.max_fds = MAX_FDS,
		.max_data_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * vtr_os_page_size(),
		.no_core_dumps = true,
	};
	const struct vtr_os_sandbox_paths paths = { .read = readable };
	uint32_t files = 0;
	uint32_t syscalls = 0;

	enum vtr_err err = vtr_os_limits(&limits);
	if (err == VTR_OK) {
		err = vtr_os_sandbox_files(&paths, &files);
	}
	if (err == VTR_OK) {
		err = filter_syscalls(out_watch_fd, &syscalls);
	}
	if (err == VTR_OK) {
		*out_applied = files | syscalls;
	}
	return err;
}

enum vtr_err vtr_worker_lock_in(const char *const *readable, uint32_t *out_applied)
{
	return lock_process(readable, NULL, out_applied);
}

enum vtr_err vtr_worker_lock_in_watched(const char *const *readable, int *out_watch_fd, uint32_t *out_applied)
{
	*out_watch_fd = -1;
	return lock_process(readable, out_watch_fd, out_applied);
}

/* Says what is missing of the sandbox. */
static enum vtr_err lock_in(const struct vtr_worker_params *params)
{
	uint32_t applied = 0;

	if (params->no_sandbox) {
		return VTR_OK;
	}
	enum vtr_err err = vtr_worker_lock_in(params->readable, &applied);
	if (err == VTR_OK) {
		log_sandbox(params->log, applied);
	} else {
		vtr_error(params->log, "cannot lock the process in: %s", vtr_err_name(err));
	}
	return err;
}

static enum vtr_err serve_client(const struct vtr_worker_params *params)
{
	const struct vtr_vtest_params vtest_params = {
		.log = params->log,
		.fd = params->client_fd,
		.stop_fd = params->control_fd,
		.handshake_timeout_ms = params->handshake_timeout_ms,
		.reply_timeout_ms = params->reply_timeout_ms,
		.events = &vtest_events,
		.data = (void *)params,
		.max_memory = params->max_memory,
		.min_import_alignment = params->min_import_alignment,
		.no_host_import = params->no_host_import,
		.no_export = params->no_export,
		.known = params->known,
	};
	enum vtr_err err = watch_supervisor(params->control_fd);

	if (err != VTR_OK) {
		vtr_error(params->log, "cannot watch the supervisor: %s", vtr_err_name(err));
	} else {
		err = vtr_vtest_limit_unread(params->client_fd);
	}
	if (err == VTR_OK) {
		err = lock_in(params);
	}
	if (err != VTR_OK) {
		vtr_vtest_hang_up(params->client_fd);
		return err;
	}
	err = vtr_vtest_serve(&vtest_params);
	if (err == VTR_OK) {
		vtr_debug(params->log, "client has closed");
	} else {
		vtr_info(params->log, "client is dropped: %s", vtr_err_name(err));
	}
	return err;
}

static enum vtr_err serve_context(const struct vtr_worker_params *params)
{
	const struct vtr_context_params context_params = {
		.log = params->log,
		.fd = params->control_fd,
		.max_memory = params->max_memory,
		.min_import_alignment = params->min_import_alignment,
		.no_host_import = params->no_host_import,
		.no_export = params->no_export,
		.known = params->known,
	};
	enum vtr_err err = lock_in(params);

	if (err == VTR_OK) {
		err = vtr_context_serve(&context_params);
	}
	if (err != VTR_OK) {
		vtr_info(params->log, "the context is given up: %s", vtr_err_name(err));
	}
	return err;
}

enum vtr_err vtr_worker_run(const struct vtr_worker_params *params)
{
	vtr_os_heap_share();
	return params->client_fd >= 0 ? serve_client(params) : serve_context(params);
}
