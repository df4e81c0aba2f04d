/* SPDX-License-Identifier: MIT */
#include "web/agent_message.h"

#include "web/fields.h"

/* --- reading ----------------------------------------------------------------------------------------- */

static void get_selection(struct vtr_field_reader *reader, struct vtr_agent_message *message)
{
	message->selection = (enum vtr_agent_selection)vtr_field_get_u8(reader);
	reader->wrong |= message->selection >= VTR_AGENT_SELECTIONS;
}

static void get_format(struct vtr_field_reader *reader, struct vtr_agent_message *message)
{
	message->format = (enum vtr_agent_format)vtr_field_get_u8(reader);
	reader->wrong |= message->format != VTR_AGENT_TEXT && message->format != VTR_AGENT_PNG;
}

/* The rest of the message, at least `least` bytes. */
static void get_rest(struct vtr_field_reader *reader, struct vtr_agent_message *message, size_t least)
{
	message->bytes = vtr_field_get_rest(reader, least, VTR_AGENT_MESSAGE_PIECE_IN, &message->bytes_size);
}

static void read_fields(struct vtr_field_reader *reader, struct vtr_agent_message *message)
{
	switch ((int)message->type) {
	case VTR_AGENT_MESSAGE_OFFER:
		get_selection(reader, message);
		get_format(reader, message);
		message->confirms = vtr_field_get_bool(reader);
		message->size = vtr_field_get_u32(reader);
		reader->wrong |= message->size == 0 || message->size > VTR_AGENT_MAX_CLIPBOARD;
		break;
	case VTR_AGENT_MESSAGE_OFFERED:
		get_rest(reader, message, 1);
		break;
	case VTR_AGENT_MESSAGE_REQUEST:
		get_selection(reader, message);
		get_format(reader, message);
		break;
	case VTR_AGENT_MESSAGE_FILE_START:
		message->id = vtr_field_get_u32(reader);
		message->size = vtr_field_get_u64(reader);
		get_rest(reader, message, 0);
		break;
	case VTR_AGENT_MESSAGE_FILE_DATA:
		message->id = vtr_field_get_u32(reader);
		get_rest(reader, message, 1);
		break;
	case VTR_AGENT_MESSAGE_FILE_CANCEL:
		message->id = vtr_field_get_u32(reader);
		break;
	default:
		reader->wrong = true;
		break;
	}
}

enum vtr_err vtr_agent_message_parse(const uint8_t *bytes, size_t size, struct vtr_agent_message *out_message)
{
	struct vtr_field_reader reader = { .at = bytes, .left = size };
	struct vtr_agent_message message = { .type = (enum vtr_agent_message_type)vtr_field_get_u8(&reader) };

	reader.wrong |= vtr_field_get_u8(&reader) != 0;
	if (!reader.wrong) {
		read_fields(&reader, &message);
	}
	if (reader.wrong || reader.left > 0) {
		return VTR_ERR_PROTOCOL;
	}
	*out_message = message;
	return VTR_OK;
}

/* --- writing ----------------------------------------------------------------------------------------- */

size_t vtr_agent_message_state(uint8_t *out, enum vtr_agent_state state, uint32_t abilities)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_STATE, 0);

	vtr_field_put_u8(&writer, state);
	vtr_field_put_u8(&writer, abilities);
	return writer.size;
}

size_t vtr_agent_message_owner(uint8_t *out, enum vtr_agent_selection selection, uint32_t formats)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_OWNER, 0);

	vtr_field_put_u8(&writer, selection);
	vtr_field_put_u8(&writer, formats);
	return writer.size;
}

size_t vtr_agent_message_answer(uint8_t *out, enum vtr_agent_selection selection,
                                enum vtr_agent_format format, uint8_t answer, size_t size)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_ANSWER, 0);

	vtr_field_put_u8(&writer, selection);
	vtr_field_put_u8(&writer, format);
	vtr_field_put_u8(&writer, answer);
	vtr_field_put_u32(&writer, (uint32_t)size);
	return writer.size;
}

size_t vtr_agent_message_contents(uint8_t *out, enum vtr_agent_selection selection, const uint8_t *bytes,
                                  size_t size)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_CONTENTS, 0);

	vtr_field_put_u8(&writer, selection);
	vtr_field_put_bytes(&writer, bytes, size);
	return writer.size;
}

size_t vtr_agent_message_result(uint8_t *out, enum vtr_agent_selection selection,
                                enum vtr_agent_message_result result)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_RESULT, 0);

	vtr_field_put_u8(&writer, selection);
	vtr_field_put_u8(&writer, result);
	return writer.size;
}

size_t vtr_agent_message_file(uint8_t *out, uint32_t id, uint8_t state, uint64_t value)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_AGENT_MESSAGE_FILE, 0);

	vtr_field_put_u32(&writer, id);
	vtr_field_put_u8(&writer, state);
	vtr_field_put_u64(&writer, value);
	return writer.size;
}
