/* SPDX-License-Identifier: MIT */
#include "web/message.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "encode/audio_encoder.h"
#include "encode/h264.h"
#include "web/fields.h"
#include "web/viewer_patches.h"

/* --- reading ----------------------------------------------------------------------------------------- */

static void read_input(struct vtr_field_reader *reader, struct vtr_message *message)
{
	struct vtr_input *input = &message->input;

	input->display = message->display;
	switch ((int)message->type) {
	case VTR_MESSAGE_KEY:
		input->kind = VTR_INPUT_KEY;
		input->code = vtr_field_get_u16(reader);
		input->down = vtr_field_get_bool(reader);
		reader->wrong |= input->code > VTR_INPUT_MAX_CODE;
		break;
	case VTR_MESSAGE_MOTION:
		input->kind = VTR_INPUT_MOTION;
		input->x = vtr_field_get_u16(reader);
		input->y = vtr_field_get_u16(reader);
		break;
	default:
		input->kind = VTR_INPUT_WHEEL;
		input->wheel_x = (int32_t)vtr_field_get_u32(reader);
		input->wheel_y = (int32_t)vtr_field_get_u32(reader);
		break;
	}
}

static void read_speech(struct vtr_field_reader *reader, struct vtr_message *message)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(message->speech); i++) {
		message->speech[i] = (int16_t)vtr_field_get_u16(reader);
	}
}

static void read_people(struct vtr_field_reader *reader, struct vtr_message *message)
{
	switch ((int)message->type) {
	case VTR_MESSAGE_NAME:
		message->name.size = reader->left;
		reader->wrong |= reader->left > sizeof(message->name.utf8);
		vtr_field_get_bytes(reader, message->name.utf8,
		                    vtr_min(reader->left, sizeof(message->name.utf8)));
		break;
	case VTR_MESSAGE_POINT:
		message->point.x = vtr_field_get_u16(reader);
		message->point.y = vtr_field_get_u16(reader);
		message->point.visible = vtr_field_get_bool(reader);
		break;
	case VTR_MESSAGE_LINK_MAKE:
		message->link.kind = (enum vtr_token_kind)vtr_field_get_u8(reader);
		message->link.seconds = vtr_field_get_u32(reader);
		reader->wrong |= message->link.kind != VTR_TOKEN_VIEW &&
		                 message->link.kind != VTR_TOKEN_CONTROL;
		reader->wrong |= message->link.seconds == 0 || message->link.seconds > VTR_LINK_MAX_S;
		break;
	case VTR_MESSAGE_LINK_END:
		message->link_id = vtr_field_get_u32(reader);
		break;
	default:
		message->control.action = (enum vtr_people_action)vtr_field_get_u8(reader);
		message->control.id = vtr_field_get_u16(reader);
		reader->wrong |= message->control.action >= VTR_PEOPLE_ACTION_COUNT;
		break;
	}
}

static void read_touch(struct vtr_field_reader *reader, struct vtr_input *input)
{
	input->kind = VTR_INPUT_TOUCH;
	input->code = vtr_field_get_u8(reader);
	input->down = vtr_field_get_bool(reader);
	input->x = vtr_field_get_u16(reader);
	input->y = vtr_field_get_u16(reader);
	reader->wrong |= input->code >= VTR_TOUCH_CONTACTS;
}

static void read_pad(struct vtr_field_reader *reader, struct vtr_input *input)
{
	input->kind = VTR_INPUT_PAD;
	input->code = vtr_field_get_u8(reader);
	input->down = vtr_field_get_bool(reader);
	input->buttons = vtr_field_get_u32(reader);
	reader->wrong |= input->code >= VTR_PADS || (input->buttons & ~VTR_PAD_BUTTONS) != 0;
	for (size_t i = 0; i < VTR_PAD_AXES; i++) {
		input->axes[i] = (int16_t)vtr_field_get_u16(reader);
		reader->wrong |= i >= VTR_PAD_FIRST_TRIGGER && input->axes[i] < 0;
	}
	if (!input->down) { /* it is gone: whatever it said last, nothing is pressed */
		input->buttons = 0;
		memset(input->axes, 0, sizeof(input->axes));
	}
}

