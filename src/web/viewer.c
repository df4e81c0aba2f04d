/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include "web/viewer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "platform/thread.h"
#include "web/session.h"
#include "web/viewer_stream.h"

#define MS INT64_C(1000000)
/* The most messages in one turn, so that other connections are served. */
#define WRITES_AT_ONCE 8
#define CODES (VTR_INPUT_MAX_CODE + 1)

/* What a viewer has of one display. */
struct view {
	struct vtr_viewer_stream *stream;      /* NULL: not subscribed */
	struct vtr_access_unit *unit; /* the next to send */
	uint32_t number;              /* number of the last unit that was sent */
	bool asks_bitrate; /* also after the subscription, for the next one */
	uint32_t bitrate;
	bool configured;
	uint64_t generation; /* for which the page was configured */
	char codec[VTR_CODEC_MAX];
	bool stats_due;
	bool cursor_known, pointer_known;
	struct vtr_web_cursor cursor;   /* as last sent to the page */
	enum vtr_message_notice notice; /* to be sent; 0: none */
	const char *notice_text;
};

struct vtr_viewer {
	struct vtr_session *session;
	enum vtr_token_kind role; /* WRONG: not known yet */
	bool welcome_due, displays_due, pong_due, ping_due, pinged;
	uint64_t ping;
	int64_t heard_ns;
	int64_t refused_until_ns; /* a wrong token delays the answer until then; 0: not delayed */
	enum vtr_message_close close; /* 0: stays open */
	const char *close_text;
	struct view views[VTR_MAX_DISPLAYS];
	uint32_t lights; /* as last sent to the page */
	uint32_t turn; /* the display that is served next */
	uint8_t in[VTR_MESSAGE_MAX_IN];
	size_t in_size;
	uint64_t held[(CODES + 63) / 64]; /* keys and buttons that are down */
	uint32_t held_on; /* the display at which they were pressed */
};

/* --- the end ----------------------------------------------------------------------------------------- */

/* Ends the connection after sending the reason, or by a timeout if the peer does not read. */
static void finish(struct vtr_viewer *viewer, enum vtr_message_close code, const char *text)
{
	if (viewer->close == 0) {
		viewer->close = code;
		viewer->close_text = text;
		viewer->session->deadline_ns = vtr_os_now_ns() + 1000 * MS;
		lws_callback_on_writable(viewer->session->wsi);
	}
}

static void finish_refused(struct vtr_viewer *viewer, enum vtr_web_refusal refusal,
                           enum vtr_message_close code, const char *text)
{
	viewer->session->web->counters.refused[refusal]++;
	finish(viewer, code, text);
}

static void unwatch(struct view *view)
{
	vtr_viewer_stream_destroy(view->stream);
	vtr_access_unit_unref(view->unit);
	*view = (struct view){
		.number = view->number,
		.asks_bitrate = view->asks_bitrate,
		.bitrate = view->bitrate,
	};
}

/* Releases the keys that this viewer holds down, but no other viewer. */
static void release_all(struct vtr_viewer *viewer)
{
	struct vtr_input input = { .kind = VTR_INPUT_KEY, .display = viewer->held_on };

	for (uint32_t code = 0; code < CODES; code++) {
		if ((viewer->held[code / 64] >> code % 64 & 1) != 0) {
			input.code = code;
			/* If this is lost, all keys are released anyway. */
			(void)!vtr_display_client_send_input(viewer->session->web->screen, &input);
		}
	}
	memset(viewer->held, 0, sizeof(viewer->held));
}

void vtr_viewer_destroy(struct vtr_viewer *viewer)
{
	if (!viewer) {
		return;
	}
	release_all(viewer);
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		unwatch(&viewer->views[i]);
	}
	viewer->session->web->viewer_count -= viewer->role != VTR_TOKEN_WRONG;
	viewer->session->viewer = NULL;
	free(viewer);
}

/* --- messages of the page ---------------------------------------------------------------------------- */

