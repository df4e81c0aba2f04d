/* SPDX-License-Identifier: MIT */
#include "web/message.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "encode/h264.h"

/* --- reading ----------------------------------------------------------------------------------------- */

struct reader {
	const uint8_t *at;
	size_t left;
	bool wrong; /* too short, or out of range: the values read are undefined */
};

static uint64_t get(struct reader *reader, size_t size)
{
	uint64_t value = 0;

	if (reader->left < size) {
		reader->wrong = true;
		return 0;
	}
	for (size_t i = 0; i < size; i++) {
		value |= (uint64_t)reader->at[i] << (8 * i);
	}
	reader->at += size;
	reader->left -= size;
	return value;
}

static bool get_bool(struct reader *reader)
{
	uint64_t value = get(reader, 1);

	reader->wrong |= value > 1;
	return value == 1;
}

static void get_bytes(struct reader *reader, void *out, size_t size)
{
	if (reader->left < size) {
		reader->wrong = true;
		return;
	}
	memcpy(out, reader->at, size);
	reader->at += size;
	reader->left -= size;
}

static void read_input(struct reader *reader, struct vtr_message *message)
{
	struct vtr_input *input = &message->input;

	input->display = message->display;
	switch ((int)message->type) {
	case VTR_MESSAGE_KEY:
		input->kind = VTR_INPUT_KEY;
		input->code = (uint32_t)get(reader, 2);
		input->down = get_bool(reader);
		reader->wrong |= input->code > VTR_INPUT_MAX_CODE;
		break;
	case VTR_MESSAGE_MOTION:
		input->kind = VTR_INPUT_MOTION;
		input->x = (uint32_t)get(reader, 2);
		input->y = (uint32_t)get(reader, 2);
		break;
	default:
		input->kind = VTR_INPUT_WHEEL;
		input->wheel_x = (int32_t)(uint32_t)get(reader, 4);
		input->wheel_y = (int32_t)(uint32_t)get(reader, 4);
		break;
	}
}

static void read_rest(struct reader *reader, struct vtr_message *message)
{
	switch ((int)message->type) {
	case VTR_MESSAGE_HELLO:
		message->hello.version = (uint16_t)get(reader, 2);
		get_bytes(reader, message->hello.token, sizeof(message->hello.token));
		break;
	case VTR_MESSAGE_SUBSCRIBE:
		message->on = get_bool(reader);
		break;
	case VTR_MESSAGE_ACK:
		message->ack.number = (uint32_t)get(reader, 4);
		message->ack.waiting = (uint32_t)get(reader, 4);
		break;
	case VTR_MESSAGE_BITRATE:
		message->bitrate = (uint32_t)get(reader, 4);
		break;
	case VTR_MESSAGE_PING:
		message->ping = get(reader, 8);
		break;
	case VTR_MESSAGE_MODE:
		message->mode.width = (uint32_t)get(reader, 4);
		message->mode.height = (uint32_t)get(reader, 4);
		break;
	case VTR_MESSAGE_KEY:
	case VTR_MESSAGE_MOTION:
	case VTR_MESSAGE_WHEEL:
		read_input(reader, message);
		break;
	case VTR_MESSAGE_WANT_KEY:
	case VTR_MESSAGE_RELEASE:
		break;
	default:
		reader->wrong = true;
		break;
	}
}

enum vtr_err vtr_message_parse(const uint8_t *bytes, size_t size, struct vtr_message *out_message)
{
	struct reader reader = { .at = bytes, .left = size };
	struct vtr_message message;

	memset(&message, 0, sizeof(message));
	message.type = (enum vtr_message_type)get(&reader, 1);
	message.display = (uint32_t)get(&reader, 1);
	read_rest(&reader, &message);
	if (reader.wrong || reader.left != 0 || message.display >= VTR_MAX_DISPLAYS) {
		return VTR_ERR_PROTOCOL;
	}
	*out_message = message;
	return VTR_OK;
}

/* --- writing ----------------------------------------------------------------------------------------- */

struct writer {
	uint8_t *start;
	size_t size;
};

static void put(struct writer *writer, size_t size, uint64_t value)
{
	for (size_t i = 0; i < size; i++) {
		writer->start[writer->size++] = (uint8_t)(value >> (8 * i));
	}
}

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->start + writer->size, bytes, size);
	writer->size += size;
}

static void put_text(struct writer *writer, const char *text)
{
	size_t length = vtr_min(strlen(text), UINT8_MAX);

	put(writer, 1, length);
	put_bytes(writer, text, length);
}

static struct writer begin(uint8_t *out, enum vtr_message_type type, uint32_t display)
{
	struct writer writer = { .start = out };

	put(&writer, 1, type);
	put(&writer, 1, display);
	return writer;
}

size_t vtr_message_welcome(uint8_t *out, bool may_control, int64_t now_ns, const char *view_token)
{
	static const char none[VTR_TOKEN_LENGTH];
	struct writer writer = begin(out, VTR_MESSAGE_WELCOME, 0);

	put(&writer, 2, VTR_MESSAGE_VERSION);
	put(&writer, 1, may_control);
	put(&writer, 8, (uint64_t)now_ns);
	put_bytes(&writer, may_control ? view_token : none, VTR_TOKEN_LENGTH);
	return writer.size;
}

