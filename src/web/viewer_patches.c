/* SPDX-License-Identifier: MIT */
#include "web/viewer_patches.h"

#include <stdlib.h>

#include "base/mem.h"
#include "display/rect.h"

/* The least time between two requests for all patches. */
#define ASK_NS INT64_C(1000000000)

void vtr_viewer_patches_init(struct vtr_viewer_patches *patches)
{
	*patches = (struct vtr_viewer_patches){ 0 };
	pthread_mutex_init(&patches->lock, NULL);
}

void vtr_viewer_patches_drop(struct vtr_viewer_patches *patches)
{
	for (size_t i = 0; i < patches->count; i++) {
		vtr_patch_unref(patches->queue[(patches->first + i) % VTR_VIEWER_PATCHES_ROOM].patch);
	}
	patches->count = 0;
	patches->bytes = 0;
	patches->lost = false;
	patches->stale_count = 0;
	patches->shown = (struct vtr_rect){ 0 };
}

void vtr_viewer_patches_finish(struct vtr_viewer_patches *patches)
{
	vtr_viewer_patches_drop(patches);
	free(patches->queue);
	pthread_mutex_destroy(&patches->lock);
}

static bool contains(const struct vtr_rect *outer, const struct vtr_rect *inner)
{
	const struct vtr_rect both = vtr_rect_join(outer, inner);

	return !vtr_rect_is_empty(outer) && both.width == outer->width && both.height == outer->height;
}

static bool touch(const struct vtr_rect *a, const struct vtr_rect *b)
{
	return !vtr_rect_is_empty(a) && !vtr_rect_is_empty(b) && a->x < b->x + b->width &&
	       b->x < a->x + a->width && a->y < b->y + b->height && b->y < a->y + a->height;
}

/* Adds a rectangle to another. Returns: whether the result has only what was in one of them. */
static bool extend(struct vtr_rect *rect, const struct vtr_rect *more)
{
	const struct vtr_rect both = vtr_rect_join(rect, more);
	const bool exact = vtr_rect_is_empty(rect) || contains(rect, more) || contains(more, rect);

	*rect = both;
	return exact;
}

/* Call it with the lock held. */
static void add_stale(struct vtr_viewer_patches *patches, const struct vtr_rect *rect)
{
	for (size_t i = 0; i < patches->stale_count; i++) {
		if (contains(&patches->stale[i], rect) || contains(rect, &patches->stale[i])) {
			(void)extend(&patches->stale[i], rect);
			return;
		}
	}
	if (patches->stale_count < VTR_VIEWER_PATCHES_STALE) {
		patches->stale[patches->stale_count++] = *rect;
		return;
	}
	for (size_t i = 0; i < patches->stale_count; i++) {
		(void)extend(&patches->stale[0], &patches->stale[i]);
	}
	(void)extend(&patches->stale[0], rect);
	patches->stale_count = 1;
	patches->lost = true;
}

void vtr_viewer_patches_change(struct vtr_viewer_patches *patches, const struct vtr_rect *rect)
{
	pthread_mutex_lock(&patches->lock);
	add_stale(patches, rect);
	for (size_t i = 0; i < patches->count; i++) {
		struct vtr_viewer_patch *waiting =
			&patches->queue[(patches->first + i) % VTR_VIEWER_PATCHES_ROOM];
		patches->lost |= !extend(&waiting->stale, rect);
	}
	pthread_mutex_unlock(&patches->lock);
}

void vtr_viewer_patches_add(struct vtr_viewer_patches *patches, struct vtr_patch *patch)
{
	pthread_mutex_lock(&patches->lock);
	if (!patches->queue) {
		patches->queue = calloc(VTR_VIEWER_PATCHES_ROOM, sizeof(*patches->queue));
	}
	if (!patches->queue || patches->count == VTR_VIEWER_PATCHES_ROOM ||
	    patches->bytes + patch->size > VTR_VIEWER_PATCHES_BYTES) {
		patches->lost = true;
	} else {
		size_t at = (patches->first + patches->count++) % VTR_VIEWER_PATCHES_ROOM;
		patches->queue[at] = (struct vtr_viewer_patch){ .patch = vtr_patch_ref(patch) };
		patches->bytes += patch->size;
	}
	pthread_mutex_unlock(&patches->lock);
}

bool vtr_viewer_patches_take_stale(struct vtr_viewer_patches *patches, struct vtr_rect *out_rect)
{
	bool found = false;

	pthread_mutex_lock(&patches->lock);
	while (!found && patches->stale_count > 0) {
		*out_rect = patches->stale[--patches->stale_count];
		found = touch(out_rect, &patches->shown);
	}
	pthread_mutex_unlock(&patches->lock);
	if (found && contains(out_rect, &patches->shown)) {
		patches->shown = (struct vtr_rect){ 0 };
	}
	return found;
}

static bool may_send(const struct vtr_viewer_patches *patches)
{
	return patches->sent - patches->seen < VTR_VIEWER_PATCHES_UNSEEN;
}

bool vtr_viewer_patches_is_due(struct vtr_viewer_patches *patches)
{
	pthread_mutex_lock(&patches->lock);
	bool waits = patches->count > 0;
	pthread_mutex_unlock(&patches->lock);
	return waits && may_send(patches);
}

/* Takes the oldest patch that waits. Returns: whether there is one. */
static bool pop(struct vtr_viewer_patches *patches, struct vtr_viewer_patch *out)
{
	pthread_mutex_lock(&patches->lock);
	const bool has = patches->count > 0;
	if (has) {
		*out = patches->queue[patches->first];
		patches->first = (patches->first + 1) % VTR_VIEWER_PATCHES_ROOM;
		patches->count--;
		patches->bytes -= out->patch->size;
	}
	pthread_mutex_unlock(&patches->lock);
	return has;
}

uint32_t vtr_viewer_patches_take(struct vtr_viewer_patches *patches, struct vtr_viewer_patch *out)
{
	while (may_send(patches) && pop(patches, out)) {
		if (!contains(&out->stale, &out->patch->rect)) {
			patches->shown = vtr_rect_join(&patches->shown, &out->patch->rect);
			patches->sent += patches->sent == UINT32_MAX ? 2 : 1; /* 0 means none */
			return patches->sent;
		}
		vtr_patch_unref(out->patch);
	}
	return 0;
}

void vtr_viewer_patches_ack(struct vtr_viewer_patches *patches, uint32_t number)
{
	/* This form allows numbers to wrap around. */
	if (number - patches->seen <= patches->sent - patches->seen) {
		patches->seen = number;
	}
}

bool vtr_viewer_patches_need_all(struct vtr_viewer_patches *patches, int64_t now_ns)
{
	bool need = false;

	if (patches->sent == patches->seen &&
	    (patches->asked_ns == 0 || now_ns - patches->asked_ns >= ASK_NS)) {
		pthread_mutex_lock(&patches->lock);
		need = patches->lost && patches->count == 0;
		patches->lost = patches->lost && !need;
		pthread_mutex_unlock(&patches->lock);
		patches->asked_ns = need ? now_ns : patches->asked_ns;
	}
	return need;
}