static void on_hello(struct vtr_viewer *viewer, const struct vtr_message *message, int64_t now_ns)
{
	struct vtr_session *session = viewer->session;
	struct vtr_web *web = session->web;
	enum vtr_token_kind role =
		vtr_tokens_check(&web->tokens, message->hello.token, sizeof(message->hello.token));

	if (message->hello.version != VTR_MESSAGE_VERSION) {
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "the page has another version than the server: load it again");
		return;
	}
	if (role == VTR_TOKEN_WRONG) {
		int64_t wait_ns = vtr_backoff_fail(&web->backoff, &session->peer, now_ns);
		web->counters.refused[VTR_WEB_REFUSED_TOKEN]++;
		viewer->refused_until_ns = now_ns + wait_ns;
		session->deadline_ns = now_ns + wait_ns + VTR_WEB_HELLO_MS * MS;
		return;
	}
	if (web->viewer_count >= VTR_WEB_MAX_VIEWERS) {
		finish_refused(viewer, VTR_WEB_REFUSED_FULL, VTR_MESSAGE_CLOSE_FULL, "too many viewers");
		return;
	}
	web->viewer_count++;
	viewer->role = role;
	vtr_web_set_token(session, role);
	viewer->welcome_due = true;
	viewer->displays_due = true;
	session->answering = true;
	vtr_web_look_now(web); /* the first viewer: the state was not read before */
}

static void notify(struct vtr_viewer *viewer, uint32_t display, enum vtr_message_notice notice,
                   const char *text)
{
	viewer->views[display].notice = notice;
	viewer->views[display].notice_text = text;
}

static void on_subscribe(struct vtr_viewer *viewer, uint32_t display, bool on)
{
	struct vtr_web *web = viewer->session->web;
	struct view *view = &viewer->views[display];
	const struct vtr_viewer_stream_params params = {
		.streams = web->streams,
		.display = display,
		.number = view->number,
		.wake = vtr_web_wake,
		.data = web,
	};

	if (!on) {
		unwatch(view);
		return;
	}
	if (view->stream) {
		return;
	}
	enum vtr_err err = vtr_viewer_stream_create(&params, &view->stream);
	if (err != VTR_OK) {
		vtr_warn_limited(web->log, "cannot watch display %u: %s", display, vtr_err_text(err));
		notify(viewer, display, VTR_MESSAGE_NOTICE_VIDEO,
		       "no video: the host is short of memory or threads");
	} else if (view->asks_bitrate) {
		vtr_viewer_stream_set_bitrate(view->stream, view->bitrate);
	}
	vtr_web_look_soon(web);
}

static void on_mode(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	const struct vtr_display_mode mode = {
		.connected = true,
		.width = message->mode.width,
		.height = message->mode.height,
	};

	if (!vtr_mode_fits(mode.width, mode.height)) {
		notify(viewer, message->display, VTR_MESSAGE_NOTICE_MODE, VTR_MODE_LIMITS);
	} else if (vtr_display_client_ask_mode(viewer->session->web->screen, message->display, &mode) !=
	           VTR_OK) {
		notify(viewer, message->display, VTR_MESSAGE_NOTICE_MODE,
		       "too many such requests at once; try again");
	}
}

static void on_input(struct vtr_viewer *viewer, const struct vtr_input *input)
{
	struct vtr_web *web = viewer->session->web;
	enum vtr_err err = vtr_display_client_send_input(web->screen, input);

	web->counters.inputs++;
	if (err == VTR_ERR_ARG) {
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "the key code is unknown");
		return;
	}
	if (err != VTR_OK) {
		notify(viewer, input->display, VTR_MESSAGE_NOTICE_INPUT,
		       "the machine is busy: input was lost");
	}
	if (input->kind == VTR_INPUT_KEY) {
		uint64_t bit = UINT64_C(1) << input->code % 64;
		viewer->held_on = input->display;
		if (input->down) {
			viewer->held[input->code / 64] |= bit;
		} else {
			viewer->held[input->code / 64] &= ~bit;
		}
	}
}

/* Returns: whether the message needs the control token. */
static bool is_control(enum vtr_message_type type)
{
	return type == VTR_MESSAGE_MODE || type == VTR_MESSAGE_KEY || type == VTR_MESSAGE_MOTION ||
	       type == VTR_MESSAGE_WHEEL || type == VTR_MESSAGE_BITRATE;
}

