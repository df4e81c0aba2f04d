/* SPDX-License-Identifier: MIT */
#include "web/hxfr_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define MAGIC 0x52465848u /* "HXFR" */
#define CONNECTOR_SIZE 64
#define TEXT_SIZE 256

static void put16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *to, uint32_t value)
{
	put16(to, (uint16_t)value);
	put16(to + 2, (uint16_t)(value >> 16));
}

static void put64(uint8_t *to, uint64_t value)
{
	put32(to, (uint32_t)value);
	put32(to + 4, (uint32_t)(value >> 32));
}

static uint32_t get32(const uint8_t *from)
{
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* Writes a header and clears the payload. Returns: the payload. */
static uint8_t *begin(uint8_t *out, enum vtr_hxfr_type type, uint32_t session, size_t payload)
{
	memset(out, 0, VTR_HXFR_HEADER + payload);
	put32(out, MAGIC);
	out[4] = (uint8_t)type;
	put16(out + 6, (uint16_t)session);
	put32(out + 8, (uint32_t)payload);
	return out + VTR_HXFR_HEADER;
}

bool vtr_hxfr_parse_header(const uint8_t bytes[VTR_HXFR_HEADER], struct vtr_hxfr_header *out_header)
{
	*out_header = (struct vtr_hxfr_header){
		.type = bytes[4],
		.session = (uint16_t)(bytes[6] | bytes[7] << 8),
		.size = get32(bytes + 8),
	};
	return get32(bytes) == MAGIC && out_header->size <= VTR_HXFR_MAX_SKIPPED;
}

size_t vtr_hxfr_payload_size(uint8_t type)
{
	switch (type) {
	case VTR_HXFR_FRAME_REQUEST:
		return 44;
	case VTR_HXFR_CONFIG_REQ:
		return 28;
	case VTR_HXFR_ENABLE_SCANOUT:
		return 16;
	case VTR_HXFR_DISABLE_SCANOUT:
	case VTR_HXFR_SUBSCRIBE:
		return 4;
	case VTR_HXFR_AUTH:
		return VTR_TOKEN_LENGTH;
	default:
		return 0;
	}
}

void vtr_hxfr_parse(const struct vtr_hxfr_header *header, const uint8_t *payload,
                    struct vtr_hxfr_request *out_request)
{
	*out_request = (struct vtr_hxfr_request){ .header = *header };
	switch (header->type) {
	case VTR_HXFR_ENABLE_SCANOUT:
		out_request->width = get32(payload + 4);
		out_request->height = get32(payload + 8);
		out_request->display = get32(payload);
		break;
	case VTR_HXFR_DISABLE_SCANOUT:
	case VTR_HXFR_SUBSCRIBE:
		out_request->display = get32(payload);
		break;
	case VTR_HXFR_CONFIG_REQ:
		out_request->bitrate = get32(payload + 8);
		break;
	case VTR_HXFR_AUTH:
		memcpy(out_request->token, payload, sizeof(out_request->token));
		break;
	default:
		break;
	}
}

size_t vtr_hxfr_pong(uint8_t *out, uint16_t session)
{
	begin(out, VTR_HXFR_PONG, session, 0);
	return VTR_HXFR_HEADER;
}

size_t vtr_hxfr_subscribe_resp(uint8_t *out, uint32_t display, bool success)
{
	uint8_t *payload = begin(out, VTR_HXFR_SUBSCRIBE_RESP, display, 8);

	put32(payload, display);
	put32(payload + 4, success);
	return VTR_HXFR_HEADER + 8;
}

size_t vtr_hxfr_scanout_resp(uint8_t *out, uint32_t display, bool success)
{
	uint8_t *payload = begin(out, VTR_HXFR_SCANOUT_RESP, display, 8 + CONNECTOR_SIZE);

	put32(payload, display);
	put32(payload + 4, success);
	snprintf((char *)payload + 8, CONNECTOR_SIZE, "Virtual-%" PRIu64, (uint64_t)display + 1);
	return VTR_HXFR_HEADER + 8 + CONNECTOR_SIZE;
}

size_t vtr_hxfr_auth_resp(uint8_t *out, bool may_control)
{
	put32(begin(out, VTR_HXFR_AUTH_RESP, 0, 4), may_control ? 2 : 1);
	return VTR_HXFR_HEADER + 4;
}

size_t vtr_hxfr_error(uint8_t *out, enum vtr_hxfr_error error, const char *text)
{
	uint8_t *payload = begin(out, VTR_HXFR_ERROR, 0, 4 + TEXT_SIZE);

	put32(payload, (uint32_t)error);
	snprintf((char *)payload + 4, TEXT_SIZE, "%s", text);
	return VTR_HXFR_HEADER + 4 + TEXT_SIZE;
}

size_t vtr_hxfr_frame_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit)
{
	uint8_t *payload = begin(out, VTR_HXFR_FRAME_RESPONSE, display, 24 + 4);

	put32(out + 8, (uint32_t)(24 + 4 + unit->size));
	put64(payload, (uint64_t)unit->captured_ns);
	put64(payload + 8, (uint64_t)unit->captured_ns); /* the same as above: frames are not reordered */
	payload[16] = unit->key;
	put32(payload + 20, 1);
	put32(payload + 24, (uint32_t)unit->size);
	return VTR_HXFR_FRAME_HEAD;
}
