/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "worker"
#include "worker/context.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/burst.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "venus/venus.h"
#include "worker/leave.h"
#include "worker/protocol.h"

/* How long the driver may hang after the front has closed. */
#define ORPHAN_NS (INT64_C(5) * 1000000000)

struct context {
	const struct vtr_context_params *params;
	struct vtr_log *log;
	int fd;
	struct vtr_ipc ipc;
	int window_fd;
	struct vtr_venus *venus;   /* NULL until INIT; set and ended under watch_lock */
	struct vtr_os_burst burst;
	atomic_bool dead;          /* the renderer broke down in one of its threads */
	pthread_mutex_t send_lock; /* held while a message is sent: fences retire in any thread */

	struct vtr_os_thread watch;
	pthread_mutex_t watch_lock; /* guards what follows */
	pthread_cond_t watch_wake;
	bool ending; /* the renderer is being destroyed */
	bool ended;  /* serving has ended in good order */
	bool closed; /* the front has closed the socket */
};

/* --- what we say -------------------------------------------------------------------------------- */

static void tell(struct context *context, enum vtr_worker_op op, const void *payload)
{
	const struct vtr_ipc_parts parts = { .payload = payload };

	pthread_mutex_lock(&context->send_lock);
	enum vtr_err err = vtr_ipc_send(context->fd, vtr_worker_rules, op, &parts);
	pthread_mutex_unlock(&context->send_lock);
	if (err != VTR_OK) {
		/* Serving ends by the same socket: the front is gone, and with it who would want to know. */
		vtr_debug(context->log, "cannot send %s: %s", vtr_worker_rules[op].name, vtr_err_name(err));
	}
}

static void on_fence(void *data, uint32_t timeline, uint64_t fence_id)
{
	const struct vtr_worker_fence_done done = { .timeline = timeline, .fence_id = fence_id };

	tell(data, VTR_WORKER_FENCE_DONE, &done);
}

static void on_ring(void *data, uint64_t ring_id, bool created, int fd, uint64_t status_offset)
{
	const struct vtr_worker_ring ring = { .ring_id = ring_id, .status_offset = status_offset };
	const struct vtr_worker_ring_gone gone = { .ring_id = ring_id };

	vtr_assert(fd < 0); /* all that rings can lie in is in the window */
	if (created) {
		tell(data, VTR_WORKER_WINDOW_RING, &ring);
	} else {
		tell(data, VTR_WORKER_RING_GONE, &gone);
	}
}

static void on_released(void *data, uint32_t res_id)
{
	const struct vtr_worker_detached detached = { .res_id = res_id };

	tell(data, VTR_WORKER_DETACHED, &detached);
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
};

/* --- what we hear ------------------------------------------------------------------------------- */

static enum vtr_err init(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_init *init = message->payload;
	const struct vtr_context_params *params = context->params;
	uint64_t size;

	if (context->venus) {
		vtr_error(context->log, "the front said INIT twice");
		return VTR_ERR_GUEST;
	}
	enum vtr_err err = vtr_os_shm_size(message->fds[0], &size);
	if (err != VTR_OK || init->window_size == 0 || size < init->window_size) {
		vtr_error(context->log, "the front's window is no memory of the size it says");
		return VTR_ERR_GUEST;
	}
	context->window_fd = vtr_take_fd(&message->fds[0]);
	const struct vtr_venus_window window = {
		.fd = context->window_fd,
		.size = init->window_size,
	};
	const struct vtr_venus_params venus_params = {
		.log = context->log,
		.events = &venus_events,
		.data = context,
		.window = &window,
		.max_memory = params->max_memory,
		.min_import_alignment = params->min_import_alignment,
		.no_host_import = params->no_host_import,
		.no_export = params->no_export,
		.known = params->known,
	};
	struct vtr_venus *venus;
	err = vtr_venus_create(&venus_params, &venus);
	if (err == VTR_OK) {
		pthread_mutex_lock(&context->watch_lock);
		context->venus = venus;
		pthread_mutex_unlock(&context->watch_lock);
	}
	return err;
}

/* A resource that cannot be had is missing, which ends the context if the guest goes on to use it. */
static void log_attached(struct context *context, uint32_t res_id, enum vtr_err err)
{
	if (err != VTR_OK) {
		vtr_warn_limited(context->log, "resource %u cannot be mapped (%s): its guest must do without",
		                 res_id, vtr_err_name(err));
	}
}

static enum vtr_err attach(struct context *context, const struct vtr_ipc_message *message)
{
	const struct vtr_context_attach *attach = message->payload;
	enum vtr_err err =
		vtr_venus_resource_window(context->venus, attach->res_id, attach->offset, attach->size);

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
			vtr_error(context->log, "the front named an fd that it did not send");
			return VTR_ERR_GUEST;
		}
		int fd = message->fds[from[i].fd];
		/* Each piece is a mapping, and the kernel limits those. */
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

	if (err == VTR_ERR_GUEST) {
		/* A timeline that no queue has: nothing was submitted there. */
		on_fence(context, fence->timeline, fence->fence_id);
		return VTR_OK;
	}
	return err;
}

static enum vtr_err handle(struct context *context, const struct vtr_ipc_message *message)
{
	if (message->op != VTR_CONTEXT_INIT && !context->venus) {
		vtr_error(context->log, "the front said %s before INIT", message->rule->name);
		return VTR_ERR_GUEST;
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
			on_released(context, detach->res_id); /* it could not be mapped */
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
	return VTR_ERR_GUEST;
}

/* --- serving ------------------------------------------------------------------------------------ */

/* There is time to see whether fences are done. */
static void settle(struct context *context, bool sleeping)
{
	if (context->venus) {
		vtr_venus_settle(context->venus, sleeping);
	}
}

static enum vtr_err sleep_for_input(struct context *context)
{
	struct pollfd pollfd = { .fd = context->fd, .events = POLLIN };

