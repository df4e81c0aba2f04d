/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "supervisor"
#include "worker/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "vtest/vtest.h"
#include "worker/ipc.h"
#include "worker/protocol.h"
#include "worker/spawn.h"

/* The bit of a ring's status word that makes Mesa's client abort (venus-host.md 5.2). */
#define RING_STATUS_FATAL 2u
/* At the end, how long workers get to hang up their clients by themselves. */
#define FINISH_MS 2000
/* How soon to look again whether a client that is over has read its last replies, and how late. */
#define FIRST_LOOK_MS 10
#define LAST_LOOK_MS 1000
/* Of one worker between two turns of the loop: two for each ring, and nobody makes so many. */
#define MAX_MESSAGES 4096

struct ring {
	uint64_t id;
	void *page; /* mapped, as long as a page; NULL: slot is unused */
	_Atomic uint32_t *status;
};

/* One connection. Its worker, if it has one, dies before it is freed. */
struct client {
	struct vtr_list node; /* in supervisor.clients */
	struct vtr_supervisor *supervisor;
	uint32_t number; /* for the log */
	uid_t uid;
	int fd;
	struct vtr_os_loop_fd *fd_watch; /* NULL once the client has closed */
	struct vtr_os_loop_timer *timer;

	struct vtr_worker_process worker; /* pid 0: none yet; what follows is valid with one only */
	struct vtr_os_loop_fd *death_watch;
	struct vtr_os_loop_fd *control_watch; /* NULL once the worker has closed it */
	struct vtr_ipc ipc;
	struct ring rings[VTR_SUPERVISOR_MAX_RINGS];
	bool killed; /* by us, so its death by a signal is no news */

	uint32_t look_ms; /* not 0: it is over but for replies that the client has not read */
};

struct vtr_supervisor {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_spawner *spawner;
	uint32_t max_clients;
	uint32_t max_clients_per_user;
	uint32_t silent_timeout_ms;
	uint32_t leave_timeout_ms;

	int listen_fd; /* borrowed */
	struct vtr_os_loop_fd *listen_watch;
	int reserve_fd; /* given up to accept and reset a connection when there are no more fds */
	struct vtr_list clients;
	size_t client_count;
	uint32_t next_number;
};

static void on_client(void *data, unsigned events);
static void on_control(void *data, unsigned events);
static void on_death(void *data, unsigned events);
static void on_timer(void *data);

static void set_timer(struct client *client, uint32_t timeout_ms)
{
	vtr_os_loop_timer_set(client->timer, timeout_ms ? (int64_t)timeout_ms * 1000000 : -1);
}

/* Stops watching; safe when nothing is watched. */
static void unwatch(struct vtr_os_loop_fd **watch)
{
	vtr_os_loop_remove(*watch);
	*watch = NULL;
}

static void forget_ring(struct ring *ring)
{
	if (ring->page) {
		vtr_os_shm_unmap(ring->page, vtr_os_page_size());
		ring->page = NULL;
	}
}

/* Tells everyone who looks at a ring of the client that nobody will serve it any more. */
static void break_rings(struct client *client)
{
	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		if (client->rings[i].page) {
			atomic_fetch_or(client->rings[i].status, RING_STATUS_FATAL);
		}
	}
}

/* Lets go of all but the connection. */
static void release_worker(struct client *client)
{
	unwatch(&client->fd_watch);
	unwatch(&client->death_watch);
	unwatch(&client->control_watch);
	vtr_ipc_finish(&client->ipc);
	for (size_t i = 0; i < VTR_SUPERVISOR_MAX_RINGS; i++) {
		forget_ring(&client->rings[i]);
	}
	vtr_close(&client->worker.death_fd);
	vtr_close(&client->worker.control_fd);
}

static void destroy_client(struct client *client)
{
	struct vtr_supervisor *supervisor = client->supervisor;

	release_worker(client);
	vtr_os_loop_timer_destroy(client->timer);
	vtr_close(&client->fd);
	vtr_list_remove(&client->node);
	supervisor->client_count--;
	free(client);
}

