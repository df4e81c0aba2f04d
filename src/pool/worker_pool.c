/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "render"
#include "pool/worker_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/worker_protocol.h"
#include "platform/loop.h"
#include "platform/thread.h"
#include "pool/hostmem_rings.h"
#include "pool/shader_cache.h"
#include "pool/stall.h"

/* The most rings that a worker may report in one turn of the loop; real guests create far fewer. */
#define MAX_REPORTS 512
#define NAME_MAX_BYTES 64
#define CHILD_NAME_SIZE 32

/* A resource that the worker has yet to release. */
struct detaching {
	struct vtr_list link;
	uint32_t res_id;
	int64_t since_ns;
};

/* One context. It stays after destroy() until its worker is reaped. */
struct vtr_renderer {
	struct vtr_list node; /* in pool->all */
	struct vtr_worker_pool *pool;
	uint32_t ctx_id;
	char name[NAME_MAX_BYTES];
	const struct vtr_renderer_events *events;
	void *events_data;

	struct vtr_child *worker;
	struct vtr_shader_cache_user cache_user;
	struct vtr_os_loop_timer *timer; /* for go_on_ending() */
	struct vtr_os_loop_timer *detach_timer;

	struct vtr_hostmem_rings rings;
	struct vtr_list detaching; /* oldest first */
	size_t detaching_count;

	bool broken;    /* the worker is lost; no messages are sent or received */
	bool told;      /* gone() was called */
	bool ended;     /* ended() was called */
	bool destroyed; /* destroy() was called */
};

struct vtr_worker_pool {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	const struct vtr_hostmem *hostmem;
	struct vtr_spawner spawner;
	uint32_t max_contexts;
	uint32_t leave_timeout_ms;
	uint32_t detach_timeout_ms;
	struct vtr_list all;
	size_t live_count; /* without the destroyed ones */
	size_t count;
};

/* --- the end ------------------------------------------------------------------------------------ */

/* Returns: whether the worker process exists, or its died() has yet to come. */
static bool has_process(const struct vtr_renderer *renderer)
{
	return vtr_child_pid(renderer->worker) != 0;
}

static void forget_detaching(struct vtr_renderer *renderer)
{
	while (!vtr_list_empty(&renderer->detaching)) {
		struct detaching *first = vtr_container_of(renderer->detaching.next, struct detaching, link);

		vtr_list_remove(&first->link);
		free(first);
	}
	renderer->detaching_count = 0;
}

static void free_renderer(struct vtr_renderer *renderer)
{
	struct vtr_worker_pool *pool = renderer->pool;

	vtr_shader_cache_end(&renderer->cache_user);
	vtr_child_destroy(renderer->worker);
	vtr_os_loop_timer_destroy(renderer->timer);
	vtr_os_loop_timer_destroy(renderer->detach_timer);
	forget_detaching(renderer);
	vtr_hostmem_rings_finish(&renderer->rings);
	vtr_list_remove(&renderer->node);
	pool->count--;
	free(renderer);
}

/* Closes the socket of a lost worker, which makes a running worker end. go_on_ending() then calls gone(): from the
 * timer in the loop's next turn, or from the caller if that is a callback of the loop. */
static void break_off(struct vtr_renderer *renderer)
{
	if (renderer->broken) {
		return;
	}
	renderer->broken = true;
	vtr_hostmem_rings_break(&renderer->rings, renderer->pool->hostmem->map);
	vtr_child_hang_up(renderer->worker);
	vtr_os_loop_timer_set(renderer->timer, 0);
	vtr_os_loop_timer_set(renderer->detach_timer, -1);
}

/* Continues to end a broken renderer. May free the renderer. */
static void go_on_ending(struct vtr_renderer *renderer)
{
	struct vtr_worker_pool *pool = renderer->pool;

	vtr_child_leave(renderer->worker, pool->leave_timeout_ms);
	if (!renderer->told && !renderer->destroyed) {
		renderer->told = true;
		renderer->events->gone(renderer->events_data, renderer->ctx_id);
	}
	if (!has_process(renderer) && !renderer->ended) {
		renderer->ended = true;
		if (renderer->events->ended) {
			renderer->events->ended(renderer->events_data, renderer);
		}
	}
	if (!has_process(renderer) && renderer->destroyed) {
		free_renderer(renderer);
	}
}

