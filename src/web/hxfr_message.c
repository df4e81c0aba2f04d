/* SPDX-License-Identifier: MIT */
#include "web/hxfr_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/little_endian.h"

#define MAGIC 0x52465848u /* "HXFR" */
#define CONNECTOR_SIZE 64
#define TEXT_SIZE 256

/* Writes a header and clears the payload. Returns: the payload. */
static uint8_t *begin(uint8_t *out, enum vtr_hxfr_type type, uint32_t session, size_t payload)
{
	memset(out, 0, VTR_HXFR_HEADER + payload);
	vtr_put_le32(out, MAGIC);
	out[4] = (uint8_t)type;
	vtr_put_le16(out + 6, (uint16_t)session);
	vtr_put_le32(out + 8, (uint32_t)payload);
	return out + VTR_HXFR_HEADER;
}

bool vtr_hxfr_parse_header(const uint8_t bytes[VTR_HXFR_HEADER], struct vtr_hxfr_header *out_header)
{
	*out_header = (struct vtr_hxfr_header){
		.type = bytes[4],
		.session = vtr_get_le16(bytes + 6),
		.size = vtr_get_le32(bytes + 8),
	};
	return vtr_get_le32(bytes) == MAGIC && out_header->size <= VTR_HXFR_MAX_SKIPPED;
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
		out_request->width = vtr_get_le32(payload + 4);
		out_request->height = vtr_get_le32(payload + 8);
		out_request->display = vtr_get_le32(payload);
		break;
	case VTR_HXFR_DISABLE_SCANOUT:
	case VTR_HXFR_SUBSCRIBE:
		out_request->display = vtr_get_le32(payload);
		break;
	case VTR_HXFR_CONFIG_REQ:
		out_request->bitrate = vtr_get_le32(payload + 8);
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

	vtr_put_le32(payload, display);
	vtr_put_le32(payload + 4, success);
	return VTR_HXFR_HEADER + 8;
}

size_t vtr_hxfr_scanout_resp(uint8_t *out, uint32_t display, bool success)
{
	uint8_t *payload = begin(out, VTR_HXFR_SCANOUT_RESP, display, 8 + CONNECTOR_SIZE);

	vtr_put_le32(payload, display);
	vtr_put_le32(payload + 4, success);
	snprintf((char *)payload + 8, CONNECTOR_SIZE, "Virtual-%" PRIu64, (uint64_t)display + 1);
	return VTR_HXFR_HEADER + 8 + CONNECTOR_SIZE;
}

size_t vtr_hxfr_auth_resp(uint8_t *out, bool may_control)
{
	vtr_put_le32(begin(out, VTR_HXFR_AUTH_RESP, 0, 4), may_control ? 2 : 1);
	return VTR_HXFR_HEADER + 4;
}

size_t vtr_hxfr_error(uint8_t *out, enum vtr_hxfr_error error, const char *text)
{
	uint8_t *payload = begin(out, VTR_HXFR_ERROR, 0, 4 + TEXT_SIZE);

	vtr_put_le32(payload, (uint32_t)error);
	snprintf((char *)payload + 4, TEXT_SIZE, "%s", text);
	return VTR_HXFR_HEADER + 4 + TEXT_SIZE;
}

size_t vtr_hxfr_frame_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit)
{
	uint8_t *payload = begin(out, VTR_HXFR_FRAME_RESPONSE, display, 24 + 4);

	vtr_put_le32(out + 8, (uint32_t)(24 + 4 + unit->size));
	vtr_put_le64(payload, (uint64_t)unit->captured_ns);
	vtr_put_le64(payload + 8,
	             (uint64_t)unit->captured_ns); /* the same as above: frames are not reordered */
	payload[16] = unit->key;
	vtr_put_le32(payload + 20, 1);
	vtr_put_le32(payload + 24, (uint32_t)unit->size);
	return VTR_HXFR_FRAME_HEAD;
}
