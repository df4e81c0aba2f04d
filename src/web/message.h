/* SPDX-License-Identifier: MIT */
#ifndef WEB_MESSAGE_H
#define WEB_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "display/links.h"
#include "display/scanout_page.h"
#include "display/tokens.h"
#include "display/types.h"
#include "encode/encoder.h"
#include "web/people.h"
#include "web/viewer_sound.h"

/*
 * The messages of the WebSocket (docs/web-protocol.md): each is binary, with a type, a display and fields
 * without gaps; all numbers are little-endian. page/wire.js is the other side.
 *
 * Thread: any.
 */
#define VTR_MESSAGE_VERSION 1
#define VTR_MESSAGE_SUBPROTOCOL "vitrine.1"

enum vtr_message_type {
	/* From the page. */
	VTR_MESSAGE_HELLO = 0x01,     /* u16 version, the token: the first message, sent once */
	VTR_MESSAGE_SUBSCRIBE = 0x02, /* u8 on */
	VTR_MESSAGE_ACK = 0x03, /* u32 number of a unit, u32 units that the decoder still has */
	VTR_MESSAGE_WANT_KEY = 0x04,
	VTR_MESSAGE_BITRATE = 0x05, /* u32 bits per second; 0: the server's default */
	VTR_MESSAGE_PING = 0x06,    /* u64, returned in the pong */
	VTR_MESSAGE_MODE = 0x07,    /* u32 width, u32 height */
	VTR_MESSAGE_KEY = 0x08,     /* u16 code, u8 down */
	VTR_MESSAGE_MOTION = 0x09,  /* u16 x, u16 y */
	VTR_MESSAGE_WHEEL = 0x0a,   /* i32 x, i32 y */
	VTR_MESSAGE_RELEASE = 0x0b, /* of all keys that this viewer holds down */
	VTR_MESSAGE_LISTEN = 0x10, /* u8 on */
	VTR_MESSAGE_HEARD = 0x11, /* u32 number of a packet */
	VTR_MESSAGE_OPEN_MICROPHONE = 0x12, /* u8 on */
	VTR_MESSAGE_SPEECH = 0x13, /* i16, VTR_VIEWER_SOUND_SPEECH times */
	VTR_MESSAGE_NAME = 0x38,    /* UTF-8 to the end, at most VTR_PERSON_NAME_MAX bytes */
	VTR_MESSAGE_POINT = 0x39,   /* u16 x, u16 y, u8 visible: where the viewer points at, for others */
	VTR_MESSAGE_CONTROL = 0x3a, /* u8 enum vtr_people_action, u16 id of a person */
	VTR_MESSAGE_LINK_MAKE = 0x3b, /* u8 enum vtr_token_kind, u32 seconds */
	VTR_MESSAGE_LINK_END = 0x3c, /* u32 id of a link */
	VTR_MESSAGE_TAKE_PATCHES = 0x3d, /* u8 on */
	VTR_MESSAGE_ACK_PATCH = 0x3e, /* u32 number of a patch */
	VTR_MESSAGE_TOUCH = 0x30, /* u8 contact, u8 down, u16 x, u16 y */
	VTR_MESSAGE_PAD = 0x31, /* u8 number, u8 connected, u32 buttons, VTR_PAD_AXES times i16 */
	/* To the page. */
	VTR_MESSAGE_WELCOME = 0x81, /* u16 version, u8 may_control, i64 time, the view token or zeros */
	VTR_MESSAGE_DISPLAYS = 0x82, /* u8 count, struct vtr_message_display each */
	VTR_MESSAGE_CONFIG = 0x83, /* u64 generation, u32 width, u32 height, two texts: u8 length, bytes */
	VTR_MESSAGE_UNIT = 0x84, /* see VTR_MESSAGE_UNIT_HEAD */
	VTR_MESSAGE_CURSOR = 0x85, /* u8 visible, u16 hot_x, hot_y, width, height; RGBA, not premultiplied */
	VTR_MESSAGE_POINTER = 0x86, /* i32 x, i32 y: position of the guest's cursor */
	VTR_MESSAGE_LIT = 0x87, /* u8: 1 active, 0 inactive */
	VTR_MESSAGE_PONG = 0x88, /* u64 of the ping, i64 time */
	VTR_MESSAGE_STATS = 0x89, /* u32 viewers, u32 bitrate, u64 coded, u64 dropped, u64 skipped */
	VTR_MESSAGE_NOTICE = 0x8a, /* u16 code, text to the end: a request failed */
	VTR_MESSAGE_LIGHTS = 0x8b, /* u8 lights of the keyboard that are on: enum vtr_light */
	VTR_MESSAGE_SOUND = 0x90, /* u8 plays, u8 records, u32 rate, u8 channels, text: u8 length, codec */
	VTR_MESSAGE_PACKET = 0x91, /* u32 number, i64 time; then the packet to the end */
	VTR_MESSAGE_SILENCE = 0x92, /* until the next packet */
	VTR_MESSAGE_MICROPHONE = 0x93, /* u8 on: 0: another viewer speaks now */
	VTR_MESSAGE_PEOPLE =
		0xb8, /* u16 own id, u16 holder's id, u8 count; each: u16 id, u8 role, u8 colour, name */
	VTR_MESSAGE_POINTERS = 0xb9, /* each to the end: u16 id, u8 display, u8 visible, u16 x, u16 y */
	VTR_MESSAGE_LINKS =
		0xba, /* each to the end: u32 id, u8 kind, u32 seconds left, u8 viewers, the token */
	VTR_MESSAGE_PATCH = 0xbb, /* see VTR_MESSAGE_PATCH_HEAD */
	VTR_MESSAGE_STALE =
		0xbc, /* u16 x, y, width, height: patches do not hold there from the next unit on */
	VTR_MESSAGE_DEVICES = 0xb0, /* u8 touch, u8 pads: what the guest has besides keyboard and tablet */
};

