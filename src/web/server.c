/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "platform/inet.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "screen/snapshot.h"
#include "web/agent_link.h"
#include "web/folder_link.h"
#include "web/guest_port.h"
#include "web/session.h"
#include "web/viewer.h"

#define MS INT64_C(1000000)

/* The size limit of all headers of a request. */
#define MAX_HEADER_BYTES 4096
/* The most connections that are accepted in one turn. With TLS each of them soon costs a signature, about a
 * millisecond, and the other connections wait for all that come in a turn. */
#define ACCEPT_AT_ONCE 4
/* The most that are accepted or refused in one turn; a refusal takes some microseconds. */
#define LOOK_AT_ONCE 64
/* The library's fds: connections, those that end in the next turn, the listening socket, the wake-up fd, and
 * spare. */
#define MAX_FDS (VTR_WEB_MAX_SESSIONS + ACCEPT_AT_ONCE + 16)
/* The most that may wait unsent in a socket. */
#define UNSENT_BYTES 65536
/* The most that is offered to a socket at once. By default the library sends as much as it reads, 4 KiB, and
 * keeps the rest of a picture for later turns of its loop. */
#define SEND_AT_ONCE (1 << 20)
/* How often connections are checked for timeouts. */
#define SWEEP_US (250 * 1000)
#define SWEEPS_PER_SECOND 4

static struct vtr_web *web_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

/* Ends it in the next turn: otherwise the library would go on for seconds to send what it has kept. */
void vtr_web_end(struct vtr_session *session, enum vtr_web_refusal refusal)
{
	if (!session->ended) {
		session->ended = true;
		session->web->session_count--;
		session->web->counters.refused[refusal]++;
	}
	lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static void destroy_session(struct vtr_session *session)
{
	struct vtr_web *web = session->web;

	vtr_viewer_destroy(session->viewer);
	vtr_web_reset(session);
	vtr_list_remove(&session->node);
	web->session_count -= !session->ended;
	free(session);
}

void vtr_web_clear_token(struct vtr_session *session)
{
	session->token = VTR_TOKEN_WRONG;
	session->link = 0;
}

void vtr_web_check_token(struct vtr_session *session, const char *token, size_t length)
{
	struct vtr_web *web = session->web;

	vtr_web_clear_token(session);
	session->token = vtr_tokens_check(&web->tokens, token, length);
	if (session->token == VTR_TOKEN_WRONG) {
		session->token = vtr_links_check(&web->links, token, length, vtr_os_now_ns(), &session->link);
	}
	if (session->token != VTR_TOKEN_WRONG && session->is_counted) {
		vtr_rate_limit_give_back(&web->handshakes, &session->peer);
		session->is_counted = false;
	}
}

void vtr_web_end_links(struct vtr_web *web)
{
	int64_t now_ns = vtr_os_now_ns();
	struct vtr_session *session;

	vtr_links_expire(&web->links, now_ns);
	vtr_list_for_each (session, &web->sessions, node) {
		if (session->link == 0 || vtr_links_has(&web->links, session->link, now_ns)) {
			continue;
		}
		vtr_web_clear_token(session);
		if (session->viewer) {
			vtr_viewer_end_link(session->viewer);
		} else {
			vtr_web_end(session, VTR_WEB_REFUSED_TOKEN);
		}
	}
}

/* Returns: whether the connection is kept. */
static bool add_session(struct vtr_web *web, int *take_fd)
{
	const struct vtr_backoff_address peer = vtr_backoff_peer(*take_fd);
	struct vtr_session *session = NULL;

	if ((!web->origin_check.tls || vtr_rate_limit_take(&web->handshakes, &peer, vtr_os_now_ns())) &&
	    vtr_web_make_room(web, &peer)) {
		session = calloc(1, sizeof(*session));
	}
	if (!session) {
		web->counters.refused[VTR_WEB_REFUSED_FULL]++;
		vtr_close(take_fd);
		return false;
	}
	session->web = web;
	session->peer = peer;
	session->is_counted = web->origin_check.tls;
	session->deadline_ns = vtr_os_now_ns() + VTR_WEB_REQUEST_MS * MS;
	vtr_list_append(&web->sessions, &session->node);
	web->session_count++;
	/* For video: data in the kernel's buffer cannot be replaced by a newer frame. */
	vtr_os_inet_hurry(*take_fd, UNSENT_BYTES);
	/* The library owns the fd, also on failure. */
	session->wsi = lws_adopt_socket_vhost(web->vhost, vtr_take_fd(take_fd));
	if (!session->wsi) {
		destroy_session(session);
		return false;
	}
	lws_set_opaque_user_data(session->wsi, session);
	return true;
}

static int on_listen(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	(void)user;
	(void)in;
	(void)size;
	if (reason != LWS_CALLBACK_RAW_RX_FILE) {
		return 0;
	}
	struct vtr_web *web = web_of(wsi);
	for (int i = 0, added = 0; i < LOOK_AT_ONCE && added < ACCEPT_AT_ONCE; i++) {
		vtr_autofd int fd = -1;
		enum vtr_err err = vtr_os_sock_accept(lws_get_socket_fd(wsi), &fd);
		if (err != VTR_OK) {
			if (err != VTR_ERR_AGAIN) {
				vtr_warn_limited(web->log, "cannot accept: %s", vtr_err_text(err));
			}
			break;
		}
		added += add_session(web, &fd);
	}
	return 0;
}

/* --- displays and cursors ---------------------------------------------------------------------------- */

static bool read_display(struct vtr_web *web, uint32_t number, struct vtr_message_display *out)
{
	struct vtr_display_info info;

	if (vtr_display_client_describe(web->screen, number, &info) != VTR_OK || !vtr_web_is_used(&info)) {
		return false;
	}
	*out = (struct vtr_message_display){
		.number = number,
		.connected = info.mode.connected,
		.active = info.frame.active,
		.mode_width = info.mode.width,
		.mode_height = info.mode.height,
		.width = info.frame.active ? info.frame.scanout.width : 0,
		.height = info.frame.active ? info.frame.scanout.height : 0,
	};
	return true;
}

static bool is_same_display(const struct vtr_message_display *a, const struct vtr_message_display *b)
{
	return a->number == b->number && a->connected == b->connected && a->active == b->active &&
	       a->mode_width == b->mode_width && a->mode_height == b->mode_height && a->width == b->width &&
	       a->height == b->height;
}

/* Returns: whether something has changed. */
static bool read_displays(struct vtr_web *web)
{
	struct vtr_message_display displays[VTR_MAX_DISPLAYS];
	size_t count = 0;
	bool same;

	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		count += read_display(web, i, &displays[count]);
	}
	same = count == web->display_count;
	for (size_t i = 0; same && i < count; i++) {
		same = is_same_display(&displays[i], &web->displays[i]);
	}
	memcpy(web->displays, displays, sizeof(displays[0]) * count);
	web->display_count = count;
	return !same;
}