/* The guest may be unable to reuse the memory before the worker has released it. */
static void on_detach_timer(void *data)
{
	struct vtr_renderer *renderer = data;
	const int64_t limit_ns = INT64_C(1000000) * renderer->pool->detach_timeout_ms;

	if (vtr_list_empty(&renderer->detaching)) {
		return;
	}
	const struct detaching *oldest = vtr_container_of(renderer->detaching.next, struct detaching, link);
	int64_t age_ns = vtr_os_now_ns() - oldest->since_ns;
	if (age_ns < limit_ns) {
		vtr_os_loop_timer_set(renderer->detach_timer, limit_ns - age_ns);
		return;
	}
	vtr_error(renderer->pool->log, "context %u (%s): worker %d does not release resource %u, killing it",
	          renderer->ctx_id, renderer->name, (int)vtr_child_pid(renderer->worker), oldest->res_id);
	vtr_child_kill(renderer->worker);
	break_off(renderer);
}

static void on_timer(void *data)
{
	go_on_ending(data);
}

/* --- messages from the worker -------------------------------------------------------------------- */

static enum vtr_err handle_ring(struct vtr_renderer *renderer, const struct vtr_worker_ring *ring)
{
	enum vtr_err err = vtr_hostmem_rings_add(&renderer->rings, ring->ring_id, ring->status_offset);

	if (err == VTR_ERR_GONE || err == VTR_ERR_LIMIT) {
		/* Its memory was detached before the message arrived, or the context has too many rings. */
		vtr_debug(renderer->pool->log, "context %u: a ring is not kept (%s)", renderer->ctx_id,
		          vtr_err_text(err));
		return VTR_OK;
	}
	return err;
}

static enum vtr_err handle_detached(struct vtr_renderer *renderer, const struct vtr_worker_detached *detached)
{
	struct detaching *detaching;

	vtr_list_for_each (detaching, &renderer->detaching, link) {
		if (detaching->res_id == detached->res_id) {
			vtr_list_remove(&detaching->link);
			renderer->detaching_count--;
			free(detaching);
			if (renderer->events->detached) {
				renderer->events->detached(renderer->events_data, renderer->ctx_id,
				                           detached->res_id);
			}
			return VTR_OK;
		}
	}
	return VTR_ERR_PROTOCOL;
}

static enum vtr_err handle_stall(struct vtr_renderer *renderer, const struct vtr_worker_stall *message)
{
	struct vtr_log *log = renderer->pool->log;
	struct vtr_pool_stall stall;
	char text[2 * VTR_STALL_TEXT];
	enum vtr_err err = vtr_stall_note(&stall, message);

	if (err != VTR_OK) {
		return err;
	}
	vtr_stall_line(&stall, text);
	vtr_log_write_limited(log, stall.state == VTR_WORKER_STALL_HUNG ? VTR_LOG_ERROR : VTR_LOG_INFO,
	                      VTR_LOG_MODULE, "context %u (%s): %s", renderer->ctx_id, renderer->name, text);
	return VTR_OK;
}

static enum vtr_err on_message(void *data, const struct vtr_ipc_message *message, unsigned *cost)
{
	struct vtr_renderer *renderer = data;
	const bool is_report = message->op == VTR_WORKER_HOSTMEM_RING ||
	                       message->op == VTR_WORKER_RING_GONE || message->op == VTR_WORKER_DEVICE ||
	                       message->op == VTR_WORKER_STALL;

	*cost = is_report ? 1 : 0; /* the others each answer a request */
	switch ((enum vtr_worker_op)message->op) {
	case VTR_WORKER_HOSTMEM_RING:
		return handle_ring(renderer, message->payload);
	case VTR_WORKER_RING_GONE: {
		const struct vtr_worker_ring_gone *gone = message->payload;
		vtr_hostmem_rings_remove(&renderer->rings, gone->ring_id);
		return VTR_OK;
	}
	case VTR_WORKER_FENCE_DONE: {
		const struct vtr_worker_fence_done *done = message->payload;
		return renderer->events->fence(renderer->events_data, renderer->ctx_id, done->timeline,
		                               done->fence_id);
	}
	case VTR_WORKER_DETACHED:
		return handle_detached(renderer, message->payload);
	case VTR_WORKER_FDS_TAKEN:
		return vtr_child_fds_taken(renderer->worker,
		                           ((const struct vtr_worker_fds_taken *)message->payload)->count);
	case VTR_WORKER_DEVICE: {
		const struct vtr_worker_device *device = message->payload;
		vtr_child_set_driver(renderer->worker, device->name, sizeof(device->name));
		return VTR_OK;
	}
	case VTR_WORKER_STALL:
		return handle_stall(renderer, message->payload);
	case VTR_WORKER_RING: /* of vtest */
	case VTR_WORKER_OP_COUNT:
		break;
	}
	return VTR_ERR_PROTOCOL;
}