static void on_message(struct vtr_viewer *viewer, const struct vtr_message *message, int64_t now_ns)
{
	struct view *view = &viewer->views[message->display];

	if (is_control(message->type) && viewer->role != VTR_TOKEN_CONTROL) {
		finish_refused(viewer, VTR_WEB_REFUSED_VIEW, VTR_MESSAGE_CLOSE_VIEW,
		               "this link only allows watching");
		return;
	}
	switch ((int)message->type) {
	case VTR_MESSAGE_SUBSCRIBE:
		on_subscribe(viewer, message->display, message->on);
		break;
	case VTR_MESSAGE_ACK:
		/* An invalid one belongs to an earlier subscription, or affects only this viewer. */
		if (view->stream) {
			vtr_viewer_stream_ack(view->stream, message->ack.number, now_ns);
		}
		break;
	case VTR_MESSAGE_WANT_KEY:
		if (view->stream) {
			vtr_viewer_stream_want_key(view->stream, now_ns);
		}
		break;
	case VTR_MESSAGE_BITRATE:
		if (view->stream) {
			view->asks_bitrate = true;
			view->bitrate = message->bitrate;
			vtr_viewer_stream_set_bitrate(view->stream, message->bitrate);
		}
		break;
	case VTR_MESSAGE_PING:
		viewer->ping = message->ping;
		viewer->pong_due = true;
		break;
	case VTR_MESSAGE_MODE:
		on_mode(viewer, message);
		break;
	case VTR_MESSAGE_RELEASE:
		release_all(viewer);
		break;
	case VTR_MESSAGE_KEY:
	case VTR_MESSAGE_MOTION:
	case VTR_MESSAGE_WHEEL:
		on_input(viewer, &message->input);
		break;
	default: /* a second hello */
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "a message came that was not expected");
		break;
	}
}

static void receive_messages(struct vtr_viewer *viewer)
{
	viewer->heard_ns = vtr_os_now_ns();
	viewer->pinged = false;
	if (viewer->role != VTR_TOKEN_WRONG && viewer->close == 0) {
		viewer->session->deadline_ns = viewer->heard_ns + VTR_WEB_SILENCE_MS * MS;
	}
}

static void on_complete(struct vtr_viewer *viewer)
{
	struct vtr_message message;
	enum vtr_err err = vtr_message_parse(viewer->in, viewer->in_size, &message);
	bool is_hello = err == VTR_OK && message.type == VTR_MESSAGE_HELLO;

	viewer->in_size = 0;
	if (err != VTR_OK) {
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "a message has invalid contents");
	} else if (!is_hello && viewer->role == VTR_TOKEN_WRONG) {
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "the first message must be HELLO with a token");
	} else if (is_hello && viewer->role == VTR_TOKEN_WRONG) {
		on_hello(viewer, &message, vtr_os_now_ns());
	} else {
		on_message(viewer, &message, vtr_os_now_ns());
	}
}

static void on_receive(struct vtr_viewer *viewer, const void *bytes, size_t size)
{
	struct lws *wsi = viewer->session->wsi;

	if (viewer->close != 0 || viewer->refused_until_ns != 0) {
		return; /* it comes too late */
	}
	if (!lws_frame_is_binary(wsi) || size > sizeof(viewer->in) - viewer->in_size) {
		finish_refused(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		               "a message is too long, or is not binary");
		return;
	}
	memcpy(viewer->in + viewer->in_size, bytes, size);
	viewer->in_size += size;
	if (lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0) {
		on_complete(viewer);
		receive_messages(viewer);
		vtr_viewer_look(viewer, viewer->heard_ns);
	}
}

/* --- messages to the page ---------------------------------------------------------------------------- */

/* Makes room for a message of that size. Returns: its address, or NULL. */
static uint8_t *make_room(struct vtr_web *web, size_t size)
{
	if (web->scratch_size < LWS_PRE + size) {
		uint8_t *scratch = realloc(web->scratch, LWS_PRE + size);
		if (!scratch) {
			return NULL;
		}
		web->scratch = scratch;
		web->scratch_size = LWS_PRE + size;
	}
	return web->scratch + LWS_PRE;
}

/* Writes the head of the next unit, or the configuration that the page needs before it. Returns: the size. */
static size_t write_unit(struct vtr_viewer *viewer, uint32_t display, uint8_t **at)
{
	struct vtr_web *web = viewer->session->web;
	struct view *view = &viewer->views[display];
	struct vtr_access_unit *unit = view->unit;
	size_t size = VTR_MESSAGE_UNIT_HEAD + unit->size;

	if (unit->key) {
		char codec[VTR_CODEC_MAX] = "";
		struct vtr_stream_counters counters;
		if (vtr_message_codec(unit->data, unit->size, codec) != VTR_OK) {
			vtr_warn_limited(web->log, "display %u: a key unit without parameters", display);
		}
		if (!view->configured || view->generation != unit->generation ||
		    strcmp(codec, view->codec) != 0) {
			vtr_stream_count(vtr_viewer_stream_stream(view->stream), &counters);
			view->configured = true;
			view->generation = unit->generation;
			memcpy(view->codec, codec, sizeof(codec));
			return vtr_message_config(*at, display, unit, codec,
			                          counters.encoder ? counters.encoder : "?");
		}
	}
	*at = make_room(web, size);
	if (!*at) {
		finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
		return 0;
	}
	view->number = vtr_viewer_stream_sent(view->stream, vtr_os_now_ns());
	vtr_message_unit_head(*at, display, unit, view->number);
	memcpy(*at + VTR_MESSAGE_UNIT_HEAD, unit->data, unit->size);
	web->counters.units++;
	web->counters.unit_bytes += unit->size;
	vtr_trace(web->log, "display %u: frame %" PRIu64 ": send, unit %u", display, unit->frame,
	          view->number);
	vtr_access_unit_unref(unit);
	view->unit = NULL;
	return size;
}

