/* SPDX-License-Identifier: MIT */
#include "agent/reader.h"

#include <string.h>

#include "base/little_endian.h"
#include "base/mem.h"

void vtr_vdagent_reader_init(struct vtr_vdagent_reader *reader, size_t max_clipboard)
{
	*reader = (struct vtr_vdagent_reader){ .max_clipboard = max_clipboard };
}

void vtr_vdagent_reader_finish(struct vtr_vdagent_reader *reader)
{
	vtr_blob_unref(reader->message.body);
	reader->message.body = NULL;
}

void vtr_vdagent_reader_reset(struct vtr_vdagent_reader *reader)
{
	vtr_vdagent_reader_finish(reader);
	vtr_vdagent_reader_init(reader, reader->max_clipboard);
}

bool vtr_vdagent_reader_is_inside(const struct vtr_vdagent_reader *reader)
{
	return reader->chunk_head.size > 0 || reader->message_head.size > 0 || reader->in_chunk ||
	       reader->in_message;
}

/* Fills the head. Returns: whether it has `wanted` bytes. */
static bool fill_head(struct vtr_vdagent_head *head, size_t wanted, const uint8_t **bytes, size_t *size)
{
	const size_t taken = vtr_min(wanted - head->size, *size);

	memcpy(head->bytes + head->size, *bytes, taken);
	head->size += taken;
	*bytes += taken;
	*size -= taken;
	return head->size == wanted;
}

static enum vtr_err begin_chunk(struct vtr_vdagent_reader *reader)
{
	const uint32_t port = vtr_get_le32(reader->chunk_head.bytes);

	reader->chunk_head.size = 0;
	reader->chunk_left = vtr_get_le32(reader->chunk_head.bytes + 4);
	if ((port != VTR_VDAGENT_PORT_CLIENT && port != VTR_VDAGENT_PORT_SERVER) || reader->chunk_left == 0) {
		return VTR_ERR_PROTOCOL;
	}
	reader->in_chunk = true;
	reader->skips = port == VTR_VDAGENT_PORT_SERVER;
	return VTR_OK;
}

static enum vtr_err begin_message(struct vtr_vdagent_reader *reader)
{
	struct vtr_vdagent_message *message = &reader->message;
	const uint8_t *head = reader->message_head.bytes;
	size_t most;

	reader->message_head.size = 0;
	if (vtr_get_le32(head) != VTR_VDAGENT_PROTOCOL) {
		return VTR_ERR_PROTOCOL;
	}
	vtr_blob_unref(message->body);
	*message = (struct vtr_vdagent_message){
		.type = vtr_get_le32(head + 4),
		.size = vtr_get_le32(head + 16),
	};
	most = message->type == VTR_VDAGENT_CLIPBOARD ? reader->max_clipboard : VTR_VDAGENT_MAX_SMALL;
	if (message->size <= most && vtr_blob_create(message->size, &message->body) != VTR_OK) {
		message->body = NULL;
	}
	reader->message_left = message->size;
	reader->in_message = true;
	return VTR_OK;
}

static void add_body(struct vtr_vdagent_reader *reader, const uint8_t *bytes, size_t size)
{
	struct vtr_vdagent_message *message = &reader->message;

	if (message->body && vtr_blob_add(message->body, bytes, size) != VTR_OK) {
		vtr_blob_unref(message->body);
		message->body = NULL;
	}
	reader->message_left -= (uint32_t)size;
}

static void skip(struct vtr_vdagent_reader *reader, const uint8_t **bytes, size_t *size)
{
	const size_t skipped = vtr_min(reader->chunk_left, *size);

	*bytes += skipped;
	*size -= skipped;
	reader->chunk_left -= (uint32_t)skipped;
}

/* Takes bytes of a chunk. Returns: VTR_OK (a message is complete), VTR_ERR_AGAIN, VTR_ERR_PROTOCOL. */
static enum vtr_err take_chunk(struct vtr_vdagent_reader *reader, const uint8_t **bytes, size_t *size)
{
	size_t part = vtr_min(reader->chunk_left, *size);
	const size_t before = part;

	if (!reader->in_message) {
		const bool complete =
			fill_head(&reader->message_head, VTR_VDAGENT_MESSAGE_HEAD, bytes, &part);
		if (complete && begin_message(reader) != VTR_OK) {
			return VTR_ERR_PROTOCOL;
		}
	}
	if (reader->in_message) {
		const size_t body = vtr_min(reader->message_left, part);
		add_body(reader, *bytes, body);
		*bytes += body;
		part -= body;
	}
	*size -= before - part;
	reader->chunk_left -= (uint32_t)(before - part);
	if (!reader->in_message || reader->message_left > 0) {
		return VTR_ERR_AGAIN;
	}
	reader->in_message = false;
	/* A chunk holds bytes of one message. */
	return reader->chunk_left == 0 ? VTR_OK : VTR_ERR_PROTOCOL;
}

enum vtr_err vtr_vdagent_reader_take(struct vtr_vdagent_reader *reader, const uint8_t **bytes, size_t *size,
                                     struct vtr_vdagent_message *out_message)
{
	enum vtr_err err = VTR_ERR_AGAIN;

	while (*size > 0 && err == VTR_ERR_AGAIN) {
		if (!reader->in_chunk) {
			if (fill_head(&reader->chunk_head, VTR_VDAGENT_CHUNK_HEAD, bytes, size) &&
			    begin_chunk(reader) != VTR_OK) {
				return VTR_ERR_PROTOCOL;
			}
			continue;
		}
		if (reader->skips) {
			skip(reader, bytes, size);
		} else {
			err = take_chunk(reader, bytes, size);
		}
		reader->in_chunk = reader->chunk_left > 0;
	}
	if (err == VTR_OK) {
		*out_message = reader->message;
	}
	return err;
}
