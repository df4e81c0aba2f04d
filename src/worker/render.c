/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "render"
#include "worker/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/thread.h"
#include "worker/ipc.h"
#include "worker/protocol.h"
#include "worker/window_rings.h"

/* At the end, how long workers get to end by themselves. */
#define FINISH_MS 2000
/* Rings that a worker may report between two turns of the loop: nobody makes so many. */
#define MAX_REPORTS 512
#define NAME_MAX_BYTES 64

struct owed {
	struct vtr_list link;
	uint32_t timeline;
	uint64_t fence_id;
};

/* A resource that the worker is to let go. */
struct detaching {
	struct vtr_list link;
	uint32_t res_id;
	int64_t since_ns;
};

/* One context. It stays after destroy() until its worker is reaped. */
struct vtr_render {
	struct vtr_list node; /* in renders.all */
	struct vtr_renders *renders;
	uint32_t ctx_id;
	char name[NAME_MAX_BYTES];
	const struct vtr_render_events *events;
	void *events_data;

	struct vtr_worker_process process; /* pid 0: reaped */
	struct vtr_os_loop_fd *control_watch;
	struct vtr_os_loop_fd *death_watch;
	struct vtr_os_loop_timer *timer; /* what is due: see on_timer() */
	struct vtr_os_loop_timer *detach_timer;
	struct vtr_ipc ipc;
	struct vtr_ipc_sender sender;
	bool watches_out;

	struct vtr_window_rings rings;
	struct vtr_list owed; /* fences, in order */
	size_t owed_count;
	struct vtr_list detaching; /* oldest first */
	size_t detaching_count;

	bool broken;    /* the worker is lost: nothing goes to it or comes from it any more */
	bool told;      /* gone() was called */
	bool ended;     /* ended() was called */
	bool destroyed; /* nobody is interested any more */
	bool leaving;   /* the timer is for a worker that does not end */
	bool killed;    /* by us, so its death by a signal is no news */
};

struct vtr_renders {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_window *window;
	struct vtr_spawner *spawner;
	uint32_t max_contexts;
	uint32_t leave_timeout_ms;
	struct vtr_list all;
	size_t live_count; /* without those that were destroyed */
	size_t count;
};

/* --- the end ------------------------------------------------------------------------------------ */

static void unwatch(struct vtr_os_loop_fd **watch)
{
	vtr_os_loop_remove(*watch);
	*watch = NULL;
}

static void forget_detaching(struct vtr_render *render)
{
	while (!vtr_list_empty(&render->detaching)) {
		struct detaching *first = vtr_container_of(render->detaching.next, struct detaching, link);

		vtr_list_remove(&first->link);
		free(first);
	}
	render->detaching_count = 0;
}

static void forget_owed(struct vtr_render *render)
{
	while (!vtr_list_empty(&render->owed)) {
		struct owed *owed = vtr_container_of(render->owed.next, struct owed, link);

		vtr_list_remove(&owed->link);
		free(owed);
	}
	render->owed_count = 0;
}

static void free_render(struct vtr_render *render)
{
	struct vtr_renders *renders = render->renders;

	unwatch(&render->control_watch);
	unwatch(&render->death_watch);
	vtr_os_loop_timer_destroy(render->timer);
	vtr_os_loop_timer_destroy(render->detach_timer);
	vtr_ipc_sender_finish(&render->sender);
	vtr_ipc_finish(&render->ipc);
	forget_owed(render);
	forget_detaching(render);
	vtr_close(&render->process.control_fd);
	vtr_close(&render->process.death_fd);
	vtr_window_rings_finish(&render->rings);
	vtr_list_remove(&render->node);
	renders->count--;
	free(render);
}

static void kill_worker(struct vtr_render *render)
{
	if (render->process.pid != 0) {
		render->killed = true;
		vtr_worker_process_kill(&render->process);
	}
}

/* The worker is lost. gone() is called by the loop's next turn, or right away by whoever is called by
 * the loop. Closing the socket is what tells a worker that still runs. */
static void break_off(struct vtr_render *render)
{
	if (render->broken) {
		return;
	}
	render->broken = true;
	vtr_window_rings_break(&render->rings, render->renders->window->map);
	unwatch(&render->control_watch);
	vtr_ipc_sender_finish(&render->sender);
	vtr_close(&render->process.control_fd);
	vtr_os_loop_timer_set(render->timer, 0);
	vtr_os_loop_timer_set(render->detach_timer, -1);
}

