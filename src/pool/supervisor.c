/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "supervisor"
#include "pool/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "ipc/child.h"
#include "ipc/hang_up.h"
#include "ipc/worker_protocol.h"
#include "platform/data_limit.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "pool/identity.h"
#include "pool/shader_cache.h"
#include "pool/spawn.h"
#include "pool/stall.h"
#include "pool/status.h"
#include "pool/worker_shares.h"
#include "vk/renderer_config.h"
#include "vk_gen.h"

/* The shortest and the longest interval of checks whether an ended client has read its last replies. */
#define FIRST_LOOK_MS 10
#define LAST_LOOK_MS 1000
/* The most messages of one worker in one turn of the loop. A ring causes two; real clients have far fewer rings. */
#define MAX_MESSAGES 4096
#define NAME_SIZE 32
#define CGROUPS_SIZE 4096
/* Connections that are accepted in one turn of the loop: those who fill the listening socket's queue must not hold up
 * others there. */
#define MAX_ACCEPTS 64

struct ring {
	uint64_t id;
	void *page; /* a mapped page; NULL: the slot is unused */
	_Atomic uint32_t *status;
};

/* What a connection counts as. */
enum place {
	PLACE_NONE, /* nothing: it had to give way, and its worker is about to end */
	PLACE_SERVED, /* a connection that may have to give way */
	PLACE_LEFT, /* a connection whose client has not read all replies; ending it would not take back their fds */
};

/* One connection. Its worker, if any, is dead before it is freed. */
struct client {
	struct vtr_list node; /* in supervisor.clients */
	struct vtr_supervisor *supervisor;
	uint32_t number; /* for the log */
	struct vtr_identity *identity; /* a counted reference */
	pid_t pid; /* of the process that connected; 0: unknown */
	enum place place;
	struct vtr_list turn; /* while it waits for its worker's start */
	bool may_cache; /* it may use the shader cache of the others */
	int fd;
	struct vtr_os_loop_fd *fd_watch; /* NULL once the client has closed */
	struct vtr_os_loop_timer *timer;

	struct vtr_child *worker; /* NULL: none yet */
	struct vtr_shader_cache_user cache_user;
	struct vtr_worker_share share; /* what the worker has of the identity's resources */
	struct ring rings[VTR_SUPERVISOR_MAX_RINGS];

	struct vtr_pool_stall stall; /* what does not complete in its worker's driver */
	uint32_t look_ms; /* not 0: it has ended, but the client has not read all replies */
};

struct vtr_supervisor {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_spawner spawner;
	bool cache_for_all;
	uint32_t max_clients;
	uint32_t max_clients_per_user;
	struct vtr_worker_shares shares;
	uint32_t silent_timeout_ms;
	uint32_t leave_timeout_ms;

	int listen_fd; /* borrowed */
	struct vtr_os_loop_fd *listen_watch;
	int reserve_fd; /* closed to accept and reset a connection when fds have run out */
	struct vtr_list clients; /* newest first */
	size_t client_count;
	uint32_t next_number;
	struct vtr_identities identities;
	struct vtr_os_loop_timer *turn_timer; /* for start_next() */
};

static void on_client(void *data, unsigned events);
static void on_timer(void *data);

static void set_timer(struct client *client, uint32_t timeout_ms)
{
	vtr_os_loop_timer_set(client->timer, timeout_ms ? (int64_t)timeout_ms * 1000000 : -1);
}

/* Lines about the client, from its part of the budget. */
#define log_of(client, level, ...) \
	vtr_log_of_client((client)->supervisor->log, &(client)->identity->log_lines, level, __VA_ARGS__)

static void set_place(struct client *client, enum place place)
{
	const int connections = (place != PLACE_NONE) - (client->place != PLACE_NONE);
	const int served = (place == PLACE_SERVED) - (client->place == PLACE_SERVED);

	client->place = place;
	vtr_identity_count(&client->supervisor->identities, client->identity, connections, served);
}

static void forget_ring(struct ring *ring)
{
	if (ring->page) {
		vtr_os_shm_unmap(ring->page, vtr_os_page_size());
		ring->page = NULL;
	}
}

