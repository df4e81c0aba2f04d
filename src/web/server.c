/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include "web/web.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "screen/screen.h"
#include "screen/still.h"
#include "web/session.h"

#define MS INT64_C(1000000)

/* All headers of a request together. */
#define MAX_HEADER_BYTES 4096
/* Fds of the library: connections, the listening socket, the one by which it is woken, and spare. */
#define MAX_FDS (VTR_WEB_MAX_SESSIONS + 16)
/* Connections that are taken before others get their turn. */
#define ACCEPT_AT_ONCE 16
/* How often connections are looked through for those that take too long. */
#define SWEEP_US (250 * 1000)

static struct vtr_web *web_of(struct lws *wsi)
{
	return lws_context_user(lws_get_context(wsi));
}

static void end_session(struct vtr_session *session)
{
	lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
}

static void destroy_session(struct vtr_session *session)
{
	struct vtr_web *web = session->web;

	vtr_web_reset(session);
	vtr_list_remove(&session->node);
	web->session_count--;
	free(session);
}

/* Makes room for one more. Returns: whether there is. */
static bool make_room(struct vtr_web *web)
{
	struct vtr_session *session;

	if (web->session_count < VTR_WEB_MAX_SESSIONS) {
		return true;
	}
	vtr_list_for_each (session, &web->sessions, node) {
		if (!session->answering) {
			/* Counted as gone: that it takes a turn of the loop matters to nobody. */
			web->counters.refused[VTR_WEB_REFUSED_FULL]++;
			lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE,
			                LWS_TO_KILL_SYNC);
			return true;
		}
	}
	return false;
}

static void add_session(struct vtr_web *web, int *take_fd)
{
	struct vtr_session *session = NULL;

	if (make_room(web)) {
		session = calloc(1, sizeof(*session));
	}
	if (!session) {
		web->counters.refused[VTR_WEB_REFUSED_FULL]++;
		vtr_close(take_fd);
		return;
	}
	session->web = web;
	session->deadline_ns = vtr_os_now_ns() + VTR_WEB_REQUEST_MS * MS;
	vtr_list_append(&web->sessions, &session->node);
	web->session_count++;
	/* It owns the fd, also when it fails. */
	session->wsi = lws_adopt_socket_vhost(web->vhost, vtr_take_fd(take_fd));
	if (!session->wsi) {
		destroy_session(session);
		return;
	}
	lws_set_opaque_user_data(session->wsi, session);
}

static int on_listen(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                     size_t size)
{
	(void)user;
	(void)in;
	(void)size;
	if (reason != LWS_CALLBACK_RAW_RX_FILE) {
		return 0;
	}
	struct vtr_web *web = web_of(wsi);
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		vtr_autofd int fd = -1;
		enum vtr_err err = vtr_os_sock_accept(lws_get_socket_fd(wsi), &fd);
		if (err != VTR_OK) {
			if (err != VTR_ERR_AGAIN) {
				vtr_warn_limited(web->log, "cannot accept: %s", vtr_err_name(err));
			}
			break;
		}
		add_session(web, &fd);
	}
	return 0;
}

static void look_at_all(struct vtr_web *web)
{
	struct vtr_session *session;

	vtr_list_for_each (session, &web->sessions, node) {
		vtr_web_look_at(session);
	}
}

static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                   size_t size)
{
	struct vtr_session *session = wsi ? lws_get_opaque_user_data(wsi) : NULL;

	(void)user;
	if (reason == LWS_CALLBACK_EVENT_WAIT_CANCELLED) {
		look_at_all(web_of(wsi));
		return 0;
	}
	if (!session) {
		return 0; /* the listening socket, or one that is just being adopted */
	}
	if (reason == LWS_CALLBACK_WSI_DESTROY) {
		lws_set_opaque_user_data(wsi, NULL);
		destroy_session(session);
		return 0;
	}
	return vtr_web_on_http(session, reason, in, size);
}

static void on_sweep(lws_sorted_usec_list_t *sweep)
{
	struct vtr_web *web = lws_container_of(sweep, struct vtr_web, sweep);
	int64_t now_ns = vtr_os_now_ns();
	struct vtr_session *session;

	look_at_all(web); /* for those that have waited long enough */
	vtr_list_for_each (session, &web->sessions, node) {
		if (now_ns > session->deadline_ns) {
			web->counters.refused[VTR_WEB_REFUSED_SLOW]++;
			session->deadline_ns = INT64_MAX;
			end_session(session);
		}
	}
	lws_sul_schedule(web->context, 0, sweep, on_sweep, SWEEP_US);
}

