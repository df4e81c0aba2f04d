/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/session.h"
#include "base/little_endian.h"
#include "base/mem.h"

#define STUCK_NS (VTR_AGENT_STUCK_MS * INT64_C(1000000))
/* The bytes of one message. */
#define PIECE 65536

/* --- names ------------------------------------------------------------------------------------------- */

/* Returns: the length of the UTF-8 sequence at `at`, which has `left` bytes; 0: it is invalid. */
static size_t measure_character(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t mask, bits;
		uint32_t least; /* the shortest form is the only valid one */
	} kinds[] = {
		{ 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 }
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(kinds) && i < left; i++) {
		uint32_t value = at[0] & (uint8_t)~kinds[i].mask;
		if ((at[0] & kinds[i].mask) != kinds[i].bits) {
			continue;
		}
		for (size_t j = 1; j <= i; j++) {
			if ((at[j] & 0xc0) != 0x80) {
				return 0;
			}
			value = value << 6 | (at[j] & 0x3f);
		}
		const bool fits = value >= kinds[i].least && value <= 0x10ffff &&
		                  (value & 0x1ff800) != 0xd800;
		return fits ? i + 1 : 0;
	}
	return 0;
}

/* Returns: whether it is the name of a file, without a folder, in UTF-8 and without control characters. */
static bool is_name(const char *name, size_t size)
{
	const uint8_t *at = (const uint8_t *)name;

	if (size == 0 || size > VTR_AGENT_MAX_NAME || (size == 1 && name[0] == '.') ||
	    (size == 2 && memcmp(name, "..", 2) == 0)) {
		return false;
	}
	while (size > 0) {
		const size_t length = measure_character(at, size);
		if (length == 0 || (length == 1 && (at[0] < 0x20 || at[0] == 0x7f || at[0] == '/'))) {
			return false;
		}
		at += length;
		size -= length;
	}
	return true;
}

/* Adds the name as a value of a GKeyFile. */
static void add_name(struct vtr_vdagent_writer *writer, const char *name, size_t size)
{
	bool leads = true;

	for (size_t i = 0; i < size; i++) {
		leads = leads && name[i] == ' ';
		if (leads) {
			vtr_vdagent_writer_add(writer, "\\s", 2);
		} else if (name[i] == '\\') {
			vtr_vdagent_writer_add(writer, "\\\\", 2);
		} else {
			vtr_vdagent_writer_add(writer, name + i, 1);
		}
	}
}

/* --- transfers --------------------------------------------------------------------------------------- */

static struct vtr_agent_transfer *find(struct vtr_agent *agent, uint32_t id)
{
	for (size_t i = 0; id != 0 && i < VTR_AGENT_MAX_FILES; i++) {
		if (agent->transfers[i].id == id) {
			return &agent->transfers[i];
		}
	}
	return NULL;
}

static void clear(struct vtr_agent_transfer *transfer)
{
	free(transfer->window);
	*transfer = (struct vtr_agent_transfer){ .id = 0 };
}

/* Ends the transfer and tells the listener. */
static void end(struct vtr_agent *agent, struct vtr_agent_transfer *transfer, enum vtr_agent_file_state state,
                uint64_t value)
{
	const uint32_t id = transfer->id;
	const bool was_cancelled = transfer->state == VTR_AGENT_TRANSFER_CANCELLED;

	clear(transfer);
	if (!was_cancelled) {
		agent->events->file(agent->data, id, state, value);
	}
}

/* The listener may give bytes up to a window beyond what was sent. */
static void tell_going(struct vtr_agent *agent, const struct vtr_agent_transfer *transfer)
{
	const uint64_t limit = transfer->sent + VTR_AGENT_FILE_WINDOW;

	agent->events->file(agent->data, transfer->id, VTR_AGENT_FILE_GOING,
	                    limit < transfer->size ? limit : transfer->size);
}

enum vtr_err vtr_agent_file_start(struct vtr_agent *agent, const char *name, size_t name_size, uint64_t size,
                                  int64_t now_ns, uint32_t *out_id)
{
	struct vtr_agent_transfer *transfer = NULL;

	if (!is_name(name, name_size) || size > VTR_AGENT_MAX_FILE) {
		return VTR_ERR_INVALID;
	}
	if ((vtr_agent_abilities(agent) & VTR_AGENT_CAN_FILES) == 0) {
		return VTR_ERR_GONE;
	}
	for (size_t i = 0; i < VTR_AGENT_MAX_FILES && !transfer; i++) {
		transfer = agent->transfers[i].id == 0 ? &agent->transfers[i] : NULL;
	}
	if (!transfer) {
		return VTR_ERR_LIMIT;
	}
	do {
		agent->last_id++;
	} while (agent->last_id == 0 || find(agent, agent->last_id));
	*transfer = (struct vtr_agent_transfer){
		.id = agent->last_id,
		.size = size,
		.since_ns = now_ns,
		.name_size = name_size,
	};
	memcpy(transfer->name, name, name_size);
	*out_id = transfer->id;
	return VTR_OK;
}