/*
 * Fds in replies that the client has not read stay in flight, at the expense of our user, after all ends here
 * are closed: until the client reads them or closes its end, which a client that only shuts its socket down
 * does not do. So such a connection is kept, and counts as one of max_clients. There is no event that tells
 * when the last reply is read.
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
		client->look_ms = FIRST_LOOK_MS;
	} else {
		client->look_ms = vtr_min(client->look_ms * 2, LAST_LOOK_MS);
	}
	set_timer(client, client->look_ms);
}

static void drop_client(struct client *client)
{
	break_rings(client);
	vtr_vtest_hang_up(client->fd);
	end_client(client);
}

static void kill_worker(struct client *client)
{
	client->killed = true;
	vtr_worker_process_kill(&client->worker);
}

/* Takes over a ring that a worker reports; nothing in the message is trusted. */
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
		return VTR_ERR_GUEST;
	}
	enum vtr_err err = vtr_os_shm_check(fd, offset + 4);
	if (err != VTR_OK) {
		return err;
	}
	if (vtr_os_shm_is_huge(fd)) {
		return VTR_ERR_GUEST;
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

static enum vtr_err handle_message(struct client *client, const struct vtr_ipc_message *message)
{
	switch ((enum vtr_worker_op)message->op) {
	case VTR_WORKER_RING:
		return add_ring(client, message->payload, message->fds[0]);
	case VTR_WORKER_RING_GONE: {
		const struct vtr_worker_ring_gone *gone = message->payload;
		remove_ring(client, gone->ring_id);
		return VTR_OK;
	}
	case VTR_WORKER_WINDOW_RING: /* of VMs */
	case VTR_WORKER_FENCE_DONE:
	case VTR_WORKER_DETACHED:
	case VTR_WORKER_FDS_TAKEN:
	case VTR_WORKER_OP_COUNT:
		break;
	}
	return VTR_ERR_GUEST;
}

/* Handles what has arrived. VTR_ERR_AGAIN: there may come more. */
static enum vtr_err handle_messages(struct client *client)
{
	struct vtr_ipc_message message;

	for (unsigned i = 0; i < MAX_MESSAGES; i++) {
		enum vtr_err err = vtr_ipc_receive(&client->ipc, &message);
		if (err == VTR_OK) {
			err = handle_message(client, &message);
		}
		if (err != VTR_OK) {
			return err;
		}
	}
	return VTR_ERR_GUEST;
}

static void on_control(void *data, unsigned events)
{
	struct client *client = data;
	enum vtr_err err = handle_messages(client);

	(void)events;
	if (err == VTR_ERR_AGAIN) {
		return;
	}
	unwatch(&client->control_watch);
	if (err == VTR_ERR_GONE) {
		/* It is dying, or pretends to. */
		set_timer(client, client->supervisor->leave_timeout_ms);
		return;
	}
	vtr_error(client->supervisor->log, "client %u: worker %d broke the protocol (%s), killing it",
	          client->number, (int)client->worker.pid, vtr_err_name(err));
	kill_worker(client);
}

static void log_death(const struct client *client, int status)
{
	struct vtr_log *log = client->supervisor->log;

	if (WIFSIGNALED(status) && !client->killed) {
		vtr_error(log, "client %u: worker %d died of signal %d (%s), the client is told",
		          client->number, (int)client->worker.pid, WTERMSIG(status),
		          strsignal(WTERMSIG(status)));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
		vtr_info(log, "client %u: dropped by its worker %d", client->number, (int)client->worker.pid);
	} else {
		vtr_info(log, "client %u: gone", client->number);
	}
}

static void on_death(void *data, unsigned events)
{
	struct client *client = data;
	int status;

	(void)events;
	if (vtr_os_wait(client->worker.pid, &status) != VTR_OK) {
		return;
	}
	/* Rings that it reported last. */
	if (client->control_watch) {
		(void)(handle_messages(client) == VTR_OK);
	}
	log_death(client, status);
	client->worker.pid = 0;
	drop_client(client);
}

static enum vtr_err start_worker(struct client *client)
{
	struct vtr_os_loop *loop = client->supervisor->loop;
	enum vtr_err err =
		vtr_spawner_start(client->supervisor->spawner, client->number, client->fd, &client->worker);

	if (err != VTR_OK) {
		return err;
	}
	vtr_ipc_init(&client->ipc, client->worker.control_fd, vtr_worker_rules, VTR_WORKER_OP_COUNT);
	err = vtr_os_loop_add_fd(loop, client->worker.control_fd, true, false, on_control, client,
	                         &client->control_watch);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(loop, client->worker.death_fd, true, false, on_death, client,
		                         &client->death_watch);
	}
	if (err == VTR_OK) {
		/* From now on only to learn when the client closes. */
		err = vtr_os_loop_modify_fd(client->fd_watch, false, false);
	}
	if (err != VTR_OK) {
		/* Nobody could tell its death: end it here and now. */
		vtr_worker_process_finish(&client->worker, 0);
	}
	return err;
}

static void on_client(void *data, unsigned events)
{
	struct client *client = data;
	struct vtr_supervisor *supervisor = client->supervisor;

	if (client->worker.pid == 0 && (events & VTR_OS_LOOP_IN) != 0) {
		set_timer(client, 0);
		enum vtr_err err = start_worker(client);
		if (err != VTR_OK) {
			vtr_error(supervisor->log, "client %u: cannot start a worker: %s, resetting it",
			          client->number, vtr_err_name(err));
			drop_client(client);
			return;
		}
		vtr_debug(supervisor->log, "client %u: worker %d", client->number, (int)client->worker.pid);
		return;
	}
	if ((events & VTR_OS_LOOP_HUP) == 0) {
		return;
	}
	unwatch(&client->fd_watch);
	if (client->worker.pid == 0) {
		vtr_debug(supervisor->log, "client %u: gone without a word", client->number);
		destroy_client(client);
		return;
	}
	set_timer(client, supervisor->leave_timeout_ms);
}

