/* SPDX-License-Identifier: MIT */
#include "web/fields.h"

#include <string.h>

#include "base/little_endian.h"

/* --- reading ----------------------------------------------------------------------------------------- */

/* Returns: the next `size` bytes; NULL: the message is too short. */
static const uint8_t *take(struct vtr_field_reader *reader, size_t size)
{
	const uint8_t *at = reader->at;

	if (reader->left < size) {
		reader->wrong = true;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return at;
}

uint8_t vtr_field_get_u8(struct vtr_field_reader *reader)
{
	const uint8_t *at = take(reader, 1);

	return at ? *at : 0;
}

uint16_t vtr_field_get_u16(struct vtr_field_reader *reader)
{
	const uint8_t *at = take(reader, 2);

	return at ? vtr_get_le16(at) : 0;
}

uint32_t vtr_field_get_u32(struct vtr_field_reader *reader)
{
	const uint8_t *at = take(reader, 4);

	return at ? vtr_get_le32(at) : 0;
}

uint64_t vtr_field_get_u64(struct vtr_field_reader *reader)
{
	const uint8_t *at = take(reader, 8);

	return at ? vtr_get_le64(at) : 0;
}

bool vtr_field_get_bool(struct vtr_field_reader *reader)
{
	const uint8_t value = vtr_field_get_u8(reader);

	reader->wrong |= value > 1;
	return value == 1;
}

void vtr_field_get_bytes(struct vtr_field_reader *reader, void *out, size_t size)
{
	const uint8_t *at = take(reader, size);

	if (at) {
		memcpy(out, at, size);
	}
}

const uint8_t *vtr_field_get_rest(struct vtr_field_reader *reader, size_t least, size_t most,
                                  size_t *out_size)
{
	*out_size = reader->left;
	reader->wrong |= reader->left < least || reader->left > most;
	return take(reader, reader->left);
}

/* --- writing ----------------------------------------------------------------------------------------- */

struct vtr_field_writer vtr_field_begin(uint8_t *out, uint8_t type, uint8_t display)
{
	struct vtr_field_writer writer = { .start = out };

	vtr_field_put_u8(&writer, type);
	vtr_field_put_u8(&writer, display);
	return writer;
}

void vtr_field_put_u8(struct vtr_field_writer *writer, uint8_t value)
{
	writer->start[writer->size++] = value;
}

void vtr_field_put_u16(struct vtr_field_writer *writer, uint16_t value)
{
	vtr_put_le16(writer->start + writer->size, value);
	writer->size += 2;
}

void vtr_field_put_u32(struct vtr_field_writer *writer, uint32_t value)
{
	vtr_put_le32(writer->start + writer->size, value);
	writer->size += 4;
}

void vtr_field_put_u64(struct vtr_field_writer *writer, uint64_t value)
{
	vtr_put_le64(writer->start + writer->size, value);
	writer->size += 8;
}

void vtr_field_put_bytes(struct vtr_field_writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->start + writer->size, bytes, size);
	writer->size += size;
}