enum vtr_err vtr_agent_file_give(struct vtr_agent *agent, uint32_t id, const void *bytes, size_t size)
{
	struct vtr_agent_transfer *transfer = find(agent, id);
	const uint8_t *from = bytes;

	if (!transfer || transfer->state == VTR_AGENT_TRANSFER_CANCELLED) {
		return VTR_OK;
	}
	if (transfer->state != VTR_AGENT_TRANSFER_OPEN || size > transfer->size - transfer->given ||
	    size > VTR_AGENT_FILE_WINDOW - (transfer->given - transfer->sent)) {
		return VTR_ERR_PROTOCOL;
	}
	if (!transfer->window) {
		transfer->window = malloc(VTR_AGENT_FILE_WINDOW);
	}
	if (!transfer->window) {
		transfer->state = VTR_AGENT_TRANSFER_CANCELLED;
		agent->events->file(agent->data, id, VTR_AGENT_FILE_FAILED, 0);
		return VTR_OK;
	}
	while (size > 0) {
		const size_t at = transfer->given % VTR_AGENT_FILE_WINDOW;
		const size_t part = vtr_min(size, VTR_AGENT_FILE_WINDOW - at);
		memcpy(transfer->window + at, from, part);
		from += part;
		size -= part;
		transfer->given += part;
	}
	return VTR_OK;
}

void vtr_agent_file_cancel(struct vtr_agent *agent, uint32_t id)
{
	struct vtr_agent_transfer *transfer = find(agent, id);

	if (!transfer) {
		return;
	}
	if (transfer->state == VTR_AGENT_TRANSFER_NEW) {
		clear(transfer);
	} else {
		transfer->state = VTR_AGENT_TRANSFER_CANCELLED;
	}
}

/* --- from the agent ---------------------------------------------------------------------------------- */

static void take_consent(struct vtr_agent *agent, struct vtr_agent_transfer *transfer)
{
	if (transfer->state == VTR_AGENT_TRANSFER_STARTED) {
		transfer->state = VTR_AGENT_TRANSFER_OPEN;
		tell_going(agent, transfer);
	}
}

void vtr_agent_transfer_take(struct vtr_agent *agent, const struct vtr_vdagent_message *message)
{
	static const enum vtr_agent_file_state states[] = {
		[VTR_VDAGENT_RESULT_CANCELLED] = VTR_AGENT_FILE_CANCELLED,
		[VTR_VDAGENT_RESULT_ERROR] = VTR_AGENT_FILE_FAILED,
		[VTR_VDAGENT_RESULT_SUCCESS] = VTR_AGENT_FILE_DONE,
		[VTR_VDAGENT_RESULT_NO_SPACE] = VTR_AGENT_FILE_NO_SPACE,
		[VTR_VDAGENT_RESULT_LOCKED] = VTR_AGENT_FILE_LOCKED,
		[VTR_VDAGENT_RESULT_NO_SESSION] = VTR_AGENT_FILE_NO_SESSION,
		[VTR_VDAGENT_RESULT_DISABLED] = VTR_AGENT_FILE_DISABLED,
	};
	const struct vtr_blob *body = message->body;
	struct vtr_agent_transfer *transfer;

	if (!body || body->filled < 8) {
		return;
	}
	transfer = find(agent, vtr_get_le32(body->bytes));
	const uint32_t result = vtr_get_le32(body->bytes + 4);
	if (!transfer || transfer->state == VTR_AGENT_TRANSFER_NEW) {
		return;
	}
	if (result == VTR_VDAGENT_RESULT_CAN_SEND_DATA) {
		take_consent(agent, transfer);
		return;
	}
	enum vtr_agent_file_state state = result < VTR_ARRAY_LEN(states) ? states[result] :
	                                                                   VTR_AGENT_FILE_FAILED;
	if (state == VTR_AGENT_FILE_DONE && transfer->state != VTR_AGENT_TRANSFER_ENDING) {
		state = VTR_AGENT_FILE_FAILED; /* it cannot have all bytes */
	}
	const bool has_value = state == VTR_AGENT_FILE_NO_SPACE && body->filled >= 16;
	end(agent, transfer, state, has_value ? vtr_get_le64(body->bytes + 8) : 0);
}

/* --- to the agent ------------------------------------------------------------------------------------ */

static void write_start(struct vtr_agent *agent, struct vtr_agent_transfer *transfer, int64_t now_ns)
{
	struct vtr_vdagent_writer *writer = &agent->writer;
	char size_text[40];
	const int length = snprintf(size_text, sizeof(size_text), "\nsize=%" PRIu64 "\n", transfer->size);
	static const char head[] = "[vdagent-file-xfer]\nname=";

	vtr_vdagent_writer_begin(writer, VTR_VDAGENT_FILE_START, NULL);
	vtr_vdagent_writer_add32(writer, transfer->id);
	vtr_vdagent_writer_add(writer, head, sizeof(head) - 1);
	add_name(writer, transfer->name, transfer->name_size);
	vtr_vdagent_writer_add(writer, size_text, (size_t)length + 1); /* with NUL */
	transfer->state = VTR_AGENT_TRANSFER_STARTED;
	transfer->since_ns = now_ns;
}