static void on_closed(void *data, enum vtr_err why)
{
	struct vtr_renderer *renderer = data;

	if (why == VTR_ERR_GONE) {
		vtr_debug(renderer->pool->log, "context %u: worker %d has closed", renderer->ctx_id,
		          (int)vtr_child_pid(renderer->worker));
	}
	break_off(renderer);
	go_on_ending(renderer);
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct vtr_renderer *renderer = data;
	struct vtr_log *log = renderer->pool->log;

	if (WIFSIGNALED(end->status) && !end->killed) {
		vtr_error(log,
		          "context %u (%s): worker %d died of signal %d (%s): the guest's program loses its "
		          "Vulkan device, the rest of the guest goes on",
		          renderer->ctx_id, renderer->name, (int)end->pid, WTERMSIG(end->status),
		          strsignal(WTERMSIG(end->status)));
	} else if (WIFEXITED(end->status) && WEXITSTATUS(end->status) != 0) {
		vtr_info(log, "context %u (%s): its worker %d has closed it", renderer->ctx_id,
		         renderer->name, (int)end->pid);
	} else {
		vtr_debug(log, "context %u: worker %d has ended", renderer->ctx_id, (int)end->pid);
	}
	break_off(renderer);
	go_on_ending(renderer);
}

static const struct vtr_child_events worker_events = {
	.message = on_message,
	.closed = on_closed,
	.died = on_died,
};

/* --- operations ---------------------------------------------------------------------------------- */

static enum vtr_err send_message(struct vtr_renderer *renderer, enum vtr_context_op op,
                                 const struct vtr_ipc_parts *parts)
{
	if (renderer->broken) {
		return VTR_ERR_GONE;
	}
	enum vtr_err err = vtr_child_send(renderer->worker, op, parts);
	if (err == VTR_OK) {
		return VTR_OK;
	}
	break_off(renderer);
	return err == VTR_ERR_LIMIT || err == VTR_ERR_NOMEM ? err : VTR_ERR_GONE;
}

static enum vtr_err send_init(struct vtr_renderer *renderer)
{
	const struct vtr_hostmem *hostmem = renderer->pool->hostmem;
	const struct vtr_context_init init = { .hostmem_size = hostmem->size };
	const struct vtr_ipc_parts parts = {
		.payload = &init,
		.fds = &hostmem->fd,
		.fd_count = 1,
	};

	enum vtr_err err = send_message(renderer, VTR_CONTEXT_INIT, &parts);
	return err == VTR_ERR_GONE ? VTR_OK : err; /* gone() follows */
}

static enum vtr_err start(struct vtr_renderer *renderer)
{
	struct vtr_worker_pool *pool = renderer->pool;
	char name[CHILD_NAME_SIZE];
	const struct vtr_child_params params = {
		.log = pool->log,
		.loop = pool->loop,
		.name = name,
		.events = &worker_events,
		.data = renderer,
		.in_rules = vtr_worker_rules,
		.in_rule_count = VTR_WORKER_OP_COUNT,
		.out_rules = vtr_context_rules,
		.max_queue_bytes = VTR_WORKER_POOL_MAX_QUEUE,
		.max_queue_fds = VTR_WORKER_POOL_MAX_QUEUED_FDS,
		.max_unread_fds = VTR_WORKER_POOL_MAX_UNREAD_FDS,
		.turn_budget = MAX_REPORTS,
	};

	const struct vtr_spawn_worker worker = {
		.number = renderer->ctx_id,
		.client_fd = -1,
		.memory_fd = -1,
		.cache_dir = vtr_shader_cache_dir(pool->spawner.cache),
	};

