/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "web"
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/client.h"
#include "platform/thread.h"
#include "web/viewer.h"
#include "web/viewer_state.h"

#define MS INT64_C(1000000)

/* --- sound ------------------------------------------------------------------------------------------- */

/* Without memory for it, the viewer is not told of the sound. */
static void add_sound(struct vtr_viewer *viewer)
{
	struct vtr_web *web = viewer->session->web;
	const struct vtr_viewer_sound_params params = { .sound = web->sound,
		                                        .wake = vtr_web_wake_for_sound,
		                                        .data = web };

	if (web->sound && vtr_viewer_sound_create(&params, &viewer->sound) != VTR_OK) {
		vtr_warn_limited(web->log, "a viewer hears nothing: the host is out of memory");
	}
}

/* Messages about sound that the machine does not have are ignored: the page may not know yet. */
static void on_sound(struct vtr_viewer *viewer, const struct vtr_message *message, int64_t now_ns)
{
	if (!viewer->sound) {
		return;
	}
	switch ((int)message->type) {
	case VTR_MESSAGE_LISTEN:
		vtr_viewer_sound_listen(viewer->sound, message->on);
		break;
	case VTR_MESSAGE_HEARD:
		vtr_viewer_sound_heard(viewer->sound, message->heard);
		break;
	case VTR_MESSAGE_OPEN_MICROPHONE:
		vtr_viewer_sound_open_microphone(viewer->sound, message->on);
		break;
	default:
		vtr_viewer_sound_speak(viewer->sound, message->speech, now_ns);
		break;
	}
}

/* --- messages of the page ---------------------------------------------------------------------------- */

static void on_hello(struct vtr_viewer *viewer, const struct vtr_message *message, int64_t now_ns)
{
	struct vtr_session *session = viewer->session;
	struct vtr_web *web = session->web;
	enum vtr_token_kind role;

	vtr_web_check_token(session, message->hello.token, sizeof(message->hello.token));
	role = session->token;
	if (message->hello.version != VTR_MESSAGE_VERSION) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
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
	if (!vtr_web_take_place(session) ||
	    !vtr_viewer_people_join(&viewer->people, web, vtr_web_role(session))) {
		vtr_web_clear_token(session); /* it holds no place until it has gone */
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_FULL, VTR_MESSAGE_CLOSE_FULL, "too many viewers");
		return;
	}
	web->viewer_count++;
	viewer->role = role;
	viewer->welcome_due = true;
	viewer->devices_due = role == VTR_TOKEN_CONTROL &&
	                      (web->devices.has_touch || web->devices.pad_count > 0);
	viewer->displays_due = true;
	add_sound(viewer);
	if (role == VTR_TOKEN_CONTROL && web->agent_link &&
	    vtr_viewer_agent_create(web->agent_link, session->wsi, &viewer->agent) != VTR_OK) {
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
	}
	if (role == VTR_TOKEN_CONTROL && web->folder_link &&
	    vtr_viewer_folder_create(web->folder_link, session->wsi, &viewer->folder) != VTR_OK) {
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
	}
	vtr_web_look_now(web); /* the first viewer: the state was not read before */
}

static void on_subscribe(struct vtr_viewer *viewer, uint32_t display, bool on)
{
	struct vtr_web *web = viewer->session->web;
	struct vtr_viewer_view *view = &viewer->views[display];
	const struct vtr_viewer_stream_params params = {
		.streams = web->streams,
		.display = display,
		.number = view->number,
		.wake = vtr_web_wake,
		.data = web,
	};

	if (!on) {
		vtr_viewer_unwatch(view);
		return;
	}
	if (view->stream) {
		return;
	}
	enum vtr_err err = vtr_viewer_stream_create(&params, &view->stream);
	if (err != VTR_OK) {
		vtr_warn_limited(web->log, "cannot watch display %u: %s", display, vtr_err_text(err));
		vtr_viewer_notify(viewer, display, VTR_MESSAGE_NOTICE_VIDEO,
		                  "no video: the host is short of memory or threads");
	} else if (view->asks_bitrate) {
		vtr_viewer_stream_set_bitrate(view->stream, view->bitrate);
	}
	vtr_web_look_soon(web);
}