static void read_rest(struct vtr_field_reader *reader, struct vtr_message *message)
{
	switch ((int)message->type) {
	case VTR_MESSAGE_HELLO:
		message->hello.version = vtr_field_get_u16(reader);
		vtr_field_get_bytes(reader, message->hello.token, sizeof(message->hello.token));
		break;
	case VTR_MESSAGE_SUBSCRIBE:
	case VTR_MESSAGE_LISTEN:
	case VTR_MESSAGE_OPEN_MICROPHONE:
	case VTR_MESSAGE_TAKE_PATCHES:
		message->on = vtr_field_get_bool(reader);
		break;
	case VTR_MESSAGE_ACK:
		message->ack.number = vtr_field_get_u32(reader);
		message->ack.waiting = vtr_field_get_u32(reader);
		break;
	case VTR_MESSAGE_BITRATE:
		message->bitrate = vtr_field_get_u32(reader);
		break;
	case VTR_MESSAGE_PING:
		message->ping = vtr_field_get_u64(reader);
		break;
	case VTR_MESSAGE_MODE:
		message->mode.width = vtr_field_get_u32(reader);
		message->mode.height = vtr_field_get_u32(reader);
		break;
	case VTR_MESSAGE_KEY:
	case VTR_MESSAGE_MOTION:
	case VTR_MESSAGE_WHEEL:
		read_input(reader, message);
		break;
	case VTR_MESSAGE_HEARD:
		message->heard = vtr_field_get_u32(reader);
		break;
	case VTR_MESSAGE_ACK_PATCH:
		message->patch = vtr_field_get_u32(reader);
		break;
	case VTR_MESSAGE_SPEECH:
		read_speech(reader, message);
		break;
	case VTR_MESSAGE_NAME:
	case VTR_MESSAGE_POINT:
	case VTR_MESSAGE_CONTROL:
	case VTR_MESSAGE_LINK_MAKE:
	case VTR_MESSAGE_LINK_END:
		read_people(reader, message);
		break;
	case VTR_MESSAGE_TOUCH:
		message->input.display = message->display;
		read_touch(reader, &message->input);
		break;
	case VTR_MESSAGE_PAD:
		read_pad(reader, &message->input);
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
	struct vtr_field_reader reader = { .at = bytes, .left = size };
	struct vtr_message message;

	memset(&message, 0, sizeof(message));
	message.type = (enum vtr_message_type)vtr_field_get_u8(&reader);
	message.display = vtr_field_get_u8(&reader);
	read_rest(&reader, &message);
	if (reader.wrong || reader.left != 0 || message.display >= VTR_MAX_DISPLAYS) {
		return VTR_ERR_PROTOCOL;
	}
	*out_message = message;
	return VTR_OK;
}

/* --- writing ----------------------------------------------------------------------------------------- */

static void put_text(struct vtr_field_writer *writer, const char *text)
{
	size_t length = vtr_min(strlen(text), UINT8_MAX);

	vtr_field_put_u8(writer, length);
	vtr_field_put_bytes(writer, text, length);
}

size_t vtr_message_welcome(uint8_t *out, bool may_control, int64_t now_ns, const char *view_token)
{
	static const char none[VTR_TOKEN_LENGTH];
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_WELCOME, 0);

	vtr_field_put_u16(&writer, VTR_MESSAGE_VERSION);
	vtr_field_put_u8(&writer, may_control);
	vtr_field_put_u64(&writer, (uint64_t)now_ns);
	vtr_field_put_bytes(&writer, view_token ? view_token : none, VTR_TOKEN_LENGTH);
	return writer.size;
}

size_t vtr_message_displays(uint8_t *out, const struct vtr_message_display *displays, size_t count)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_DISPLAYS, 0);

	vtr_field_put_u8(&writer, count);
	for (size_t i = 0; i < count; i++) {
		const struct vtr_message_display *display = &displays[i];
		vtr_field_put_u8(&writer, display->number);
		vtr_field_put_u8(&writer, display->connected);
		vtr_field_put_u8(&writer, display->active);
		vtr_field_put_u32(&writer, display->mode_width);
		vtr_field_put_u32(&writer, display->mode_height);
		vtr_field_put_u32(&writer, display->width);
		vtr_field_put_u32(&writer, display->height);
	}
	return writer.size;
}

size_t vtr_message_config(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                          const char *codec, const char *encoder)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_CONFIG, display);

	vtr_field_put_u64(&writer, unit->generation);
	vtr_field_put_u32(&writer, unit->width);
	vtr_field_put_u32(&writer, unit->height);
	put_text(&writer, codec);
	put_text(&writer, encoder);
	return writer.size;
}

