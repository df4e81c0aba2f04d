/* SPDX-License-Identifier: MIT */
#ifndef WEB_HXFR_MESSAGE_H
#define WEB_HXFR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/tokens.h"
#include "encode/encoder.h"

/*
 * The messages of HXFR (docs/hxfr.md): a header of 12 bytes and a payload; numbers are little-endian.
 * Thread: any.
 */
#define VTR_HXFR_HEADER 12
/* The longest payload that is read; of longer ones, up to the longest that is skipped, the rest is ignored. */
#define VTR_HXFR_MAX_PAYLOAD 44
#define VTR_HXFR_MAX_SKIPPED (64u << 20)

enum vtr_hxfr_type {
	VTR_HXFR_FRAME_REQUEST = 0x01, /* from old clients; not served */
	VTR_HXFR_FRAME_RESPONSE = 0x02,
	VTR_HXFR_KEYFRAME_REQ = 0x03,
	VTR_HXFR_CONFIG_REQ = 0x04,
	VTR_HXFR_PING = 0x10,
	VTR_HXFR_PONG = 0x11,
	VTR_HXFR_ENABLE_SCANOUT = 0x20,
	VTR_HXFR_DISABLE_SCANOUT = 0x21,
	VTR_HXFR_SCANOUT_RESP = 0x22,
	VTR_HXFR_SUBSCRIBE = 0x30,
	VTR_HXFR_SUBSCRIBE_RESP = 0x31,
	VTR_HXFR_AUTH = 0x7e, /* our extension: a token; old servers skip it */
	VTR_HXFR_AUTH_RESP = 0x7f, /* u32: 2 may control, 1 may view */
	VTR_HXFR_ERROR = 0xff,
};

enum vtr_hxfr_error {
	VTR_HXFR_ERROR_INVALID = -1,
	VTR_HXFR_ERROR_TOKEN = -7, /* our extension */
};

struct vtr_hxfr_header {
	uint8_t type;
	uint16_t session; /* the display, in the host's messages */
	uint32_t size; /* of the payload */
};

/* A client's message; only the fields of its type are set. */
struct vtr_hxfr_request {
	struct vtr_hxfr_header header;
	uint32_t display; /* SUBSCRIBE, ENABLE_SCANOUT, DISABLE_SCANOUT */
	uint32_t width, height;
	uint32_t bitrate; /* 0: unchanged */
	char token[VTR_TOKEN_LENGTH];
};

/* Returns: false if it is not a valid header. */
bool vtr_hxfr_parse_header(const uint8_t bytes[VTR_HXFR_HEADER], struct vtr_hxfr_header *out_header);

/* Returns: how much of a payload must be there; 0 for unknown types. */
size_t vtr_hxfr_payload_size(uint8_t type);

/* `payload` has vtr_hxfr_payload_size() bytes. */
void vtr_hxfr_parse(const struct vtr_hxfr_header *header, const uint8_t *payload,
                    struct vtr_hxfr_request *out_request);

/* The longest message of the host, except frames. */
#define VTR_HXFR_MAX_OUT (VTR_HXFR_HEADER + 260)
/* The bytes in front of a coded picture. */
#define VTR_HXFR_FRAME_HEAD (VTR_HXFR_HEADER + 24 + 4)

/* Each writes one message. Returns: its size. */
size_t vtr_hxfr_pong(uint8_t *out, uint16_t session);
size_t vtr_hxfr_subscribe_resp(uint8_t *out, uint32_t display, bool success);
/* Includes the name of the connector in the guest. */
size_t vtr_hxfr_scanout_resp(uint8_t *out, uint32_t display, bool success);
size_t vtr_hxfr_auth_resp(uint8_t *out, bool may_control);
size_t vtr_hxfr_error(uint8_t *out, enum vtr_hxfr_error error, const char *text);
/* The unit's bytes follow the head. */
size_t vtr_hxfr_frame_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit);

#endif
