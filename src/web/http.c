/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "display/types.h"
#include "platform/thread.h"
#include "screen/snapshot.h"
#include "web/origin_check.h"
#include "web/session.h"

#define MS INT64_C(1000000)
/* The size of an answer's headers, which are fixed except for one number. */
#define HEADER_BYTES 2048
/* An answer is sent in pieces, so that other connections are served in between. */
#define PIECE_BYTES 65536
#define MAX_PATH_LENGTH 128
#define MAX_ARG_LENGTH 64
#define NO_TOKEN                                                                                           \
	"the request has no valid token: use a link that vitrine printed at its start, or add ?token= or " \
	"a header 'Authorization: Bearer'"

/* Sent with every answer: the page may only load from this server, and other sites may not embed it. */
static const struct {
	const char *name, *value;
} headers[] = {
	{ "content-security-policy:",
	  "default-src 'none'; img-src 'self' blob: data:; script-src 'self'; style-src 'self'; "
	  "worker-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
	  "form-action 'none'" },
	{ "x-content-type-options:", "nosniff" },
	{ "cache-control:", "no-store" },
	{ "cross-origin-resource-policy:", "same-origin" },
	{ "referrer-policy:", "no-referrer" },
};

static void free_response(struct vtr_response *response)
{
	free(response->owned);
	vtr_snapshot_unref(response->snapshot);
	*response = (struct vtr_response){ 0 };
}

void vtr_web_reset(struct vtr_session *session)
{
	free_response(&session->response);
	vtr_snapshot_unref(session->snapshot);
	session->snapshot = NULL;
	session->sent = 0;
	session->body_size = 0;
	session->answering = false;
	session->wants_write = false;
	session->is_alone = false;
	session->head_only = false;
	session->close_after = false;
	session->wants_body = false;
	session->awaits = false;
	session->held_until_ns = 0;
}

/* Renews the deadline. If the session has shown a token, also moves it behind all others. */
static void renew(struct vtr_session *session, int64_t ms)
{
	session->deadline_ns = vtr_os_now_ns() + ms * MS;
	if (session->token != VTR_TOKEN_WRONG) {
		vtr_list_remove(&session->node);
		vtr_list_append(&session->web->sessions, &session->node);
	}
}

/* --- answers ----------------------------------------------------------------------------------------- */

static bool add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
                       unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name, (const unsigned char *)value,
	                                   (int)strlen(value), at, end) == 0;
}

/* Headers that only pictures have. */
static bool add_snapshot_headers(struct lws *wsi, const struct vtr_snapshot *snapshot, unsigned char **at,
                                 unsigned char *end)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)snapshot->frame);
	return add_header(wsi, "x-vitrine-frame:", text, at, end) &&
	       add_header(wsi, "x-vitrine-torn:", snapshot->torn ? "1" : "0", at, end);
}

static bool write_headers(struct vtr_session *session)
{
	unsigned char buf[LWS_PRE + HEADER_BYTES];
	unsigned char *start = buf + LWS_PRE;
	unsigned char *at = start;
	unsigned char *end = buf + sizeof(buf) - 1;
	const struct vtr_response *response = &session->response;
	struct lws *wsi = session->wsi;
	bool good = lws_add_http_common_headers(wsi, response->status, response->type, response->size, &at,
	                                        end) == 0;

	for (size_t i = 0; good && i < VTR_ARRAY_LEN(headers); i++) {
		good = add_header(wsi, headers[i].name, headers[i].value, &at, end);
	}
	/* Browsers complain about it if the origin is neither TLS nor this machine. */
	if (good && (session->web->origin_check.tls || !session->web->origin_check.remote)) {
		good = add_header(wsi, "cross-origin-opener-policy:", "same-origin", &at, end);
	}
	if (good && session->close_after) {
		good = add_header(wsi, "connection:", "close", &at, end);
	}
	if (good && response->status == HTTP_STATUS_SERVICE_UNAVAILABLE) {
		good = add_header(wsi, "retry-after:", VTR_WEB_RETRY_S, &at, end);
	}
	if (good && response->snapshot) {
		good = add_snapshot_headers(wsi, response->snapshot, &at, end);
	}
	return good && lws_finalize_write_http_header(wsi, start, &at, end) == 0;
}

