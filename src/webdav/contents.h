/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_CONTENTS_H
#define WEBDAV_CONTENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/mem.h"

/*
 * The bytes of a file, in memory. They are added piece by piece and taken from a budget as they come; complete ones do
 * not change and may have several owners, so who reads a file goes on with it while the file is replaced.
 *
 * Thread: one, that of all owners.
 */
struct vtr_dav_contents {
	size_t refs;
	struct vtr_budget *budget; /* borrowed; outlives the contents */
	uint64_t size;
	uint64_t taken; /* of the budget */
	uint8_t **pieces; /* of VTR_DAV_PIECE bytes; the last one of complete contents is shorter */
	size_t piece_count, piece_room;
};

/* Large enough that the C library gives freed ones back to the system. */
#define VTR_DAV_PIECE (256u << 10)

/* Owner: *out_contents is the caller's. Returns: VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_contents_create(struct vtr_budget *budget,
                                                    struct vtr_dav_contents **out_contents);

/* Adds bytes. Returns: VTR_ERR_LIMIT (the budget is used up), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_dav_contents_add(struct vtr_dav_contents *contents, const void *bytes,
                                                 size_t size);

/* Gives back what the end of the last piece does not need. No bytes are added after that. */
void vtr_dav_contents_complete(struct vtr_dav_contents *contents);

/* Copies bytes; `at + size` is not beyond the end. */
void vtr_dav_contents_read(const struct vtr_dav_contents *contents, uint64_t at, void *out, size_t size);

struct vtr_dav_contents *vtr_dav_contents_ref(struct vtr_dav_contents *contents);

/* Accepts NULL. */
void vtr_dav_contents_unref(struct vtr_dav_contents *contents);

#endif
