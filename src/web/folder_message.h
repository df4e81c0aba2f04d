/* SPDX-License-Identifier: MIT */
#ifndef WEB_FOLDER_MESSAGE_H
#define WEB_FOLDER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "webdav/text.h"

/*
 * The messages of the WebSocket about the folder that is shared with the guest (docs/web-protocol.md). Each is a type,
 * a byte 0, and fields without gaps; all numbers are little-endian. page/wire.js is the other side.
 *
 * Thread: any.
 */
struct vtr_dav_node;

enum vtr_folder_message_type {
	/* From the page. */
	VTR_FOLDER_MESSAGE_LIST = 0x27, /* u32 node */
	VTR_FOLDER_MESSAGE_GET = 0x28, /* u32 transfer, u32 node */
	VTR_FOLDER_MESSAGE_REMOVE = 0x29, /* u32 node */
	VTR_FOLDER_MESSAGE_PUT = 0x2a, /* u32 transfer, u32 node (a folder), u64 size, the name to the end */
	VTR_FOLDER_MESSAGE_DATA = 0x2b, /* u32 transfer, bytes */
	VTR_FOLDER_MESSAGE_CANCEL = 0x2c, /* u32 transfer */
	/* To the page. */
	VTR_FOLDER_MESSAGE_STATE = 0xa6, /* u8 enum vtr_folder_state, u32 changes, u64 used, u64 most bytes */
	VTR_FOLDER_MESSAGE_ENTRIES = 0xa7, /* u32 node, u8 enum vtr_folder_message_entries or-ed, entries */
	VTR_FOLDER_MESSAGE_PART = 0xa8, /* u32 transfer, bytes */
	VTR_FOLDER_MESSAGE_TRANSFER = 0xa9, /* u32 transfer, u8 enum vtr_folder_transfer, u64 value */
};

#define VTR_FOLDER_MESSAGE_FIRST 0x27
#define VTR_FOLDER_MESSAGE_LAST 0x2f

enum vtr_folder_state {
	VTR_FOLDER_ABSENT, /* the guest is not connected */
	VTR_FOLDER_SILENT, /* nothing has asked for the folder since it was connected */
	VTR_FOLDER_READY,
};

/* Of a list that is cut into several messages. */
enum vtr_folder_message_entries {
	VTR_FOLDER_ENTRIES_LAST = 1,
	VTR_FOLDER_ENTRIES_GONE = 2, /* the folder does not exist any more */
};

enum vtr_folder_transfer {
	VTR_FOLDER_GOING, /* value: a file's size, before its parts */
	VTR_FOLDER_DONE,
	VTR_FOLDER_GONE, /* the file or folder does not exist any more */
	VTR_FOLDER_NO_SPACE, /* value: the bytes that are free */
	VTR_FOLDER_INVALID, /* the name */
	VTR_FOLDER_TAKEN, /* another file or folder has the name */
	VTR_FOLDER_FAILED,
	VTR_FOLDER_NO_CONTROL, /* another viewer has it */
};

/* The bytes of a file in one message of a page, and in one to a page. */
#define VTR_FOLDER_MESSAGE_PIECE_IN 65536
#define VTR_FOLDER_MESSAGE_PIECE_OUT 16384
/* The longest message of a page. */
#define VTR_FOLDER_MESSAGE_MAX_IN (2 + 4 + VTR_FOLDER_MESSAGE_PIECE_IN)

/* A page's message. */
struct vtr_folder_message {
	enum vtr_folder_message_type type;
	uint32_t transfer;
	uint32_t node;
	uint64_t size; /* of a file */
	const uint8_t *bytes; /* data or a name; borrowed */
	size_t bytes_size;
};

/* Returns: VTR_ERR_PROTOCOL (not a valid message, or a value is out of range). */
VTR_MUST_CHECK enum vtr_err vtr_folder_message_parse(const uint8_t *bytes, size_t size,
                                                     struct vtr_folder_message *out_message);

/* Each writes one message, or the head of one with bytes behind it. Returns: its size, at most 32. */
size_t vtr_folder_message_state(uint8_t *out, enum vtr_folder_state state, uint32_t changes, uint64_t used,
                                uint64_t most);
size_t vtr_folder_message_entries(uint8_t *out, uint32_t node, uint32_t flags);
size_t vtr_folder_message_part(uint8_t *out, uint32_t transfer);
size_t vtr_folder_message_transfer(uint8_t *out, uint32_t transfer, enum vtr_folder_transfer state,
                                   uint64_t value);

/* Adds the entry of a node: u32 node, u8 whether it is a folder, u64 size, u64 seconds since 1970, u8 size of the
 * name, name. It has at most VTR_FOLDER_ENTRY_MAX bytes. */
#define VTR_FOLDER_ENTRY_MAX (4 + 1 + 8 + 8 + 1 + 255)
void vtr_folder_message_add_entry(struct vtr_dav_text *entries, const struct vtr_dav_node *node);

#endif
