/* SPDX-License-Identifier: MIT */
#include "agent/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_ROOM 4096

enum vtr_err vtr_blob_create(size_t size, struct vtr_blob **out_blob)
{
	struct vtr_blob *blob = calloc(1, sizeof(*blob));

	if (!blob) {
		return VTR_ERR_NOMEM;
	}
	blob->refs = 1;
	blob->size = size;
	*out_blob = blob;
	return VTR_OK;
}

enum vtr_err vtr_blob_add(struct vtr_blob *blob, const void *bytes, size_t size)
{
	const size_t needed = blob->filled + size;

	vtr_assert(size <= blob->size - blob->filled);
	if (size == 0) {
		return VTR_OK;
	}
	if (needed > blob->room) {
		const size_t twice = vtr_max(2 * blob->room, FIRST_ROOM);
		const size_t room = vtr_min(vtr_max(needed, twice), blob->size);
		uint8_t *moved = realloc(blob->bytes, room);
		if (!moved) {
			return VTR_ERR_NOMEM;
		}
		blob->bytes = moved;
		blob->room = room;
	}
	memcpy(blob->bytes + blob->filled, bytes, size);
	blob->filled = needed;
	return VTR_OK;
}

struct vtr_blob *vtr_blob_ref(struct vtr_blob *blob)
{
	blob->refs++;
	return blob;
}

void vtr_blob_unref(struct vtr_blob *blob)
{
	if (blob && --blob->refs == 0) {
		free(blob->bytes);
		free(blob);
	}
}