/* Sets FATAL in the status words of the client's rings. */
static void break_rings(struct client *client)
{
	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		if (client->rings[i].page) {
			atomic_fetch_or(client->rings[i].status, VK_RING_STATUS_FATAL_BIT_MESA);
		}
	}
}

/* Frees everything except the connection. */
static void release_worker(struct client *client)
{
	vtr_os_loop_remove(&client->fd_watch);
	vtr_shader_cache_end(&client->cache_user);
	vtr_child_destroy(client->worker);
	client->worker = NULL;
	vtr_worker_shares_leave(&client->supervisor->shares, client->identity, &client->share);
	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		forget_ring(&client->rings[i]);
	}
}

static void destroy_client(struct client *client)
{
	struct vtr_supervisor *supervisor = client->supervisor;

	release_worker(client);
	vtr_identity_leave(client->identity, &client->turn);
	set_place(client, PLACE_NONE);
	vtr_identity_unref(&supervisor->identities, client->identity);
	vtr_os_loop_timer_destroy(client->timer);
	vtr_close(&client->fd);
	vtr_list_remove(&client->node);
	supervisor->client_count--;
	free(client);
}

/*
 * Fds in replies that the client has not read stay in flight after all ends here are closed, and count against our
 * user. They stay until the client reads them or closes its end; a client that only shuts its socket down keeps them.
 * Therefore such a connection is kept, and counts as one of its identity's. No event reports that the last reply was
 * read.
 */
static void end_client(struct client *client)
{
	size_t unread;

	if (vtr_os_sock_unread(client->fd, &unread) != VTR_OK || unread == 0) {
		destroy_client(client);
		return;
	}
	if (client->look_ms == 0) {
		release_worker(client);
		set_place(client, PLACE_LEFT);
		client->look_ms = FIRST_LOOK_MS;
	} else {
		client->look_ms = vtr_min(client->look_ms * 2, LAST_LOOK_MS);
	}
	set_timer(client, client->look_ms);
}

static void drop_client(struct client *client)
{
	size_t unread;
	/* Looks first: hanging up sends bytes, too, which carry no fds. */
	const bool has_read = vtr_os_sock_unread(client->fd, &unread) == VTR_OK && unread == 0;

	break_rings(client);
	vtr_vtest_hang_up(client->fd);
	if (has_read) {
		destroy_client(client);
	} else {
		end_client(client);
	}
}

/* Adds a ring that a worker reports. The message is not trusted. */
static enum vtr_err add_ring(struct client *client, const struct vtr_worker_ring *message, int fd)
{
	uint64_t page_size = vtr_os_page_size();
	uint64_t offset = message->status_offset;
	struct ring *ring = NULL;
	void *page;

	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		if (!client->rings[i].page) {
			ring = &client->rings[i];
			break;
		}
	}
	if (!ring) {
		vtr_debug(client->supervisor->log, "client %u has more than %d rings", client->number,
		          VTR_SUPERVISOR_MAX_RINGS);
		return VTR_OK;
	}
	if (offset % 4 != 0 || offset > UINT64_MAX - 4) {
		return VTR_ERR_PROTOCOL;
	}
	enum vtr_err err = vtr_os_shm_check(fd, offset + 4);
	if (err != VTR_OK) {
		return err;
	}
	if (vtr_os_shm_is_huge(fd)) {
		return VTR_ERR_PROTOCOL;
	}
	err = vtr_os_shm_map(fd, offset - offset % page_size, page_size, true, &page);
	if (err != VTR_OK) {
		return err;
	}
	ring->id = message->ring_id;
	ring->page = page;
	ring->status = (_Atomic uint32_t *)((char *)page + offset % page_size);
	return VTR_OK;
}

static void remove_ring(struct client *client, uint64_t ring_id)
{
	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		if (client->rings[i].page && client->rings[i].id == ring_id) {
			forget_ring(&client->rings[i]);
			return;
		}
	}
}