static void ask_to_write(struct vtr_session *session)
{
	session->wants_write = true;
	lws_callback_on_writable(session->wsi);
}

/* The answer is written. The session is complete only when the socket has taken all of it: until then the library
 * keeps a part. If another request comes before the session is complete, version 4.3 of the library ends the
 * connection. Returns: the return value for the library's callback. */
static int complete(struct vtr_session *session)
{
	bool close = session->close_after || session->ended;

	if (lws_partial_buffered(session->wsi)) {
		ask_to_write(session);
		return 0;
	}
	vtr_web_reset(session);
	renew(session, VTR_WEB_REQUEST_MS);
	return close || lws_http_transaction_completed(session->wsi) ? -1 : 0;
}

static int send_piece(struct vtr_session *session)
{
	unsigned char buf[LWS_PRE + PIECE_BYTES];
	const struct vtr_response *response = &session->response;
	size_t size = vtr_min(PIECE_BYTES, response->size - session->sent);
	bool last = session->sent + size == response->size;

	if (size == 0) {
		return complete(session);
	}
	memcpy(buf + LWS_PRE, (const char *)response->bytes + session->sent, size);
	/* The library keeps what the socket does not take, and sends it before the next callback. */
	if (lws_write(session->wsi, buf + LWS_PRE, size, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) <
	    (int)size) {
		return -1;
	}
	session->sent += size;
	renew(session, VTR_WEB_ANSWER_MS);
	if (last) {
		return complete(session);
	}
	ask_to_write(session);
	return 0;
}

/* Starts to send session->response. Returns: as above. */
static int respond(struct vtr_session *session)
{
	session->answering = true;
	session->wants_body = false;
	session->sent = 0;
	session->responds_since_ns = vtr_os_now_ns();
	renew(session, VTR_WEB_ANSWER_MS);
	if (session->response.status >= 400) {
		session->close_after = true; /* an unread body may follow */
	}
	if (!write_headers(session)) {
		return -1;
	}
	if (session->head_only) {
		session->sent = session->response.size;
	}
	if (lws_partial_buffered(session->wsi)) {
		ask_to_write(session);
		return 0;
	}
	return send_piece(session);
}

/* Answers, or ends the connection if memory has run out. */
static int respond_if(struct vtr_session *session, enum vtr_err err)
{
	return err == VTR_OK ? respond(session) : -1;
}

static int fail(struct vtr_session *session, unsigned status, const char *what)
{
	return respond_if(session, vtr_web_fail(status, what, &session->response));
}

static int refuse(struct vtr_session *session, enum vtr_web_refusal refusal, unsigned status,
                  const char *what)
{
	session->web->counters.refused[refusal]++;
	return fail(session, status, what);
}

/* --- pictures ---------------------------------------------------------------------------------------- */

/* Gets an argument of the request. Returns: whether it is there and fits. */
static bool get_arg(struct lws *wsi, const char *name_and_equals, char *out_value, size_t size)
{
	char buf[MAX_ARG_LENGTH];
	const char *value = lws_get_urlarg_by_name(wsi, name_and_equals, buf, sizeof(buf));

	if (!value || strlen(value) >= size) {
		return false;
	}
	memcpy(out_value, value, strlen(value) + 1);
	return true;
}

/* Returns: whether the display shows the frame that the session waits for, or is inactive. */
static bool has_come(struct vtr_session *session)
{
	struct vtr_display_info info;

	return vtr_display_client_describe(session->web->screen, session->display, &info) == VTR_OK &&
	       (!info.frame.active || info.frame.frame > session->after);
}