/* Without a subscription, the message belongs to an earlier one. */
static void on_video(struct vtr_viewer_view *view, const struct vtr_message *message, int64_t now_ns)
{
	if (!view->stream) {
		return;
	}
	switch ((int)message->type) {
	case VTR_MESSAGE_ACK:
		/* An invalid number affects only this viewer. */
		vtr_viewer_stream_ack(view->stream, message->ack.number, now_ns);
		break;
	case VTR_MESSAGE_WANT_KEY:
		vtr_viewer_stream_want_key(view->stream, now_ns);
		break;
	case VTR_MESSAGE_TAKE_PATCHES:
		vtr_viewer_stream_take_patches(view->stream, message->on);
		break;
	case VTR_MESSAGE_ACK_PATCH:
		vtr_viewer_stream_ack_patch(view->stream, message->patch);
		break;
	default:
		view->asks_bitrate = true;
		view->bitrate = message->bitrate;
		vtr_viewer_stream_set_bitrate(view->stream, message->bitrate);
		break;
	}
}

static void on_mode(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	const struct vtr_display_mode mode = {
		.connected = true,
		.width = message->mode.width,
		.height = message->mode.height,
	};

	if (!vtr_mode_fits(mode.width, mode.height)) {
		vtr_viewer_notify(viewer, message->display, VTR_MESSAGE_NOTICE_MODE, VTR_MODE_LIMITS);
	} else if (vtr_display_client_ask_mode(viewer->session->web->screen, message->display, &mode) !=
	           VTR_OK) {
		vtr_viewer_notify(viewer, message->display, VTR_MESSAGE_NOTICE_MODE,
		                  "too many such requests at once; try again");
	}
}

static void on_input(struct vtr_viewer *viewer, const struct vtr_input *input)
{
	struct vtr_web *web = viewer->session->web;
	enum vtr_err err = vtr_display_client_send_input(web->screen, input);

	web->counters.inputs++;
	if (err == VTR_ERR_ARG) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "the key code is unknown");
		return;
	}
	if (err != VTR_OK) {
		vtr_viewer_notify(viewer, input->display, VTR_MESSAGE_NOTICE_INPUT,
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

static void on_link(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	struct vtr_web *web = viewer->session->web;

	if (!vtr_viewer_is_owner(viewer)) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_VIEW, VTR_MESSAGE_CLOSE_VIEW,
		                  "this link does not allow making or ending links");
		return;
	}
	const char *why = vtr_viewer_links_on_message(web, message);
	if (why) {
		vtr_viewer_notify(viewer, message->display, VTR_MESSAGE_NOTICE_LINK, why);
	}
	vtr_web_look_soon(web);
}

/* The viewer has lost the control: what it holds, says, sends to the guest's agent and was about to paste ends. */
static void lose_control(struct vtr_viewer *viewer)
{
	vtr_viewer_release_all(viewer);
	if (viewer->sound) {
		vtr_viewer_sound_take_microphone(viewer->sound);
	}
	if (viewer->agent) {
		vtr_viewer_agent_lose_control(viewer->agent);
	}
}

static void on_control(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	struct vtr_web *web = viewer->session->web;
	const char *why = vtr_people_control(&web->people, viewer->people.person, message->control.action,
	                                     message->control.id);
	struct vtr_session *session;

	if (why) {
		vtr_viewer_notify(viewer, message->display, VTR_MESSAGE_NOTICE_CONTROL, why);
		return;
	}
	vtr_list_for_each (session, &web->sessions, node) {
		struct vtr_viewer *other = session->viewer;
		if (other && other->people.person &&
		    !vtr_people_may_control(&web->people, other->people.person)) {
			lose_control(other);
		}
	}
	vtr_web_look_soon(web);
}

static void on_people(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	const char *why = NULL;

	if (message->type == VTR_MESSAGE_CONTROL) {
		on_control(viewer, message);
	} else if (message->type == VTR_MESSAGE_LINK_MAKE || message->type == VTR_MESSAGE_LINK_END) {
		on_link(viewer, message);
	} else {
		why = vtr_viewer_people_on_message(&viewer->people, viewer->session->web, message);
	}
	if (why) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE, why);
	}
}

/* Returns: whether the message needs a token that controls. */
static bool is_control(enum vtr_message_type type)
{
	return type == VTR_MESSAGE_MODE || type == VTR_MESSAGE_KEY || type == VTR_MESSAGE_MOTION ||
	       type == VTR_MESSAGE_WHEEL || type == VTR_MESSAGE_BITRATE || type == VTR_MESSAGE_TOUCH ||
	       type == VTR_MESSAGE_PAD || type == VTR_MESSAGE_OPEN_MICROPHONE || type == VTR_MESSAGE_SPEECH ||
	       type == VTR_MESSAGE_CONTROL;
}