static enum vtr_err note_stall(struct client *client, const struct vtr_worker_stall *message)
{
	char text[2 * VTR_STALL_TEXT];
	enum vtr_err err = vtr_stall_note(&client->stall, message);

	if (err == VTR_OK) {
		const enum vtr_log_level level =
			client->stall.state == VTR_WORKER_STALL_HUNG ? VTR_LOG_ERROR : VTR_LOG_INFO;

		vtr_stall_line(&client->stall, text);
		log_of(client, level, "client %u (%s, process %d): %s", client->number, client->stall.program,
		       (int)client->pid, text);
	}
	return err;
}

static enum vtr_err on_message(void *data, const struct vtr_ipc_message *message, unsigned *cost)
{
	struct client *client = data;

	(void)cost;
	switch ((enum vtr_worker_op)message->op) {
	case VTR_WORKER_RING:
		return add_ring(client, message->payload, message->fds[0]);
	case VTR_WORKER_RING_GONE: {
		const struct vtr_worker_ring_gone *gone = message->payload;
		remove_ring(client, gone->ring_id);
		return VTR_OK;
	}
	case VTR_WORKER_DEVICE: {
		const struct vtr_worker_device *device = message->payload;
		vtr_child_set_driver(client->worker, device->name, sizeof(device->name));
		return VTR_OK;
	}
	case VTR_WORKER_STALL:
		return note_stall(client, message->payload);
	case VTR_WORKER_HOSTMEM_RING: /* of VMs */
	case VTR_WORKER_FENCE_DONE:
	case VTR_WORKER_DETACHED:
	case VTR_WORKER_FDS_TAKEN:
	case VTR_WORKER_OP_COUNT:
		break;
	}
	return VTR_ERR_PROTOCOL;
}

/* The worker is ending, or only closed its socket. */
static void on_closed(void *data, enum vtr_err why)
{
	struct client *client = data;

	(void)why;
	vtr_child_leave(client->worker, client->supervisor->leave_timeout_ms);
}

static void on_died(void *data, const struct vtr_child_end *end)
{
	struct client *client = data;

	if (WIFSIGNALED(end->status) && !end->killed) {
		log_of(client, VTR_LOG_ERROR,
		       "client %u: worker %d died of signal %d (%s): the program loses its Vulkan device, "
		       "other programs go on",
		       client->number, (int)end->pid, WTERMSIG(end->status),
		       strsignal(WTERMSIG(end->status)));
	} else if (WIFEXITED(end->status) && WEXITSTATUS(end->status) != 0) {
		log_of(client, VTR_LOG_INFO, "client %u: its worker %d has dropped it", client->number,
		       (int)end->pid);
	} else if (client->place != PLACE_NONE) {
		log_of(client, VTR_LOG_INFO, "client %u: has disconnected", client->number);
	}
	drop_client(client);
}

static const struct vtr_child_events worker_events = {
	.message = on_message,
	.closed = on_closed,
	.died = on_died,
};

static enum vtr_err start_worker(struct client *client)
{
	struct vtr_supervisor *supervisor = client->supervisor;
	char name[NAME_SIZE];
	const struct vtr_child_params params = {
		.log = supervisor->log,
		.log_share = &client->identity->log_lines,
		.loop = supervisor->loop,
		.name = name,
		.events = &worker_events,
		.data = client,
		.in_rules = vtr_worker_rules,
		.in_rule_count = VTR_WORKER_OP_COUNT,
		.turn_budget = MAX_MESSAGES,
	};

