/* SPDX-License-Identifier: MIT */
#ifndef WEB_AGENT_MESSAGE_H
#define WEB_AGENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/err.h"

/*
 * The messages of the WebSocket about the guest's agent: clipboards and files (docs/web-protocol.md). Each is a type, a
 * byte 0, and fields without gaps; all numbers are little-endian. page/wire.js is the other side.
 *
 * Thread: any.
 */
enum vtr_agent_message_type {
	/* From the page. */
	VTR_AGENT_MESSAGE_OFFER = 0x20,   /* u8 selection, u8 format, u8 confirms, u32 size */
	VTR_AGENT_MESSAGE_OFFERED = 0x21, /* the next bytes of the contents */
	VTR_AGENT_MESSAGE_REQUEST = 0x22, /* u8 selection, u8 format */
	VTR_AGENT_MESSAGE_FILE_START = 0x24,  /* u32 id, u64 size, the name to the end */
	VTR_AGENT_MESSAGE_FILE_DATA = 0x25,   /* u32 id, bytes */
	VTR_AGENT_MESSAGE_FILE_CANCEL = 0x26, /* u32 id */
	/* To the page. */
	VTR_AGENT_MESSAGE_STATE = 0xa0,   /* u8 enum vtr_agent_state, u8 enum vtr_agent_ability or-ed */
	VTR_AGENT_MESSAGE_OWNER = 0xa1,   /* u8 selection, u8 formats or-ed: what the guest offers */
	VTR_AGENT_MESSAGE_ANSWER = 0xa2,  /* u8 selection, u8 format, u8 answer, u32 size */
	VTR_AGENT_MESSAGE_CONTENTS = 0xa3, /* u8 selection, the next bytes of the answer */
	VTR_AGENT_MESSAGE_RESULT = 0xa4,  /* u8 selection, u8 enum vtr_agent_message_result: of an offer */
	VTR_AGENT_MESSAGE_FILE = 0xa5,    /* u32 id, u8 state, u64 value */
};

#define VTR_AGENT_MESSAGE_FIRST 0x20
#define VTR_AGENT_MESSAGE_LAST 0x26

/* Answers beyond enum vtr_agent_answer. */
#define VTR_AGENT_MESSAGE_BUSY 4 /* ask again later */

/* States of files beyond enum vtr_agent_file_state. */
#define VTR_AGENT_MESSAGE_FILE_MANY 9    /* too many files at once */
#define VTR_AGENT_MESSAGE_FILE_INVALID 10 /* its name or size */
#define VTR_AGENT_MESSAGE_FILE_CONTROL 11 /* another person has control */

enum vtr_agent_message_result {
	VTR_AGENT_MESSAGE_RESULT_OFFERED, /* and the agent has seen it, if asked to confirm */
	VTR_AGENT_MESSAGE_RESULT_REPLACED, /* by another viewer */
	VTR_AGENT_MESSAGE_RESULT_REFUSED, /* the agent is missing or does not take it */
	VTR_AGENT_MESSAGE_RESULT_CONTROL, /* another person has control */
};

/* The bytes of contents or of a file in one message of a page, and in one to a page. */
#define VTR_AGENT_MESSAGE_PIECE_IN 65536
#define VTR_AGENT_MESSAGE_PIECE_OUT 16384
/* The longest message of a page. */
#define VTR_AGENT_MESSAGE_MAX_IN (2 + 4 + VTR_AGENT_MESSAGE_PIECE_IN)

/* A page's message. */
struct vtr_agent_message {
	enum vtr_agent_message_type type;
	enum vtr_agent_selection selection;
	enum vtr_agent_format format;
	bool confirms;
	uint32_t id;
	uint64_t size; /* of contents or a file */
	const uint8_t *bytes; /* contents, data or a name; borrowed */
	size_t bytes_size;
};

/* Returns: VTR_ERR_PROTOCOL (not a valid message, or a value is out of range). */
VTR_MUST_CHECK enum vtr_err vtr_agent_message_parse(const uint8_t *bytes, size_t size,
                                                    struct vtr_agent_message *out_message);

/* Each writes one message, with room for VTR_AGENT_MESSAGE_PIECE_OUT + 16 bytes. Returns: its size. */
size_t vtr_agent_message_state(uint8_t *out, enum vtr_agent_state state, uint32_t abilities);
size_t vtr_agent_message_owner(uint8_t *out, enum vtr_agent_selection selection, uint32_t formats);
size_t vtr_agent_message_answer(uint8_t *out, enum vtr_agent_selection selection,
                                enum vtr_agent_format format, uint8_t answer, size_t size);
size_t vtr_agent_message_contents(uint8_t *out, enum vtr_agent_selection selection, const uint8_t *bytes,
                                  size_t size);
size_t vtr_agent_message_result(uint8_t *out, enum vtr_agent_selection selection,
                                enum vtr_agent_message_result result);
size_t vtr_agent_message_file(uint8_t *out, uint32_t id, uint8_t state, uint64_t value);

#endif