	while (poll(&pollfd, 1, -1) < 0) {
		if (errno != EINTR) {
			return VTR_ERR_OS;
		}
	}
	return VTR_OK;
}

/* Fails like vtr_ipc_receive(), but for VTR_ERR_AGAIN. */
static enum vtr_err receive(struct context *context, struct vtr_ipc_message *out_message)
{
	enum vtr_err err = vtr_ipc_receive(&context->ipc, out_message);

	if (err != VTR_ERR_AGAIN) {
		return err;
	}
	int64_t start_ns = vtr_os_now_ns();
	int64_t now_ns = start_ns;
	int64_t spin_ns = vtr_os_burst_spin_ns(&context->burst);
	while (err == VTR_ERR_AGAIN && now_ns - start_ns < spin_ns) {
		vtr_os_yield();
		settle(context, false);
		err = vtr_ipc_receive(&context->ipc, out_message);
		now_ns = vtr_os_now_ns();
	}
	if (err == VTR_ERR_AGAIN) {
		settle(context, true);
	}
	while (err == VTR_ERR_AGAIN) {
		err = sleep_for_input(context);
		if (err == VTR_OK) {
			err = vtr_ipc_receive(&context->ipc, out_message);
		}
		now_ns = vtr_os_now_ns();
	}
	vtr_os_burst_note_gap(&context->burst, now_ns - start_ns);
	return err;
}

static enum vtr_err serve(struct context *context)
{
	for (;;) {
		struct vtr_ipc_message message;
		enum vtr_err err = receive(context, &message);
		if (err == VTR_ERR_GUEST) {
			vtr_error(context->log, "the front broke the protocol");
		}
		if (err == VTR_OK && message.fd_count > 0) {
			const struct vtr_worker_fds_taken taken = {
				.count = (uint32_t)message.fd_count,
			};
			tell(context, VTR_WORKER_FDS_TAKEN, &taken);
		}
		if (err == VTR_OK) {
			err = handle(context, &message);
		}
		if (atomic_load_explicit(&context->dead, memory_order_relaxed)) {
			return VTR_ERR_GUEST;
		}
		if (err != VTR_OK) {
			return err;
		}
	}
}

/*
 * Sees the front close the socket even while the serving thread is in the driver: whoever looks at a
 * ring is told at once, and a driver that does not come back does not keep the process alive.
 */
static void watch_front(void *data)
{
	struct context *context = data;
	struct pollfd pollfd = { .fd = context->fd, .events = 0 }; /* hang-ups come unasked */

	while (poll(&pollfd, 1, -1) < 0 && errno == EINTR) {
	}
	int64_t end_ns = vtr_os_now_ns() + ORPHAN_NS;
	pthread_mutex_lock(&context->watch_lock);
	if (!context->ending) {
		context->closed = true;
		if (context->venus) {
			vtr_venus_kill(context->venus);
		}
	}
	while (!context->ended && vtr_os_now_ns() < end_ns) {
		(void)vtr_os_cond_wait_ns(&context->watch_wake, &context->watch_lock,
		                          end_ns - vtr_os_now_ns());
	}
	if (!context->ended) {
		_exit(1);
	}
	pthread_mutex_unlock(&context->watch_lock);
}

static enum vtr_err start(struct context *context)
{
	pthread_mutex_init(&context->send_lock, NULL);
	pthread_mutex_init(&context->watch_lock, NULL);
	vtr_os_cond_init(&context->watch_wake);
	vtr_ipc_init(&context->ipc, context->fd, vtr_context_rules, VTR_CONTEXT_OP_COUNT);
	return vtr_os_thread_create(&context->watch, "front-watch", watch_front, context);
}

/* Returns: whether it was the front that ended it. */
static bool finish(struct context *context, enum vtr_err err)
{
	pthread_mutex_lock(&context->watch_lock);
	bool closed = context->closed || err == VTR_ERR_GONE;
	context->ending = true;
	pthread_mutex_unlock(&context->watch_lock);
	/* First of all, because destroying may wait for the device. */
	if (context->venus) {
		vtr_venus_kill(context->venus);
	}
	shutdown(context->fd, SHUT_RDWR);
	vtr_worker_leave(closed);
	vtr_venus_destroy(context->venus);
	pthread_mutex_lock(&context->watch_lock);
	context->ended = true;
	pthread_cond_signal(&context->watch_wake);
	pthread_mutex_unlock(&context->watch_lock);
	vtr_os_thread_join(&context->watch);
	vtr_ipc_finish(&context->ipc);
	vtr_close(&context->window_fd);
	pthread_cond_destroy(&context->watch_wake);
	pthread_mutex_destroy(&context->watch_lock);
	pthread_mutex_destroy(&context->send_lock);
	return closed;
}

enum vtr_err vtr_context_serve(const struct vtr_context_params *params)
{
	struct context context = {
		.params = params,
		.log = params->log,
		.fd = params->fd,
		.window_fd = -1,
	};
	enum vtr_err err = start(&context);

	if (err != VTR_OK) {
		shutdown(context.fd, SHUT_RDWR);
		return err;
	}
	err = serve(&context);
	return finish(&context, err) ? VTR_OK : err;
}