	snprintf(name, sizeof(name), "client %u: worker", client->number);
	struct vtr_shader_cache *cache = client->may_cache ? supervisor->spawner.cache : NULL;
	enum vtr_err err = vtr_worker_shares_enter(&supervisor->shares, client->identity, &client->share);
	if (err == VTR_OK) {
		err = vtr_child_create(&params, &client->worker);
	}
	if (err == VTR_OK) {
		const struct vtr_spawn_worker worker = {
			.number = client->number,
			.client_fd = client->fd,
			.memory_fd = vtr_memory_share_fd(client->share.owner->memory),
			.memory_index = client->share.index,
			.cache_dir = vtr_shader_cache_dir(cache),
		};
		err = vtr_spawner_start(&supervisor->spawner, &worker, client->worker);
	}
	if (err == VTR_OK) {
		const enum vtr_err moved = vtr_worker_shares_move(&supervisor->shares, &client->share,
		                                                  vtr_child_pid(client->worker));
		if (moved != VTR_OK) {
			log_of(client, VTR_LOG_WARN,
			       "client %u: cannot move its worker into a group of %s: %s. It shares the "
			       "processor with the server",
			       client->number, supervisor->shares.cgroup, vtr_err_text(moved));
		}
		vtr_shader_cache_begin(cache, &client->cache_user, client->worker);
	}
	return err;
}

/* Starts the worker of the client whose turn it is. One in each turn of the loop: starting a process takes longest of
 * all that happens here. */
static void start_next(void *data)
{
	struct vtr_supervisor *supervisor = data;
	struct vtr_list *turn = vtr_identities_next(&supervisor->identities);

	if (!turn) {
		return;
	}
	vtr_os_loop_timer_set(supervisor->turn_timer, 0);
	struct client *client = vtr_container_of(turn, struct client, turn);
	enum vtr_err err = start_worker(client);
	if (err != VTR_OK) {
		log_of(client, VTR_LOG_ERROR, "client %u: cannot start a worker: %s. The connection is reset",
		       client->number, vtr_err_text(err));
		drop_client(client);
		return;
	}
	vtr_debug(supervisor->log, "client %u: worker %d", client->number,
	          (int)vtr_child_pid(client->worker));
}

/* The client's first bytes are here. From now on the loop reports only that it closes. */
static void begin_wait(struct client *client)
{
	struct vtr_supervisor *supervisor = client->supervisor;

	set_timer(client, 0);
	enum vtr_err err = vtr_os_loop_modify_fd(client->fd_watch, false, false);
	if (err != VTR_OK) {
		log_of(client, VTR_LOG_ERROR, "client %u: cannot be watched: %s. The connection is reset",
		       client->number, vtr_err_text(err));
		drop_client(client);
		return;
	}
	vtr_identity_wait(&supervisor->identities, client->identity, &client->turn);
	vtr_os_loop_timer_set(supervisor->turn_timer, 0);
}

static void on_client(void *data, unsigned events)
{
	struct client *client = data;
	struct vtr_supervisor *supervisor = client->supervisor;

	if (!client->worker && (events & VTR_OS_LOOP_IN) != 0) {
		begin_wait(client);
		return;
	}
	if ((events & VTR_OS_LOOP_HUP) == 0) {
		return;
	}
	vtr_os_loop_remove(&client->fd_watch);
	if (!client->worker) {
		vtr_debug(supervisor->log, "client %u: gone without a word", client->number);
		destroy_client(client);
		return;
	}
	vtr_child_leave(client->worker, supervisor->leave_timeout_ms);
}

static void on_timer(void *data)
{
	struct client *client = data;

	if (client->look_ms != 0) {
		end_client(client);
		return;
	}
	log_of(client, VTR_LOG_INFO, "client %u: sent nothing for %u ms, so the connection is reset",
	       client->number, client->supervisor->silent_timeout_ms);
	drop_client(client);
}

/* `identity`: consumed, on failure too. `foreign`: like its member, of the process that connected. The user's own
 * programs and this one may load each other's compiled code; a container's may not, even if it runs as the same
 * user. */
static enum vtr_err add_client(struct vtr_supervisor *supervisor, int *take_fd, struct vtr_identity *identity,
                               pid_t pid, bool foreign)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		vtr_identity_unref(&supervisor->identities, identity);
		return VTR_ERR_NOMEM;
	}
	client->supervisor = supervisor;
	client->number = ++supervisor->next_number;
	client->identity = identity;
	client->pid = pid;
	client->may_cache = supervisor->cache_for_all || !foreign;
	client->fd = vtr_take_fd(take_fd);
	vtr_list_init(&client->turn);
	vtr_list_insert(&supervisor->clients, &client->node);
	supervisor->client_count++;
	set_place(client, PLACE_SERVED);
	enum vtr_err err = vtr_os_loop_add_timer(supervisor->loop, on_timer, client, &client->timer);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(supervisor->loop, client->fd, true, false, on_client, client,
		                         &client->fd_watch);
	}
	if (err != VTR_OK) {
		vtr_vtest_hang_up(client->fd);
		destroy_client(client);
		return err;
	}
	set_timer(client, supervisor->silent_timeout_ms);
	return VTR_OK;
}