static void read_cursors(struct vtr_web *web)
{
	struct vtr_scanout_cursor cursor;

	for (size_t i = 0; i < web->display_count; i++) {
		uint32_t number = web->displays[i].number;
		if (vtr_display_client_read_cursor(web->screen, number, &cursor) == VTR_OK) {
			web->cursors[number] =
				(struct vtr_web_cursor){ cursor.visible, cursor.x, cursor.y, cursor.ticket };
		}
	}
}

void vtr_web_look_now(struct vtr_web *web)
{
	struct vtr_session *session;

	/* In this order: otherwise a change in between would be missed. */
	vtr_display_client_await_flush(web->screen);
	bool changed = read_displays(web);
	read_cursors(web);
	web->lights = vtr_display_client_read_lights(web->screen);
	vtr_list_for_each (session, &web->sessions, node) {
		if (session->viewer) {
			if (changed) {
				vtr_viewer_tell_displays(session->viewer);
			}
			vtr_viewer_look(session->viewer, vtr_os_now_ns());
		}
	}
}

static void on_look(lws_sorted_usec_list_t *look)
{
	struct vtr_web *web = lws_container_of(look, struct vtr_web, look);

	web->look_is_due = false;
	vtr_web_look_now(web);
}

void vtr_web_look_soon(struct vtr_web *web)
{
	if (!web->look_is_due) {
		web->look_is_due = true;
		lws_sul_schedule(web->context, 0, &web->look, on_look, VTR_WEB_LOOK_US);
	}
}

static void look_at_all(struct vtr_web *web)
{
	struct vtr_session *session;
	int64_t now_ns = vtr_os_now_ns();

	/* In this order: otherwise a wake-up in between would be missed. */
	atomic_store(&web->woken, false);
	vtr_list_for_each (session, &web->sessions, node) {
		if (session->viewer) {
			vtr_viewer_look(session->viewer, now_ns);
		} else {
			vtr_web_look_at(session);
		}
	}
	if (web->viewer_count > 0) {
		vtr_web_look_soon(web);
	}
}