static const struct lws_protocols protocols[] = {
	{ .name = "http", .callback = on_http },
	{ .name = "listen", .callback = on_listen },
	{ .name = NULL },
};

static enum vtr_err make_context(struct vtr_web *web)
{
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.protocols = protocols,
		.user = web,
		.gid = (gid_t)-1,
		.uid = (uid_t)-1,
		.server_string = "vitrine",
		.vhost_name = "vitrine",
		.fd_limit_per_thread = MAX_FDS,
		.max_http_header_data = MAX_HEADER_BYTES,
		.max_http_header_pool = VTR_WEB_MAX_SESSIONS,
		.timeout_secs = VTR_WEB_ANSWER_MS / 1000,
		.keepalive_timeout = VTR_WEB_REQUEST_MS / 1000,
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
	};
	lws_sock_file_fd_type fd = { .sockfd = web->listen_fd };

	/* What it has to say concerns clients that go away, or is told by a return value as well. */
	lws_set_log_level(0, NULL);
	web->context = lws_create_context(&info);
	if (!web->context) {
		return VTR_ERR_NOMEM;
	}
	web->vhost = lws_create_vhost(web->context, &info);
	if (!web->vhost) {
		return VTR_ERR_NOMEM;
	}
	web->listen_fd = -1; /* it owns the fd, also when it fails */
	if (!lws_adopt_descriptor_vhost(web->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "listen", NULL)) {
		return VTR_ERR_NOMEM;
	}
	lws_sul_schedule(web->context, 0, &web->sweep, on_sweep, SWEEP_US);
	return VTR_OK;
}

enum vtr_err vtr_web_create(const struct vtr_web_params *params, struct vtr_web **out_web)
{
	struct vtr_web *web = calloc(1, sizeof(*web));
	int fd = params->listen_fd;

	if (!web) {
		vtr_close(&fd);
		return VTR_ERR_NOMEM;
	}
	web->log = params->log;
	web->screen = params->screen;
	web->listen_fd = params->listen_fd;
	vtr_list_init(&web->sessions);
	enum vtr_err err = make_context(web);
	if (err != VTR_OK) {
		vtr_error(web->log, "cannot set up the web server: %s", vtr_err_name(err));
		vtr_web_destroy(web);
		return err;
	}
	*out_web = web;
	return VTR_OK;
}

/* A still is done, or a display was flushed. Thread: the stills', the main one. */
static void wake(void *data)
{
	struct vtr_web *web = data;

	lws_cancel_service(web->context);
}

static void run(void *arg)
{
	struct vtr_web *web = arg;

	while (!atomic_load(&web->ends) && lws_service(web->context, 0) >= 0) {
	}
}

enum vtr_err vtr_web_start(struct vtr_web *web)
{
	const struct vtr_stills_params stills = {
		.log = web->log,
		.screen = web->screen,
		.done = wake,
		.data = web,
	};
	enum vtr_err err = vtr_stills_create(&stills, &web->stills);
	struct vtr_os_thread *thread = err == VTR_OK ? calloc(1, sizeof(*thread)) : NULL;

	if (err == VTR_OK) {
		err = thread ? vtr_os_thread_create(thread, "web", run, web) : VTR_ERR_NOMEM;
	}
	if (err != VTR_OK) {
		vtr_error(web->log, "cannot start the web server: %s", vtr_err_name(err));
		free(thread);
		return err;
	}
	web->thread = thread;
	vtr_screen_on_flush(web->screen, wake, web);
	return VTR_OK;
}

void vtr_web_destroy(struct vtr_web *web)
{
	if (!web) {
		return;
	}
	if (web->thread) {
		vtr_screen_on_flush(web->screen, NULL, NULL);
		atomic_store(&web->ends, true);
		lws_cancel_service(web->context);
		vtr_os_thread_join(web->thread);
		free(web->thread);
	}
	/* They call the context, sessions hold stills: in this order. */
	struct vtr_stills *stills = web->stills;
	vtr_stills_destroy(stills);
	if (web->context) {
		lws_context_destroy(web->context);
	}
	vtr_close(&web->listen_fd);
	free(web);
}