/* The next step in the life of a broken render. The render may not be there any more afterwards. */
static void go_on_ending(struct vtr_render *render)
{
	struct vtr_renders *renders = render->renders;

	if (render->process.pid != 0 && renders->leave_timeout_ms != 0 && !render->leaving) {
		render->leaving = true;
		vtr_os_loop_timer_set(render->timer, (int64_t)renders->leave_timeout_ms * 1000000);
	}
	if (!render->told && !render->destroyed) {
		render->told = true;
		forget_owed(render);
		render->events->gone(render->events_data, render->ctx_id);
	}
	if (render->process.pid == 0 && !render->ended) {
		render->ended = true;
		if (render->events->ended) {
			render->events->ended(render->events_data, render);
		}
	}
	if (render->process.pid == 0 && render->destroyed) {
		free_render(render);
	}
}

/* The memory may have no use for the guest before the worker lets go of it. */
static void on_detach_timer(void *data)
{
	struct vtr_render *render = data;
	const int64_t limit_ns = INT64_C(1000000) * VTR_RENDER_DETACH_MS;

	if (vtr_list_empty(&render->detaching)) {
		return;
	}
	const struct detaching *oldest = vtr_container_of(render->detaching.next, struct detaching, link);
	int64_t age_ns = vtr_os_now_ns() - oldest->since_ns;
	if (age_ns < limit_ns) {
		vtr_os_loop_timer_set(render->detach_timer, limit_ns - age_ns);
		return;
	}
	vtr_error(render->renders->log,
	          "context %u (%s): worker %d does not let go of resource %u, killing it", render->ctx_id,
	          render->name, (int)render->process.pid, oldest->res_id);
	kill_worker(render);
	break_off(render);
}

static void on_timer(void *data)
{
	struct vtr_render *render = data;

	if (render->leaving && render->process.pid != 0) {
		if (render->killed) {
			return;
		}
		vtr_warn(render->renders->log, "context %u: worker %d does not end, killing it",
		         render->ctx_id, (int)render->process.pid);
		kill_worker(render);
		return;
	}
	go_on_ending(render);
}

/* --- what the worker says ------------------------------------------------------------------------ */

/* Nothing but the oldest fence that is owed on its timeline can be done. */
static enum vtr_err handle_fence(struct vtr_render *render, const struct vtr_worker_fence_done *done)
{
	struct owed *owed;
	struct owed *found = NULL;

	vtr_list_for_each (owed, &render->owed, link) {
		if (owed->timeline == done->timeline) {
			found = owed;
			break;
		}
	}
	if (!found || found->fence_id != done->fence_id) {
		return VTR_ERR_GUEST;
	}
	vtr_list_remove(&found->link);
	render->owed_count--;
	free(found);
	render->events->fence(render->events_data, render->ctx_id, done->timeline, done->fence_id);
	return VTR_OK;
}

static enum vtr_err handle_ring(struct vtr_render *render, const struct vtr_worker_ring *ring)
{
	enum vtr_err err = vtr_window_rings_add(&render->rings, ring->ring_id, ring->status_offset);

	if (err == VTR_ERR_GONE || err == VTR_ERR_LIMIT) {
		/* Detached while the worker's word was on its way, or one of very many. */
		vtr_debug(render->renders->log, "context %u: a ring is not kept (%s)", render->ctx_id,
		          vtr_err_name(err));
		return VTR_OK;
	}
	return err;
}

static enum vtr_err handle_detached(struct vtr_render *render, const struct vtr_worker_detached *detached)
{
	struct detaching *detaching;

	vtr_list_for_each (detaching, &render->detaching, link) {
		if (detaching->res_id == detached->res_id) {
			vtr_list_remove(&detaching->link);
			render->detaching_count--;
			free(detaching);
			if (render->events->detached) {
				render->events->detached(render->events_data, render->ctx_id,
				                         detached->res_id);
			}
			return VTR_OK;
		}
	}
	return VTR_ERR_GUEST;
}

/* The loop is to say when the socket takes more. */
static enum vtr_err update_watch(struct vtr_render *render)
{
	bool out = vtr_ipc_sender_waits(&render->sender);

