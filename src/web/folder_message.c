/* SPDX-License-Identifier: MIT */
#include "web/folder_message.h"

#include <stdbool.h>
#include <string.h>

#include "web/fields.h"
#include "webdav/folder.h"

/* --- reading ----------------------------------------------------------------------------------------- */

/* The rest of the message, at least `least` bytes. */
static void get_rest(struct vtr_field_reader *reader, struct vtr_folder_message *message, size_t least)
{
	message->bytes = vtr_field_get_rest(reader, least, VTR_FOLDER_MESSAGE_PIECE_IN, &message->bytes_size);
}

static void read_fields(struct vtr_field_reader *reader, struct vtr_folder_message *message)
{
	switch ((int)message->type) {
	case VTR_FOLDER_MESSAGE_LIST:
	case VTR_FOLDER_MESSAGE_REMOVE:
		message->node = vtr_field_get_u32(reader);
		break;
	case VTR_FOLDER_MESSAGE_GET:
		message->transfer = vtr_field_get_u32(reader);
		message->node = vtr_field_get_u32(reader);
		break;
	case VTR_FOLDER_MESSAGE_PUT:
		message->transfer = vtr_field_get_u32(reader);
		message->node = vtr_field_get_u32(reader);
		message->size = vtr_field_get_u64(reader);
		get_rest(reader, message, 0);
		break;
	case VTR_FOLDER_MESSAGE_DATA:
		message->transfer = vtr_field_get_u32(reader);
		get_rest(reader, message, 1);
		break;
	case VTR_FOLDER_MESSAGE_CANCEL:
		message->transfer = vtr_field_get_u32(reader);
		break;
	default:
		reader->wrong = true;
		break;
	}
}

enum vtr_err vtr_folder_message_parse(const uint8_t *bytes, size_t size,
                                      struct vtr_folder_message *out_message)
{
	struct vtr_field_reader reader = { .at = bytes, .left = size };
	struct vtr_folder_message message = { 0 };

	message.type = (enum vtr_folder_message_type)vtr_field_get_u8(&reader);
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

size_t vtr_folder_message_state(uint8_t *out, enum vtr_folder_state state, uint32_t changes, uint64_t used,
                                uint64_t most)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_FOLDER_MESSAGE_STATE, 0);

	vtr_field_put_u8(&writer, state);
	vtr_field_put_u32(&writer, changes);
	vtr_field_put_u64(&writer, used);
	vtr_field_put_u64(&writer, most);
	return writer.size;
}

size_t vtr_folder_message_entries(uint8_t *out, uint32_t node, uint32_t flags)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_FOLDER_MESSAGE_ENTRIES, 0);

	vtr_field_put_u32(&writer, node);
	vtr_field_put_u8(&writer, flags);
	return writer.size;
}

size_t vtr_folder_message_part(uint8_t *out, uint32_t transfer)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_FOLDER_MESSAGE_PART, 0);

	vtr_field_put_u32(&writer, transfer);
	return writer.size;
}

size_t vtr_folder_message_transfer(uint8_t *out, uint32_t transfer, enum vtr_folder_transfer state,
                                   uint64_t value)
{
	struct vtr_field_writer writer = vtr_field_begin(out, VTR_FOLDER_MESSAGE_TRANSFER, 0);

	vtr_field_put_u32(&writer, transfer);
	vtr_field_put_u8(&writer, state);
	vtr_field_put_u64(&writer, value);
	return writer.size;
}

void vtr_folder_message_add_entry(struct vtr_dav_text *entries, const struct vtr_dav_node *node)
{
	const bool is_folder = vtr_dav_node_is_folder(node);
	const size_t name_size = strlen(node->name);
	uint8_t bytes[VTR_FOLDER_ENTRY_MAX];
	struct vtr_field_writer writer = { .start = bytes };

	vtr_field_put_u32(&writer, node->id);
	vtr_field_put_u8(&writer, is_folder);
	vtr_field_put_u64(&writer, is_folder ? 0 : node->contents->size);
	vtr_field_put_u64(&writer, (uint64_t)node->modified_s);
	vtr_field_put_u8(&writer, (uint8_t)name_size);
	vtr_field_put_bytes(&writer, node->name, name_size);
	vtr_dav_text_add(entries, (const char *)bytes, writer.size);
}
