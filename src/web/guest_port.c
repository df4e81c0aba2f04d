/* SPDX-License-Identifier: MIT */
#include "web/guest_port.h"

#include "base/log.h"
#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "web/session.h"

/* What is read or written in one turn of the loop, in pieces of VTR_GUEST_PORT_BYTES. */
#define PIECES_AT_ONCE 4
/* A turn in which the guest's bytes have caused this much work ends, so that viewers are served. */
#define TURN_NS INT64_C(2000000)

/* Returns: the port whose socket or connection this is; NULL: none, or not yet. */
static struct vtr_guest_port *port_of(struct lws *wsi)
{
	struct vtr_web *web = lws_context_user(lws_get_context(wsi));
	struct vtr_guest_port *port;

	vtr_list_for_each (port, &web->guest_ports, node) {
		if (wsi == port->listen_wsi || wsi == port->wsi) {
			return port;
		}
	}
	return NULL;
}

/* --- the connection ---------------------------------------------------------------------------------- */

static void on_wake(lws_sorted_usec_list_t *wake)
{
	struct vtr_guest_port *port = lws_container_of(wake, struct vtr_guest_port, wake);

	if (port->wsi) {
		lws_callback_on_writable(port->wsi);
	}
}

void vtr_guest_port_wake(struct vtr_guest_port *port)
{
	/* Not at once: after its callback for writing, the library forgets a request that was made in there. */
	if (port->wsi) {
		lws_sul_schedule(port->web->context, 0, &port->wake, on_wake, 1);
	}
}