	if (out == render->watches_out) {
		return VTR_OK;
	}
	render->watches_out = out;
	return vtr_os_loop_modify_fd(render->control_watch, true, out);
}

/* The worker has taken fds, so messages with others may follow. */
static enum vtr_err handle_fds_taken(struct vtr_render *render, const struct vtr_worker_fds_taken *taken)
{
	enum vtr_err err = vtr_ipc_sender_taken(&render->sender, taken->count);

	return err == VTR_OK ? update_watch(render) : err;
}

static enum vtr_err handle_message(struct vtr_render *render, const struct vtr_ipc_message *message)
{
	switch ((enum vtr_worker_op)message->op) {
	case VTR_WORKER_WINDOW_RING:
		return handle_ring(render, message->payload);
	case VTR_WORKER_RING_GONE: {
		const struct vtr_worker_ring_gone *gone = message->payload;
		vtr_window_rings_remove(&render->rings, gone->ring_id);
		return VTR_OK;
	}
	case VTR_WORKER_FENCE_DONE:
		return handle_fence(render, message->payload);
	case VTR_WORKER_DETACHED:
		return handle_detached(render, message->payload);
	case VTR_WORKER_FDS_TAKEN:
		return handle_fds_taken(render, message->payload);
	case VTR_WORKER_RING: /* of vtest */
	case VTR_WORKER_OP_COUNT:
		break;
	}
	return VTR_ERR_GUEST;
}

/* Handles what has arrived. VTR_ERR_AGAIN: there may come more. */
static enum vtr_err handle_messages(struct vtr_render *render)
{
	unsigned reports = 0;

	while (!render->broken) {
		struct vtr_ipc_message message;
		enum vtr_err err = vtr_ipc_receive(&render->ipc, &message);
		if (err == VTR_OK) {
			reports += message.op == VTR_WORKER_WINDOW_RING || message.op == VTR_WORKER_RING_GONE;
			err = reports > MAX_REPORTS ? VTR_ERR_GUEST : handle_message(render, &message);
		}
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_ERR_AGAIN; /* an event's handler has destroyed or broken it */
}

static void on_control(void *data, unsigned events)
{
	struct vtr_render *render = data;
	struct vtr_log *log = render->renders->log;
	enum vtr_err err = handle_messages(render);

	if (err == VTR_ERR_AGAIN && !render->broken && (events & VTR_OS_LOOP_OUT) != 0) {
		err = vtr_ipc_sender_flush(&render->sender);
		if (err == VTR_OK) {
			err = update_watch(render);
		}
	}
	if (err == VTR_OK || err == VTR_ERR_AGAIN) {
		return;
	}
	if (err == VTR_ERR_GONE) {
		vtr_debug(log, "context %u: worker %d has closed", render->ctx_id, (int)render->process.pid);
	} else {
		vtr_error(log, "context %u: worker %d broke the protocol (%s), killing it", render->ctx_id,
		          (int)render->process.pid, vtr_err_name(err));
		kill_worker(render);
	}
	break_off(render);
	go_on_ending(render);
}

static void log_death(const struct vtr_render *render, int status)
{
	struct vtr_log *log = render->renders->log;

	if (WIFSIGNALED(status) && !render->killed) {
		vtr_error(log, "context %u (%s): worker %d died of signal %d (%s), the guest is told",
		          render->ctx_id, render->name, (int)render->process.pid, WTERMSIG(status),
		          strsignal(WTERMSIG(status)));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		vtr_info(log, "context %u (%s): given up by its worker %d", render->ctx_id, render->name,
		         (int)render->process.pid);
	} else {
		vtr_debug(log, "context %u: worker %d has ended", render->ctx_id, (int)render->process.pid);
	}
}

static void on_death(void *data, unsigned events)
{
	struct vtr_render *render = data;
	int status;

	(void)events;
	if (vtr_os_wait(render->process.pid, &status) != VTR_OK) {
		return;
	}
	log_death(render, status);
	render->process.pid = 0;
	unwatch(&render->death_watch);
	/* Fences that it said last. */
	if (!render->broken) {
		(void)(handle_messages(render) == VTR_OK);
	}
	break_off(render);
	go_on_ending(render);
}

/* --- what is asked for --------------------------------------------------------------------------- */

static enum vtr_err send_message(struct vtr_render *render, enum vtr_context_op op,
                                 const struct vtr_ipc_parts *parts)
{
	struct vtr_log *log = render->renders->log;

	if (render->broken) {
		return VTR_ERR_GONE;
	}
	enum vtr_err err = vtr_ipc_sender_send(&render->sender, op, parts);
	if (err == VTR_OK) {
		err = update_watch(render);
	}
	if (err == VTR_OK) {
		return VTR_OK;
	}
	if (err == VTR_ERR_LIMIT) {
		vtr_error(log,
		          "context %u (%s): worker %d is %zu bytes behind and does not catch up, "
		          "killing it",
		          render->ctx_id, render->name, (int)render->process.pid, render->sender.bytes);
		kill_worker(render);
	} else if (err != VTR_ERR_GONE) {
		vtr_error(log, "context %u (%s): cannot send to worker %d (%s), killing it", render->ctx_id,
		          render->name, (int)render->process.pid, vtr_err_name(err));
		kill_worker(render);
	}
	break_off(render);
	return err == VTR_ERR_LIMIT || err == VTR_ERR_NOMEM ? err : VTR_ERR_GONE;
}

static enum vtr_err send_init(struct vtr_render *render)
{
	const struct vtr_window *window = render->renders->window;
	const struct vtr_context_init init = { .window_size = window->size };
	const struct vtr_ipc_parts parts = {
		.payload = &init,
		.fds = &window->fd,
		.fd_count = 1,
	};

