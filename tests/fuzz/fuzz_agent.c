/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/reader.h"
#include "base/little_endian.h"
#include "base/mem.h"

/*
 * What a guest's agent sends, while viewers offer, ask, and send files: steps of {kind, length, bytes}. A step is
 * bytes of the agent as they are, one whole message of it, or something that a viewer or time does. What comes out must
 * be chunks and messages of the protocol.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX 256
#define OUT_BYTES 65536
#define SECOND INT64_C(1000000000)

struct world {
	struct vtr_agent *agent;
	struct vtr_vdagent_reader host; /* reads what comes out */
	int64_t now_ns;
	uint32_t file; /* the last one; 0: none */
	uint64_t allowed, given;
	unsigned answers; /* that are awaited */
};

static void on_changed(void *data)
{
	const struct world *world = data;

	vtr_assert(vtr_agent_state(world->agent) <= VTR_AGENT_STUCK);
}

static void on_offered(void *data, enum vtr_agent_selection selection, uint32_t formats)
{
	const struct world *world = data;

	vtr_assert(formats == vtr_agent_formats(world->agent, selection));
	vtr_assert((formats & ~(uint32_t)(VTR_AGENT_TEXT | VTR_AGENT_PNG)) == 0);
}

static void on_answered(void *data, enum vtr_agent_selection selection, enum vtr_agent_answer answer,
                        enum vtr_agent_format format, struct vtr_blob *contents)
{
	struct world *world = data;
	uint8_t sum = 0;

	(void)selection;
	(void)format;
	vtr_assert(world->answers > 0);
	world->answers--;
	vtr_assert((answer == VTR_AGENT_ANSWERED) == (contents != NULL));
	for (size_t i = 0; contents && i < contents->filled; i++) {
		sum ^= contents->bytes[i];
	}
	vtr_assert(!contents || contents->filled == contents->size);
	(void)*(volatile uint8_t *)&sum;
}

static void on_confirmed(void *data, enum vtr_agent_selection selection)
{
	(void)data;
	(void)selection;
}

static void on_file(void *data, uint32_t id, enum vtr_agent_file_state state, uint64_t value)
{
	struct world *world = data;

	if (id == world->file && state == VTR_AGENT_FILE_GOING) {
		vtr_assert(value >= world->allowed);
		world->allowed = value;
	} else if (id == world->file) {
		world->file = 0;
	}
}

static const struct vtr_agent_events events = {
	.changed = on_changed,
	.offered = on_offered,
	.answered = on_answered,
	.confirmed = on_confirmed,
	.file = on_file,
};

/* The host reads what the agent gets. */
static void drain(struct world *world, size_t room)
{
	static uint8_t out[OUT_BYTES];
	const uint8_t *at = out;
	struct vtr_vdagent_message message;
	size_t size = vtr_agent_write(world->agent, out, room, world->now_ns);
	enum vtr_err err;

	vtr_assert(size <= room);
	do {
		err = vtr_vdagent_reader_take(&world->host, &at, &size, &message);
	} while (err == VTR_OK);
	vtr_assert(err == VTR_ERR_AGAIN && size == 0);
	vtr_agent_note_progress(world->agent, world->now_ns);
}

static void reconnect(struct world *world)
{
	vtr_agent_disconnect(world->agent);
	vtr_assert(world->answers == 0);
	vtr_vdagent_reader_reset(&world->host);
	vtr_agent_connect(world->agent, world->now_ns);
}

static void receive(struct world *world, const uint8_t *bytes, size_t size)
{
	/* In memory of just that size, so that ASan sees the end. */
	uint8_t *copy = malloc(size > 0 ? size : 1);

	vtr_assert(copy != NULL);
	memcpy(copy, bytes, size);
	if (vtr_agent_receive(world->agent, copy, size, world->now_ns) != VTR_OK) {
		reconnect(world);
	}
	free(copy);
}

/* One message: the first byte is its type, the rest its body. */
static void receive_message(struct world *world, const uint8_t *bytes, size_t size)
{
	uint8_t message[VTR_VDAGENT_CHUNK_HEAD + VTR_VDAGENT_MESSAGE_HEAD + 256] = { 0 };
	uint8_t *head = message + VTR_VDAGENT_CHUNK_HEAD;
	const size_t body = size - 1;

	vtr_put_le32(message, VTR_VDAGENT_PORT_CLIENT);
	vtr_put_le32(message + 4, (uint32_t)(VTR_VDAGENT_MESSAGE_HEAD + body));
	vtr_put_le32(head, VTR_VDAGENT_PROTOCOL);
	vtr_put_le32(head + 4, bytes[0]);
	vtr_put_le32(head + 16, (uint32_t)body);
	memcpy(head + VTR_VDAGENT_MESSAGE_HEAD, bytes + 1, body);
	receive(world, message, VTR_VDAGENT_CHUNK_HEAD + VTR_VDAGENT_MESSAGE_HEAD + body);
}