void vtr_guest_port_disconnect(struct vtr_guest_port *port)
{
	if (port->wsi) {
		lws_set_timeout(port->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
	}
}

bool vtr_guest_port_is_connected(const struct vtr_guest_port *port)
{
	return port->wsi != NULL;
}

bool vtr_guest_port_has_unsent(const struct vtr_guest_port *port)
{
	return port->out_begin < port->out_end;
}

static bool has_untaken(const struct vtr_guest_port *port)
{
	return port->in_begin < port->in_end;
}

/* Hands bytes to the owner until all are taken or the turn is over. Returns: what the owner does. */
static enum vtr_err hand_over(struct vtr_guest_port *port, int64_t until_ns)
{
	enum vtr_err err = VTR_OK;

	for (int64_t now_ns = vtr_os_now_ns(); err == VTR_OK && has_untaken(port) && now_ns < until_ns;
	     now_ns = vtr_os_now_ns()) {
		const uint8_t *at = port->in + port->in_begin;
		size_t size = port->in_end - port->in_begin;
		err = port->user->receive(port->data, &at, &size, now_ns);
		port->in_begin = port->in_end - size;
	}
	return err;
}

/* `reads`: more has come, beside what the owner has left. Returns: VTR_OK, VTR_ERR_AGAIN (all was taken), VTR_ERR_GONE,
 * VTR_ERR_PROTOCOL, VTR_ERR_OS. */
static enum vtr_err receive_some(struct vtr_guest_port *port, bool reads)
{
	const int fd = lws_get_socket_fd(port->wsi);
	const int64_t until_ns = vtr_os_now_ns() + TURN_NS;
	enum vtr_err err = hand_over(port, until_ns);

	for (int i = 0; reads && i < PIECES_AT_ONCE && err == VTR_OK && !has_untaken(port); i++) {
		port->in_begin = 0;
		port->in_end = 0;
		err = vtr_os_sock_recv_now(fd, port->in, sizeof(port->in), &port->in_end, NULL, 0, NULL);
		if (err == VTR_OK) {
			err = hand_over(port, until_ns);
		}
	}
	return err;
}

/* Sends what the socket takes. Returns: VTR_OK (all is sent), VTR_ERR_AGAIN, VTR_ERR_GONE, VTR_ERR_OS. */
static enum vtr_err send_some(struct vtr_guest_port *port)
{
	const int fd = lws_get_socket_fd(port->wsi);

	for (int i = 0; i < PIECES_AT_ONCE; i++) {
		const int64_t now_ns = vtr_os_now_ns();
		size_t sent;
		if (!vtr_guest_port_has_unsent(port)) {
			port->out_begin = 0;
			port->out_end = port->user->write(port->data, port->out, sizeof(port->out), now_ns);
		}
		if (port->out_end == 0) {
			return VTR_OK;
		}
		const struct iovec iov = { .iov_base = port->out + port->out_begin,
			                   .iov_len = port->out_end - port->out_begin };
		enum vtr_err err = vtr_os_sock_send_now(fd, &iov, 1, NULL, 0, &sent);
		if (err != VTR_OK) {
			return err;
		}
		port->out_begin += sent;
		if (port->user->sent) {
			port->user->sent(port->data, now_ns);
		}
	}
	return VTR_ERR_AGAIN;
}

static int on_ready(struct vtr_guest_port *port, bool reads)
{
	enum vtr_err err = receive_some(port, reads);

	if (err == VTR_OK || err == VTR_ERR_AGAIN) {
		err = send_some(port); /* answers, too */
		if (err == VTR_ERR_AGAIN || has_untaken(port)) {
			vtr_guest_port_wake(port);
		}
	}
	return err == VTR_OK || err == VTR_ERR_AGAIN ? 0 : -1;
}

static void forget_connection(struct vtr_guest_port *port)
{
	port->wsi = NULL;
	port->in_begin = 0;
	port->in_end = 0;
	port->out_begin = 0;
	port->out_end = 0;
	port->user->disconnected(port->data);
}

int vtr_guest_port_on_connection(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                                 size_t size)
{
	struct vtr_guest_port *port = port_of(wsi);

	(void)user;
	(void)in;
	(void)size;
	if (!port) {
		return 0;
	}
	switch ((int)reason) {
	case LWS_CALLBACK_RAW_RX_FILE:
		return on_ready(port, true);
	case LWS_CALLBACK_RAW_WRITEABLE_FILE:
		return on_ready(port, false);
	case LWS_CALLBACK_RAW_CLOSE_FILE:
		forget_connection(port);
		return 0;
	default:
		return 0;
	}
}

/* --- the socket -------------------------------------------------------------------------------------- */

static void warn(struct vtr_guest_port *port, const char *what, enum vtr_err err)
{
	vtr_log_write_limited(port->log, VTR_LOG_WARN, port->user->module,
	                      "cannot %s a connection of the guest's %s: %s", what, port->user->name,
	                      vtr_err_text(err));
}

/* Owner: the library owns the fd, also on failure. Returns: NULL: the host is out of memory. */
static struct lws *adopt(struct vtr_web *web, int *take_fd, const char *protocol)
{
	const lws_sock_file_fd_type fd = { .filefd = vtr_take_fd(take_fd) };

	return lws_adopt_descriptor_vhost(web->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, protocol, NULL);
}

static void add_connection(struct vtr_guest_port *port, int *take_fd)
{
	port->wsi = adopt(port->web, take_fd, VTR_GUEST_PORT_CONNECTION);
	if (!port->wsi) {
		warn(port, "take", VTR_ERR_NOMEM);
	} else if (port->user->connected) {
		port->user->connected(port->data);
	}
}

int vtr_guest_port_on_listen(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                             size_t size)
{
	struct vtr_guest_port *port = port_of(wsi);
	vtr_autofd int fd = -1;

	(void)user;
	(void)in;
	(void)size;
	if (!port || reason != LWS_CALLBACK_RAW_RX_FILE) {
		return 0;
	}
	enum vtr_err err = vtr_os_sock_accept(lws_get_socket_fd(wsi), &fd);
	if (err == VTR_ERR_AGAIN) {
		return 0;
	}
	if (err != VTR_OK) {
		warn(port, "accept", err);
	} else if (port->wsi) {
		vtr_log_write_limited(port->log, VTR_LOG_WARN, port->user->module,
		                      "a second connection of a guest's %s is refused: one QEMU is connected",
		                      port->user->name);
	} else {
		add_connection(port, &fd);
	}
	return 0;
}

/* --- life -------------------------------------------------------------------------------------------- */

void vtr_guest_port_init(struct vtr_guest_port *port, struct vtr_log *log, int *take_listen_fd,
                         const struct vtr_guest_port_user *user, void *data)
{
	vtr_list_init(&port->node);
	port->log = log;
	port->user = user;
	port->data = data;
	port->listen_fd = vtr_take_fd(take_listen_fd);
}

void vtr_guest_port_finish(struct vtr_guest_port *port)
{
	vtr_close(&port->listen_fd);
}

enum vtr_err vtr_guest_port_listen(struct vtr_guest_port *port, struct vtr_web *web)
{
	port->web = web;
	vtr_list_append(&web->guest_ports, &port->node);
	port->listen_wsi = adopt(web, &port->listen_fd, VTR_GUEST_PORT_LISTENER);
	return port->listen_wsi ? VTR_OK : VTR_ERR_NOMEM;
}

void vtr_guest_port_stop(struct vtr_guest_port *port)
{
	vtr_list_remove(&port->node);
	port->wsi = NULL;
	lws_sul_cancel(&port->wake);
}