static void on_timer(void *data)
{
	struct client *client = data;
	struct vtr_log *log = client->supervisor->log;

	if (client->look_ms != 0) {
		end_client(client);
		return;
	}
	if (client->worker.pid == 0) {
		vtr_info(log, "client %u: said nothing for %u ms, resetting it", client->number,
		         client->supervisor->silent_timeout_ms);
		drop_client(client);
		return;
	}
	vtr_warn(log, "client %u: worker %d does not end, killing it", client->number,
	         (int)client->worker.pid);
	kill_worker(client);
}

static enum vtr_err add_client(struct vtr_supervisor *supervisor, int *take_fd, uid_t uid)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client) {
		return VTR_ERR_NOMEM;
	}
	client->supervisor = supervisor;
	client->number = ++supervisor->next_number;
	client->uid = uid;
	client->fd = vtr_take_fd(take_fd);
	client->worker.death_fd = -1;
	client->worker.control_fd = -1;
	vtr_list_insert(&supervisor->clients, &client->node);
	supervisor->client_count++;
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

/* When fds have run out, a connection that cannot be accepted would be reported for ever. */
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

static uint32_t limit_of_user(const struct vtr_supervisor *supervisor, uid_t uid)
{
	if (supervisor->max_clients_per_user != 0) {
		return supervisor->max_clients_per_user;
	}
	return uid == geteuid() ? supervisor->max_clients : (supervisor->max_clients + 1) / 2;
}

/* Whether there is room for one more client of this user; the log says if not. */
static enum vtr_err check_limits(struct vtr_supervisor *supervisor, uid_t uid)
{
	const struct client *client;
	uint32_t limit = limit_of_user(supervisor, uid);
	uint32_t count = 0;

	if (supervisor->client_count >= supervisor->max_clients) {
		vtr_warn_limited(supervisor->log, "there are %u clients already, resetting one more",
		                 supervisor->max_clients);
		return VTR_ERR_LIMIT;
	}
	vtr_list_for_each (client, &supervisor->clients, node) {
		count += client->uid == uid;
	}
	if (count >= limit) {
		vtr_warn_limited(supervisor->log, "user %u has %u clients already, resetting one more",
		                 (unsigned)uid, limit);
		return VTR_ERR_LIMIT;
	}
	return VTR_OK;
}

static void on_listen(void *data, unsigned events)
{
	struct vtr_supervisor *supervisor = data;
	vtr_autofd int fd = -1;
	enum vtr_err err = vtr_os_sock_accept(supervisor->listen_fd, &fd);

	(void)events;
	if (err == VTR_ERR_OS && (errno == EMFILE || errno == ENFILE)) {
		vtr_warn_limited(supervisor->log, "no file descriptors left, resetting a client");
		reset_one(supervisor);
		return;
	}
	if (err != VTR_OK) {
		if (err != VTR_ERR_AGAIN && err != VTR_ERR_GONE) {
			vtr_warn_limited(supervisor->log, "cannot accept: %s", vtr_err_name(err));
		}
		return;
	}
	pid_t pid;
	uid_t uid;
	err = vtr_os_sock_peer(fd, &pid, &uid);
	if (err == VTR_OK) {
		if (check_limits(supervisor, uid) != VTR_OK) {
			vtr_vtest_hang_up(fd);
			return;
		}
		err = add_client(supervisor, &fd, uid);
	}
	if (err != VTR_OK) {
		vtr_error(supervisor->log, "cannot take a client: %s", vtr_err_name(err));
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
	supervisor->max_clients = params->max_clients;
	supervisor->max_clients_per_user = params->max_clients_per_user;
	supervisor->silent_timeout_ms = params->silent_timeout_ms;
	supervisor->leave_timeout_ms = params->leave_timeout_ms;
	supervisor->listen_fd = -1;
	vtr_list_init(&supervisor->clients);
	enum vtr_err err = VTR_OK;
	supervisor->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (supervisor->reserve_fd < 0) {
		err = VTR_ERR_OS;
	} else {
		err = vtr_spawner_create(&params->spawner, &supervisor->spawner);
	}
	if (err != VTR_OK) {
		vtr_supervisor_destroy(supervisor);
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

size_t vtr_supervisor_client_count(const struct vtr_supervisor *supervisor)
{
	return supervisor->client_count;
}

void vtr_supervisor_destroy(struct vtr_supervisor *supervisor)
{
	struct client *client;
	struct client *next;

	if (!supervisor) {
		return;
	}
	unwatch(&supervisor->listen_watch);
	vtr_list_for_each (client, &supervisor->clients, node) {
		break_rings(client);
		vtr_vtest_hang_up(client->fd);
		unwatch(&client->control_watch);
		vtr_close(&client->worker.control_fd);
	}
	int64_t deadline_ns = vtr_os_now_ns() + (int64_t)FINISH_MS * 1000000;
	vtr_list_for_each_safe (client, next, &supervisor->clients, node) {
		if (client->worker.pid != 0) {
			vtr_worker_process_finish(&client->worker, deadline_ns);
		}
		destroy_client(client);
	}
	vtr_close(&supervisor->reserve_fd);
	vtr_spawner_destroy(supervisor->spawner);
	free(supervisor);
}
