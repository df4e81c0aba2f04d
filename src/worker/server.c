/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/server.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/hang_up.h"
#include "ipc/worker_protocol.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "venus/room.h"
#include "vk/renderer_config.h"
#include "vtest/vtest.h"
#include "worker/context.h"
#include "worker/last_words.h"
#include "worker/watch.h"

/* Enough for VTR_IDS_MAX_LIVE blobs and the driver's own fds. The system's limit may be lower. */
#define MAX_FDS (65536 + 4096)

/* The data of a connection's events. */
struct server {
	const struct vtr_worker_params *params;
	struct vtr_worker_watch watch;
	bool orphaned;
	int refusals_fd; /* until the sandbox applies */
	pthread_mutex_t send_lock; /* for what any thread sends */
};

/* Any thread may send. */
static void send_message(struct server *server, enum vtr_worker_op op, const struct vtr_ipc_parts *parts)
{
	pthread_mutex_lock(&server->send_lock);
	enum vtr_err err = vtr_ipc_send(server->params->control_fd, vtr_worker_rules, op, parts);
	pthread_mutex_unlock(&server->send_lock);
	if (err != VTR_OK) {
		/* The supervisor is gone. The watch sees that on the same socket, and ends serving. */
		vtr_debug(server->params->log, "cannot send %s: %s", vtr_worker_rules[op].name,
		          vtr_err_text(err));
	}
}

void vtr_worker_stall_fill(struct vtr_worker_stall *out_message, const struct vtr_stall *stall,
                           const char *program)
{
	*out_message =
		(struct vtr_worker_stall){ .state = (uint32_t)stall->state, .seconds = stall->seconds };
	memcpy(out_message->what, stall->what, strnlen(stall->what, sizeof(out_message->what)));
	memcpy(out_message->program, program, strnlen(program, sizeof(out_message->program)));
}

static void report_device(void *data, const char *name)
{
	struct vtr_worker_device device = { .name = "" };
	const struct vtr_ipc_parts parts = { .payload = &device };

	memcpy(device.name, name, strnlen(name, sizeof(device.name)));
	send_message(data, VTR_WORKER_DEVICE, &parts);
}

static void report_stall(void *data, const struct vtr_stall *stall, const char *program)
{
	struct vtr_worker_stall message;
	const struct vtr_ipc_parts parts = { .payload = &message };

	vtr_worker_stall_fill(&message, stall, program);
	send_message(data, VTR_WORKER_STALL, &parts);
}

static void report_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };
	const struct vtr_worker_ring_gone gone = { .ring_id = ring_id };
	const struct vtr_ipc_parts parts = {
		.payload = created ? (const void *)&ring : &gone,
		.fds = &fd,
		.fd_count = created ? 1 : 0,
	};

	send_message(data, created ? VTR_WORKER_RING : VTR_WORKER_RING_GONE, &parts);
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
	.device = report_device,
	.stalled = report_stall,
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

enum vtr_err vtr_worker_lock_in(const struct vtr_worker_lock *lock, uint32_t *out_applied)
{
	const char *readable[VTR_RENDERER_CONFIG_MAX_PATHS + 1] = { NULL };
	const char *const caches[] = { lock->cache_dir, NULL };
	const struct vtr_os_sandbox_paths paths = { .read = readable, .update = caches };
	const struct vtr_os_sandbox_params params = {
		.role = VTR_OS_ROLE_DRIVER,
		.mode = (enum vtr_os_sandbox_mode)lock->config->sandbox,
		.limits = {
			.max_fds = MAX_FDS,
			.max_data_bytes = vtr_min(vtr_renderer_config_max_memory(lock->config) +
		                                          VTR_ROOM_DRIVER,
		                                  vtr_os_ram_size()),
			.no_core_dumps = true,
			.leave_others = true,
		},
		.paths = &paths,
		.report_fd = lock->report_fd,
		.watched = lock->watched,
	};

	(void)vtr_renderer_config_readable(lock->config, readable);
	return vtr_os_sandbox_enter(&params, out_applied);
}

/* Applies the sandbox unless it is disabled, and logs its missing parts. */
static enum vtr_err lock_in(const struct vtr_worker_params *params)
{
	const struct vtr_worker_lock lock = { .config = params->config,
		                              .cache_dir = params->cache_dir,
		                              .report_fd = params->refusals_fd };
	uint32_t applied = 0;
	enum vtr_err err = vtr_worker_lock_in(&lock, &applied);

	if (err == VTR_OK && params->config->sandbox == VTR_OS_SANDBOX_REPORT) {
		vtr_warn(params->log,
		         "the sandbox protects nothing: -o sandbox=report only records what it would refuse");
	} else if (err == VTR_ERR_UNSUPPORTED ||
	           (err == VTR_OK && params->config->sandbox != VTR_OS_SANDBOX_OFF)) {
		log_sandbox(params->log, applied);
	}
	if (err != VTR_OK) {
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
		.device_memory = params->device_memory,
		.room = params->room,
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
	vtr_worker_last_words(params->room);
	if (params->client_fd >= 0) {
		err = vtr_vtest_limit_unread(params->client_fd);
	}
	if (err == VTR_OK) {
		err = lock_in(params);
	}
	vtr_close(&server->refusals_fd);
	if (err == VTR_OK) {
		err = vtr_worker_watch_start(&server->watch, params->control_fd, params->client_fd,
		                             vtr_venus_check_ms(params->config));
	}
	return err;
}

enum vtr_err vtr_worker_run(const struct vtr_worker_params *params)
{
	struct server server = { .params = params,
		                 .refusals_fd = params->refusals_fd,
		                 .send_lock = PTHREAD_MUTEX_INITIALIZER };
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