void vtr_message_unit_head(uint8_t *out, uint32_t display, const struct vtr_access_unit *unit,
                           uint32_t number)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_UNIT, display);

	vtr_field_put_u8(&writer, unit->key);
	vtr_field_put_u64(&writer, unit->generation);
	vtr_field_put_u64(&writer, unit->frame);
	vtr_field_put_u64(&writer, (uint64_t)unit->captured_ns);
	vtr_field_put_u64(&writer, (uint64_t)unit->coded_ns);
	vtr_field_put_u32(&writer, number);
	vtr_assert(writer.size == VTR_MESSAGE_UNIT_HEAD);
}

static void put_rect(struct vtr_field_writer *writer, const struct vtr_rect *rect)
{
	vtr_field_put_u16(writer, (uint16_t)rect->x);
	vtr_field_put_u16(writer, (uint16_t)rect->y);
	vtr_field_put_u16(writer, (uint16_t)rect->width);
	vtr_field_put_u16(writer, (uint16_t)rect->height);
}

void vtr_message_patch_head(uint8_t *out, uint32_t display, const struct vtr_viewer_patch *patch,
                            uint32_t number)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_PATCH, (uint8_t)display);

	vtr_field_put_u64(&writer, patch->patch->generation);
	vtr_field_put_u64(&writer, patch->patch->frame);
	vtr_field_put_u32(&writer, number);
	vtr_field_put_u16(&writer, (uint16_t)patch->patch->rect.x);
	vtr_field_put_u16(&writer, (uint16_t)patch->patch->rect.y);
	put_rect(&writer, &patch->stale);
	vtr_assert(writer.size == VTR_MESSAGE_PATCH_HEAD);
}

size_t vtr_message_stale(uint8_t *out, uint32_t display, const struct vtr_rect *rect)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_STALE, (uint8_t)display);

	put_rect(&writer, rect);
	return writer.size;
}

/* Writes a pixel of a cursor as a page needs it: colours not multiplied by alpha. */
static void put_pixel(struct vtr_field_writer *writer, uint32_t pixel)
{
	uint32_t alpha = pixel >> 24;

	for (int shift = 16; shift >= 0; shift -= 8) {
		uint32_t value = pixel >> shift & 0xff;
		vtr_field_put_u8(writer, alpha == 0 ? 0 : vtr_min((value * 255 + alpha / 2) / alpha, 255));
	}
	vtr_field_put_u8(writer, alpha);
}

size_t vtr_message_cursor(uint8_t *out, uint32_t display, const struct vtr_scanout_cursor *cursor)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_CURSOR, display);
	uint32_t side = cursor->visible ? VTR_CURSOR_SIZE : 0;

	vtr_field_put_u8(&writer, cursor->visible);
	vtr_field_put_u16(&writer, vtr_min(cursor->image.hot_x, VTR_CURSOR_SIZE - 1));
	vtr_field_put_u16(&writer, vtr_min(cursor->image.hot_y, VTR_CURSOR_SIZE - 1));
	vtr_field_put_u16(&writer, side);
	vtr_field_put_u16(&writer, side);
	for (size_t i = 0; i < (size_t)side * side; i++) {
		put_pixel(&writer, cursor->image.pixels[i]);
	}
	return writer.size;
}

size_t vtr_message_pointer(uint8_t *out, uint32_t display, int32_t x, int32_t y)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_POINTER, display);

	vtr_field_put_u32(&writer, (uint32_t)x);
	vtr_field_put_u32(&writer, (uint32_t)y);
	return writer.size;
}

size_t vtr_message_active(uint8_t *out, uint32_t display, bool active)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_LIT, display);

	vtr_field_put_u8(&writer, active);
	return writer.size;
}

size_t vtr_message_lights(uint8_t *out, uint32_t lights)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_LIGHTS, 0);

	vtr_field_put_u8(&writer, lights);
	return writer.size;
}

size_t vtr_message_devices(uint8_t *out, bool touch, uint32_t pads)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_DEVICES, 0);

	vtr_field_put_u8(&writer, touch);
	vtr_field_put_u8(&writer, pads);
	return writer.size;
}

size_t vtr_message_pong(uint8_t *out, uint64_t ping, int64_t now_ns)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_PONG, 0);

	vtr_field_put_u64(&writer, ping);
	vtr_field_put_u64(&writer, (uint64_t)now_ns);
	return writer.size;
}