/* When fds have run out, the loop would report a connection that cannot be accepted again and again. */
static void reset_one(struct vtr_supervisor *supervisor)
{
	int fd;

	vtr_close(&supervisor->reserve_fd);
	if (vtr_os_sock_accept(supervisor->listen_fd, &fd) == VTR_OK) {
		vtr_vtest_hang_up(fd);
		vtr_close(&fd);
	}
	supervisor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Returns: the most connections of an identity or a user. */
static uint32_t limit_of(const struct vtr_supervisor *supervisor, const struct vtr_identity *identity)
{
	if (supervisor->max_clients_per_user != 0) {
		return supervisor->max_clients_per_user;
	}
	return identity->foreign || identity->uid != geteuid() ? (supervisor->max_clients + 1) / 2 :
	                                                         supervisor->max_clients;
}

/* Ends the newest connection of an identity. */
static void give_way(struct vtr_supervisor *supervisor, const struct vtr_identity *greediest)
{
	struct client *client;

	vtr_list_for_each (client, &supervisor->clients, node) {
		if (client->identity == greediest && client->place == PLACE_SERVED) {
			break;
		}
	}
	vtr_assert(&client->node != &supervisor->clients);
	client->identity->lost_connections++;
	log_of(client, VTR_LOG_WARN,
	       "client %u: loses its connection, because user %u or its container has the most, and others "
	       "want theirs",
	       client->number, (unsigned)greediest->uid);
	if (!client->worker) {
		drop_client(client);
		return;
	}
	set_place(client, PLACE_NONE);
	vtr_child_kill(client->worker); /* on_died() does the rest */
}

/* Makes room for one more connection of an identity. Logs it if there is none. */
static enum vtr_err make_room(struct vtr_supervisor *supervisor, const struct vtr_identity *identity)
{
	const uint32_t max = supervisor->max_clients;
	const bool is_full = supervisor->identities.connections >= max;
	const bool user_is_full = identity->user->connections >= limit_of(supervisor, identity->user);
	struct vtr_identity *greediest = NULL;

	/* Those that have given way do not count, but are here until their workers have ended. */
	if (identity->connections < limit_of(supervisor, identity) &&
	    supervisor->client_count < 2 * (size_t)max) {
		if (!is_full && !user_is_full) {
			return VTR_OK;
		}
		greediest = vtr_identities_greediest(&supervisor->identities, identity, user_is_full);
	}
	if (greediest) {
		give_way(supervisor, greediest);
		return VTR_OK;
	}
	if (is_full) {
		vtr_warn_limited(supervisor->log, "there are %u clients already, resetting one more",
		                 supervisor->identities.connections);
	} else {
		vtr_warn_limited(supervisor->log, "user %u has %u clients already, resetting one more",
		                 (unsigned)identity->uid, identity->user->connections);
	}
	return VTR_ERR_LIMIT;
}

/* Takes a connection in, or resets it. */
static enum vtr_err admit(struct vtr_supervisor *supervisor, int *take_fd)
{
	char cgroups[CGROUPS_SIZE];
	struct vtr_identity *identity;
	pid_t pid;
	uid_t uid;
	enum vtr_err err = vtr_os_sock_peer(*take_fd, &pid, &uid);

	if (err != VTR_OK) {
		return err;
	}
	vtr_os_sock_peer_cgroup(*take_fd, cgroups, sizeof(cgroups));
	/* A process may end, and another one get its pid, before this looks; one in a container cannot choose who gets
	 * it outside. */
	const bool foreign = uid != geteuid() || !vtr_os_shares_namespaces(pid);
	err = vtr_identity_get(&supervisor->identities, uid, cgroups, foreign, &identity);
	if (err != VTR_OK) {
		return err;
	}
	if (make_room(supervisor, identity) != VTR_OK) {
		identity->refused_connections++;
		vtr_identity_unref(&supervisor->identities, identity);
		vtr_vtest_hang_up(*take_fd);
		return VTR_OK;
	}
	return add_client(supervisor, take_fd, identity, pid, foreign);
}

/* Returns: whether there may be more to accept. */
static bool accept_one(struct vtr_supervisor *supervisor)
{
	vtr_autofd int fd = -1;
	enum vtr_err err = vtr_os_sock_accept(supervisor->listen_fd, &fd);

	if (err == VTR_ERR_OS && (errno == EMFILE || errno == ENFILE)) {
		vtr_warn_limited(supervisor->log, "no file descriptors left, resetting a client");
		reset_one(supervisor);
		return true;
	}
	if (err != VTR_OK) {
		if (err != VTR_ERR_AGAIN && err != VTR_ERR_GONE) {
			vtr_warn_limited(supervisor->log, "cannot accept: %s", vtr_err_text(err));
		}
		return false;
	}
	err = admit(supervisor, &fd);
	if (err != VTR_OK) {
		vtr_error(supervisor->log,
		          "cannot accept a connection: %s. The client is reset and can try again",
		          vtr_err_text(err));
	}
	return true;
}

static void on_listen(void *data, unsigned events)
{
	(void)events;
	for (int i = 0; i < MAX_ACCEPTS && accept_one(data); i++) {
	}
}

enum vtr_err vtr_supervisor_create(const struct vtr_supervisor_params *params,
                                   struct vtr_supervisor **out_supervisor)
{
	struct vtr_supervisor *supervisor = calloc(1, sizeof(*supervisor));

	if (!supervisor) {
		return VTR_ERR_NOMEM;
	}
	supervisor->log = params->log;
	supervisor->loop = params->loop;
	supervisor->spawner = params->spawner;
	supervisor->cache_for_all = params->cache_for_all;
	supervisor->max_clients = params->max_clients;
	supervisor->max_clients_per_user = params->max_clients_per_user;
	supervisor->shares = (struct vtr_worker_shares){
		.log = params->log,
		.identities = &supervisor->identities,
		.memory_limit = params->memory_limit,
		.max_workers = 2 * (size_t)params->max_clients,
		.cgroup = params->cgroup,
	};
	supervisor->silent_timeout_ms = params->silent_timeout_ms;
	supervisor->leave_timeout_ms = params->leave_timeout_ms;
	supervisor->listen_fd = -1;
	vtr_list_init(&supervisor->clients);
	vtr_identities_init(&supervisor->identities);
	supervisor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	enum vtr_err err = supervisor->reserve_fd < 0 ? VTR_ERR_OS : VTR_OK;
	if (err == VTR_OK) {
		err = vtr_os_loop_add_timer(params->loop, start_next, supervisor, &supervisor->turn_timer);
	}
	if (err == VTR_OK) {
		err = vtr_worker_shares_init(&supervisor->shares, params->loop);
	}
	if (err != VTR_OK) {
		vtr_os_loop_timer_destroy(supervisor->turn_timer);
		vtr_close(&supervisor->reserve_fd);
		free(supervisor);
		return err;
	}
	*out_supervisor = supervisor;
	return VTR_OK;
}

enum vtr_err vtr_supervisor_listen(struct vtr_supervisor *supervisor, int listen_fd)
{
	supervisor->listen_fd = listen_fd;
	return vtr_os_loop_add_fd(supervisor->loop, listen_fd, true, false, on_listen, supervisor,
	                          &supervisor->listen_watch);
}

/* --- who uses what ---------------------------------------------------------------------------------- */

static void describe_client(const struct client *client, struct vtr_status *status)
{
	const struct vtr_identity *owner = client->share.owner;
	struct vtr_status_program program = {
		.number = client->number,
		.pid = client->pid,
		.worker = client->worker ? vtr_child_pid(client->worker) : 0,
		.stall = client->stall,
	};
	uint64_t refused[VTR_MEMORY_KIND_COUNT] = { 0 };
	struct vtr_os_in_ram ram;
	size_t unread;

	for (enum vtr_memory_kind kind = 0; owner && kind < VTR_MEMORY_KIND_COUNT; kind++) {
		vtr_memory_share_read(owner->memory, client->share.index, kind, &program.memory[kind],
		                      &refused[kind]);
	}
	/* A worker that has just ended has nothing. */
	if (program.worker != 0 && vtr_os_memory_in_ram(program.worker, &ram) == VTR_OK) {
		program.in_ram = ram.own + ram.shared;
	}
	program.is_unread = vtr_os_sock_unread(client->fd, &unread) == VTR_OK && unread > 0;
	vtr_status_add_program(status, &program, refused);
}

static enum vtr_err describe_identity(const struct vtr_supervisor *supervisor,
                                      const struct vtr_identity *identity, struct vtr_status *status)
{
	const struct client *client;
	const struct vtr_status_identity row = {
		.uid = identity->uid,
		.is_container = identity->foreign && identity->uid == geteuid(),
		.connections = identity->connections,
		.max_connections = limit_of(supervisor, identity),
		.max_mapped = identity->foreign ? supervisor->shares.memory_limit : UINT64_MAX,
		.refused_connections = identity->refused_connections,
		.lost_connections = identity->lost_connections,
		.refused_memory = { identity->refused_memory[VTR_MEMORY_MAPPED],
		                    identity->refused_memory[VTR_MEMORY_DEVICE] },
	};
	enum vtr_err err = vtr_status_add_identity(status, &row, identity->cgroups);

	if (err == VTR_OK) {
		vtr_list_for_each (client, &supervisor->clients, node) {
			if (client->identity == identity) {
				describe_client(client, status);
			}
		}
	}
	return err;
}

enum vtr_err vtr_supervisor_describe(const struct vtr_supervisor *supervisor, struct vtr_status *out_status)
{
	const struct vtr_renderer_config *config = supervisor->spawner.config;
	const struct vtr_identity *identity;
	size_t count = 0;

	vtr_list_for_each (identity, &supervisor->identities.all, node) {
		count += identity->user != NULL;
	}
	enum vtr_err err = vtr_status_init(out_status, count, supervisor->client_count);
	if (err != VTR_OK) {
		return err;
	}
	out_status->connections = supervisor->identities.connections;
	out_status->max_connections = supervisor->max_clients;
	out_status->max_device_memory = config->max_device_memory;
	out_status->max_device_percent = config->max_device_percent;
	vtr_list_for_each (identity, &supervisor->identities.all, node) {
		if (err == VTR_OK && identity->user != NULL) {
			err = describe_identity(supervisor, identity, out_status);
		}
	}
	if (err != VTR_OK) {
		vtr_status_finish(out_status);
	}
	return err;
}

void vtr_supervisor_destroy(struct vtr_supervisor *supervisor)
{
	struct client *client;
	struct client *next;

	if (!supervisor) {
		return;
	}
	vtr_os_loop_remove(&supervisor->listen_watch);
	vtr_list_for_each (client, &supervisor->clients, node) {
		break_rings(client);
		vtr_vtest_hang_up(client->fd);
		if (client->worker) {
			vtr_child_hang_up(client->worker);
		}
	}
	int64_t deadline_ns = vtr_os_now_ns() + VTR_WORKER_FINISH_MS * INT64_C(1000000);
	vtr_list_for_each_safe (client, next, &supervisor->clients, node) {
		if (client->worker) {
			(void)vtr_child_finish(client->worker, deadline_ns);
		}
		destroy_client(client);
	}
	vtr_identities_finish(&supervisor->identities);
	vtr_os_loop_timer_destroy(supervisor->turn_timer);
	vtr_worker_shares_finish(&supervisor->shares);
	vtr_close(&supervisor->reserve_fd);
	free(supervisor);
}