/* Returns: the return value for the library's callback. */
static int ask_snapshot(struct vtr_session *session, uint32_t display)
{
	char value[24];
	bool awaits = get_arg(session->wsi, "after=", value, sizeof(value));

	if (awaits && (strspn(value, "0123456789") != strlen(value) || value[0] == '\0')) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_BAD_REQUEST,
		              "the value of 'after' must be the number of a frame");
	}
	session->answering = true;
	session->display = display;
	session->after = awaits ? strtoull(value, NULL, 10) : 0;
	session->with_cursor = get_arg(session->wsi, "cursor=", value, sizeof(value)) &&
	                       strcmp(value, "1") == 0;
	session->awaits = true;
	session->awaits_until_ns = awaits ? vtr_os_now_ns() + VTR_WEB_AWAIT_MS * MS : 0;
	renew(session, VTR_WEB_ANSWER_MS);
	vtr_web_look_at(session);
	return 0;
}

void vtr_web_look_at(struct vtr_session *session)
{
	struct vtr_web *web = session->web;

	if (session->awaits) {
		/* In this order: otherwise a flush in between would be missed. */
		if (session->awaits_until_ns > vtr_os_now_ns()) {
			vtr_display_client_await_flush(web->screen);
			if (!has_come(session)) {
				return;
			}
		}
		session->awaits = false;
		if (vtr_snapshots_request(web->snapshots, session->display, session->with_cursor,
		                          &session->snapshot) != VTR_OK) {
			lws_set_timeout(session->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_ASYNC);
			return;
		}
	}
	if ((session->snapshot && vtr_snapshot_is_done(session->snapshot)) ||
	    (session->held_until_ns != 0 && session->held_until_ns <= vtr_os_now_ns())) {
		ask_to_write(session);
	}
}

static bool has_same_address(const struct vtr_session *a, const struct vtr_session *b)
{
	return memcmp(&a->peer, &b->peer, sizeof(a->peer)) == 0;
}

/* Returns: whether a session before `end`, with its address, is reading the same file. */
static bool is_counted(const struct vtr_session *end)
{
	const struct vtr_session *session;

	vtr_list_for_each (session, &end->web->sessions, node) {
		if (session == end || (session->response.snapshot && has_same_address(session, end) &&
		                       session->response.snapshot->png == end->response.snapshot->png)) {
			break;
		}
	}
	return session != end;
}

/* Returns: whether the session's address is reading too much to get this one as well. */
static bool has_its_share(const struct vtr_session *asking, const struct vtr_snapshot *snapshot)
{
	const struct vtr_session *session;
	size_t bytes = 0;

	vtr_list_for_each (session, &asking->web->sessions, node) {
		const struct vtr_snapshot *read = session->response.snapshot;
		if (!read || !has_same_address(session, asking)) {
			continue;
		}
		if (read->png == snapshot->png) {
			return false; /* one more reader takes no memory */
		}
		bytes += is_counted(session) ? 0 : read->size;
	}
	return bytes >= VTR_WEB_PEER_PICTURE_BYTES;
}

/* Makes room for another picture when the budget is used up. Ends the connection, of any address or only of that of
 * `asking`, that has been reading one for the longest time, if it has had enough of it: otherwise a few that hardly
 * read would keep all others from pictures. */
static void end_slowest(const struct vtr_session *asking, bool of_any)
{
	struct vtr_session *session;
	struct vtr_session *slowest = NULL;
	int64_t before_ns = vtr_os_now_ns() - VTR_WEB_PICTURE_MS * MS;

	vtr_list_for_each (session, &asking->web->sessions, node) {
		if (!session->ended && session->response.snapshot &&
		    (of_any || has_same_address(session, asking)) &&
		    session->responds_since_ns <= before_ns) {
			before_ns = session->responds_since_ns;
			slowest = session;
		}
	}
	if (slowest) {
		vtr_web_end(slowest, VTR_WEB_REFUSED_SLOW);
	}
}