static enum vtr_agent_selection selection_of(uint8_t byte)
{
	return (byte & 1) != 0 ? VTR_AGENT_PRIMARY : VTR_AGENT_CLIPBOARD;
}

static void offer(struct world *world, const uint8_t *bytes, size_t size)
{
	struct vtr_blob *contents;

	vtr_assert(vtr_blob_create(size, &contents) == VTR_OK);
	vtr_assert(vtr_blob_add(contents, bytes, size) == VTR_OK);
	if (vtr_agent_offer(world->agent, selection_of(bytes[0]),
	                    (bytes[0] & 2) != 0 ? VTR_AGENT_PNG : VTR_AGENT_TEXT, contents,
	                    (bytes[0] & 4) != 0, world->now_ns) != VTR_OK) {
		vtr_blob_unref(contents);
	}
}

static void request(struct world *world, uint8_t byte)
{
	/* One that is the same as another one is part of it: only one is awaited here. */
	if (world->answers > 0) {
		return;
	}
	world->answers = 1;
	if (vtr_agent_request(world->agent, selection_of(byte),
	                      (byte & 2) != 0 ? VTR_AGENT_PNG : VTR_AGENT_TEXT, world->now_ns) != VTR_OK) {
		world->answers = 0;
	}
}

static void start_file(struct world *world, const uint8_t *bytes, size_t size)
{
	uint32_t id;

	if (vtr_agent_file_start(world->agent, (const char *)bytes, size,
	                         (uint64_t)bytes[0] << (bytes[size - 1] % 16), world->now_ns,
	                         &id) == VTR_OK) {
		world->file = id;
		world->allowed = 0;
		world->given = 0;
	}
}

static void give(struct world *world, const uint8_t *bytes, size_t size)
{
	static const uint8_t block[VTR_AGENT_FILE_WINDOW + 1];
	const uint64_t left = world->allowed - world->given;
	const size_t part = left < VTR_AGENT_FILE_WINDOW ? (size_t)left : VTR_AGENT_FILE_WINDOW;

	(void)size;
	if (world->file == 0) {
		return;
	}
	if ((bytes[0] & 0xf) == 0 || part == 0) {
		/* More than is allowed. */
		vtr_assert(vtr_agent_file_give(world->agent, world->file, block, part + 1) ==
		           VTR_ERR_PROTOCOL);
		return;
	}
	vtr_assert(vtr_agent_file_give(world->agent, world->file, block, part) == VTR_OK);
	world->given += part;
}

static void step(struct world *world, uint8_t kind, const uint8_t *bytes, size_t size)
{
	switch (kind % 10) {
	case 0:
		receive(world, bytes, size);
		break;
	case 1:
	case 2:
		receive_message(world, bytes, size);
		break;
	case 3:
		offer(world, bytes, size);
		break;
	case 4:
		request(world, bytes[0]);
		break;
	case 5:
		start_file(world, bytes, size);
		break;
	case 6:
		give(world, bytes, size);
		break;
	case 7:
		vtr_agent_file_cancel(world->agent, bytes[0] != 0 ? world->file : bytes[0]);
		world->file = bytes[0] != 0 ? 0 : world->file;
		break;
	case 8:
		world->now_ns += bytes[0] * SECOND / 8;
		if (vtr_agent_tick(world->agent, (bytes[0] & 1) != 0, world->now_ns) != VTR_OK) {
			reconnect(world);
		}
		break;
	default:
		drain(world, (bytes[0] & 1) != 0 ? OUT_BYTES : 4096);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world world = { .now_ns = SECOND };

	vtr_vdagent_reader_init(&world.host, VTR_AGENT_MAX_CLIPBOARD + 8);
	vtr_assert(vtr_agent_create(NULL, &events, &world, &world.agent) == VTR_OK);
	vtr_agent_connect(world.agent, world.now_ns);
	for (int i = 0; i < STEPS_MAX && size > 2; i++) {
		const size_t length = vtr_min((size_t)data[1] + 1, size - 2);
		step(&world, data[0], data + 2, length);
		data += 2 + length;
		size -= 2 + length;
	}
	vtr_agent_disconnect(world.agent);
	vtr_assert(world.answers == 0);
	vtr_agent_destroy(world.agent);
	vtr_vdagent_reader_finish(&world.host);
	return 0;
}