/* A message that controls: closes the connection of a viewer who never may, and drops it while another viewer has the
 * control. Input and sound may have been on their way when the control went away, so they are not worth a notice.
 * Returns: whether the message counts. */
static bool check_control(struct vtr_viewer *viewer, const struct vtr_message *message)
{
	if (viewer->role != VTR_TOKEN_CONTROL) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_VIEW, VTR_MESSAGE_CLOSE_VIEW,
		                  "this link only allows watching");
		return false;
	}
	if (!vtr_viewer_people_is_in_vain(&viewer->people, viewer->session->web, message->type)) {
		return true;
	}
	const bool speaks = message->type == VTR_MESSAGE_OPEN_MICROPHONE && message->on;
	if (message->type == VTR_MESSAGE_MODE || message->type == VTR_MESSAGE_BITRATE || speaks) {
		vtr_viewer_notify(viewer, message->display, VTR_MESSAGE_NOTICE_CONTROL,
		                  "another person has control");
	}
	/* Its user must not believe to be heard. */
	if (speaks && viewer->sound) {
		vtr_viewer_sound_refuse_microphone(viewer->sound);
	}
	return false;
}

/* A finger or a game pad. While others have all that the guest has, it does nothing. */
static void on_device(struct vtr_viewer *viewer, const struct vtr_input *input)
{
	struct vtr_input mapped = *input;

	if (vtr_web_devices_map(&viewer->session->web->devices, &viewer->devices, &mapped)) {
		on_input(viewer, &mapped);
	}
}

static void on_message(struct vtr_viewer *viewer, const struct vtr_message *message, int64_t now_ns)
{
	if (is_control(message->type) && !check_control(viewer, message)) {
		return;
	}
	switch ((int)message->type) {
	case VTR_MESSAGE_SUBSCRIBE:
		on_subscribe(viewer, message->display, message->on);
		break;
	case VTR_MESSAGE_ACK:
	case VTR_MESSAGE_WANT_KEY:
	case VTR_MESSAGE_BITRATE:
	case VTR_MESSAGE_TAKE_PATCHES:
	case VTR_MESSAGE_ACK_PATCH:
		on_video(&viewer->views[message->display], message, now_ns);
		break;
	case VTR_MESSAGE_PING:
		viewer->ping = message->ping;
		viewer->pong_due = true;
		break;
	case VTR_MESSAGE_MODE:
		on_mode(viewer, message);
		break;
	case VTR_MESSAGE_RELEASE:
		vtr_viewer_release_all(viewer);
		break;
	case VTR_MESSAGE_KEY:
	case VTR_MESSAGE_MOTION:
	case VTR_MESSAGE_WHEEL:
		on_input(viewer, &message->input);
		break;
	case VTR_MESSAGE_LISTEN:
	case VTR_MESSAGE_HEARD:
	case VTR_MESSAGE_OPEN_MICROPHONE:
	case VTR_MESSAGE_SPEECH:
		on_sound(viewer, message, now_ns);
		break;
	case VTR_MESSAGE_NAME:
	case VTR_MESSAGE_POINT:
	case VTR_MESSAGE_CONTROL:
	case VTR_MESSAGE_LINK_MAKE:
	case VTR_MESSAGE_LINK_END:
		on_people(viewer, message);
		break;
	case VTR_MESSAGE_TOUCH:
	case VTR_MESSAGE_PAD:
		on_device(viewer, &message->input);
		break;
	default: /* a second hello */
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "a message came that was not expected");
		break;
	}
}

static void on_complete(struct vtr_viewer *viewer)
{
	struct vtr_message message;
	enum vtr_err err = vtr_message_parse(viewer->in, viewer->in_size, &message);
	bool is_hello = err == VTR_OK && message.type == VTR_MESSAGE_HELLO;

	viewer->in_size = 0;
	if (err != VTR_OK) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "a message has invalid contents");
	} else if (!is_hello && viewer->role == VTR_TOKEN_WRONG) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "the first message must be HELLO with a token");
	} else if (is_hello && viewer->role == VTR_TOKEN_WRONG) {
		on_hello(viewer, &message, vtr_os_now_ns());
	} else {
		on_message(viewer, &message, vtr_os_now_ns());
	}
}

/* --- about the guest's agent and folder --------------------------------------------------------------- */

_Static_assert(VTR_AGENT_MESSAGE_MAX_IN == VTR_FOLDER_MESSAGE_MAX_IN, "one buffer serves both");