static int send_snapshot(struct vtr_session *session)
{
	struct vtr_snapshot *snapshot = session->snapshot;

	bool too_much = snapshot->err == VTR_OK && has_its_share(session, snapshot);

	session->snapshot = NULL;
	if (snapshot->err == VTR_OK && !too_much) {
		session->response = (struct vtr_response){
			.status = HTTP_STATUS_OK,
			.type = "image/png",
			.bytes = snapshot->png,
			.size = snapshot->size,
			.snapshot = snapshot,
		};
		return respond(session);
	}
	enum vtr_err err = too_much ? VTR_ERR_NOMEM : snapshot->err;
	vtr_snapshot_unref(snapshot);
	switch (err) {
	case VTR_ERR_GONE:
		return fail(session, HTTP_STATUS_NOT_FOUND,
		            "the display shows nothing: its guest has not set a picture");
	case VTR_ERR_LIMIT:
		return fail(session, HTTP_STATUS_REQ_ENTITY_TOO_LARGE,
		            "the display is too large for a picture");
	case VTR_ERR_AGAIN:
		return fail(session, HTTP_STATUS_SERVICE_UNAVAILABLE,
		            "the display's memory has not arrived yet; try again");
	case VTR_ERR_NOMEM:
		end_slowest(session, !too_much);
		return fail(session, HTTP_STATUS_SERVICE_UNAVAILABLE,
		            "the pictures that are being sent leave no room for this one; try again");
	default:
		return fail(session, HTTP_STATUS_INTERNAL_SERVER_ERROR,
		            "the picture could not be made: the log says why");
	}
}

/* --- requests ---------------------------------------------------------------------------------------- */

/* Copies a header. Returns: whether it exists and fits. */
static bool get_header(struct lws *wsi, enum lws_token_indexes token, char *buf, int size)
{
	return lws_hdr_total_length(wsi, token) > 0 && lws_hdr_copy(wsi, buf, size, token) > 0;
}

/* Checks where the request comes from. Returns: NULL, or why it is refused. */
static const char *check_sender(const struct vtr_session *session, enum vtr_web_refusal *out_refusal)
{
	const struct vtr_origin_check *guard = &session->web->origin_check;
	struct lws *wsi = session->wsi;
	static const char site_name[] = "sec-fetch-site:";
	char host[VTR_ORIGIN_CHECK_MAX];
	char origin[VTR_ORIGIN_CHECK_MAX];
	char site[VTR_ORIGIN_CHECK_MAX];

	*out_refusal = VTR_WEB_REFUSED_HOST;
	if (!get_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)) || !vtr_origin_check_host(guard, host)) {
		return guard->remote ? "this server answers to addresses and to the names that "
		                       "were given by "
		                       "--http-name only" :
		                       "this server answers to localhost, 127.0.0.1 and [::1] only";
	}
	*out_refusal = VTR_WEB_REFUSED_ORIGIN;
	if (lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0 &&
	    (!get_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) ||
	     !vtr_origin_check_origin(guard, origin, host))) {
		return "pages from elsewhere may not use this server";
	}
	int length = lws_hdr_custom_length(wsi, site_name, sizeof(site_name) - 1);
	if (length > 0 &&
	    (lws_hdr_custom_copy(wsi, site, sizeof(site), site_name, sizeof(site_name) - 1) <= 0 ||
	     !vtr_origin_check_site(site))) {
		return "pages from elsewhere may not use this server";
	}
	return NULL;
}

/* Reads "N" or "N/frame.png" behind /api/displays/. Returns: whether it is one of them. */
static bool parse_display(const char *text, uint32_t *out_display, bool *out_picture)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 2 || (digits == 2 && text[0] == '0')) {
		return false;
	}
	*out_display = (uint32_t)strtoul(text, NULL, 10);
	*out_picture = strcmp(text + digits, "/frame.png") == 0;
	return *out_display < VTR_MAX_DISPLAYS && (*out_picture || text[digits] == '\0');
}