/* Times are nanoseconds of vtr_os_now_ns(). */

/* Type and display. */
#define VTR_MESSAGE_HEAD 2

/* u8 key, u64 generation, u64 frame, i64 captured, i64 coded, u32 number; then Annex B to the end. */
#define VTR_MESSAGE_UNIT_HEAD (2 + 1 + 8 + 8 + 8 + 8 + 4)

/* u64 generation, u64 frame, u32 number, u16 x, u16 y, then x, y, width and height of what has changed since, u16 each;
 * then PNG to the end. */
#define VTR_MESSAGE_PATCH_HEAD (2 + 8 + 8 + 4 + 2 * 2 + 4 * 2)

/* Why a connection ends, as close codes from WebSocket's private range. */
enum vtr_message_close {
	VTR_MESSAGE_CLOSE_TOKEN = 4401, /* the token is wrong; do not retry with it */
	VTR_MESSAGE_CLOSE_VIEW = 4403, /* a viewer without control sent a control message */
	VTR_MESSAGE_CLOSE_SLOW = 4408, /* nothing was received for too long */
	VTR_MESSAGE_CLOSE_NONSENSE = 4400, /* a message broke the protocol */
	VTR_MESSAGE_CLOSE_FULL = 4429, /* too many viewers */
	VTR_MESSAGE_CLOSE_FAILED = 4500, /* the server failed; try again */
};

enum vtr_message_notice {
	VTR_MESSAGE_NOTICE_VIDEO = 1, /* the display cannot be encoded */
	VTR_MESSAGE_NOTICE_MODE = 2, /* the mode cannot be requested */
	VTR_MESSAGE_NOTICE_INPUT = 3, /* input was lost */
	VTR_MESSAGE_NOTICE_CONTROL = 4, /* another viewer has the control */
	VTR_MESSAGE_NOTICE_LINK = 5, /* no link could be made */
};

/* The longest message of a page, except those about the agent; the longest valid one is SPEECH. */
#define VTR_MESSAGE_MAX_IN (2 + 2 * VTR_VIEWER_SOUND_SPEECH)
/* The longest message to a page, except units; those about the agent are no longer. */
#define VTR_MESSAGE_MAX_OUT (16 + VTR_CURSOR_SIZE * VTR_CURSOR_SIZE * 4)

/* A page's message, checked as far as possible without the state of the displays. */
struct vtr_message {
	enum vtr_message_type type;
	uint32_t display; /* less than VTR_MAX_DISPLAYS */
	union {
		struct {
			uint16_t version;
			char token[VTR_TOKEN_LENGTH];
		} hello;
		bool on;
		struct {
			uint32_t number;
			uint32_t waiting;
		} ack;
		uint32_t bitrate;
		uint64_t ping;
		struct {
			uint32_t width, height;
		} mode;
		struct vtr_input input; /* KEY, MOTION, WHEEL, TOUCH, PAD */
		uint32_t heard;
		uint32_t patch;
		int16_t speech[VTR_VIEWER_SOUND_SPEECH];
		struct {
			uint8_t utf8[VTR_PERSON_NAME_MAX];
			size_t size;
		} name;
		struct {
			uint32_t x, y;
			bool visible;
		} point;
		struct {
			enum vtr_token_kind kind; /* VIEW or CONTROL */
			uint32_t seconds; /* 1 to VTR_LINK_MAX_S */
		} link;
		uint32_t link_id;
		struct {
			enum vtr_people_action action;
			uint16_t id;
		} control;
	};
};