static void write_cancel(struct vtr_agent *agent, struct vtr_agent_transfer *transfer)
{
	vtr_vdagent_writer_begin(&agent->writer, VTR_VDAGENT_FILE_STATUS, NULL);
	vtr_vdagent_writer_add32(&agent->writer, transfer->id);
	vtr_vdagent_writer_add32(&agent->writer, VTR_VDAGENT_RESULT_CANCELLED);
	clear(transfer);
}

/* Takes the next bytes out of the window. Returns: NULL if memory is short. */
static struct vtr_blob *cut_piece(const struct vtr_agent_transfer *transfer, size_t size)
{
	const size_t at = transfer->sent % VTR_AGENT_FILE_WINDOW;
	const size_t first = vtr_min(size, VTR_AGENT_FILE_WINDOW - at);
	struct vtr_blob *piece;

	if (vtr_blob_create(size, &piece) != VTR_OK) {
		return NULL;
	}
	if (size > 0 && (vtr_blob_add(piece, transfer->window + at, first) != VTR_OK ||
	                 vtr_blob_add(piece, transfer->window, size - first) != VTR_OK)) {
		vtr_blob_unref(piece);
		return NULL;
	}
	return piece;
}

/* Returns: whether a message has begun. */
static bool write_data(struct vtr_agent *agent, struct vtr_agent_transfer *transfer, int64_t now_ns)
{
	const uint64_t waiting = transfer->given - transfer->sent;
	const size_t size = vtr_min((size_t)waiting, PIECE);
	struct vtr_blob *piece;

	/* An empty file is one message without bytes. Others go in full messages, except for the last. */
	if (waiting < PIECE && transfer->given < transfer->size) {
		return false;
	}
	piece = cut_piece(transfer, size);
	if (!piece) {
		return false; /* tried again later */
	}
	vtr_vdagent_writer_begin(&agent->writer, VTR_VDAGENT_FILE_DATA, piece);
	vtr_vdagent_writer_add32(&agent->writer, transfer->id);
	vtr_vdagent_writer_add64(&agent->writer, size);
	transfer->sent += size;
	if (transfer->sent == transfer->size) {
		transfer->state = VTR_AGENT_TRANSFER_ENDING;
		transfer->since_ns = now_ns;
	}
	tell_going(agent, transfer);
	return true;
}

static bool write_one(struct vtr_agent *agent, struct vtr_agent_transfer *transfer, int64_t now_ns)
{
	if (transfer->id == 0) {
		return false;
	}
	switch (transfer->state) {
	case VTR_AGENT_TRANSFER_NEW:
		write_start(agent, transfer, now_ns);
		return true;
	case VTR_AGENT_TRANSFER_CANCELLED:
		write_cancel(agent, transfer);
		return true;
	case VTR_AGENT_TRANSFER_OPEN:
		return write_data(agent, transfer, now_ns);
	default:
		return false;
	}
}

bool vtr_agent_transfer_write(struct vtr_agent *agent, int64_t now_ns)
{
	for (size_t i = 0; i < VTR_AGENT_MAX_FILES; i++) {
		agent->turn = (agent->turn + 1) % VTR_AGENT_MAX_FILES;
		if (write_one(agent, &agent->transfers[agent->turn], now_ns)) {
			return true;
		}
	}
	return false;
}

/* --- time and ends ----------------------------------------------------------------------------------- */

void vtr_agent_transfer_tick(struct vtr_agent *agent, int64_t now_ns)
{
	for (size_t i = 0; i < VTR_AGENT_MAX_FILES; i++) {
		const struct vtr_agent_transfer *transfer = &agent->transfers[i];
		const bool waits = transfer->id != 0 && (transfer->state == VTR_AGENT_TRANSFER_STARTED ||
		                                         transfer->state == VTR_AGENT_TRANSFER_ENDING);
		const int64_t since_ns = transfer->since_ns > agent->heard_ns ? transfer->since_ns :
		                                                                agent->heard_ns;
		/* The user may go on waiting, or cancel. An agent that says anything is not stuck. */
		if (waits && now_ns - since_ns > STUCK_NS) {
			vtr_agent_set_late(agent);
		}
	}
}

void vtr_agent_transfer_reset(struct vtr_agent *agent)
{
	for (size_t i = 0; i < VTR_AGENT_MAX_FILES; i++) {
		if (agent->transfers[i].id != 0) {
			end(agent, &agent->transfers[i], VTR_AGENT_FILE_LOST, 0);
		}
	}
}
