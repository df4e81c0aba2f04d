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
#include "web/viewer_state.h"

#define MS INT64_C(1000000)
/* The most messages in one turn, so that other connections are served. */
#define WRITES_AT_ONCE 8

/* --- the end ----------------------------------------------------------------------------------------- */

void vtr_viewer_finish(struct vtr_viewer *viewer, enum vtr_message_close code, const char *text)
{
	if (viewer->close == 0) {
		viewer->close = code;
		viewer->close_text = text;
		viewer->session->deadline_ns = vtr_os_now_ns() + 1000 * MS;
		lws_callback_on_writable(viewer->session->wsi);
	}
}

void vtr_viewer_refuse(struct vtr_viewer *viewer, enum vtr_web_refusal refusal, enum vtr_message_close code,
                       const char *text)
{
	viewer->session->web->counters.refused[refusal]++;
	vtr_viewer_finish(viewer, code, text);
}

void vtr_viewer_unwatch(struct vtr_viewer_view *view)
{
	vtr_viewer_stream_destroy(view->stream);
	vtr_access_unit_unref(view->unit);
	*view = (struct vtr_viewer_view){
		.number = view->number,
		.asks_bitrate = view->asks_bitrate,
		.bitrate = view->bitrate,
	};
}

void vtr_viewer_release_all(struct vtr_viewer *viewer)
{
	struct vtr_web *web = viewer->session->web;
	struct vtr_input input = { .kind = VTR_INPUT_KEY, .display = viewer->held_on };

	for (uint32_t code = 0; code < VTR_VIEWER_CODES; code++) {
		if ((viewer->held[code / 64] >> code % 64 & 1) != 0) {
			input.code = code;
			/* If this is lost, all keys are released anyway. */
			(void)!vtr_display_client_send_input(web->screen, &input);
		}
	}
	while (vtr_web_devices_take_back(&web->devices, &viewer->devices, &input)) {
		(void)!vtr_display_client_send_input(web->screen, &input);
	}
	memset(viewer->held, 0, sizeof(viewer->held));
}

void vtr_viewer_end_link(struct vtr_viewer *viewer)
{
	vtr_viewer_release_all(viewer);
	vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_TOKEN, VTR_MESSAGE_CLOSE_TOKEN, "this link has ended");
}

bool vtr_viewer_is_known(const struct vtr_viewer *viewer)
{
	return viewer->people.person && viewer->close == 0;
}

void vtr_viewer_give_way(struct vtr_viewer *viewer)
{
	vtr_viewer_release_all(viewer);
	vtr_viewer_people_leave(&viewer->people, viewer->session->web);
	vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_FULL, VTR_MESSAGE_CLOSE_FULL,
	                  "another viewer has this place now");
}

void vtr_viewer_destroy(struct vtr_viewer *viewer)
{
	if (!viewer) {
		return;
	}
	vtr_viewer_release_all(viewer);
	vtr_viewer_agent_destroy(viewer->agent);
	vtr_viewer_folder_destroy(viewer->folder);
	free(viewer->guest_in);
	for (size_t i = 0; i < VTR_MAX_DISPLAYS; i++) {
		vtr_viewer_unwatch(&viewer->views[i]);
	}
	vtr_viewer_sound_destroy(viewer->sound);
	viewer->session->web->viewer_count -= viewer->role != VTR_TOKEN_WRONG;
	vtr_viewer_people_leave(&viewer->people, viewer->session->web);
	viewer->session->viewer = NULL;
	free(viewer);
}

void vtr_viewer_notify(struct vtr_viewer *viewer, uint32_t display, enum vtr_message_notice notice,
                       const char *text)
{
	viewer->views[display].notice = notice;
	viewer->views[display].notice_text = text;
}

bool vtr_viewer_is_owner(const struct vtr_viewer *viewer)
{
	return viewer->people.person && viewer->people.person->role == VTR_PERSON_OWNER;
}

