/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "ipc/input.h"
#include "ipc/worker_protocol.h"
#include "platform/shm.h"
#include "venus/venus.h"
#include "worker/server.h"
#include "worker/watch.h"

struct context {
	const struct vtr_worker_params *params;
	struct vtr_worker_watch *watch;
	struct vtr_log *log;
	int fd; /* the control socket */
	struct vtr_ipc ipc;
	struct vtr_ipc_message message; /* the last one received */
	int hostmem_fd;
	struct vtr_venus *venus;   /* NULL until INIT */
	atomic_bool dead;          /* the renderer failed in one of its threads */
	pthread_mutex_t send_lock; /* held while sending, because fences retire in any thread */
};

/* --- messages to the front ---------------------------------------------------------------------- */

static void send_message(struct context *context, enum vtr_worker_op op, const void *payload)
{
	const struct vtr_ipc_parts parts = { .payload = payload };

	pthread_mutex_lock(&context->send_lock);
	enum vtr_err err = vtr_ipc_send(context->fd, vtr_worker_rules, op, &parts);
	pthread_mutex_unlock(&context->send_lock);
	if (err != VTR_OK) {
		/* The front is gone. Serving ends when it reads from the same socket. */
		vtr_debug(context->log, "cannot send %s: %s", vtr_worker_rules[op].name, vtr_err_text(err));
	}
}

static void on_fence(void *data, uint32_t timeline, uint64_t fence_id)
{
	const struct vtr_worker_fence_done done = { .timeline = timeline, .fence_id = fence_id };

	send_message(data, VTR_WORKER_FENCE_DONE, &done);
}

static void on_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };
	const struct vtr_worker_ring_gone gone = { .ring_id = ring_id };

	vtr_assert(fd < 0); /* rings of a VM are always in hostmem */
	if (created) {
		send_message(data, VTR_WORKER_HOSTMEM_RING, &ring);
	} else {
		send_message(data, VTR_WORKER_RING_GONE, &gone);
	}
}

static void on_released(void *data, uint32_t res_id)
{
	const struct vtr_worker_detached detached = { .res_id = res_id };

	send_message(data, VTR_WORKER_DETACHED, &detached);
}

static void on_device(void *data, const char *name)
{
	struct vtr_worker_device device = { .name = "" };

	memcpy(device.name, name, strnlen(name, sizeof(device.name)));
	send_message(data, VTR_WORKER_DEVICE, &device);
}

static void on_stalled(void *data, const struct vtr_stall *stall)
{
	struct vtr_worker_stall message;

	vtr_worker_stall_fill(&message, stall, ""); /* the front knows the program */
	send_message(data, VTR_WORKER_STALL, &message);
}

static void on_dead(void *data)
{
	struct context *context = data;

	atomic_store(&context->dead, true);
	/* Wakes the serving thread, wherever it waits. */
	shutdown(context->fd, SHUT_RD);
}

static const struct vtr_venus_events venus_events = {
	.fence = on_fence,
	.ring = on_ring,
	.dead = on_dead,
	.released = on_released,
	.device = on_device,
	.stalled = on_stalled,
};

/* --- messages from the front -------------------------------------------------------------------- */

static enum vtr_err init(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_init *init = message->payload;
	uint64_t size;

	if (context->venus) {
		vtr_error(context->log, "the front process sent INIT twice");
		return VTR_ERR_PROTOCOL;
	}
	enum vtr_err err = vtr_os_shm_size(message->fds[0], &size);
	if (err != VTR_OK || init->hostmem_size == 0 || size < init->hostmem_size) {
		vtr_error(context->log,
		          "the hostmem fd is smaller than the size that the front process announced");
		return VTR_ERR_PROTOCOL;
	}
	context->hostmem_fd = vtr_take_fd(&message->fds[0]);
	const struct vtr_venus_hostmem hostmem = {
		.fd = context->hostmem_fd,
		.size = init->hostmem_size,
	};
	const struct vtr_venus_params venus_params = {
		.log = context->log,
		.events = &venus_events,
		.data = context,
		.hostmem = &hostmem,
		.config = context->params->config,
		.room = context->params->room,
	};
	err = vtr_venus_create(&venus_params, &context->venus);
	if (err == VTR_OK) {
		vtr_worker_watch_context(context->watch, context->venus);
	}
	return err;
}

/* A resource that cannot be mapped does not exist here. The context ends if the guest uses it. */
static void log_attached(struct context *context, uint32_t res_id, enum vtr_err err)
{
	if (err != VTR_OK) {
		vtr_warn_limited(context->log, "resource %u cannot be mapped (%s): its guest must do without",
		                 res_id, vtr_err_text(err));
	}
}

static enum vtr_err attach(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_attach *attach = message->payload;
	enum vtr_err err =
		vtr_venus_resource_hostmem(context->venus, attach->res_id, attach->offset, attach->size);

	log_attached(context, attach->res_id, err);
	return VTR_OK;
}