size_t vtr_message_stats(uint8_t *out, uint32_t display, const struct vtr_message_stats *stats)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_STATS, display);

	vtr_field_put_u32(&writer, stats->viewers);
	vtr_field_put_u32(&writer, stats->bitrate);
	vtr_field_put_u64(&writer, stats->coded);
	vtr_field_put_u64(&writer, stats->dropped);
	vtr_field_put_u64(&writer, stats->skipped);
	return writer.size;
}

size_t vtr_message_notice(uint8_t *out, uint32_t display, enum vtr_message_notice code, const char *text)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_NOTICE, display);

	vtr_field_put_u16(&writer, code);
	vtr_field_put_bytes(&writer, text, vtr_min(strlen(text), UINT8_MAX));
	return writer.size;
}

/* --- sound ------------------------------------------------------------------------------------------- */

size_t vtr_message_sound(uint8_t *out, bool plays, bool records)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_SOUND, 0);

	vtr_field_put_u8(&writer, plays);
	vtr_field_put_u8(&writer, records);
	vtr_field_put_u32(&writer, VTR_AUDIO_ENCODER_RATE);
	vtr_field_put_u8(&writer, VTR_AUDIO_ENCODER_CHANNELS);
	put_text(&writer, "opus");
	return writer.size;
}

size_t vtr_message_packet(uint8_t *out, uint32_t number, const struct vtr_audio_packet *packet)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_PACKET, 0);

	vtr_field_put_u32(&writer, number);
	vtr_field_put_u64(&writer, (uint64_t)packet->time_ns);
	vtr_field_put_bytes(&writer, packet->data, packet->size);
	return writer.size;
}

size_t vtr_message_silence(uint8_t *out)
{
	return vtr_field_begin(out, VTR_MESSAGE_SILENCE, 0).size;
}

size_t vtr_message_microphone(uint8_t *out, bool on)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_MICROPHONE, 0);

	vtr_field_put_u8(&writer, on);
	return writer.size;
}

/* --- people ------------------------------------------------------------------------------------------ */

size_t vtr_message_people(uint8_t *out, const struct vtr_people *people, const struct vtr_person *self)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_PEOPLE, 0);
	size_t count = 0;

	for (size_t i = 0; i < VTR_PEOPLE_MAX; i++) {
		count += people->slots[i].id != 0;
	}
	vtr_field_put_u16(&writer, self->id);
	vtr_field_put_u16(&writer, people->holder);
	vtr_field_put_u8(&writer, count);
	for (size_t i = 0; i < VTR_PEOPLE_MAX; i++) {
		const struct vtr_person *person = &people->slots[i];
		if (person->id != 0) {
			vtr_field_put_u16(&writer, person->id);
			vtr_field_put_u8(&writer, person->role);
			vtr_field_put_u8(&writer, i);
			vtr_field_put_u8(&writer, person->name_size);
			vtr_field_put_bytes(&writer, person->name, person->name_size);
		}
	}
	return writer.size;
}

size_t vtr_message_pointers(uint8_t *out, const struct vtr_people *people, const struct vtr_person *self,
                            uint32_t since)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_POINTERS, 0);

	for (size_t i = 0; i < VTR_PEOPLE_MAX; i++) {
		const struct vtr_person *person = &people->slots[i];
		/* By differences, since counts wrap around. */
		if (person->id != 0 && person != self && (int32_t)(person->pointer.change - since) > 0) {
			vtr_field_put_u16(&writer, person->id);
			vtr_field_put_u8(&writer, person->pointer.display);
			vtr_field_put_u8(&writer, person->pointer.visible);
			vtr_field_put_u16(&writer, person->pointer.x);
			vtr_field_put_u16(&writer, person->pointer.y);
		}
	}
	return writer.size;
}

size_t vtr_message_links(uint8_t *out, const struct vtr_links *links, const uint32_t *viewers, int64_t now_ns)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_MESSAGE_LINKS, 0);

	for (size_t i = 0; links->page && i < VTR_LINKS_MAX; i++) {
		const struct vtr_link *link = &links->page->links[i];
		uint32_t kind = atomic_load(&link->kind);
		if (kind != VTR_TOKEN_WRONG && link->expires_ns > now_ns) {
			vtr_field_put_u32(&writer, link->id);
			vtr_field_put_u8(&writer, kind);
			vtr_field_put_u32(&writer, (uint32_t)((link->expires_ns - now_ns) / 1000000000));
			vtr_field_put_u8(&writer, vtr_min(viewers[i], UINT8_MAX));
			vtr_field_put_bytes(&writer, link->token, VTR_TOKEN_LENGTH);
		}
	}
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
