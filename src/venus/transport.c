/* SPDX-License-Identifier: MIT */
/* Commands about streams: where replies go, and streams in shared memory. */
#include <stdlib.h>

#include "venus/context.h"
#include "venus/resource.h"

/* Guests send a single one. */
#define MAX_STREAMS 1024

static void set_position(struct vtr_dispatch *d, size_t position)
{
	uint8_t *base = d->reply_resource->map + d->reply_offset;

	d->reply = (struct vtr_cs_writer){ .cur = base + position, .end = base + d->reply_size };
}

/* Returns: a reference to plain shared memory that contains [offset, offset + size), or NULL. */
static struct vtr_resource *get_stream(struct vtr_dispatch *d, const VkCommandStreamDescriptionMESA *s)
{
	struct vtr_resource *res = vtr_resource_get(&d->venus->resources, s->resourceId);

	if (res == NULL || !res->stream || res->map == NULL || s->offset > res->size ||
	    s->size > res->size - s->offset || s->offset % 4 != 0) {
		vtr_resource_unref(res);
		vtr_cs_fail_value(&d->r, "a stream's resource is missing or too small", s->resourceId);
		return NULL;
	}
	return res;
}

void vtr_hand_vkSetReplyCommandStreamMESA(struct vtr_dispatch *d, struct vtw_vkSetReplyCommandStreamMESA *a)
{
	const VkCommandStreamDescriptionMESA *s = a->pStream;
	struct vtr_resource *res = d->reply_resource;

	/* Guests send this before each command that wants a reply, mostly with the same memory. */
	if (res == NULL || res->base.id != s->resourceId || atomic_load(&res->gone) ||
	    s->offset > res->size || s->size > res->size - s->offset || s->offset % 4 != 0) {
		vtr_resource_unref(res);
		d->reply_resource = res = get_stream(d, s);
		if (res == NULL) {
			return;
		}
	}
	d->reply_offset = s->offset;
	d->reply_size = s->size;
	set_position(d, 0);
}

void vtr_hand_vkSeekReplyCommandStreamMESA(struct vtr_dispatch *d, struct vtw_vkSeekReplyCommandStreamMESA *a)
{
	if (d->reply_resource == NULL || a->position > d->reply_size || a->position % 4 != 0) {
		vtr_cs_fail_value(&d->r, "a position lies outside the reply stream", a->position);
		return;
	}
	set_position(d, a->position);
}

static bool run_stream(struct vtr_dispatch *d, const VkCommandStreamDescriptionMESA *s)
{
	struct vtr_resource *res = get_stream(d, s);
	enum vtr_err err;

	if (res == NULL) {
		return false;
	}
	err = vtr_dispatch_run_shared(d, res->map + s->offset, s->size);
	vtr_resource_unref(res);
	return err == VTR_OK;
}

void vtr_hand_vkExecuteCommandStreamsMESA(struct vtr_dispatch *d, struct vtw_vkExecuteCommandStreamsMESA *a)
{
	/* The streams' commands reuse the reader, its memory, and the fields about the current command. Therefore
	 * the list of streams is copied, and this command's own fields are restored afterwards. Otherwise it would
	 * write its reply as the last of the streams' commands. */
	const struct vtr_cs_reader outer = d->r;
	const uint32_t command = d->command, flags = d->flags;
	const uint32_t n = a->streamCount;
	struct {
		VkCommandStreamDescriptionMESA stream;
		size_t position;
		bool seek;
	} *list;
	bool ok = true;

	if (d->indirect || n == 0 || n > MAX_STREAMS || a->pStreams == NULL ||
	    (list = calloc(n, sizeof(*list))) == NULL) {
		vtr_dispatch_fail(d, "the number of streams is invalid, or streams are nested");
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		list[i].stream = a->pStreams[i];
		list[i].seek = a->pReplyPositions != NULL;
		list[i].position = list[i].seek ? a->pReplyPositions[i] : 0;
	}
	d->indirect = true;
	for (uint32_t i = 0; i < n && ok; i++) {
		if (list[i].seek) {
			struct vtw_vkSeekReplyCommandStreamMESA seek = { .position = list[i].position };

			vtr_hand_vkSeekReplyCommandStreamMESA(d, &seek);
		}
		ok = d->r.status == 0 && run_stream(d, &list[i].stream);
	}
	d->indirect = false;
	free(list);
	if (ok) {
		d->r = outer;
		__atomic_store_n(&d->command, command, __ATOMIC_RELAXED);
		d->flags = flags;
	} else {
		vtr_dispatch_fail(d, "an indirect stream failed");
	}
}
