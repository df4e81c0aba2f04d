/* SPDX-License-Identifier: MIT */
#ifndef WEB_VIEWER_PATCHES_H
#define WEB_VIEWER_PATCHES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/types.h"
#include "screen/sharp.h"

/*
 * Lossless patches on their way from the stream's thread to one viewer, and what of them does not hold any more. Only
 * VTR_VIEWER_PATCHES_UNSEEN are on the way at a time. Those that a viewer does not take wait in a queue; when it is
 * full, new ones are lost, and all are asked for again once the queue is empty.
 *
 * A patch may be sent after a newer picture: then it says which of its pixels have changed since.
 *
 * Thread: the web server's, except where another is named.
 */

/* The most patches that wait: more than the largest picture has. */
#define VTR_VIEWER_PATCHES_ROOM 1100
/* The most bytes that wait. Patches are shared by all viewers. */
#define VTR_VIEWER_PATCHES_BYTES ((size_t)8 << 20)
/* The most patches that were sent, and not acknowledged yet. */
#define VTR_VIEWER_PATCHES_UNSEEN 4

/* The most rectangles that a viewer does not know of yet. They have one of their own for each unit that is sent; where
 * they have to be joined, the viewer loses more than has changed, so all patches are asked for again. */
#define VTR_VIEWER_PATCHES_STALE 16

struct vtr_viewer_patch {
	struct vtr_patch *patch; /* a reference */
	struct vtr_rect stale; /* has changed since */
};

struct vtr_viewer_patches {
	uint32_t sent, seen; /* numbers of patches */
	struct vtr_rect shown; /* around all that the viewer may show of patches */
	int64_t asked_ns; /* when all were asked for again; 0: never */

	pthread_mutex_t lock; /* guards what follows */
	struct vtr_viewer_patch *queue; /* a ring; NULL: nothing ever waited */
	size_t first, count, bytes;
	bool lost; /* the viewer lacks a patch */
	struct vtr_rect stale[VTR_VIEWER_PATCHES_STALE]; /* have changed, and the viewer does not know yet */
	size_t stale_count;
};

void vtr_viewer_patches_init(struct vtr_viewer_patches *patches);
void vtr_viewer_patches_finish(struct vtr_viewer_patches *patches);

/* Forgets what waits and what was sent: the viewer takes none any more. The stream must not call meanwhile. */
void vtr_viewer_patches_drop(struct vtr_viewer_patches *patches);

/* Thread: the stream's. See struct vtr_sink. */
void vtr_viewer_patches_change(struct vtr_viewer_patches *patches, const struct vtr_rect *rect);
void vtr_viewer_patches_add(struct vtr_viewer_patches *patches, struct vtr_patch *patch);

/* Returns: whether the viewer must learn, before its next unit, that patches are stale in *out_rect. Call it until it
 * returns false. */
bool vtr_viewer_patches_take_stale(struct vtr_viewer_patches *patches, struct vtr_rect *out_rect);

bool vtr_viewer_patches_is_due(struct vtr_viewer_patches *patches);

/* Takes the next patch, for sending. The viewer must have all units up to the patch's frame. Owner: out->patch is the
 * caller's. Returns: its number for the acknowledgment; 0: there is none. */
uint32_t vtr_viewer_patches_take(struct vtr_viewer_patches *patches, struct vtr_viewer_patch *out);

/* The viewer has all patches up to `number`; ignored if there is no such patch. */
void vtr_viewer_patches_ack(struct vtr_viewer_patches *patches, uint32_t number);

/* Returns: whether all patches must be asked for again, and it is time to do so. */
bool vtr_viewer_patches_need_all(struct vtr_viewer_patches *patches, int64_t now_ns);

#endif
