/* SPDX-License-Identifier: MIT */
#ifndef AGENT_VDAGENT_PROTOCOL_H
#define AGENT_VDAGENT_PROTOCOL_H

/*
 * The protocol of SPICE's guest agent over the port com.redhat.spice.0, as far as it is used here. The numbers are
 * those of spice-protocol's vd_agent.h. All numbers are little-endian, and nothing is aligned.
 *
 * A chunk is u32 port, u32 size, and that many bytes of one message. A message is u32 protocol, u32 type, u64 that
 * is not used, u32 size, and that many bytes.
 */
#define VTR_VDAGENT_CHUNK_HEAD 8
#define VTR_VDAGENT_MESSAGE_HEAD 20
#define VTR_VDAGENT_PROTOCOL 1
/* What a chunk to the agent may hold. The agent itself sends each message as one chunk of any size. */
#define VTR_VDAGENT_MAX_CHUNK 2048

enum vtr_vdagent_port {
	VTR_VDAGENT_PORT_CLIENT = 1,
	VTR_VDAGENT_PORT_SERVER = 2, /* for what a SPICE server does itself */
};

enum vtr_vdagent_type {
	VTR_VDAGENT_CLIPBOARD = 4,           /* u32 format, the contents */
	VTR_VDAGENT_CAPABILITIES = 6,        /* u32 request, u32 bits each */
	VTR_VDAGENT_CLIPBOARD_GRAB = 7,      /* u32 format each */
	VTR_VDAGENT_CLIPBOARD_REQUEST = 8,   /* u32 format */
	VTR_VDAGENT_CLIPBOARD_RELEASE = 9,   /* nothing */
	VTR_VDAGENT_FILE_START = 10,         /* u32 id, a GKeyFile with name and size, ends with NUL */
	VTR_VDAGENT_FILE_STATUS = 11,        /* u32 id, u32 result, for some results more */
	VTR_VDAGENT_FILE_DATA = 12,          /* u32 id, u64 size, bytes */
	VTR_VDAGENT_MAX_CLIPBOARD = 14,      /* i32 bytes */
};

/* In front of the messages of clipboards, if both sides have the capability SELECTION: u8 selection, 3 zeros. */
#define VTR_VDAGENT_SELECTION_SIZE 4

enum vtr_vdagent_format {
	VTR_VDAGENT_FORMAT_NONE = 0,
	VTR_VDAGENT_FORMAT_TEXT = 1, /* UTF-8 */
	VTR_VDAGENT_FORMAT_PNG = 2,
};

enum vtr_vdagent_result {
	VTR_VDAGENT_RESULT_CAN_SEND_DATA = 0,
	VTR_VDAGENT_RESULT_CANCELLED = 1,
	VTR_VDAGENT_RESULT_ERROR = 2,
	VTR_VDAGENT_RESULT_SUCCESS = 3,
	VTR_VDAGENT_RESULT_NO_SPACE = 4, /* u64 bytes that are free, if both sides have DETAILED_ERRORS */
	VTR_VDAGENT_RESULT_LOCKED = 5,
	VTR_VDAGENT_RESULT_NO_SESSION = 6,
	VTR_VDAGENT_RESULT_DISABLED = 7,
};

/* Bits of the first word of capabilities. */
enum vtr_vdagent_capability {
	VTR_VDAGENT_CAP_REPLY = 1 << 2,
	VTR_VDAGENT_CAP_BY_DEMAND = 1 << 5, /* clipboards by grab and request */
	VTR_VDAGENT_CAP_SELECTION = 1 << 6,
	VTR_VDAGENT_CAP_CRLF = 1 << 9, /* the guest's texts have CR LF at the end of lines */
	VTR_VDAGENT_CAP_MAX_CLIPBOARD = 1 << 10,
	VTR_VDAGENT_CAP_FILES_DISABLED = 1 << 13,
	VTR_VDAGENT_CAP_DETAILED_ERRORS = 1 << 14,
	VTR_VDAGENT_CAP_NO_RELEASE_ON_REGRAB = 1 << 16,
};

#endif
