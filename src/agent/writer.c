/* SPDX-License-Identifier: MIT */
#include "agent/writer.h"

#include <string.h>

#include "base/little_endian.h"
#include "base/mem.h"

void vtr_vdagent_writer_reset(struct vtr_vdagent_writer *writer)
{
	vtr_blob_unref(writer->body);
	writer->body = NULL;
	writer->front_size = 0;
	writer->written = 0;
}

static size_t body_size(const struct vtr_vdagent_writer *writer)
{
	return writer->body ? writer->body->filled : 0;
}

/* The message's size is known only now: its head has room for it. */
static void set_size(struct vtr_vdagent_writer *writer)
{
	const size_t size = writer->front_size - VTR_VDAGENT_MESSAGE_HEAD + body_size(writer);

	vtr_put_le32(writer->front + 16, (uint32_t)size);
}

void vtr_vdagent_writer_begin(struct vtr_vdagent_writer *writer, enum vtr_vdagent_type type,
                              struct vtr_blob *body)
{
	vtr_assert(writer->front_size == 0);
	vtr_put_le32(writer->front, VTR_VDAGENT_PROTOCOL);
	vtr_put_le32(writer->front + 4, type);
	vtr_put_le64(writer->front + 8, 0);
	writer->front_size = VTR_VDAGENT_MESSAGE_HEAD;
	writer->written = 0;
	writer->body = body;
	set_size(writer);
}

void vtr_vdagent_writer_add(struct vtr_vdagent_writer *writer, const void *bytes, size_t size)
{
	vtr_assert(size <= sizeof(writer->front) - writer->front_size);
	memcpy(writer->front + writer->front_size, bytes, size);
	writer->front_size += size;
	set_size(writer);
}

void vtr_vdagent_writer_add32(struct vtr_vdagent_writer *writer, uint32_t value)
{
	uint8_t bytes[4];

	vtr_put_le32(bytes, value);
	vtr_vdagent_writer_add(writer, bytes, sizeof(bytes));
}

void vtr_vdagent_writer_add64(struct vtr_vdagent_writer *writer, uint64_t value)
{
	uint8_t bytes[8];

	vtr_put_le64(bytes, value);
	vtr_vdagent_writer_add(writer, bytes, sizeof(bytes));
}

bool vtr_vdagent_writer_has_message(const struct vtr_vdagent_writer *writer)
{
	return writer->front_size > 0;
}

bool vtr_vdagent_writer_is_inside(const struct vtr_vdagent_writer *writer)
{
	return writer->front_size > 0 && writer->written > 0;
}

/* Copies the next bytes of the message. */
static void copy_next(struct vtr_vdagent_writer *writer, uint8_t *out, size_t size)
{
	size_t front = 0;

	if (writer->written < writer->front_size) {
		front = vtr_min(size, writer->front_size - writer->written);
		memcpy(out, writer->front + writer->written, front);
	}
	if (size > front) {
		const size_t at = writer->written + front - writer->front_size;
		memcpy(out + front, writer->body->bytes + at, size - front);
	}
	writer->written += size;
}

size_t vtr_vdagent_writer_take(struct vtr_vdagent_writer *writer, uint8_t *out, size_t room)
{
	const size_t total = writer->front_size + body_size(writer);
	size_t taken = 0;

	while (writer->written < total) {
		const size_t part = vtr_min(total - writer->written, VTR_VDAGENT_MAX_CHUNK);
		if (room - taken < VTR_VDAGENT_CHUNK_HEAD + part) {
			return taken;
		}
		vtr_put_le32(out + taken, VTR_VDAGENT_PORT_CLIENT);
		vtr_put_le32(out + taken + 4, (uint32_t)part);
		copy_next(writer, out + taken + VTR_VDAGENT_CHUNK_HEAD, part);
		taken += VTR_VDAGENT_CHUNK_HEAD + part;
	}
	vtr_vdagent_writer_reset(writer);
	return taken;
}
