/* SPDX-License-Identifier: MIT */
#ifndef AGENT_READER_H
#define AGENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/blob.h"
#include "agent/vdagent_protocol.h"
#include "base/err.h"

/*
 * Puts the messages of a guest's agent together from the bytes of its port. The guest may send anything.
 *
 * Thread: one.
 */

struct vtr_vdagent_message {
	uint32_t type;
	uint32_t size; /* announced */
	/* The reader's, until the next call. NULL: the message was larger than its type allows, or memory was
	 * short, and its bytes were dropped. */
	struct vtr_blob *body;
};

/* The head of a chunk or message, while it is incomplete. */
struct vtr_vdagent_head {
	uint8_t bytes[VTR_VDAGENT_MESSAGE_HEAD];
	size_t size;
};

struct vtr_vdagent_reader {
	size_t max_clipboard; /* the most bytes of CLIPBOARD; other messages have VTR_VDAGENT_MAX_SMALL */
	struct vtr_vdagent_head chunk_head;
	struct vtr_vdagent_head message_head; /* may be split between chunks */
	bool in_chunk; /* the rest of a chunk comes next */
	bool skips; /* that is of no use here */
	bool in_message; /* the message's head is complete */
	uint32_t chunk_left;
	struct vtr_vdagent_message message;
	uint32_t message_left;
};

/* All messages but CLIPBOARD are far shorter. */
#define VTR_VDAGENT_MAX_SMALL 4096

void vtr_vdagent_reader_init(struct vtr_vdagent_reader *reader, size_t max_clipboard);
void vtr_vdagent_reader_finish(struct vtr_vdagent_reader *reader);

/* Forgets what is incomplete, for a new connection. */
void vtr_vdagent_reader_reset(struct vtr_vdagent_reader *reader);

/* Returns: whether a chunk or message is incomplete. */
bool vtr_vdagent_reader_is_inside(const struct vtr_vdagent_reader *reader);

/**
 * Takes bytes up to the end of a message; advances *bytes and *size.
 *
 * Returns: VTR_OK            out_message is complete
 *          VTR_ERR_AGAIN     all bytes were taken
 *          VTR_ERR_PROTOCOL  nothing more can be read from this connection
 */
VTR_MUST_CHECK enum vtr_err vtr_vdagent_reader_take(struct vtr_vdagent_reader *reader, const uint8_t **bytes,
                                                    size_t *size, struct vtr_vdagent_message *out_message);

#endif
