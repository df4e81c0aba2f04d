/* SPDX-License-Identifier: MIT */
#ifndef AGENT_BLOB_H
#define AGENT_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Bytes of known size that arrive in pieces, for instance the contents of a clipboard. Memory is taken as they arrive,
 * not as they are announced. Complete ones may have several owners.
 *
 * Thread: one, that of all owners.
 */
struct vtr_blob {
	size_t refs;
	size_t size;   /* announced */
	size_t filled; /* arrived */
	size_t room;
	uint8_t *bytes;
};

/* Owner: *out_blob is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_blob_create(size_t size, struct vtr_blob **out_blob);

/* Adds the next bytes; no more than are missing. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_blob_add(struct vtr_blob *blob, const void *bytes, size_t size);

struct vtr_blob *vtr_blob_ref(struct vtr_blob *blob);

/* Accepts NULL. */
void vtr_blob_unref(struct vtr_blob *blob);

#endif