size_t vtr_message_displays(uint8_t *out, const struct vtr_message_display *displays, size_t count)
{
	struct writer writer = begin(out, VTR_MESSAGE_DISPLAYS, 0);

	put(&writer, 1, count);
	for (size_t i = 0; i < count; i++) {
		const struct vtr_message_display *display = &displays[i];
		put(&writer, 1, display->number);
		put(&writer, 1, display->connected);
		put(&writer, 1, display->active);
		put(&writer, 4, display->mode_width);
		put(&writer, 4, display->mode_height);
		put(&writer, 4, display->width);
		put(&writer, 4, display->height);
	}
	return writer.size;
}

size_t vtr_message_config(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                          const char *codec, const char *encoder)
{
	struct writer writer = begin(out, VTR_MESSAGE_CONFIG, display);

	put(&writer, 8, unit->generation);
	put(&writer, 4, unit->width);
	put(&writer, 4, unit->height);
	put_text(&writer, codec);
	put_text(&writer, encoder);
	return writer.size;
}

void vtr_message_unit_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                           uint32_t number)
{
	struct writer writer = begin(out, VTR_MESSAGE_UNIT, display);

	put(&writer, 1, unit->key);
	put(&writer, 8, unit->generation);
	put(&writer, 8, unit->frame);
	put(&writer, 8, (uint64_t)unit->captured_ns);
	put(&writer, 8, (uint64_t)unit->coded_ns);
	put(&writer, 4, number);
	vtr_assert(writer.size == VTR_MESSAGE_UNIT_HEAD);
}

/* Writes a pixel of a cursor as a page needs it: colours not multiplied by alpha. */
static void put_pixel(struct writer *writer, uint32_t pixel)
{
	uint32_t alpha = pixel >> 24;

	for (int shift = 16; shift >= 0; shift -= 8) {
		uint32_t value = pixel >> shift & 0xff;
		put(writer, 1, alpha == 0 ? 0 : vtr_min((value * 255 + alpha / 2) / alpha, 255));
	}
	put(writer, 1, alpha);
}

size_t vtr_message_cursor(uint8_t *out, uint32_t display, const struct vtr_scanout_cursor *cursor)
{
	struct writer writer = begin(out, VTR_MESSAGE_CURSOR, display);
	uint32_t side = cursor->visible ? VTR_CURSOR_SIZE : 0;

	put(&writer, 1, cursor->visible);
	put(&writer, 2, vtr_min(cursor->image.hot_x, VTR_CURSOR_SIZE - 1));
	put(&writer, 2, vtr_min(cursor->image.hot_y, VTR_CURSOR_SIZE - 1));
	put(&writer, 2, side);
	put(&writer, 2, side);
	for (size_t i = 0; i < (size_t)side * side; i++) {
		put_pixel(&writer, cursor->image.pixels[i]);
	}
	return writer.size;
}

size_t vtr_message_pointer(uint8_t *out, uint32_t display, int32_t x, int32_t y)
{
	struct writer writer = begin(out, VTR_MESSAGE_POINTER, display);

	put(&writer, 4, (uint32_t)x);
	put(&writer, 4, (uint32_t)y);
	return writer.size;
}

size_t vtr_message_active(uint8_t *out, uint32_t display, bool active)
{
	struct writer writer = begin(out, VTR_MESSAGE_LIT, display);

	put(&writer, 1, active);
	return writer.size;
}

size_t vtr_message_lights(uint8_t *out, uint32_t lights)
{
	struct writer writer = begin(out, VTR_MESSAGE_LIGHTS, 0);

	put(&writer, 1, lights);
	return writer.size;
}

size_t vtr_message_pong(uint8_t *out, uint64_t ping, int64_t now_ns)
{
	struct writer writer = begin(out, VTR_MESSAGE_PONG, 0);

	put(&writer, 8, ping);
	put(&writer, 8, (uint64_t)now_ns);
	return writer.size;
}

size_t vtr_message_stats(uint8_t *out, uint32_t display, const struct vtr_message_stats *stats)
{
	struct writer writer = begin(out, VTR_MESSAGE_STATS, display);

	put(&writer, 4, stats->viewers);
	put(&writer, 4, stats->bitrate);
	put(&writer, 8, stats->coded);
	put(&writer, 8, stats->dropped);
	put(&writer, 8, stats->skipped);
	return writer.size;
}

size_t vtr_message_notice(uint8_t *out, uint32_t display, enum vtr_message_notice code, const char *text)
{
	struct writer writer = begin(out, VTR_MESSAGE_NOTICE, display);

	put(&writer, 2, code);
	put_bytes(&writer, text, vtr_min(strlen(text), UINT8_MAX));
	return writer.size;
}

/* --- the codec --------------------------------------------------------------------------------------- */

enum vtr_err vtr_message_codec(const uint8_t *annex_b, size_t size, char out_codec[VTR_CODEC_MAX])
{
	struct vtr_h264_nal nal;
	size_t at = 0;

	while (vtr_h264_next_nal(annex_b, size, &at, &nal)) {
		if (nal.type == VTR_H264_SPS && nal.size >= 4) {
			snprintf(out_codec, VTR_CODEC_MAX, "avc1.%02x%02x%02x", nal.bytes[1], nal.bytes[2],
			         nal.bytes[3]);
			return VTR_OK;
		}
	}
	return VTR_ERR_INVALID;
}
