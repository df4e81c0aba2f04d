/* SPDX-License-Identifier: MIT */
#ifndef WEB_SESSION_H
#define WEB_SESSION_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "screen/board.h"
#include "screen/tokens.h"
#include "web/backoff.h"
#include "web/guard.h"
#include "web/message.h"
#include "web/web.h"

/*
 * What the files of the web server share. Thread: the server's own, but for vtr_web_create(),
 * vtr_web_start() and vtr_web_destroy().
 */
struct vtr_screen_info;
struct vtr_still;
struct vtr_stills;
struct vtr_viewer;

/* Connections at a time. One more ends another: see make_room() in server.c. */
#define VTR_WEB_MAX_SESSIONS 64
/* Of them, those from one address that have shown no token: half, so that the other half is left to others.
 * A browser opens six to load the page. */
#define VTR_WEB_MAX_STRANGERS 32
/* Of them, viewers that have shown a token. */
#define VTR_WEB_MAX_VIEWERS 48
/* The longest body of a request: the longest that makes sense has less than 100 bytes. */
#define VTR_WEB_MAX_BODY 1024
/* How long a connection may take to send a request, also the next one; */
#define VTR_WEB_REQUEST_MS 10000
/* and how long to take the next piece of an answer. */
#define VTR_WEB_ANSWER_MS 20000
/* How long a viewer may take to say who they are; */
#define VTR_WEB_HELLO_MS 5000
/* after how long silence they are asked whether they are there, and after how long they are not. */
#define VTR_WEB_PING_MS 5000
#define VTR_WEB_SILENCE_MS 20000
/* Displays and cursors are looked at no more often than this. */
#define VTR_WEB_LOOK_US 8000
/* How long a request for a frame that has not come yet is kept. */
#define VTR_WEB_AWAIT_MS 5000

enum vtr_web_refusal {
	VTR_WEB_REFUSED_HOST,
	VTR_WEB_REFUSED_ORIGIN,
	VTR_WEB_REFUSED_REQUEST, /* it makes no sense, or is too large */
	VTR_WEB_REFUSED_FULL,    /* too many connections */
	VTR_WEB_REFUSED_SLOW,
	VTR_WEB_REFUSED_TOKEN,
	VTR_WEB_REFUSED_VIEW, /* who may only watch wanted more */
	VTR_WEB_REFUSAL_COUNT,
};

struct vtr_web_counters {
	uint64_t requests;
	uint64_t refused[VTR_WEB_REFUSAL_COUNT];
	uint64_t units, unit_bytes; /* sent to viewers */
	uint64_t inputs;
};

/* What was last seen of a cursor. */
struct vtr_web_cursor {
	bool visible;
	int32_t x, y;
	uint32_t ticket;
};

struct vtr_web {
	struct vtr_log *log;
	struct vtr_screen *screen;
	struct vtr_streams *streams;
	struct vtr_stills *stills; /* from vtr_web_start() on */
	struct vtr_tokens tokens;
	struct vtr_guard guard;
	int listen_fd; /* -1 once the context has it */
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct vtr_os_thread *thread; /* NULL: not started */
	_Atomic bool ends;
	_Atomic bool woken; /* and not looked yet */
	lws_sorted_usec_list_t sweep;
	lws_sorted_usec_list_t look;
	bool look_is_due;
	unsigned sweeps;
	struct vtr_backoff backoff;
	/* Oldest first: by the time of the connection until a token is shown, then by its last use. */
	struct vtr_list sessions;
	size_t session_count; /* without those that end */
	size_t viewer_count;
	struct vtr_message_display displays[VTR_MAX_DISPLAYS]; /* as of the last look */
	size_t display_count;
	struct vtr_web_cursor cursors[VTR_MAX_DISPLAYS];
	uint32_t lights; /* likewise: enum vtr_light, or-ed */
	uint8_t *scratch; /* for what is being sent */
	size_t scratch_size;
	struct vtr_web_counters counters;
};

struct vtr_response {
	unsigned status;
	const char *type;
	const void *bytes;
	size_t size;
	char *owned;             /* freed afterwards; or */
	struct vtr_still *still; /* whose reference is given back */
};

/* One connection. */
struct vtr_session {
	struct vtr_list node;
	struct vtr_web *web;
	struct lws *wsi;
	struct vtr_backoff_address peer;
	int64_t deadline_ns;
	struct vtr_viewer *viewer; /* it has become a WebSocket */
	bool ended; /* not counted any more, and destroyed in one of the next turns of the loop */

	enum vtr_token_kind token; /* of the last request, or of the viewer */
	bool answering; /* a request is complete, or a viewer known */
	bool wants_write; /* has something for the socket */
	bool stopped; /* nothing is read: see flow.c */
	bool is_alone; /* no other request came together with the one that is being answered */
	bool head_only;
	bool close_after;
	bool wants_body; /* a PUT for `display` */
	uint32_t display;
	char body[VTR_WEB_MAX_BODY];
	size_t body_size;
	bool awaits; /* a frame of `display` behind `after`; then the still */
	bool with_cursor;
	uint64_t after;
	int64_t awaits_until_ns;
	int64_t held_until_ns; /* the response is, since a token was wrong; 0: it is not */
	struct vtr_still *still; /* asked for, not done yet */

	struct vtr_response response;
	size_t sent;
};

/* The callback of all connections: see libwebsockets' lws_callback_function. */
int vtr_web_on_http(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size);

/* What the session waits for may have come; it may be time to give up, too. */
void vtr_web_look_at(struct vtr_session *session);

/* Whether it may have to make room for others: it has not shown a token, or it asks for nothing. */
bool vtr_web_may_end(const struct vtr_session *session);

/* Ends it in the next turn of the loop. */
void vtr_web_end(struct vtr_session *session, enum vtr_web_refusal refusal);

/* Decides which connections are read from. After each turn of the loop (flow.c). */
void vtr_web_regulate(struct vtr_web *web);

/* Frees what a request has left. */
void vtr_web_reset(struct vtr_session *session);

/* Has the thread of the server look for what has come. Thread: any. */
void vtr_web_wake(void *web);

/* Looks at displays and cursors, and once more after the next flush, for all viewers: now, or within
 * VTR_WEB_LOOK_US. */
void vtr_web_look_now(struct vtr_web *web);
void vtr_web_look_soon(struct vtr_web *web);

/* --- what is answered (api.c) --- */

/* Displays that were never connected and never showed anything are not worth a word. */
bool vtr_web_is_used(const struct vtr_screen_info *info);

/* Each fills in the response; on failure it is untouched. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_list_displays(struct vtr_web *web, struct vtr_response *out_response);
VTR_MUST_CHECK enum vtr_err vtr_web_list_metrics(struct vtr_web *web, struct vtr_response *out_response);

/* The answer to a wish. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_wish(struct vtr_web *web, uint32_t display, const char *json, size_t size,
                                         struct vtr_response *out_response);

/* A piece of JSON that says what is wrong. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_fail(unsigned status, const char *what,
                                         struct vtr_response *out_response);

/* --- the page (generated from page/) --- */

struct vtr_web_file {
	const char *path; /* "/page.js" */
	const char *type;
	const unsigned char *bytes;
	size_t size;
};

extern const struct vtr_web_file vtr_web_files[];
extern const size_t vtr_web_file_count;

#endif