static size_t write_cursor(struct vtr_viewer *viewer, uint32_t display, uint8_t *at)
{
	struct vtr_web *web = viewer->session->web;
	struct view *view = &viewer->views[display];
	struct vtr_scanout_cursor cursor;

	if (vtr_display_client_read_cursor(web->screen, display, &cursor) != VTR_OK) {
		return 0; /* being written: it is read again soon */
	}
	view->cursor_known = true;
	view->cursor.ticket = cursor.ticket;
	view->cursor.visible = cursor.visible;
	return vtr_message_cursor(at, display, &cursor);
}

static size_t write_stats(struct vtr_viewer *viewer, uint32_t display, uint8_t *at)
{
	struct view *view = &viewer->views[display];
	struct vtr_stream_counters counters;

	vtr_stream_count(vtr_viewer_stream_stream(view->stream), &counters);
	const struct vtr_message_stats stats = {
		.viewers = counters.viewers,
		.bitrate = counters.bitrate,
		.coded = counters.coded,
		.dropped = counters.dropped,
		.skipped = vtr_viewer_stream_skipped(view->stream),
	};
	view->stats_due = false;
	return vtr_message_stats(at, display, &stats);
}

/* Writes a message that is due for a display. Returns: the size; 0: none is due. */
static size_t write_view(struct vtr_viewer *viewer, uint32_t display, uint8_t **at)
{
	const struct vtr_web_cursor *cursor = &viewer->session->web->cursors[display];
	struct view *view = &viewer->views[display];
	bool active;

	if (view->notice != 0) {
		size_t size = vtr_message_notice(*at, display, view->notice, view->notice_text);
		view->notice = 0;
		return size;
	}
	if (!view->stream) {
		return 0;
	}
	if (vtr_viewer_stream_take_active(view->stream, &active)) {
		return vtr_message_active(*at, display, active);
	}
	if (!view->cursor_known || view->cursor.ticket != cursor->ticket) {
		size_t size = write_cursor(viewer, display, *at);
		if (size > 0) {
			return size;
		}
	}
	if (!view->pointer_known || view->cursor.x != cursor->x || view->cursor.y != cursor->y) {
		view->pointer_known = true;
		view->cursor.x = cursor->x;
		view->cursor.y = cursor->y;
		return vtr_message_pointer(*at, display, cursor->x, cursor->y);
	}
	if (!view->unit && vtr_viewer_stream_look(view->stream, vtr_os_now_ns())) {
		view->unit = vtr_viewer_stream_take(view->stream);
	}
	if (view->unit) {
		return write_unit(viewer, display, at);
	}
	return view->stats_due ? write_stats(viewer, display, *at) : 0;
}

/* Only viewers with control get the lights, which are affected by typing. */
static bool is_lights_due(const struct vtr_viewer *viewer)
{
	return viewer->role == VTR_TOKEN_CONTROL && viewer->lights != viewer->session->web->lights;
}

/* Writes one message into room for VTR_MESSAGE_MAX_OUT, or elsewhere. Returns: its size; 0: none is due. */
static size_t write_next(struct vtr_viewer *viewer, uint8_t **at)
{
	struct vtr_web *web = viewer->session->web;
	size_t size = 0;

	if (viewer->welcome_due) {
		viewer->welcome_due = false;
		return vtr_message_welcome(*at, viewer->role == VTR_TOKEN_CONTROL, vtr_os_now_ns(),
		                           web->tokens.view);
	}
	if (viewer->pong_due) {
		viewer->pong_due = false;
		return vtr_message_pong(*at, viewer->ping, vtr_os_now_ns());
	}
	if (viewer->displays_due) {
		viewer->displays_due = false;
		return vtr_message_displays(*at, web->displays, web->display_count);
	}
	if (is_lights_due(viewer)) {
		viewer->lights = web->lights;
		return vtr_message_lights(*at, web->lights);
	}
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS && size == 0 && viewer->close == 0; i++) {
		viewer->turn = (viewer->turn + 1) % VTR_MAX_DISPLAYS;
		size = write_view(viewer, viewer->turn, at);
	}
	return size;
}