static enum vtr_err attach_pieces(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_attach_pieces *attach = message->payload;
	const struct vtr_context_piece *from = message->tail;
	size_t count = message->tail_size / sizeof(*from);
	vtr_autofree struct vtr_os_shm_piece *pieces = calloc(count + 1, sizeof(*pieces));
	size_t merged = 0;

	if (!pieces) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		struct vtr_os_shm_piece *last = merged > 0 ? &pieces[merged - 1] : NULL;
		if (from[i].fd >= message->fd_count) {
			vtr_error(context->log, "the front process named an fd that it did not send");
			return VTR_ERR_PROTOCOL;
		}
		int fd = message->fds[from[i].fd];
		/* Merge adjacent pieces: each one is a mapping, and the kernel limits the number of mappings. */
		if (last && last->fd == fd && last->offset + last->size == from[i].offset) {
			last->size += from[i].size;
		} else {
			pieces[merged++] = (struct vtr_os_shm_piece){
				.fd = fd,
				.offset = from[i].offset,
				.size = from[i].size,
			};
		}
	}
	enum vtr_err err = vtr_venus_resource_pieces(context->venus, attach->res_id, pieces, merged);
	log_attached(context, attach->res_id, err);
	return VTR_OK;
}

static enum vtr_err fence(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_fence *fence = message->payload;
	enum vtr_err err = vtr_venus_fence(context->venus, fence->timeline, fence->fence_id);

	if (err == VTR_ERR_INVALID) {
		/* There is no such timeline, so nothing was submitted there. */
		on_fence(context, fence->timeline, fence->fence_id);
		return VTR_OK;
	}
	return err;
}

static enum vtr_err handle(struct context *context, const struct vtr_ipc_message *message)
{
	if (message->op != VTR_CONTEXT_INIT && !context->venus) {
		vtr_error(context->log, "the front process sent %s before INIT", message->rule->name);
		return VTR_ERR_PROTOCOL;
	}
	switch ((enum vtr_context_op)message->op) {
	case VTR_CONTEXT_INIT:
		return init(context, message);
	case VTR_CONTEXT_ATTACH:
		return attach(context, message);
	case VTR_CONTEXT_ATTACH_PIECES:
		return attach_pieces(context, message);
	case VTR_CONTEXT_DETACH: {
		const struct vtr_context_detach *detach = message->payload;
		if (!vtr_venus_resource_destroy(context->venus, detach->res_id)) {
			on_released(context, detach->res_id); /* it was never mapped */
		}
		return VTR_OK;
	}
	case VTR_CONTEXT_SUBMIT:
		return vtr_venus_submit(context->venus, message->tail, message->tail_size);
	case VTR_CONTEXT_FENCE:
		return fence(context, message);
	case VTR_CONTEXT_OP_COUNT:
		break;
	}
	return VTR_ERR_PROTOCOL;
}

/* --- serving ------------------------------------------------------------------------------------ */

static enum vtr_err take(void *data)
{
	struct context *context = data;

	return vtr_ipc_receive(&context->ipc, &context->message);
}

/* Checks fences while there is no message. */
static void idle(void *data, bool sleeping)
{
	struct context *context = data;

	if (context->venus) {
		vtr_venus_poll_fences(context->venus, sleeping);
	}
}

static enum vtr_err serve(struct context *context)
{
	struct vtr_ipc_input input = { .fd = context->fd, .take = take, .idle = idle, .data = context };

	for (;;) {
		enum vtr_err err = vtr_ipc_input_take(&input, false, 0);
		if (err == VTR_ERR_PROTOCOL) {
			vtr_error(context->log, "the front process broke the protocol");
		}
		if (err == VTR_OK && context->message.fd_count > 0) {
			const struct vtr_worker_fds_taken taken = {
				.count = (uint32_t)context->message.fd_count,
			};
			send_message(context, VTR_WORKER_FDS_TAKEN, &taken);
		}
		if (err == VTR_OK) {
			err = handle(context, &context->message);
		}
		if (atomic_load_explicit(&context->dead, memory_order_relaxed)) {
			return VTR_ERR_PROTOCOL;
		}
		if (err != VTR_OK) {
			return err;
		}
	}
}

enum vtr_err vtr_context_serve(const struct vtr_worker_params *params, struct vtr_worker_watch *watch)
{
	struct context context = {
		.params = params,
		.watch = watch,
		.log = params->log,
		.fd = params->control_fd,
		.hostmem_fd = -1,
	};

	pthread_mutex_init(&context.send_lock, NULL);
	vtr_ipc_init(&context.ipc, context.fd, vtr_context_rules, VTR_CONTEXT_OP_COUNT);
	enum vtr_err err = serve(&context);
	/* First, because vtr_venus_destroy() may wait for the device. */
	if (context.venus) {
		vtr_venus_kill(context.venus);
	}
	bool closed = vtr_worker_watch_end(watch, err == VTR_ERR_GONE) || err == VTR_ERR_GONE;
	shutdown(context.fd, SHUT_RDWR);
	vtr_venus_destroy(context.venus);
	vtr_ipc_finish(&context.ipc);
	vtr_close(&context.hostmem_fd);
	pthread_mutex_destroy(&context.send_lock);
	return closed ? VTR_OK : err;
}