	enum vtr_err err = send_message(render, VTR_CONTEXT_INIT, &parts);
	return err == VTR_ERR_GONE ? VTR_OK : err; /* gone() follows */
}

static enum vtr_err start(struct vtr_render *render)
{
	struct vtr_os_loop *loop = render->renders->loop;
	enum vtr_err err = vtr_os_loop_add_timer(loop, on_timer, render, &render->timer);

	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(loop, on_detach_timer, render, &render->detach_timer);
	}
	if (err == VTR_OK) {
		err = vtr_spawner_start(render->renders->spawner, render->ctx_id, -1, &render->process);
	}
	if (err != VTR_OK) {
		return err;
	}
	vtr_ipc_init(&render->ipc, render->process.control_fd, vtr_worker_rules, VTR_WORKER_OP_COUNT);
	vtr_ipc_sender_init(&render->sender, render->process.control_fd, vtr_context_rules,
	                    VTR_RENDER_MAX_QUEUE, VTR_RENDER_MAX_QUEUED_FDS);
	vtr_ipc_sender_limit_unread(&render->sender, VTR_RENDER_MAX_UNREAD_FDS);
	err = vtr_os_loop_add_fd(loop, render->process.control_fd, true, false, on_control, render,
	                         &render->control_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(loop, render->process.death_fd, true, false, on_death, render,
		                         &render->death_watch);
	}
	if (err == VTR_OK) {
		err = send_init(render);
	}
	if (err != VTR_OK) {
		/* Nobody could tell its death: end it here and now. */
		vtr_worker_process_finish(&render->process, 0);
	}
	return err;
}

static enum vtr_err create(void *data, uint32_t ctx_id, const char *name,
                           const struct vtr_render_events *events, void *events_data,
                           struct vtr_render **out_render)
{
	struct vtr_renders *renders = data;

	/* Those that were destroyed and have not ended count, too, but not as much. */
	if (renders->live_count >= renders->max_contexts ||
	    renders->count >= 2 * (size_t)renders->max_contexts) {
		vtr_warn_limited(renders->log, "context %u: there are %zu already, and %zu that end", ctx_id,
		                 renders->live_count, renders->count - renders->live_count);
		return VTR_ERR_LIMIT;
	}
	struct vtr_render *render = calloc(1, sizeof(*render));
	if (!render) {
		return VTR_ERR_NOMEM;
	}
	render->renders = renders;
	render->ctx_id = ctx_id;
	snprintf(render->name, sizeof(render->name), "%s", name);
	render->events = events;
	render->events_data = events_data;
	render->process.control_fd = -1;
	render->process.death_fd = -1;
	vtr_window_rings_init(&render->rings);
	vtr_list_init(&render->owed);
	vtr_list_init(&render->detaching);
	vtr_list_insert(&renders->all, &render->node);
	renders->count++;
	enum vtr_err err = start(render);
	if (err != VTR_OK) {
		vtr_error(renders->log, "context %u (%s): cannot start a worker: %s", ctx_id, render->name,
		          vtr_err_name(err));
		free_render(render);
		return err;
	}
	renders->live_count++;
	vtr_debug(renders->log, "context %u (%s): worker %d", ctx_id, render->name, (int)render->process.pid);
	*out_render = render;
	return VTR_OK;
}