static void look_at_sound(struct vtr_web *web)
{
	struct vtr_session *session;

	if (!atomic_exchange(&web->sound_woken, false)) {
		return;
	}
	vtr_list_for_each (session, &web->sessions, node) {
		if (session->viewer) {
			vtr_viewer_look_at_sound(session->viewer);
		}
	}
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	struct vtr_session *session = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		look_at_sound(web_of(wsi));
		if (atomic_load(&web_of(wsi)->woken)) {
			look_at_all(web_of(wsi));
		}
		return 0;
	}
	if (!session) {
		return 0; /* the listening socket, or one that is being adopted */
	}
	if (reason == LWS_CALLBACK_WSI_DESTROY) {
		lws_set_opaque_user_data(wsi, NULL);
		destroy_session(session);
		return 0;
	}
	return vtr_web_on_http(session, reason, in, size);
}

static int on_ws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
	struct vtr_session *session = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	return session ? vtr_viewer_on_event(session, reason, in, size) : 0;
}

static void on_sweep(lws_sorted_usec_list_t *sweep)
{
	struct vtr_web *web = lws_container_of(sweep, struct vtr_web, sweep);
	int64_t now_ns = vtr_os_now_ns();
	struct vtr_session *session;

	vtr_web_end_links(web);
	look_at_all(web); /* for requests whose time is up */
	vtr_agent_link_tick(web->agent_link);
	vtr_folder_link_tick(web->folder_link);
	web->sweeps++;
	vtr_list_for_each (session, &web->sessions, node) {
		if (session->viewer) {
			if (web->sweeps % SWEEPS_PER_SECOND == 0) {
				vtr_viewer_count(session->viewer);
			}
			vtr_viewer_tick(session->viewer, now_ns);
		}
		/* Also connections that should have ended: the library may have replaced their timeout. */
		if (session->ended || now_ns > session->deadline_ns) {
			vtr_web_end(session, VTR_WEB_REFUSED_SLOW);
		}
	}
	lws_sul_schedule(web->context, 0, sweep, on_sweep, SWEEP_US);
}

static const struct lws_protocols protocols[] = {
	{ .name = "http", .callback = on_http, .tx_packet_size = SEND_AT_ONCE },
	{ .name = "listen", .callback = on_listen },
	{ .name = VTR_MESSAGE_SUBPROTOCOL,
	  .callback = on_ws,
	  .rx_buffer_size = 4096,
	  .tx_packet_size = SEND_AT_ONCE },
	{ .name = VTR_GUEST_PORT_LISTENER, .callback = vtr_guest_port_on_listen },
	{ .name = VTR_GUEST_PORT_CONNECTION, .callback = vtr_guest_port_on_connection },
	{ .name = NULL },
};

static enum vtr_err make_context(struct vtr_web *web, const struct vtr_web_params *params)
{
	struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.user = web,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.server_string = "vitrine",
		.alpn = "http/1.1", /* not HTTP/2, which is not supported */
		.vhost_name = "vitrine",
		.fd_limit_per_thread = MAX_FDS,
		.max_http_header_data = MAX_HEADER_BYTES,
		.max_http_header_pool = VTR_WEB_MAX_SESSIONS,
		.timeout_secs = VTR_WEB_ANSWER_MS / 1000,
		.keepalive_timeout = VTR_WEB_REQUEST_MS / 1000,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	};
	lws_sock_file_fd_type fd = { .sockfd = web->listen_fd };

	if (params->tls_cert) {
		info.ssl_cert_filepath = params->tls_cert;
		info.ssl_private_key_filepath = params->tls_key;
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_RENEGOTIATION;
	}
	/* Its messages are about clients that go away, or about errors that it also returns. */
	lws_set_log_level(0, NULL);
	web->context = lws_create_context(&info);
	if (!web->context) {
		return VTR_ERR_NOMEM;
	}
	web->vhost = lws_create_vhost(web->context, &info);
	if (!web->vhost) {
		if (!params->tls_cert) {
			return VTR_ERR_NOMEM;
		}
		vtr_error(
			web->log,
			"cannot use the certificate %s with the key %s, so the page is not served. Give two "
			"readable PEM files that belong together",
			params->tls_cert, params->tls_key);
		return VTR_ERR_ARG;
	}
	web->listen_fd = -1; /* the library owns the fd, also on failure */
	if (!lws_adopt_descriptor_vhost(web->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listen", NULL)) {
		return VTR_ERR_NOMEM;
	}
	lws_sul_schedule(web->context, 0, &web->sweep, on_sweep, SWEEP_US);
	enum vtr_err err = VTR_OK;
	if (web->agent_link) {
		err = vtr_agent_link_listen(web->agent_link, web);
	}
	if (err == VTR_OK && web->folder_link) {
		err = vtr_folder_link_listen(web->folder_link, web);
	}
	return err;
}

