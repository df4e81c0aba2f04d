/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_SHARP_H
#define SCREEN_SHARP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "display/frame.h"
#include "display/types.h"

/*
 * Lossless patches of a picture, where it has been still for a while and coding blurs it: 4:2:0 halves the resolution
 * of colours, so coloured text stays soft at any bit rate. The picture consists of blocks of 16 by 16 pixels. A block
 * is due when it has not changed for VTR_SHARP_STILL_NS; it needs a patch only if it has edges. A blinking cursor
 * keeps only its own blocks from being due.
 *
 * A patch is a PNG with an alpha channel: pixels of due blocks with edges are opaque and exact, all others are
 * transparent. It covers only some rows of blocks, so that making one takes no longer than encoding a picture of the
 * video.
 *
 * All patches together have half of the video's bit rate, averaged over seconds, however the picture changes.
 */

#define VTR_SHARP_STILL_NS INT64_C(1000000000)
/* Instead of a time. */
#define VTR_SHARP_NEVER INT64_MAX

/* Immutable once made. Thread: any. */
struct vtr_patch {
	atomic_uint refs;
	uint64_t generation, frame; /* of the picture */
	struct vtr_rect rect; /* its place there */
	size_t size;
	uint8_t *png;
};

struct vtr_patch *vtr_patch_ref(struct vtr_patch *patch);
/* Accepts NULL. */
void vtr_patch_unref(struct vtr_patch *patch);

/* The blocks of one display. Thread: one. */
struct vtr_sharp {
	uint32_t width, height; /* of the picture; 0: none yet */
	uint32_t columns, rows; /* in blocks */
	int64_t *due_ns; /* of each block; VTR_SHARP_NEVER: done */
	uint64_t *sent; /* a hash of what viewers have of each block; 0: nothing */
	uint64_t *fresh; /* the same after the last patch, of its rows of blocks */
	int64_t next_ns; /* no block is due before this */
	uint32_t first, count; /* rows of blocks that the last patch was made of */
	int64_t credit; /* bytes that patches may have, can be negative */
	int64_t credit_ns; /* when it was last computed */
	uint8_t *rgba;
	size_t rgba_capacity;
};

/* A new struct is all zeros. Frees the memory, and forgets the picture; what was spent stays spent. */
void vtr_sharp_finish(struct vtr_sharp *sharp);

/**
 * Pixels may have changed. Patches of what turns out to be as it was are not made again, and other damage does not keep
 * them from being made.
 *
 * `rect`     lies within the picture of this size; with another size than before, all of it counts as changed.
 * `changed`  has certainly changed; viewers have no patches there any more. The part outside of `rect` is ignored.
 * Returns:   VTR_ERR_NOMEM (there will be no patches until it succeeds).
 */
VTR_MUST_CHECK enum vtr_err vtr_sharp_damage(struct vtr_sharp *sharp, uint32_t width, uint32_t height,
                                             const struct vtr_rect *rect, const struct vtr_rect *changed,
                                             int64_t now_ns);

/* All blocks are needed again: not all viewers have the patches. */
void vtr_sharp_repeat(struct vtr_sharp *sharp);

/* Returns: when vtr_sharp_make() may have something to do. `bitrate`: of the video, in bits per second. */
int64_t vtr_sharp_due(struct vtr_sharp *sharp, uint32_t bitrate, int64_t now_ns);

/**
 * Makes a patch of the first rows of blocks with something due. The pixels may change meanwhile: call vtr_sharp_keep()
 * if they have not, and throw the patch away otherwise.
 *
 * `view`   has the size of the last damage.
 * Owner:   *out_patch is a reference, the caller's; NULL: nothing due has edges or has changed, or nothing is due.
 * Returns: VTR_ERR_UNSUPPORTED (this build does not compress pictures), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_sharp_make(struct vtr_sharp *sharp, const struct vtr_frame_view *view,
                                           int64_t now_ns, struct vtr_patch **out_patch);

/* The blocks of the last patch are done. `size`: of the patch, or 0. */
void vtr_sharp_keep(struct vtr_sharp *sharp, size_t size, int64_t now_ns);

#endif
