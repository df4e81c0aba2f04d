/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "status"
#include "pool/status_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/log.h"
#include "base/mem.h"
#include "platform/loop.h"
#include "platform/proc.h"
#include "platform/shm.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "pool/status.h"
#include "pool/supervisor.h"

#define MS INT64_C(1000000)

struct vtr_status_socket {
	struct vtr_status_socket_params params;
	struct vtr_os_loop_fd *watch;
	struct vtr_os_loop_timer *timer; /* for the next answer, when too many were given */
	struct vtr_bucket answers;
	int asking_fd; /* waits for its turn; -1: none */
};

/* Returns: VTR_ERR_NOMEM, VTR_ERR_OS. */
static enum vtr_err share(const struct vtr_status *status,
                          void (*print)(const struct vtr_status *status, FILE *file), int *out_fd)
{
	vtr_autofree char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (!file) {
		return VTR_ERR_NOMEM;
	}
	print(status, file);
	const bool failed = ferror(file) != 0;
	if (fclose(file) != 0 || failed) {
		return VTR_ERR_NOMEM;
	}
	return vtr_os_shm_create_constant("vitrine-status", text, size, out_fd);
}

static enum vtr_err answer(const struct vtr_status_socket *socket, int fd)
{
	char byte = 0;
	const struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	vtr_autofd int text_fd = -1;
	vtr_autofd int json_fd = -1;
	struct vtr_status status;
	size_t sent;
	enum vtr_err err = vtr_supervisor_describe(socket->params.supervisor, &status);

	if (err != VTR_OK) {
		return err;
	}
	err = share(&status, vtr_status_print, &text_fd);
	if (err == VTR_OK) {
		err = share(&status, vtr_status_print_json, &json_fd);
	}
	vtr_status_finish(&status);
	if (err == VTR_OK) {
		const int fds[] = { text_fd, json_fd };

		err = vtr_os_sock_send_now(fd, &iov, 1, fds, VTR_ARRAY_LEN(fds), &sent);
	}
	return err;
}

/* Root in a container is not root. Where the server may not read whether the process is in one, the place of the socket
 * decides: a container gets the folder of the clients' socket only. */
static bool may_ask(const struct vtr_status_socket *socket, int fd)
{
	pid_t pid;
	uid_t uid;

	if (vtr_os_sock_peer(fd, &pid, &uid) != VTR_OK || (uid != geteuid() && uid != 0)) {
		return false;
	}
	switch (vtr_os_compare_users_and_pids(pid)) {
	case VTR_OS_NAMESPACES_SAME:
		return true;
	case VTR_OS_NAMESPACES_OTHER:
		return false;
	default:
		return uid != geteuid() && !socket->params.is_in_reach;
	}
}

static void give_answer(struct vtr_status_socket *socket)
{
	const enum vtr_err err = answer(socket, socket->asking_fd);

	vtr_close(&socket->asking_fd);
	if (err != VTR_OK && err != VTR_ERR_GONE) {
		vtr_warn_limited(socket->params.log, "cannot say who uses what: %s", vtr_err_text(err));
	}
}

static bool take_turn(struct vtr_status_socket *socket)
{
	return vtr_bucket_take(&socket->answers, VTR_STATUS_BURST, VTR_STATUS_INTERVAL_MS * MS,
	                       vtr_os_now_ns());
}

/* Pauses until there is a turn for the one who asks, or until accept() may work again. */
static void pause_listening(struct vtr_status_socket *socket)
{
	vtr_os_loop_remove(&socket->watch);
	vtr_os_loop_timer_set(socket->timer, VTR_STATUS_INTERVAL_MS * MS);
}

/* A refusal takes no turn: those who may not ask would delay those who may. */
static void on_listen(void *data, unsigned events)
{
	struct vtr_status_socket *socket = data;
	struct vtr_log *log = socket->params.log;
	enum vtr_err err = vtr_os_sock_accept(socket->params.listen_fd, &socket->asking_fd);

	(void)events;
	if (err == VTR_ERR_AGAIN || err == VTR_ERR_GONE) {
		return;
	}
	if (err != VTR_OK) {
		vtr_warn_limited(log, "cannot accept: %s", vtr_err_text(err));
		pause_listening(socket); /* the connection stays in the queue */
	} else if (!may_ask(socket, socket->asking_fd)) {
		vtr_close(&socket->asking_fd);
		vtr_warn_limited(log,
		                 "a process asks who uses what that may not: it is another user's, or in a "
		                 "container");
	} else if (take_turn(socket)) {
		give_answer(socket);
	} else {
		pause_listening(socket);
	}
}

static void on_timer(void *data)
{
	struct vtr_status_socket *socket = data;

	if (socket->asking_fd >= 0 && take_turn(socket)) {
		give_answer(socket);
	}
	if (socket->asking_fd >= 0 ||
	    vtr_os_loop_add_fd(socket->params.loop, socket->params.listen_fd, true, false, on_listen, socket,
	                       &socket->watch) != VTR_OK) {
		vtr_os_loop_timer_set(socket->timer, VTR_STATUS_INTERVAL_MS * MS);
	}
}

enum vtr_err vtr_status_socket_create(const struct vtr_status_socket_params *params,
                                      struct vtr_status_socket **out_socket)
{
	struct vtr_status_socket *socket = calloc(1, sizeof(*socket));

	if (!socket) {
		return VTR_ERR_NOMEM;
	}
	socket->params = *params;
	socket->asking_fd = -1;
	enum vtr_err err = vtr_os_loop_add_timer(params->loop, on_timer, socket, &socket->timer);
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(params->loop, params->listen_fd, true, false, on_listen, socket,
		                         &socket->watch);
	}
	if (err != VTR_OK) {
		vtr_status_socket_destroy(socket);
		return err;
	}
	*out_socket = socket;
	return VTR_OK;
}

void vtr_status_socket_destroy(struct vtr_status_socket *socket)
{
	if (socket) {
		vtr_os_loop_remove(&socket->watch);
		vtr_os_loop_timer_destroy(socket->timer);
		vtr_close(&socket->asking_fd);
		free(socket);
	}
}
