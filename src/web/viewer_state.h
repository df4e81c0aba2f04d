/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_STATE_H
#define WEB_VIEWER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web/devices.h"
#include "web/message.h"
#include "web/session.h"
#include "web/viewer_agent.h"
#include "web/viewer_folder.h"
#include "web/viewer_links.h"
#include "web/viewer_people.h"
#include "web/viewer_sound.h"
#include "web/viewer_stream.h"

/*
 * The state of a viewer. Private to viewer.c, which sends messages to the page, and viewer_messages.c, which acts on
 * the page's messages.
 *
 * Thread: the web server's.
 */

#define VTR_VIEWER_CODES (VTR_INPUT_MAX_CODE + 1)

/* What a viewer has of one display. */
struct vtr_viewer_view {
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
	bool welcome_due, devices_due, displays_due, pong_due, ping_due, pinged;
	uint64_t ping;
	int64_t heard_ns;
	int64_t refused_until_ns; /* a wrong token delays the answer until then; 0: not delayed */
	enum vtr_message_close close; /* 0: stays open */
	const char *close_text;
	struct vtr_viewer_view views[VTR_MAX_DISPLAYS];
	uint32_t lights; /* as last sent to the page */
	uint32_t turn; /* the display that is served next */
	struct vtr_viewer_people people;
	struct vtr_viewer_links links; /* of an owner */
	uint8_t in[VTR_MESSAGE_MAX_IN];
	size_t in_size;
	uint8_t *guest_in; /* an incomplete message about the guest's agent or folder; NULL: none */
	size_t guest_in_size;
	uint64_t held[(VTR_VIEWER_CODES + 63) / 64]; /* keys and buttons that are down */
	uint32_t held_on; /* the display at which they were pressed */
	struct vtr_viewer_sound *sound; /* NULL: the machine has none, or the viewer is not known yet */
	struct vtr_viewer_agent *agent; /* NULL: it may not use the guest's agent, or the machine has none */
	struct vtr_viewer_folder
		*folder; /* NULL: it may not use the shared folder, or the machine has none */
	struct vtr_viewer_devices devices;
};

/* Ends the connection after sending the reason, or by a timeout if the peer does not read. */
void vtr_viewer_finish(struct vtr_viewer *viewer, enum vtr_message_close code, const char *text);
/* The same, and counts the refusal. */
void vtr_viewer_refuse(struct vtr_viewer *viewer, enum vtr_web_refusal refusal, enum vtr_message_close code,
                       const char *text);

/* Sends `text`, which is static, when the connection takes it. A notice that was not sent yet is replaced. */
void vtr_viewer_notify(struct vtr_viewer *viewer, uint32_t display, enum vtr_message_notice notice,
                       const char *text);

void vtr_viewer_unwatch(struct vtr_viewer_view *view);

/* Releases the keys that this viewer holds down, but no other viewer, and its fingers and pads. */
void vtr_viewer_release_all(struct vtr_viewer *viewer);

/* Returns: whether its token controls and does not come from a link. */
bool vtr_viewer_is_owner(const struct vtr_viewer *viewer);

/* The peer has sent something. */
void vtr_viewer_mark_alive(struct vtr_viewer *viewer);

/* Acts on a part of a message of the page. */
void vtr_viewer_receive(struct vtr_viewer *viewer, const void *bytes, size_t size);

#endif
