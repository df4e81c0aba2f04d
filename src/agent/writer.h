/* SPDX-License-Identifier: MIT */
#ifndef AGENT_WRITER_H
#define AGENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/blob.h"
#include "agent/vdagent_protocol.h"

/*
 * One message on its way to a guest's agent, which is cut into chunks as there is room for them.
 *
 * Thread: one.
 */

/* Room for what comes before the body: FILE_START is the longest. */
#define VTR_VDAGENT_MAX_FRONT 768

struct vtr_vdagent_writer {
	uint8_t front[VTR_VDAGENT_MESSAGE_HEAD + VTR_VDAGENT_MAX_FRONT];
	size_t front_size; /* 0: no message */
	struct vtr_blob *body; /* or NULL */
	size_t written;
};

/* Drops the message, if there is one. */
void vtr_vdagent_writer_reset(struct vtr_vdagent_writer *writer);

/* Begins a message, to which the functions below add the part before the body. The one before it is written. Owner:
 * `body` is consumed; NULL: none. */
void vtr_vdagent_writer_begin(struct vtr_vdagent_writer *writer, enum vtr_vdagent_type type,
                              struct vtr_blob *body);

/* Adds to the part before the body. */
void vtr_vdagent_writer_add(struct vtr_vdagent_writer *writer, const void *bytes, size_t size);
void vtr_vdagent_writer_add32(struct vtr_vdagent_writer *writer, uint32_t value);
void vtr_vdagent_writer_add64(struct vtr_vdagent_writer *writer, uint64_t value);

/* Returns: whether there is a message. */
bool vtr_vdagent_writer_has_message(const struct vtr_vdagent_writer *writer);

/* Returns: whether a part of the message was taken, and a part was not. */
bool vtr_vdagent_writer_is_inside(const struct vtr_vdagent_writer *writer);

/* Writes chunks of the message into `out`, as far as whole ones fit. Returns: the number of bytes. */
size_t vtr_vdagent_writer_take(struct vtr_vdagent_writer *writer, uint8_t *out, size_t room);

#endif