static void check_token(struct vtr_session *session)
{
	static const char scheme[] = "Bearer ";
	char header[sizeof(scheme) + VTR_TOKEN_LENGTH + 1];
	char arg[VTR_TOKEN_LENGTH + 1];

	if (get_header(session->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, header, sizeof(header)) &&
	    strncasecmp(header, scheme, sizeof(scheme) - 1) == 0) {
		const char *token = header + sizeof(scheme) - 1;
		vtr_web_check_token(session, token, strlen(token));
	} else if (get_arg(session->wsi, "token=", arg, sizeof(arg))) {
		vtr_web_check_token(session, arg, strlen(arg));
	}
}

/* A client that has sent a wrong token gets the refusal after a delay, which grows with each. */
static int refuse_token(struct vtr_session *session)
{
	struct vtr_web *web = session->web;
	int64_t now_ns = vtr_os_now_ns();
	int64_t wait_ns = vtr_backoff_fail(&web->backoff, &session->peer, now_ns);

	if (wait_ns == 0) {
		return refuse(session, VTR_WEB_REFUSED_TOKEN, HTTP_STATUS_UNAUTHORIZED, NO_TOKEN);
	}
	web->counters.refused[VTR_WEB_REFUSED_TOKEN]++;
	session->answering = true;
	session->held_until_ns = now_ns + wait_ns;
	renew(session, wait_ns / MS + VTR_WEB_REQUEST_MS);
	return 0;
}

/* As by the WebSocket, only owners learn of links and end them. */
static int list_links(struct vtr_session *session)
{
	if (vtr_web_role(session) != VTR_PERSON_OWNER) {
		return refuse(session, VTR_WEB_REFUSED_VIEW, HTTP_STATUS_FORBIDDEN,
		              "only the token that controls, as vitrine printed it, lists and ends links");
	}
	return respond_if(session, vtr_web_list_links(session->web, &session->response));
}

static int on_delete(struct vtr_session *session, const char *path)
{
	static const char links[] = "/api/links/";
	struct vtr_web *web = session->web;
	const bool is_link = strncmp(path, links, sizeof(links) - 1) == 0;
	const char *digits = is_link ? path + sizeof(links) - 1 : "";
	const unsigned long long id = strtoull(digits, NULL, 10);

	if (session->token == VTR_TOKEN_WRONG) {
		session->close_after = true;
		return refuse_token(session);
	}
	if (!is_link) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_METHOD_NOT_ALLOWED,
		              "only /api/links/N can be removed");
	}
	if (vtr_web_role(session) == VTR_PERSON_OWNER) {
		if (strspn(digits, "0123456789") != strlen(digits) || id > UINT32_MAX ||
		    !vtr_links_has(&web->links, (uint32_t)id, vtr_os_now_ns())) {
			return fail(session, HTTP_STATUS_NOT_FOUND,
			            "this link does not exist any more; /api/links lists those that do");
		}
		vtr_links_end(&web->links, (uint32_t)id);
		vtr_web_end_links(web);
		vtr_web_look_soon(web);
	}
	return list_links(session);
}

static int on_get(struct vtr_session *session, const char *path)
{
	static const char displays[] = "/api/displays/";
	struct vtr_web *web = session->web;
	uint32_t display;
	bool picture;

	for (size_t i = 0; i < vtr_web_file_count && !web->metrics; i++) {
		const struct vtr_web_file *file = &vtr_web_files[i];
		if (strcmp(path, file->path) == 0) {
			session->response = (struct vtr_response){
				.status = HTTP_STATUS_OK,
				.type = file->type,
				.bytes = file->bytes,
				.size = file->size,
			};
			return respond(session);
		}
	}
	if (session->token == VTR_TOKEN_WRONG) {
		return refuse_token(session);
	}
	if (web->metrics && strcmp(path, "/metrics") != 0) {
		return fail(session, HTTP_STATUS_NOT_FOUND, "this server has /metrics only");
	}
	if (strcmp(path, "/api/displays") == 0) {
		return respond_if(session, vtr_web_list_displays(web, &session->response));
	}
	if (strcmp(path, "/api/links") == 0) {
		return list_links(session);
	}
	if (strcmp(path, "/metrics") == 0) {
		return respond_if(session, vtr_web_list_metrics(web, &session->response));
	}
	if (strncmp(path, displays, sizeof(displays) - 1) == 0 &&
	    parse_display(path + sizeof(displays) - 1, &display, &picture) && picture) {
		return ask_snapshot(session, display);
	}
	return fail(session, HTTP_STATUS_NOT_FOUND, "this page does not exist; docs/http.md lists the paths");
}

