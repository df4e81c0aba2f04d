/* SPDX-License-Identifier: MIT */
#ifndef WEB_FIELDS_H
#define WEB_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The fields of the WebSocket's messages. They follow each other without gaps, and numbers are little-endian.
 *
 * Thread: any.
 */
struct vtr_field_reader {
	const uint8_t *at;
	size_t left;
	bool wrong; /* the message is too short, or a value is out of range: the values that were read are undefined */
};

/* Each reads the next field. Once the message is too short they return 0 and set `wrong`. */
uint8_t vtr_field_get_u8(struct vtr_field_reader *reader);
uint16_t vtr_field_get_u16(struct vtr_field_reader *reader);
uint32_t vtr_field_get_u32(struct vtr_field_reader *reader);
uint64_t vtr_field_get_u64(struct vtr_field_reader *reader);
/* A byte that is 0 or 1. */
bool vtr_field_get_bool(struct vtr_field_reader *reader);
/* Copies bytes. Does nothing if the message is too short. */
void vtr_field_get_bytes(struct vtr_field_reader *reader, void *out, size_t size);
/* The rest of the message: from `least` to `most` bytes. Returns: it, borrowed; *out_size is its size. */
const uint8_t *vtr_field_get_rest(struct vtr_field_reader *reader, size_t least, size_t most,
                                  size_t *out_size);

/* The caller has room for all that it writes. */
struct vtr_field_writer {
	uint8_t *start;
	size_t size;
};

/* Begins a message: its type, and the display that it is about, or 0. */
struct vtr_field_writer vtr_field_begin(uint8_t *out, uint8_t type, uint8_t display);

void vtr_field_put_u8(struct vtr_field_writer *writer, uint8_t value);
void vtr_field_put_u16(struct vtr_field_writer *writer, uint16_t value);
void vtr_field_put_u32(struct vtr_field_writer *writer, uint32_t value);
void vtr_field_put_u64(struct vtr_field_writer *writer, uint64_t value);
void vtr_field_put_bytes(struct vtr_field_writer *writer, const void *bytes, size_t size);

#endif
