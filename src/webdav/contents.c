/* SPDX-License-Identifier: MIT */
#include "webdav/contents.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 4

enum vtr_err vtr_dav_contents_create(struct vtr_budget *budget, struct vtr_dav_contents **out_contents)
{
	struct vtr_dav_contents *contents = calloc(1, sizeof(*contents));

	if (!contents) {
		return VTR_ERR_NOMEM;
	}
	contents->refs = 1;
	contents->budget = budget;
	*out_contents = contents;
	return VTR_OK;
}

static enum vtr_err add_piece(struct vtr_dav_contents *contents)
{
	uint8_t *piece;

	if (contents->piece_count == contents->piece_room) {
		const size_t room = vtr_max(2 * contents->piece_room, FIRST_ROOM);
		uint8_t **moved = realloc(contents->pieces, room * sizeof(*moved));
		if (!moved) {
			return VTR_ERR_NOMEM;
		}
		contents->pieces = moved;
		contents->piece_room = room;
	}
	if (!vtr_budget_take(contents->budget, VTR_DAV_PIECE)) {
		return VTR_ERR_LIMIT;
	}
	piece = malloc(VTR_DAV_PIECE);
	if (!piece) {
		vtr_budget_give(contents->budget, VTR_DAV_PIECE);
		return VTR_ERR_NOMEM;
	}
	contents->taken += VTR_DAV_PIECE;
	contents->pieces[contents->piece_count++] = piece;
	return VTR_OK;
}

enum vtr_err vtr_dav_contents_add(struct vtr_dav_contents *contents, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;

	while (size > 0) {
		const size_t at = (size_t)(contents->size % VTR_DAV_PIECE);
		const size_t part = vtr_min(size, VTR_DAV_PIECE - at);
		if (at == 0) {
			enum vtr_err err = add_piece(contents);
			if (err != VTR_OK) {
				return err;
			}
		}
		memcpy(contents->pieces[contents->piece_count - 1] + at, from, part);
		contents->size += part;
		from += part;
		size -= part;
	}
	return VTR_OK;
}

void vtr_dav_contents_complete(struct vtr_dav_contents *contents)
{
	const size_t used = (size_t)(contents->size % VTR_DAV_PIECE);

	if (used == 0) {
		return;
	}
	uint8_t **last = &contents->pieces[contents->piece_count - 1];
	uint8_t *moved = realloc(*last, used);
	if (moved) {
		*last = moved;
		contents->taken -= VTR_DAV_PIECE - used;
		vtr_budget_give(contents->budget, VTR_DAV_PIECE - used);
	}
}

void vtr_dav_contents_read(const struct vtr_dav_contents *contents, uint64_t at, void *out, size_t size)
{
	uint8_t *to = out;

	vtr_assert(at <= contents->size && size <= contents->size - at);
	while (size > 0) {
		const size_t inside = (size_t)(at % VTR_DAV_PIECE);
		const size_t part = vtr_min(size, VTR_DAV_PIECE - inside);
		memcpy(to, contents->pieces[at / VTR_DAV_PIECE] + inside, part);
		at += part;
		to += part;
		size -= part;
	}
}

struct vtr_dav_contents *vtr_dav_contents_ref(struct vtr_dav_contents *contents)
{
	contents->refs++;
	return contents;
}

void vtr_dav_contents_unref(struct vtr_dav_contents *contents)
{
	if (!contents || --contents->refs > 0) {
		return;
	}
	for (size_t i = 0; i < contents->piece_count; i++) {
		free(contents->pieces[i]);
	}
	vtr_budget_give(contents->budget, contents->taken);
	free(contents->pieces);
	free(contents);
}