/* As by the WebSocket, a guest has no effect while one person alone controls the machine. Owners always have one: they
 * could take the control. */
static int request_mode(struct vtr_session *session)
{
	if (session->link != 0 && session->web->people.holder != 0) {
		return refuse(session, VTR_WEB_REFUSED_VIEW, HTTP_STATUS_CONFLICT,
		              "a person in the page controls the machine alone; ask them");
	}
	return respond_if(session, vtr_web_request_mode(session->web, session->display, session->body,
	                                                session->body_size, &session->response));
}

static int on_put(struct vtr_session *session, const char *path)
{
	static const char displays[] = "/api/displays/";
	char length[12];
	bool picture;

	if (session->token != VTR_TOKEN_CONTROL) {
		session->close_after = true;
		return session->token == VTR_TOKEN_WRONG ?
		               refuse_token(session) :
		               refuse(session, VTR_WEB_REFUSED_VIEW, HTTP_STATUS_FORBIDDEN,
		                      "this token only allows watching; use the token that controls");
	}
	if (strncmp(path, displays, sizeof(displays) - 1) != 0 ||
	    !parse_display(path + sizeof(displays) - 1, &session->display, &picture) || picture) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_METHOD_NOT_ALLOWED,
		              "only /api/displays/N can be changed");
	}
	if (lws_hdr_total_length(session->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, 411,
		              "the request needs a Content-Length header");
	}
	if (!get_header(session->wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length)) ||
	    strspn(length, "0123456789") != strlen(length) || strlen(length) > 6 ||
	    strtoul(length, NULL, 10) > VTR_WEB_MAX_BODY) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_REQ_ENTITY_TOO_LARGE,
		              "the request is too long: a body has at most 1 KiB");
	}
	session->close_after = true;
	session->wants_body = true;
	return strtoul(length, NULL, 10) == 0 ? request_mode(session) : 0;
}

static int on_request(struct vtr_session *session, const char *path, size_t size)
{
	struct lws *wsi = session->wsi;
	char copy[MAX_PATH_LENGTH + 1];
	enum vtr_web_refusal refusal;

	vtr_web_reset(session);
	if (session->ended) {
		return -1;
	}
	session->web->counters.requests++;
	vtr_web_clear_token(session); /* of the last request; who is refused now holds no place */
	const char *why = check_sender(session, &refusal);
	if (why) {
		return refuse(session, refusal, HTTP_STATUS_FORBIDDEN, why);
	}
	check_token(session);
	if (session->token != VTR_TOKEN_WRONG && !vtr_web_take_place(session)) {
		vtr_web_clear_token(session); /* it holds no place while it is refused */
		return refuse(session, VTR_WEB_REFUSED_FULL, HTTP_STATUS_SERVICE_UNAVAILABLE,
		              "this link has as many viewers and requests as it may; try again");
	}
	if (size > MAX_PATH_LENGTH || memchr(path, '\0', size)) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_NOT_FOUND,
		              "this page does not exist; docs/http.md lists the paths");
	}
	memcpy(copy, path, size);
	copy[size] = '\0';
	if (lws_hdr_total_length(wsi, WSI_TOKEN_PUT_URI) > 0 && !session->web->metrics) {
		return on_put(session, copy);
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_DELETE_URI) > 0 && !session->web->metrics) {
		return on_delete(session, copy);
	}
	session->head_only = lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
	if (!session->head_only && lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) <= 0) {
		return refuse(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_METHOD_NOT_ALLOWED,
		              "this method is not supported: use GET, HEAD, PUT or DELETE");
	}
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0 ||
	    lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0) {
		session->close_after = true; /* the body will not be read */
	}
	return on_get(session, copy);
}