/* Returns: the return value for the library's callback. */
static int say_goodbye(struct vtr_viewer *viewer)
{
	lws_close_reason(viewer->session->wsi, (enum lws_close_status)viewer->close,
	                 (unsigned char *)viewer->close_text, strlen(viewer->close_text));
	return -1;
}

static int on_writable(struct vtr_viewer *viewer)
{
	struct lws *wsi = viewer->session->wsi;
	struct vtr_web *web = viewer->session->web;
	uint8_t ping[LWS_PRE + 1];

	if (viewer->ping_due) {
		viewer->ping_due = false;
		return lws_write(wsi, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0 ? -1 : 0;
	}
	for (int i = 0; viewer->role != VTR_TOKEN_WRONG && i < WRITES_AT_ONCE; i++) {
		uint8_t *at = make_room(web, VTR_MESSAGE_MAX_OUT);
		size_t size = at && viewer->close == 0 ? write_next(viewer, &at) : 0;
		if (size == 0) {
			break;
		}
		/* The library keeps what the socket does not take, and sends it before the next callback. */
		if (lws_write(wsi, at, size, LWS_WRITE_BINARY) < (int)size) {
			return -1;
		}
		if (lws_send_pipe_choked(wsi) || i == WRITES_AT_ONCE - 1) {
			lws_callback_on_writable(wsi);
			return 0;
		}
	}
	return viewer->close != 0 ? say_goodbye(viewer) : 0;
}

/* --- due messages ------------------------------------------------------------------------------------ */

static bool is_view_due(const struct vtr_web *web, const struct view *view, uint32_t display, int64_t now_ns)
{
	const struct vtr_web_cursor *cursor = &web->cursors[display];

	if (!view->stream) {
		return view->notice != 0;
	}
	/* Whether the display is active is checked when it can be sent. */
	return view->notice != 0 || view->stats_due || view->unit || !view->cursor_known ||
	       view->cursor.ticket != cursor->ticket || view->cursor.x != cursor->x ||
	       view->cursor.y != cursor->y || vtr_viewer_stream_look(view->stream, now_ns) ||
	       vtr_viewer_stream_has_active(view->stream);
}

void vtr_viewer_look(struct vtr_viewer *viewer, int64_t now_ns)
{
	struct vtr_web *web = viewer->session->web;
	bool due = viewer->welcome_due || viewer->pong_due || viewer->displays_due || viewer->ping_due ||
	           is_lights_due(viewer) || viewer->close != 0;

	if (viewer->role == VTR_TOKEN_WRONG && viewer->close == 0) {
		return;
	}
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS && !due; i++) {
		due = is_view_due(web, &viewer->views[i], i, now_ns);
	}
	if (due) {
		lws_callback_on_writable(viewer->session->wsi);
	}
}

void vtr_viewer_tick(struct vtr_viewer *viewer, int64_t now_ns)
{
	if (viewer->refused_until_ns != 0 && now_ns >= viewer->refused_until_ns) {
		finish(viewer, VTR_MESSAGE_CLOSE_TOKEN, "the token is wrong");
	}
	if (!viewer->pinged && now_ns - viewer->heard_ns > VTR_WEB_PING_MS * MS) {
		viewer->pinged = true;
		viewer->ping_due = true;
	}
	vtr_viewer_look(viewer, now_ns);
}

void vtr_viewer_count(struct vtr_viewer *viewer)
{
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		viewer->views[i].stats_due = viewer->views[i].stream != NULL;
	}
}

void vtr_viewer_tell_displays(struct vtr_viewer *viewer)
{
	viewer->displays_due = true;
}

/* --- events ------------------------------------------------------------------------------------------ */

static int on_established(struct vtr_session *session)
{
	struct vtr_viewer *viewer = calloc(1, sizeof(*viewer));

	if (!viewer) {
		return -1;
	}
	viewer->session = session;
	viewer->heard_ns = vtr_os_now_ns();
	session->viewer = viewer;
	session->answering = false;
	session->deadline_ns = viewer->heard_ns + VTR_WEB_HELLO_MS * MS;
	return 0;
}

int vtr_viewer_on_event(struct vtr_session *session, enum lws_callback_reasons reason, void *in, size_t size)
{
	struct vtr_viewer *viewer = session->viewer;

	switch ((int)reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return on_established(session);
	case LWS_CALLBACK_RECEIVE:
		on_receive(viewer, in, size);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		receive_messages(viewer);
		return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return on_writable(viewer);
	case LWS_CALLBACK_CLOSED:
		vtr_viewer_destroy(viewer);
		return 0;
	default:
		return 0;
	}
}
