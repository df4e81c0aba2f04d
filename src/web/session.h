/* SPDX-License-Identifier: MIT */
#ifndef WEB_SESSION_H
#define WEB_SESSION_H

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "display/client.h"
#include "display/links.h"
#include "display/scanout_page.h"
#include "display/tokens.h"
#include "screen/snapshot.h"
#include "web/backoff.h"
#include "web/devices.h"
#include "web/message.h"
#include "web/origin_check.h"
#include "web/people.h"
#include "web/rate_limit.h"
#include "web/web.h"

/*
 * What the files of the web server share. Thread: the server's own; vtr_web_create(), vtr_web_start() and
 * vtr_web_destroy(): the main one.
 */
struct vtr_agent_link;
struct vtr_display_info;
struct vtr_folder_link;
struct vtr_viewer;

/* The most connections at a time. One more ends another: see places.c. */
#define VTR_WEB_MAX_SESSIONS VTR_PEOPLE_MAX
/* The most connections from one address without a token: half, so that the other half is left to others. A
 * browser opens six to load the page. */
#define VTR_WEB_MAX_STRANGERS 32
/* The most viewers and requests with other tokens than the owner's. The rest is for owners, and for connections whose
 * token is not known yet. */
#define VTR_WEB_MAX_HELD 48
/* The most of these by one link, so that a second link finds places. */
#define VTR_WEB_MAX_OF_LINK 32
/* The longest body of a request; the longest valid one has less than 100 bytes. */
#define VTR_WEB_MAX_BODY 1024
/* How long a connection may take to send a request, also the next one. */
#define VTR_WEB_REQUEST_MS 10000
/* How long it may take to accept the next piece of an answer. */
#define VTR_WEB_ANSWER_MS 20000
/* How long a viewer may take to send the hello. */
#define VTR_WEB_HELLO_MS 5000
/* After how long silence a viewer gets a ping, and after how long without a pong it is dropped. */
#define VTR_WEB_PING_MS 5000
#define VTR_WEB_SILENCE_MS 20000
/* The least interval of reading displays and cursors. */
#define VTR_WEB_LOOK_US 8000
/* An address that is reading pictures of this size has to wait for the next one. The rest of the budget is left to
 * others. */
#define VTR_WEB_PEER_PICTURE_BYTES (VTR_SNAPSHOT_MAX_BYTES / 2)
/* How long a connection may take for a picture while others wait for its part of the budget. */
#define VTR_WEB_PICTURE_MS 10000
/* What a client that is told to try again should wait. */
#define VTR_WEB_RETRY_S "1"
/* How long a request for a future frame waits. */
#define VTR_WEB_AWAIT_MS 5000

enum vtr_web_refusal {
	VTR_WEB_REFUSED_HOST,
	VTR_WEB_REFUSED_ORIGIN,
	VTR_WEB_REFUSED_REQUEST, /* it is malformed or too large */
	VTR_WEB_REFUSED_FULL, /* too many connections */
	VTR_WEB_REFUSED_SLOW,
	VTR_WEB_REFUSED_TOKEN,
	VTR_WEB_REFUSED_VIEW, /* a viewer without control sent a control message */
	VTR_WEB_REFUSAL_COUNT,
};

struct vtr_web_counters {
	uint64_t requests;
	uint64_t refused[VTR_WEB_REFUSAL_COUNT];
	uint64_t units, unit_bytes; /* sent to viewers */
	uint64_t patches, patch_bytes; /* the same */
	uint64_t inputs;
};

/* The last known state of a cursor. */
struct vtr_web_cursor {
	bool visible;
	int32_t x, y;
	uint32_t ticket;
};

struct vtr_web {
	struct vtr_web_devices devices;
	struct vtr_log *log;
	struct vtr_display_client *screen;
	struct vtr_flush_listener listener;
	struct vtr_streams *streams;
	const struct vtr_sound_page *sound_page; /* NULL as the next is */
	struct vtr_sound *sound; /* NULL: the machine has none */
	const struct vtr_metrics_page *metrics; /* NULL: displays are served */
	struct vtr_snapshots *snapshots; /* set by vtr_web_start() */
	struct vtr_list guest_ports; /* of those that follow */
	struct vtr_agent_link *agent_link; /* to the guest's agent; NULL: not wanted */
	struct vtr_folder_link *folder_link; /* the folder shared with the guest; NULL: not wanted */
	struct vtr_tokens tokens;
	struct vtr_links links;
	struct vtr_origin_check origin_check;
	int listen_fd; /* -1 once the context owns it */
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct vtr_os_thread *thread; /* NULL: not started */
	_Atomic bool ends;
	_Atomic bool woken; /* a wake-up is pending */
	_Atomic bool sound_woken; /* the same, for sound only */
	lws_sorted_usec_list_t sweep;
	lws_sorted_usec_list_t look;
	bool look_is_due;
	unsigned sweeps;
	struct vtr_backoff backoff;
	struct vtr_rate_limit handshakes; /* unused without TLS */
	/* Oldest first: by the time of the connection until it shows a token, then by its last use. */
	struct vtr_list sessions;
	size_t session_count; /* without those that are ending */
	size_t viewer_count;
	struct vtr_people people;
	struct vtr_message_display displays[VTR_MAX_DISPLAYS]; /* as last read */
	size_t display_count;
	struct vtr_web_cursor cursors[VTR_MAX_DISPLAYS];
	uint32_t lights; /* as last read: enum vtr_light, or-ed */
	uint8_t *scratch; /* buffer for sending */
	size_t scratch_size;
	struct vtr_web_counters counters;
};