	snprintf(name, sizeof(name), "context %u: worker", renderer->ctx_id);
	enum vtr_err err = vtr_child_create(&params, &renderer->worker);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(pool->loop, on_timer, renderer, &renderer->timer);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(pool->loop, on_detach_timer, renderer, &renderer->detach_timer);
	}
	if (err == VTR_OK) {
		err = vtr_spawner_start(&pool->spawner, &worker, renderer->worker);
	}
	if (err == VTR_OK) {
		vtr_shader_cache_begin(pool->spawner.cache, &renderer->cache_user, renderer->worker);
	}
	return err == VTR_OK ? send_init(renderer) : err;
}

static enum vtr_err create(void *data, uint32_t ctx_id, const char *name,
                           const struct vtr_renderer_events *events, void *events_data,
                           struct vtr_renderer **out_renderer)
{
	struct vtr_worker_pool *pool = data;

	/* Destroyed renderers whose worker has not ended count, too, but with a higher limit. */
	if (pool->live_count >= pool->max_contexts || pool->count >= 2 * (size_t)pool->max_contexts) {
		vtr_warn_limited(pool->log, "context %u: there are %zu already, and %zu that end", ctx_id,
		                 pool->live_count, pool->count - pool->live_count);
		return VTR_ERR_LIMIT;
	}
	struct vtr_renderer *renderer = calloc(1, sizeof(*renderer));
	if (!renderer) {
		return VTR_ERR_NOMEM;
	}
	renderer->pool = pool;
	renderer->ctx_id = ctx_id;
	snprintf(renderer->name, sizeof(renderer->name), "%s", name);
	renderer->events = events;
	renderer->events_data = events_data;
	vtr_hostmem_rings_init(&renderer->rings);
	vtr_list_init(&renderer->detaching);
	vtr_list_insert(&pool->all, &renderer->node);
	pool->count++;
	enum vtr_err err = start(renderer);
	if (err != VTR_OK) {
		vtr_error(pool->log,
		          "context %u (%s): cannot start a worker: %s. The guest's program gets no Vulkan "
		          "device",
		          ctx_id, renderer->name, vtr_err_text(err));
		free_renderer(renderer);
		return err;
	}
	pool->live_count++;
	vtr_debug(pool->log, "context %u (%s): worker %d", ctx_id, renderer->name,
	          (int)vtr_child_pid(renderer->worker));
	*out_renderer = renderer;
	return VTR_OK;
}

static void destroy(struct vtr_renderer *renderer)
{
	renderer->destroyed = true;
	renderer->pool->live_count--;
	/* Its memory may be reused soon, and its remaining work is of no use. */
	vtr_child_kill(renderer->worker);
	break_off(renderer);
	/* go_on_ending() does the rest, now or when the worker has ended. */
	vtr_os_loop_timer_set(renderer->timer, 0);
}

static enum vtr_err attach_hostmem(struct vtr_renderer *renderer, uint32_t res_id,
                                   const struct vtr_renderer_memory *memory)
{
	const uint64_t hostmem_size = renderer->pool->hostmem->size;
	const struct vtr_context_attach attach = {
		.res_id = res_id,
		.offset = memory->hostmem_offset,
		.size = memory->size,
	};
	const struct vtr_ipc_parts parts = { .payload = &attach };
	const struct vtr_hostmem_range range = {
		.res_id = res_id,
		.offset = memory->hostmem_offset,
		.size = memory->size,
	};

	vtr_assert(memory->size >= 4 && memory->hostmem_offset <= hostmem_size &&
	           memory->size <= hostmem_size - memory->hostmem_offset);
	enum vtr_err err = vtr_hostmem_rings_attach(&renderer->rings, &range);
	return err != VTR_OK ? err : send_message(renderer, VTR_CONTEXT_ATTACH, &parts);
}

/* Finds or adds an fd in the message's fds. Returns: false if there are too many of them. */
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

static enum vtr_err attach_pieces(struct vtr_renderer *renderer, uint32_t res_id,
                                  const struct vtr_renderer_memory *memory)
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
	return send_message(renderer, VTR_CONTEXT_ATTACH_PIECES, &parts);
}

static enum vtr_err attach(struct vtr_renderer *renderer, uint32_t res_id,
                           const struct vtr_renderer_memory *memory)
{
	if (renderer->broken) {
		return VTR_ERR_GONE;
	}
	return memory->in_hostmem ? attach_hostmem(renderer, res_id, memory) :
	                            attach_pieces(renderer, res_id, memory);
}

