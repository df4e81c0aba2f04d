/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/server.h"

#include <unistd.h>

#include "base/log.h"
#include "ipc/hang_up.h"
#include "ipc/worker_protocol.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "vk/renderer_config.h"
#include "vtest/vtest.h"
#include "worker/context.h"
#include "worker/watch.h"

/* Enough for VTR_IDS_MAX_LIVE blobs and the driver's own fds. The system's limit may be lower. */
#define MAX_FDS (65536 + 4096)

/* The data of a connection's events. */
struct server {
	const struct vtr_worker_params *params;
	struct vtr_worker_watch watch;
	bool orphaned;
};

static void report_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	const struct server *server = data;
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };
	const struct vtr_worker_ring_gone gone = { .ring_id = ring_id };
	const struct vtr_ipc_parts parts = {
		.payload = created ? (const void *)&ring : &gone,
		.fds = &fd,
		.fd_count = created ? 1 : 0,
	};
	enum vtr_err err = vtr_ipc_send(server->params->control_fd, vtr_worker_rules,
	                                created ? VTR_WORKER_RING : VTR_WORKER_RING_GONE, &parts);

	if (err != VTR_OK) {
		/* The supervisor is gone. The watch sees that on the same socket, and ends serving. */
		vtr_debug(server->params->log, "cannot report a ring: %s", vtr_err_text(err));
	}
}

static void report_context(void *data, struct vtr_venus *venus)
{
	struct server *server = data;

	vtr_worker_watch_context(&server->watch, venus);
}

static void report_ending(void *data, enum vtr_err why)
{
	struct server *server = data;

	server->orphaned = vtr_worker_watch_end(&server->watch, why == VTR_OK);
}

static const struct vtr_vtest_events vtest_events = {
	.ring = report_ring,
	.context = report_context,
	.ending = report_ending,
};

static void log_sandbox(struct vtr_log *log, uint32_t applied)
{
	for (uint32_t bit = 1; bit <= VTR_OS_SANDBOX_ALL; bit <<= 1) {
		if ((VTR_OS_SANDBOX_ALL & bit) != 0 && (applied & bit) == 0) {
			vtr_info(log, "sandbox: this kernel or container does not support the limit '%s'",
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

/* `out_watch_fd` may be NULL. */
static enum vtr_err lock_process(const struct vtr_renderer_config *config, const char *cache_dir,
                                 int *out_watch_fd, uint32_t *out_applied)
{
	const char *readable[VTR_RENDERER_CONFIG_MAX_PATHS + 1] = { NULL };
	const struct vtr_os_limits limits = {
		.max_fds = MAX_FDS,
		.max_data_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * vtr_os_page_size(),
		.no_core_dumps = true,
		.no_priority = true,
	};
	const char *const caches[] = { cache_dir, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = readable, .update = caches };
	uint32_t files = 0;
	uint32_t syscalls = 0;

	if (config) {
		(void)vtr_renderer_config_readable(config, readable);
	}
	enum vtr_err err = vtr_os_limits(&limits);
	/* The process that watches reads this one's memory. */
	if (err == VTR_OK && !out_watch_fd) {
		err = vtr_os_hide();
	}
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

enum vtr_err vtr_worker_lock_in(const struct vtr_renderer_config *config, const char *cache_dir,
                                uint32_t *out_applied)
{
	return lock_process(config, cache_dir, NULL, out_applied);
}

enum vtr_err vtr_worker_lock_in_watched(const struct vtr_renderer_config *config, int *out_watch_fd,
                                        uint32_t *out_applied)
{
	*out_watch_fd = -1;
	return lock_process(config, NULL, out_watch_fd, out_applied);
}

/* Applies the sandbox unless it is disabled, and logs its missing parts. */
static enum vtr_err lock_in(const struct vtr_worker_params *params)
{
	uint32_t applied = 0;

	if (params->config->no_sandbox) {
		return VTR_OK;
	}
	enum vtr_err err = vtr_worker_lock_in(params->config, params->cache_dir, &applied);
	if (err == VTR_OK) {
		log_sandbox(params->log, applied);
	} else {
		vtr_error(params->log,
		          "cannot lock the worker into its sandbox: %s. It ends, and its program gets no "
		          "Vulkan device; 'vitrine doctor' examines the sandbox",
		          vtr_err_text(err));
	}
	return err;
}

static enum vtr_err serve_client(struct server *server)
{
	const struct vtr_worker_params *params = server->params;
	const struct vtr_vtest_params vtest_params = {
		.log = params->log,
		.fd = params->client_fd,
		.config = params->config,
		.memory = params->memory,
		.events = &vtest_events,
		.data = server,
	};
	enum vtr_err err = vtr_vtest_serve(&vtest_params);

	if (server->orphaned) {
		err = VTR_ERR_GONE;
	}
	if (err == VTR_OK) {
		vtr_debug(params->log, "client has closed");
	} else {
		vtr_info(params->log, "client is dropped: %s", vtr_err_text(err));
	}
	return err;
}

static enum vtr_err serve_context(struct server *server)
{
	enum vtr_err err = vtr_context_serve(server->params, &server->watch);

	if (err != VTR_OK) {
		vtr_info(server->params->log, "the context is closed: %s", vtr_err_text(err));
	}
	return err;
}

/* Everything that must be done before the first byte of a client is read. */
static enum vtr_err prepare(struct server *server)
{
	const struct vtr_worker_params *params = server->params;
	enum vtr_err err = VTR_OK;

	vtr_os_heap_share();
	if (params->client_fd >= 0) {
		err = vtr_vtest_limit_unread(params->client_fd);
	}
	if (err == VTR_OK) {
		err = lock_in(params);
	}
	if (err == VTR_OK) {
		err = vtr_worker_watch_start(&server->watch, params->control_fd, params->client_fd);
	}
	return err;
}

enum vtr_err vtr_worker_run(const struct vtr_worker_params *params)
{
	struct server server = { .params = params };
	enum vtr_err err = prepare(&server);

	if (err != VTR_OK) {
		vtr_error(params->log, "cannot serve: %s", vtr_err_text(err));
		if (params->client_fd >= 0) {
			vtr_vtest_hang_up(params->client_fd);
		}
		return err;
	}
	err = params->client_fd >= 0 ? serve_client(&server) : serve_context(&server);
	vtr_worker_watch_finish(&server.watch);
	return err;
}