void vtr_viewer_mark_alive(struct vtr_viewer *viewer)
{
	viewer->heard_ns = vtr_os_now_ns();
	viewer->pinged = false;
	if (viewer->role != VTR_TOKEN_WRONG && viewer->close == 0) {
		viewer->session->deadline_ns = viewer->heard_ns + VTR_WEB_SILENCE_MS * MS;
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
	struct vtr_viewer_view *view = &viewer->views[display];
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
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
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

/* Writes the next patch into memory of its own. Returns: the size; 0: there is none. */
static size_t write_patch(struct vtr_viewer *viewer, uint32_t display, uint8_t **at)
{
	struct vtr_web *web = viewer->session->web;
	struct vtr_viewer_patch patch;
	const uint32_t number = vtr_viewer_stream_take_patch(viewer->views[display].stream, &patch);

	if (number == 0) {
		return 0;
	}
	const size_t size = VTR_MESSAGE_PATCH_HEAD + patch.patch->size;
	*at = make_room(web, size);
	if (*at) {
		vtr_message_patch_head(*at, display, &patch, number);
		memcpy(*at + VTR_MESSAGE_PATCH_HEAD, patch.patch->png, patch.patch->size);
		web->counters.patches++;
		web->counters.patch_bytes += patch.patch->size;
	} else {
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
	}
	vtr_patch_unref(patch.patch);
	return *at ? size : 0;
}

static size_t write_cursor(struct vtr_viewer *viewer, uint32_t display, uint8_t *at)
{
	struct vtr_web *web = viewer->session->web;
	struct vtr_viewer_view *view = &viewer->views[display];
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
	struct vtr_viewer_view *view = &viewer->views[display];
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
	struct vtr_viewer_view *view = &viewer->views[display];
	struct vtr_rect stale;
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
	if (view->unit && vtr_viewer_stream_take_stale(view->stream, &stale)) {
		return vtr_message_stale(*at, display, &stale);
	}
	if (view->unit) {
		return write_unit(viewer, display, at);
	}
	return view->stats_due ? write_stats(viewer, display, *at) : write_patch(viewer, display, at);
}

/* Only viewers with control get the lights, which are affected by typing. */
static bool is_lights_due(const struct vtr_viewer *viewer)
{
	return viewer->role == VTR_TOKEN_CONTROL && viewer->lights != viewer->session->web->lights;
}

static bool is_links_due(const struct vtr_viewer *viewer, int64_t now_ns)
{
	return vtr_viewer_is_owner(viewer) &&
	       vtr_viewer_links_is_due(&viewer->links, viewer->session->web, now_ns);
}

/* Writes one message into room for VTR_MESSAGE_MAX_OUT, or elsewhere. Returns: its size; 0: none is due. */
static size_t write_next(struct vtr_viewer *viewer, uint8_t **at)
{
	struct vtr_web *web = viewer->session->web;
	size_t size = 0;

	if (viewer->welcome_due) {
		viewer->welcome_due = false;
		return vtr_message_welcome(*at, viewer->role == VTR_TOKEN_CONTROL, vtr_os_now_ns(),
		                           vtr_viewer_is_owner(viewer) ? web->tokens.view : NULL);
	}
	if (viewer->devices_due) {
		viewer->devices_due = false;
		return vtr_message_devices(*at, web->devices.has_touch, web->devices.pad_count);
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
	if (is_links_due(viewer, vtr_os_now_ns())) {
		return vtr_viewer_links_write(&viewer->links, web, *at, vtr_os_now_ns());
	}
	/* Before the pictures, which are larger. */
	size = viewer->sound ? vtr_viewer_sound_write(viewer->sound, *at) : 0;
	if (size == 0) {
		size = vtr_viewer_people_write(&viewer->people, web, *at, vtr_os_now_ns());
	}
	if (size == 0) {
		size = vtr_viewer_agent_write(viewer->agent, *at, true);
	}
	if (size == 0) {
		size = vtr_viewer_folder_write(viewer->folder, *at, true);
	}
	for (uint32_t i = 0; i < VTR_MAX_DISPLAYS && size == 0 && viewer->close == 0; i++) {
		viewer->turn = (viewer->turn + 1) % VTR_MAX_DISPLAYS;
		size = write_view(viewer, viewer->turn, at);
	}
	if (size == 0 && viewer->close == 0) {
		size = vtr_viewer_agent_write(viewer->agent, *at, false);
	}
	return size > 0 || viewer->close != 0 ? size : vtr_viewer_folder_write(viewer->folder, *at, false);
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
	uint8_t ping[LWS_PRE + 1] = { 0 };

	if (viewer->ping_due) {
		/* With contents: the library does not report answers to an empty one. */
		viewer->ping_due = false;
		return lws_write(wsi, ping + LWS_PRE, 1, LWS_WRITE_PING) < 0 ? -1 : 0;
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

static bool is_view_due(const struct vtr_web *web, const struct vtr_viewer_view *view, uint32_t display,
                        int64_t now_ns)
{
	const struct vtr_web_cursor *cursor = &web->cursors[display];

	if (!view->stream) {
		return view->notice != 0;
	}
	/* Whether the display is active is checked when it can be sent. */
	return view->notice != 0 || view->stats_due || view->unit || !view->cursor_known ||
	       view->cursor.ticket != cursor->ticket || view->cursor.x != cursor->x ||
	       view->cursor.y != cursor->y || vtr_viewer_stream_look(view->stream, now_ns) ||
	       vtr_viewer_stream_has_active(view->stream) ||
	       vtr_viewer_stream_has_patch(view->stream, now_ns);
}

static bool is_sound_due(struct vtr_viewer *viewer)
{
	return viewer->sound && vtr_viewer_sound_is_due(viewer->sound);
}

void vtr_viewer_look_at_sound(struct vtr_viewer *viewer)
{
	if (is_sound_due(viewer)) {
		lws_callback_on_writable(viewer->session->wsi);
	}
}

void vtr_viewer_look(struct vtr_viewer *viewer, int64_t now_ns)
{
	struct vtr_web *web = viewer->session->web;
	bool due = viewer->welcome_due || viewer->devices_due || viewer->pong_due || viewer->displays_due ||
	           viewer->ping_due || is_lights_due(viewer) || is_sound_due(viewer) ||
	           vtr_viewer_agent_is_due(viewer->agent) || vtr_viewer_folder_is_due(viewer->folder) ||
	           viewer->close != 0;

	if (viewer->role == VTR_TOKEN_WRONG && viewer->close == 0) {
		return;
	}
	due |= vtr_viewer_people_is_due(&viewer->people, web, now_ns) || is_links_due(viewer, now_ns);
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
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_TOKEN, "the token is wrong");
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
		vtr_viewer_receive(viewer, in, size);
		return 0;
	case LWS_CALLBACK_RECEIVE_PONG:
		vtr_viewer_mark_alive(viewer);
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