static int on_body(struct vtr_session *session, const void *bytes, size_t size)
{
	if (!session->wants_body) {
		return 0; /* the answer is being sent; the connection ends after it */
	}
	if (size > sizeof(session->body) - session->body_size) {
		return -1; /* more than announced */
	}
	memcpy(session->body + session->body_size, bytes, size);
	session->body_size += size;
	return 0;
}

/* Answers a request for an upgrade that is refused, and ends the connection. */
static int refuse_upgrade(struct vtr_session *session, enum vtr_web_refusal refusal, unsigned status,
                          const char *what)
{
	session->web->counters.refused[refusal]++;
	session->close_after = true;
	if (vtr_web_fail(status, what, &session->response) == VTR_OK && write_headers(session)) {
		unsigned char buf[LWS_PRE + HEADER_BYTES];
		size_t size = vtr_min(session->response.size, HEADER_BYTES);
		memcpy(buf + LWS_PRE, session->response.bytes, size);
		lws_write(session->wsi, buf + LWS_PRE, size, LWS_WRITE_HTTP_FINAL);
	}
	return -1;
}

/* Checks whether a page may open a WebSocket. The token comes in the page's first message. */
static int confirm_upgrade(struct vtr_session *session, const char *what)
{
	struct lws *wsi = session->wsi;
	char text[VTR_ORIGIN_CHECK_MAX];
	enum vtr_web_refusal refusal;

	vtr_web_reset(session);
	if (session->ended) {
		return -1;
	}
	session->web->counters.requests++;
	vtr_web_clear_token(session);
	const char *why = check_sender(session, &refusal);
	if (why) {
		return refuse_upgrade(session, refusal, HTTP_STATUS_FORBIDDEN, why);
	}
	if (!what || strcasecmp(what, "websocket") != 0) {
		return refuse_upgrade(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_BAD_REQUEST,
		                      "the only supported upgrade is to a WebSocket");
	}
	if (!get_header(wsi, WSI_TOKEN_GET_URI, text, sizeof(text)) || strcmp(text, "/ws") != 0 ||
	    session->web->metrics) {
		return refuse_upgrade(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_NOT_FOUND,
		                      "the WebSocket is at /ws");
	}
	if (!get_header(wsi, WSI_TOKEN_PROTOCOL, text, sizeof(text)) ||
	    strcmp(text, VTR_MESSAGE_SUBPROTOCOL) != 0) {
		return refuse_upgrade(session, VTR_WEB_REFUSED_REQUEST, HTTP_STATUS_BAD_REQUEST,
		                      "the WebSocket speaks the subprotocol " VTR_MESSAGE_SUBPROTOCOL);
	}
	return 0;
}

int vtr_web_on_http(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size)
{
	switch ((int)reason) {
	case LWS_CALLBACK_HTTP:
		return on_request(session, in, size);
	case LWS_CALLBACK_HTTP_BODY:
		return on_body(session, in, size);
	case LWS_CALLBACK_HTTP_BODY_COMPLETION:
		return session->wants_body ? request_mode(session) : 0;
	case LWS_CALLBACK_HTTP_WRITEABLE:
		session->wants_write = false;
		if (session->held_until_ns != 0) {
			if (session->held_until_ns > vtr_os_now_ns()) {
				return 0;
			}
			session->held_until_ns = 0;
			return fail(session, 429, NO_TOKEN);
		}
		if (session->snapshot) {
			return vtr_snapshot_is_done(session->snapshot) ? send_snapshot(session) : 0;
		}
		return session->response.status != 0 ? send_piece(session) : 0;
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		return confirm_upgrade(session, in);
	default:
		return 0;
	}
}