struct vtr_response {
	unsigned status;
	const char *type;
	const void *bytes;
	size_t size;
	char *owned; /* freed afterwards; or NULL */
	struct vtr_snapshot *snapshot; /* unreferenced afterwards; or NULL */
};

/* One connection. */
struct vtr_session {
	struct vtr_list node;
	struct vtr_web *web;
	struct lws *wsi;
	struct vtr_backoff_address peer;
	int64_t deadline_ns;
	struct vtr_viewer *viewer; /* set once it has become a WebSocket */
	bool ended; /* not counted any more; destroyed in one of the next turns of the loop */

	enum vtr_token_kind token; /* of the last request, or of the viewer */
	uint32_t link; /* the link's id, if the token is that of one; otherwise 0 */
	bool is_counted; /* in web->handshakes */
	bool answering; /* a request is complete, or a viewer is known */
	bool wants_write; /* there is data to send */
	bool stopped; /* not read from: see flow.c */
	bool is_alone; /* no other request came together with the current one */
	bool head_only;
	bool close_after;
	bool wants_body; /* a PUT for `display` waits for its body */
	uint32_t display;
	char body[VTR_WEB_MAX_BODY];
	size_t body_size;
	bool awaits; /* waits for a frame of `display` newer than `after`, then for its snapshot */
	bool with_cursor;
	uint64_t after;
	int64_t awaits_until_ns;
	int64_t held_until_ns; /* a wrong token delays the response until then; 0: not delayed */
	struct vtr_snapshot *snapshot; /* requested, not done yet */

	struct vtr_response response;
	int64_t responds_since_ns;
	size_t sent;
};

/* The callback of all connections: see libwebsockets' lws_callback_function. */
int vtr_web_on_http(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size);

/* Checks whether what the session waits for has come, or its time is up. */
void vtr_web_look_at(struct vtr_session *session);

/* --- places (places.c) --- */

/* Returns: what the session's token permits, which is known. */
enum vtr_person_role vtr_web_role(const struct vtr_session *session);

/* Gives a place to a session whose token is known, which becomes a viewer or gets its request answered. If all places
 * are taken, it ends another session that has fewer rights, or the same rights and more places. Returns: false if
 * there is no such session. */
bool vtr_web_take_place(struct vtr_session *session);

/* Makes room for one more connection of `peer`. Returns: whether there is room. */
bool vtr_web_make_room(struct vtr_web *web, const struct vtr_backoff_address *peer);

/* Returns: the viewers by that link. */
uint32_t vtr_web_count_viewers(const struct vtr_web *web, uint32_t link);

/* --- requests --- */

/* Checks the token that a request, or the viewer, has shown, and keeps what it permits in session->token. */
void vtr_web_check_token(struct vtr_session *session, const char *token, size_t length);

/* The session has shown no token. */
void vtr_web_clear_token(struct vtr_session *session);

/* Ends the sessions of links that have ended. */
void vtr_web_end_links(struct vtr_web *web);

/* Ends it in the next turn of the loop. */
void vtr_web_end(struct vtr_session *session, enum vtr_web_refusal refusal);

/* Decides which connections are read from. Call it after each turn of the loop (flow.c). */
void vtr_web_regulate(struct vtr_web *web);

/* Frees the state of a request. */
void vtr_web_reset(struct vtr_session *session);

/* Wakes the server's thread to look for changes. Thread: any. */
void vtr_web_wake(void *web);

/* The same for sound only: the displays are not read, which would be most of the cost. Thread: any. */
void vtr_web_wake_for_sound(void *web);

/* Reads displays and cursors for all viewers, now or within VTR_WEB_LOOK_US, and once more after the next
 * flush. */
void vtr_web_look_now(struct vtr_web *web);
void vtr_web_look_soon(struct vtr_web *web);

/* --- answers (api.c) --- */

/* Returns: false for displays that were never connected and never showed anything; these are not listed. */
bool vtr_web_is_used(const struct vtr_display_info *info);

/* Each fills in the response; on failure it is untouched. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_list_displays(struct vtr_web *web, struct vtr_response *out_response);
VTR_MUST_CHECK enum vtr_err vtr_web_list_links(struct vtr_web *web, struct vtr_response *out_response);
VTR_MUST_CHECK enum vtr_err vtr_web_list_metrics(struct vtr_web *web, struct vtr_response *out_response);

/* The answer to a mode request. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_web_request_mode(struct vtr_web *web, uint32_t display,
                                                 const char *request_text, size_t size,
                                                 struct vtr_response *out_response);

/* A JSON object with an error message. Returns: VTR_ERR_NOMEM. */
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