static void detach(struct vtr_renderer *renderer, uint32_t res_id)
{
	const struct vtr_context_detach detach = { .res_id = res_id };
	const struct vtr_ipc_parts parts = { .payload = &detach };

	vtr_hostmem_rings_detach(&renderer->rings, res_id);
	if (renderer->broken) {
		return; /* ended() follows, which releases all memory */
	}
	struct detaching *detaching = renderer->detaching_count < VTR_WORKER_POOL_MAX_DETACHING ?
	                                      calloc(1, sizeof(*detaching)) :
	                                      NULL;
	if (!detaching) {
		vtr_error(renderer->pool->log, "context %u (%s): too many resources wait for their release",
		          renderer->ctx_id, renderer->name);
		vtr_child_kill(renderer->worker);
		break_off(renderer);
		return;
	}
	detaching->res_id = res_id;
	detaching->since_ns = vtr_os_now_ns();
	if (vtr_list_empty(&renderer->detaching)) {
		vtr_os_loop_timer_set(renderer->detach_timer,
		                      INT64_C(1000000) * renderer->pool->detach_timeout_ms);
	}
	vtr_list_append(&renderer->detaching, &detaching->link);
	renderer->detaching_count++;
	(void)(send_message(renderer, VTR_CONTEXT_DETACH, &parts) == VTR_OK);
}

static enum vtr_err submit(struct vtr_renderer *renderer, const void *commands, size_t size)
{
	const struct vtr_ipc_parts parts = { .tail = commands, .tail_size = size };

	if (renderer->broken) {
		return VTR_ERR_GONE;
	}
	if (size == 0) {
		return VTR_OK;
	}
	if (size > VTR_CONTEXT_MAX_SUBMIT) {
		vtr_error(renderer->pool->log,
		          "context %u (%s): a submission of %zu bytes of commands is too large",
		          renderer->ctx_id, renderer->name, size);
		break_off(renderer);
		return VTR_ERR_LIMIT;
	}
	return send_message(renderer, VTR_CONTEXT_SUBMIT, &parts);
}

static enum vtr_err fence(struct vtr_renderer *renderer, uint32_t timeline, uint64_t fence_id)
{
	const struct vtr_context_fence fence = { .timeline = timeline, .fence_id = fence_id };
	const struct vtr_ipc_parts parts = { .payload = &fence };

	if (renderer->broken) {
		return VTR_ERR_GONE;
	}
	return send_message(renderer, VTR_CONTEXT_FENCE, &parts) == VTR_OK ? VTR_OK : VTR_ERR_GONE;
}

const struct vtr_renderer_ops vtr_worker_pool_ops = {
	.create = create,
	.destroy = destroy,
	.attach = attach,
	.detach = detach,
	.submit = submit,
	.fence = fence,
};

/* --- the pool ------------------------------------------------------------------------------------ */

enum vtr_err vtr_worker_pool_create(const struct vtr_worker_pool_params *params,
                                    struct vtr_worker_pool **out_pool)
{
	struct vtr_worker_pool *pool = calloc(1, sizeof(*pool));

	if (!pool) {
		return VTR_ERR_NOMEM;
	}
	pool->log = params->log;
	pool->loop = params->loop;
	pool->hostmem = params->hostmem;
	pool->spawner = params->spawner;
	pool->max_contexts = params->max_contexts;
	pool->leave_timeout_ms = params->leave_timeout_ms;
	pool->detach_timeout_ms = params->detach_timeout_ms;
	vtr_list_init(&pool->all);
	*out_pool = pool;
	return VTR_OK;
}

void vtr_worker_pool_destroy(struct vtr_worker_pool *pool)
{
	struct vtr_renderer *renderer;
	struct vtr_renderer *next;

	if (!pool) {
		return;
	}
	vtr_list_for_each (renderer, &pool->all, node) {
		renderer->destroyed = true;
		break_off(renderer);
	}
	int64_t deadline_ns = vtr_os_now_ns() + VTR_WORKER_FINISH_MS * INT64_C(1000000);
	vtr_list_for_each_safe (renderer, next, &pool->all, node) {
		(void)vtr_child_finish(renderer->worker, deadline_ns);
		free_renderer(renderer);
	}
	free(pool);
}

size_t vtr_worker_pool_process_count(const struct vtr_worker_pool *pool)
{
	const struct vtr_renderer *renderer;
	size_t count = 0;

	vtr_list_for_each (renderer, &pool->all, node) {
		count += has_process(renderer);
	}
	return count;
}