static void destroy(struct vtr_render *render)
{
	render->destroyed = true;
	render->renders->live_count--;
	/* Its memory is somebody else's soon, and nothing that it could still do is of use to anybody. */
	kill_worker(render);
	break_off(render);
	/* go_on_ending() sees to the rest, now or when the worker has ended. */
	if (!render->leaving || render->process.pid == 0) {
		vtr_os_loop_timer_set(render->timer, 0);
	}
}

static enum vtr_err attach_window(struct vtr_render *render, uint32_t res_id,
                                  const struct vtr_render_memory *memory)
{
	const uint64_t window_size = render->renders->window->size;
	const struct vtr_context_attach attach = {
		.res_id = res_id,
		.offset = memory->window_offset,
		.size = memory->size,
	};
	const struct vtr_ipc_parts parts = { .payload = &attach };
	const struct vtr_window_range range = {
		.res_id = res_id,
		.offset = memory->window_offset,
		.size = memory->size,
	};

	vtr_assert(memory->size >= 4 && memory->window_offset <= window_size &&
	           memory->size <= window_size - memory->window_offset);
	enum vtr_err err = vtr_window_rings_attach(&render->rings, &range);
	return err != VTR_OK ? err : send_message(render, VTR_CONTEXT_ATTACH, &parts);
}

/* The place of an fd among those that go along. Returns: false: there are too many of them. */
static bool place_fd(int fds[VTR_IPC_MAX_FDS], size_t *fd_count, int fd, uint32_t *out_place)
{
	for (size_t i = 0; i < *fd_count; i++) {
		if (fds[i] == fd) {
			*out_place = (uint32_t)i;
			return true;
		}
	}
	if (*fd_count == VTR_IPC_MAX_FDS) {
		return false;
	}
	fds[*fd_count] = fd;
	*out_place = (uint32_t)(*fd_count)++;
	return true;
}

static enum vtr_err attach_pieces(struct vtr_render *render, uint32_t res_id,
                                  const struct vtr_render_memory *memory)
{
	const struct vtr_context_attach_pieces attach = { .res_id = res_id };
	int fds[VTR_IPC_MAX_FDS];
	size_t fd_count = 0;

	if (memory->piece_count == 0 || memory->piece_count > VTR_CONTEXT_MAX_PIECES) {
		return VTR_ERR_LIMIT;
	}
	vtr_autofree struct vtr_context_piece *pieces = calloc(memory->piece_count, sizeof(*pieces));
	if (!pieces) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < memory->piece_count; i++) {
		const struct vtr_ram_piece *from = &memory->pieces[i];
		pieces[i].offset = from->offset;
		pieces[i].size = from->size;
		if (!place_fd(fds, &fd_count, from->fd, &pieces[i].fd)) {
			return VTR_ERR_LIMIT;
		}
	}
	const struct vtr_ipc_parts parts = {
		.payload = &attach,
		.tail = pieces,
		.tail_size = memory->piece_count * sizeof(*pieces),
		.fds = fds,
		.fd_count = fd_count,
	};
	return send_message(render, VTR_CONTEXT_ATTACH_PIECES, &parts);
}

static enum vtr_err attach(struct vtr_render *render, uint32_t res_id, const struct vtr_render_memory *memory)
{
	if (render->broken) {
		return VTR_ERR_GONE;
	}
	return memory->in_window ? attach_window(render, res_id, memory) :
	                           attach_pieces(render, res_id, memory);
}

