/* SPDX-License-Identifier: MIT */
#include "agent/reader.h"

#include "agent/writer.h"
#include "base/little_endian.h"
#include "test.h"

#define ROOM 65536

/* A message of `size` bytes in chunks of at most `step` bytes. Returns: the size of all. */
static size_t make(uint8_t *out, uint32_t type, size_t size, size_t step)
{
	uint8_t message[4096];
	const size_t total = VTR_VDAGENT_MESSAGE_HEAD + size;
	size_t at = 0;

	CHECK(total <= sizeof(message));
	memset(message, 0, sizeof(message));
	vtr_put_le32(message, VTR_VDAGENT_PROTOCOL);
	vtr_put_le32(message + 4, type);
	vtr_put_le32(message + 16, (uint32_t)size);
	for (size_t i = 0; i < size; i++) {
		message[VTR_VDAGENT_MESSAGE_HEAD + i] = (uint8_t)i;
	}
	for (size_t done = 0; done < total; done += step) {
		const size_t part = total - done < step ? total - done : step;
		vtr_put_le32(out + at, VTR_VDAGENT_PORT_CLIENT);
		vtr_put_le32(out + at + 4, (uint32_t)part);
		memcpy(out + at + 8, message + done, part);
		at += 8 + part;
	}
	return at;
}

/* However a message is cut into chunks, and chunks into pieces, it is the same. */
static void any_pieces(void)
{
	static uint8_t bytes[ROOM];
	struct vtr_vdagent_reader reader;
	struct vtr_vdagent_message message;

	vtr_vdagent_reader_init(&reader, 1000);
	for (size_t step = 1; step <= 80; step++) {
		const size_t total = make(bytes, VTR_VDAGENT_FILE_STATUS, 50, step);
		for (size_t piece = 1; piece <= total; piece = piece * 2 + 1) {
			bool complete = false;
			for (size_t at = 0; at < total; at += piece) {
				const uint8_t *from = bytes + at;
				size_t size = total - at < piece ? total - at : piece;
				const enum vtr_err err =
					vtr_vdagent_reader_take(&reader, &from, &size, &message);
				complete = err == VTR_OK;
				CHECK_ERR(err, complete ? VTR_OK : VTR_ERR_AGAIN);
				CHECK_EQ(size, 0);
				CHECK_EQ(complete, at + piece >= total);
			}
			CHECK_EQ(message.type, VTR_VDAGENT_FILE_STATUS);
			CHECK_EQ(message.body->filled, 50);
			for (size_t i = 0; i < 50; i++) {
				CHECK_EQ(message.body->bytes[i], i);
			}
			CHECK(!vtr_vdagent_reader_is_inside(&reader));
		}
	}
	vtr_vdagent_reader_finish(&reader);
}

static void sizes(void)
{
	static uint8_t bytes[ROOM];
	const struct {
		uint32_t type;
		size_t size;
		bool kept;
	} rows[] = {
		{ VTR_VDAGENT_CLIPBOARD, 1000, true },
		{ VTR_VDAGENT_CLIPBOARD, 1001, false },
		{ VTR_VDAGENT_CLIPBOARD_GRAB, 1001, true },
		{ VTR_VDAGENT_CLIPBOARD_RELEASE, 0, true },
	};
	struct vtr_vdagent_reader reader;
	struct vtr_vdagent_message message;

	vtr_vdagent_reader_init(&reader, 1000);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t *from = bytes;
		size_t size = make(bytes, rows[i].type, rows[i].size, 700);
		CHECK_OK(vtr_vdagent_reader_take(&reader, &from, &size, &message));
		CHECK_EQ(message.size, rows[i].size);
		CHECK_EQ(message.body != NULL, rows[i].kept);
	}
	vtr_vdagent_reader_finish(&reader);
}

/* What the writer cuts, the reader puts together. */
static void writer_and_reader(void)
{
	static uint8_t bytes[ROOM];
	static uint8_t contents[20000];
	struct vtr_vdagent_writer writer = { .front_size = 0 };
	struct vtr_vdagent_reader reader;
	struct vtr_vdagent_message message;
	struct vtr_blob *blob;
	size_t total = 0;

	for (size_t i = 0; i < sizeof(contents); i++) {
		contents[i] = (uint8_t)(i * 7);
	}
	CHECK_OK(vtr_blob_create(sizeof(contents), &blob));
	CHECK_OK(vtr_blob_add(blob, contents, sizeof(contents)));
	vtr_vdagent_writer_begin(&writer, VTR_VDAGENT_CLIPBOARD, blob);
	vtr_vdagent_writer_add32(&writer, VTR_VDAGENT_FORMAT_TEXT);
	/* With little room, only whole chunks come. */
	CHECK_EQ(vtr_vdagent_writer_take(&writer, bytes, 2055), 0);
	while (vtr_vdagent_writer_has_message(&writer)) {
		total += vtr_vdagent_writer_take(&writer, bytes + total, 4096);
	}
	vtr_vdagent_reader_init(&reader, sizeof(contents) + 4);
	const uint8_t *from = bytes;
	CHECK_OK(vtr_vdagent_reader_take(&reader, &from, &total, &message));
	CHECK_EQ(total, 0);
	CHECK_EQ(message.body->filled, sizeof(contents) + 4);
	CHECK(memcmp(message.body->bytes + 4, contents, sizeof(contents)) == 0);
	vtr_vdagent_reader_finish(&reader);
}

int main(void)
{
	RUN(any_pieces);
	RUN(sizes);
	RUN(writer_and_reader);
	return 0;
}