bool vtr_web_is_built(void)
{
	return true;
}

enum vtr_err vtr_web_create(const struct vtr_web_params *params, struct vtr_web **out_web)
{
	struct vtr_web *web = calloc(1, sizeof(*web));
	vtr_autofd int listen_fd = params->listen_fd;
	vtr_autofd int agent_fd = params->take_agent_fd ? vtr_take_fd(params->take_agent_fd) : -1;
	vtr_autofd int webdav_fd = params->take_webdav_fd ? vtr_take_fd(params->take_webdav_fd) : -1;

	if (!web) {
		return VTR_ERR_NOMEM;
	}
	web->log = params->log;
	web->screen = params->screen;
	web->streams = params->streams;
	web->sound_page = params->sound_page;
	web->sound = params->sound;
	web->metrics = params->metrics;
	web->tokens = *params->tokens;
	vtr_links_init(&web->links, params->links);
	web->origin_check = (struct vtr_origin_check){
		.tls = params->tls_cert != NULL,
		.remote = params->remote,
		.names = params->names,
	};
	web->devices = (struct vtr_web_devices){ .has_touch = params->has_touch, .pad_count = params->pads };
	web->listen_fd = vtr_take_fd(&listen_fd);
	vtr_list_init(&web->sessions);
	vtr_list_init(&web->guest_ports);
	web->listener = (struct vtr_flush_listener){ .flushed = vtr_web_wake, .data = web };
	vtr_display_client_listen(web->screen, &web->listener);
	enum vtr_err err = VTR_OK;
	if (agent_fd >= 0) {
		err = vtr_agent_link_create(web->log, &agent_fd, &web->agent_link);
	}
	if (err == VTR_OK && webdav_fd >= 0) {
		err = vtr_folder_link_create(web->log, &webdav_fd, params->webdav_bytes, &web->folder_link);
	}
	if (err == VTR_OK) {
		err = make_context(web, params);
	}
	if (err != VTR_OK) {
		vtr_error(web->log, "cannot set up the web server: %s", vtr_err_text(err));
		vtr_web_destroy(web);
		return err;
	}
	*out_web = web;
	return VTR_OK;
}

void vtr_web_wake(void *data)
{
	struct vtr_web *web = data;

	if (!atomic_exchange(&web->woken, true)) {
		lws_cancel_service(web->context);
	}
}

void vtr_web_wake_for_sound(void *data)
{
	struct vtr_web *web = data;

	if (!atomic_exchange(&web->sound_woken, true)) {
		lws_cancel_service(web->context);
	}
}

static void run(void *arg)
{
	struct vtr_web *web = arg;

	while (!atomic_load(&web->ends) && lws_service(web->context, 0) >= 0) {
		vtr_web_regulate(web);
	}
}

enum vtr_err vtr_web_start(struct vtr_web *web)
{
	const struct vtr_snapshots_params snapshots = {
		.log = web->log,
		.screen = web->screen,
		.done = vtr_web_wake,
		.data = web,
	};
	enum vtr_err err = vtr_snapshots_create(&snapshots, &web->snapshots);
	struct vtr_os_thread *thread = err == VTR_OK ? calloc(1, sizeof(*thread)) : NULL;

	if (err == VTR_OK) {
		err = thread ? vtr_os_thread_create(thread, "web", run, web) : VTR_ERR_NOMEM;
	}
	if (err != VTR_OK) {
		vtr_error(web->log, "cannot start the web server: %s", vtr_err_text(err));
		free(thread);
		return err;
	}
	web->thread = thread;
	return VTR_OK;
}

void vtr_web_destroy(struct vtr_web *web)
{
	if (!web) {
		return;
	}
	vtr_display_client_unlisten(&web->listener);
	if (web->thread) {
		atomic_store(&web->ends, true);
		lws_cancel_service(web->context);
		vtr_os_thread_join(web->thread);
		free(web->thread);
	}
	/* In this order: the thread of the snapshots calls the context, whose sessions hold snapshots. */
	vtr_snapshots_stop(web->snapshots);
	vtr_agent_link_stop(web->agent_link);
	vtr_folder_link_stop(web->folder_link);
	if (web->context) {
		lws_context_destroy(web->context);
	}
	vtr_snapshots_destroy(web->snapshots);
	vtr_agent_link_destroy(web->agent_link);
	vtr_folder_link_destroy(web->folder_link);
	vtr_close(&web->listen_fd);
	free(web->scratch);
	free(web);
}