/* Returns: VTR_ERR_PROTOCOL (not a valid message, or a value is out of range). */
VTR_MUST_CHECK enum vtr_err vtr_message_parse(const uint8_t *bytes, size_t size,
                                              struct vtr_message *out_message);

/* A display, as sent to pages. */
struct vtr_message_display {
	uint32_t number;
	bool connected, active;
	uint32_t mode_width, mode_height;
	uint32_t width, height; /* size of its picture; 0 if inactive */
};

/* Each writes one message, with room for VTR_MESSAGE_MAX_OUT bytes. Returns: its size. */
/* `view_token`: NULL for viewers who do not get it. */
size_t vtr_message_welcome(uint8_t *out, bool may_control, int64_t now_ns, const char *view_token);
size_t vtr_message_displays(uint8_t *out, const struct vtr_message_display *displays, size_t count);
/* The texts are cut off at 255 bytes. */
size_t vtr_message_config(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                          const char *codec, const char *encoder);
size_t vtr_message_cursor(uint8_t *out, uint32_t display, const struct vtr_scanout_cursor *cursor);
size_t vtr_message_pointer(uint8_t *out, uint32_t display, int32_t x, int32_t y);
size_t vtr_message_active(uint8_t *out, uint32_t display, bool active);
size_t vtr_message_lights(uint8_t *out, uint32_t lights);
size_t vtr_message_devices(uint8_t *out, bool touch, uint32_t pads);
size_t vtr_message_pong(uint8_t *out, uint64_t ping, int64_t now_ns);
struct vtr_message_stats {
	uint32_t viewers, bitrate;
	uint64_t coded, dropped; /* of the display */
	uint64_t skipped; /* of this viewer */
};
size_t vtr_message_stats(uint8_t *out, uint32_t display, const struct vtr_message_stats *stats);
size_t vtr_message_notice(uint8_t *out, uint32_t display, enum vtr_message_notice code, const char *text);

/* `plays`: the page can listen; `records`: the machine takes the page's microphone. */
size_t vtr_message_sound(uint8_t *out, bool plays, bool records);
/* Has at most VTR_AUDIO_MAX_PACKET bytes more than the fields. */
size_t vtr_message_packet(uint8_t *out, uint32_t number, const struct vtr_audio_packet *packet);
size_t vtr_message_silence(uint8_t *out);
size_t vtr_message_microphone(uint8_t *out, bool on);
/* Who is there, for one of them. */
size_t vtr_message_people(uint8_t *out, const struct vtr_people *people, const struct vtr_person *self);
/* The pointers of the others that have changed since people->pointer_change was `since`. */
size_t vtr_message_pointers(uint8_t *out, const struct vtr_people *people, const struct vtr_person *self,
                            uint32_t since);

/* `viewers`: how many use each of the VTR_LINKS_MAX entries. */
size_t vtr_message_links(uint8_t *out, const struct vtr_links *links, const uint32_t *viewers,
                         int64_t now_ns);

/* Writes the VTR_MESSAGE_UNIT_HEAD bytes in front of the unit's bytes. */
void vtr_message_unit_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                           uint32_t number);

struct vtr_viewer_patch;
/* Writes the VTR_MESSAGE_PATCH_HEAD bytes in front of the patch's bytes. */
void vtr_message_patch_head(uint8_t *out, uint32_t display, const struct vtr_viewer_patch *patch,
                            uint32_t number);
size_t vtr_message_stale(uint8_t *out, uint32_t display, const struct vtr_rect *rect);

/* The codec string of a key unit ("avc1.42c01f"), from its sequence parameter set. */
#define VTR_CODEC_MAX 12

/* Returns: VTR_ERR_INVALID (the unit has no sequence parameter set). */
VTR_MUST_CHECK enum vtr_err vtr_message_codec(const uint8_t *annex_b, size_t size,
                                              char out_codec[VTR_CODEC_MAX]);

#endif