static void detach(struct vtr_render *render, uint32_t res_id)
{
	const struct vtr_context_detach detach = { .res_id = res_id };
	const struct vtr_ipc_parts parts = { .payload = &detach };

	vtr_window_rings_detach(&render->rings, res_id);
	if (render->broken) {
		return; /* ended() will do */
	}
	struct detaching *detaching =
		render->detaching_count < VTR_RENDER_MAX_DETACHING ? calloc(1, sizeof(*detaching)) : NULL;
	if (!detaching) {
		vtr_error(render->renders->log, "context %u (%s): no room for one more resource to let go",
		          render->ctx_id, render->name);
		kill_worker(render);
		break_off(render);
		return;
	}
	detaching->res_id = res_id;
	detaching->since_ns = vtr_os_now_ns();
	if (vtr_list_empty(&render->detaching)) {
		vtr_os_loop_timer_set(render->detach_timer, INT64_C(1000000) * VTR_RENDER_DETACH_MS);
	}
	vtr_list_append(&render->detaching, &detaching->link);
	render->detaching_count++;
	(void)(send_message(render, VTR_CONTEXT_DETACH, &parts) == VTR_OK);
}

static enum vtr_err submit(struct vtr_render *render, const void *commands, size_t size)
{
	const struct vtr_ipc_parts parts = { .tail = commands, .tail_size = size };

	if (render->broken) {
		return VTR_ERR_GONE;
	}
	if (size == 0) {
		return VTR_OK;
	}
	if (size > VTR_CONTEXT_MAX_SUBMIT) {
		vtr_error(render->renders->log, "context %u (%s): %zu bytes of commands are too many",
		          render->ctx_id, render->name, size);
		break_off(render);
		return VTR_ERR_LIMIT;
	}
	return send_message(render, VTR_CONTEXT_SUBMIT, &parts);
}

static enum vtr_err fence(struct vtr_render *render, uint32_t timeline, uint64_t fence_id)
{
	const struct vtr_context_fence fence = { .timeline = timeline, .fence_id = fence_id };
	const struct vtr_ipc_parts parts = { .payload = &fence };
	struct owed *owed;

	if (render->broken) {
		return VTR_ERR_GONE;
	}
	owed = render->owed_count < VTR_RENDER_MAX_OWED ? calloc(1, sizeof(*owed)) : NULL;
	if (!owed) {
		vtr_error(render->renders->log, "context %u (%s): no room for one more fence", render->ctx_id,
		          render->name);
		break_off(render);
		return VTR_ERR_GONE;
	}
	owed->timeline = timeline;
	owed->fence_id = fence_id;
	vtr_list_append(&render->owed, &owed->link);
	render->owed_count++;
	return send_message(render, VTR_CONTEXT_FENCE, &parts) == VTR_OK ? VTR_OK : VTR_ERR_GONE;
}

const struct vtr_render_ops vtr_worker_render_ops = {
	.create = create,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.submit = submit,
	.fence = fence,
};

/* --- all of them --------------------------------------------------------------------------------- */

enum vtr_err vtr_renders_create(const struct vtr_renders_params *params, struct vtr_renders **out_renders)
{
	struct vtr_renders *renders = calloc(1, sizeof(*renders));

	if (!renders) {
		return VTR_ERR_NOMEM;
	}
	renders->log = params->log;
	renders->loop = params->loop;
	renders->window = params->window;
	renders->max_contexts = params->max_contexts;
	renders->leave_timeout_ms = params->leave_timeout_ms;
	vtr_list_init(&renders->all);
	enum vtr_err err = vtr_spawner_create(&params->spawner, &renders->spawner);
	if (err != VTR_OK) {
		free(renders);
		return err;
	}
	*out_renders = renders;
	return VTR_OK;
}

void vtr_renders_destroy(struct vtr_renders *renders)
{
	struct vtr_render *render;
	struct vtr_render *next;

	if (!renders) {
		return;
	}
	vtr_list_for_each (render, &renders->all, node) {
		render->destroyed = true;
		break_off(render);
	}
	int64_t deadline_ns = vtr_os_now_ns() + (int64_t)FINISH_MS * 1000000;
	vtr_list_for_each_safe (render, next, &renders->all, node) {
		if (render->process.pid != 0) {
			vtr_worker_process_finish(&render->process, deadline_ns);
		}
		free_render(render);
	}
	vtr_spawner_destroy(renders->spawner);
	free(renders);
}

size_t vtr_renders_process_count(const struct vtr_renders *renders)
{
	const struct vtr_render *render;
	size_t count = 0;

	vtr_list_for_each (render, &renders->all, node) {
		count += render->process.pid != 0;
	}
	return count;
}