static bool is_about_agent(uint8_t type)
{
	return type >= VTR_AGENT_MESSAGE_FIRST && type <= VTR_AGENT_MESSAGE_LAST;
}

static bool is_about_folder(uint8_t type)
{
	return type >= VTR_FOLDER_MESSAGE_FIRST && type <= VTR_FOLDER_MESSAGE_LAST;
}

/* Adds a part of a message. Returns: VTR_ERR_PROTOCOL (it is too long, or the machine has neither), VTR_ERR_NOMEM. */
static enum vtr_err add_guest_part(struct vtr_viewer *viewer, const uint8_t *bytes, size_t size)
{
	const bool is_known = viewer->guest_in ||
	                      (is_about_folder(*bytes) ? viewer->folder != NULL : viewer->agent != NULL);

	if (!is_known || size > VTR_AGENT_MESSAGE_MAX_IN - viewer->guest_in_size) {
		return VTR_ERR_PROTOCOL;
	}
	if (!viewer->guest_in) {
		viewer->guest_in = malloc(VTR_AGENT_MESSAGE_MAX_IN);
	}
	if (!viewer->guest_in) {
		return VTR_ERR_NOMEM;
	}
	memcpy(viewer->guest_in + viewer->guest_in_size, bytes, size);
	viewer->guest_in_size += size;
	return VTR_OK;
}

/* Acts on the message, which is complete. */
static enum vtr_err take_guest_message(struct vtr_viewer *viewer)
{
	const bool controls = vtr_people_may_control(&viewer->session->web->people, viewer->people.person);
	uint8_t *bytes = viewer->guest_in;
	const size_t size = viewer->guest_in_size;

	viewer->guest_in = NULL;
	viewer->guest_in_size = 0;
	const enum vtr_err err = is_about_folder(*bytes) ?
	                                 vtr_viewer_folder_receive(viewer->folder, bytes, size, controls) :
	                                 vtr_viewer_agent_receive(viewer->agent, bytes, size, controls);
	free(bytes);
	return err;
}

/* A part of a message; `last`: it is complete then. */
static void on_guest(struct vtr_viewer *viewer, const uint8_t *bytes, size_t size, bool last)
{
	if (viewer->role != VTR_TOKEN_CONTROL) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_VIEW, VTR_MESSAGE_CLOSE_VIEW,
		                  "this link only allows watching");
		return;
	}
	enum vtr_err err = add_guest_part(viewer, bytes, size);
	if (err == VTR_OK && last) {
		err = take_guest_message(viewer);
	}
	if (err == VTR_ERR_UNSUPPORTED) {
		vtr_viewer_notify(viewer, 0, VTR_MESSAGE_NOTICE_CONTROL, "another person has control");
	} else if (err == VTR_ERR_PROTOCOL) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "a message about the guest's agent or folder was not expected, or is "
		                  "invalid");
	} else if (err != VTR_OK) {
		vtr_viewer_finish(viewer, VTR_MESSAGE_CLOSE_FAILED, "the host is out of memory");
	}
}

/* --- parts of messages ------------------------------------------------------------------------------- */

void vtr_viewer_receive(struct vtr_viewer *viewer, const void *bytes, size_t size)
{
	struct lws *wsi = viewer->session->wsi;
	const uint8_t *first = bytes;
	const bool last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;

	if (viewer->close != 0 || viewer->refused_until_ns != 0) {
		return; /* it comes too late */
	}
	/* The next part of a message may begin with any byte. */
	const bool is_guest = viewer->guest_in ||
	                      (size > 0 && (is_about_agent(*first) || is_about_folder(*first)));
	if (viewer->role != VTR_TOKEN_WRONG && viewer->in_size == 0 && lws_frame_is_binary(wsi) && is_guest) {
		on_guest(viewer, bytes, size, last);
		vtr_viewer_mark_alive(viewer);
		return;
	}
	if (!lws_frame_is_binary(wsi) || size > sizeof(viewer->in) - viewer->in_size) {
		vtr_viewer_refuse(viewer, VTR_WEB_REFUSED_REQUEST, VTR_MESSAGE_CLOSE_NONSENSE,
		                  "a message is too long, or is not binary");
		return;
	}
	memcpy(viewer->in + viewer->in_size, bytes, size);
	viewer->in_size += size;
	if (last) {
		on_complete(viewer);
		vtr_viewer_mark_alive(viewer);
		vtr_viewer_look(viewer, viewer->heard_ns);
	}
}
