/* SPDX-License-Identifier: MIT */
#include "web/viewer_patches.h"

#include <stdlib.h>

#include "test.h"

#define S INT64_C(1000000000)

static struct vtr_patch *make(uint32_t x, uint32_t y, uint32_t width, uint32_t height, size_t size)
{
	struct vtr_patch *patch = calloc(1, sizeof(*patch));

	CHECK(patch != NULL);
	atomic_init(&patch->refs, 1);
	patch->rect = (struct vtr_rect){ x, y, width, height };
	patch->size = size;
	return patch;
}

static void add(struct vtr_viewer_patches *patches, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	struct vtr_patch *patch = make(x, y, width, height, 100);

	vtr_viewer_patches_add(patches, patch);
	vtr_patch_unref(patch);
}

/* Returns: the number of the patch, which is given back; 0: none. */
static uint32_t take(struct vtr_viewer_patches *patches, struct vtr_rect *out_rect,
                     struct vtr_rect *out_stale)
{
	struct vtr_viewer_patch patch;
	uint32_t number = vtr_viewer_patches_take(patches, &patch);

	if (number != 0) {
		*out_rect = patch.patch->rect;
		*out_stale = patch.stale;
		vtr_patch_unref(patch.patch);
	}
	return number;
}

static bool is_rect(const struct vtr_rect *rect, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return rect->x == x && rect->y == y && rect->width == width && rect->height == height;
}

static void few_are_on_the_way(void)
{
	struct vtr_viewer_patches patches;
	struct vtr_rect rect, stale;

	vtr_viewer_patches_init(&patches);
	CHECK(!vtr_viewer_patches_is_due(&patches));
	for (uint32_t i = 0; i < 6; i++) {
		add(&patches, i * 16, 0, 16, 16);
	}
	for (uint32_t i = 0; i < VTR_VIEWER_PATCHES_UNSEEN; i++) {
		CHECK(vtr_viewer_patches_is_due(&patches));
		CHECK_EQ(take(&patches, &rect, &stale), i + 1);
		CHECK(is_rect(&rect, i * 16, 0, 16, 16) && is_rect(&stale, 0, 0, 0, 0));
	}
	CHECK(!vtr_viewer_patches_is_due(&patches));
	CHECK_EQ(take(&patches, &rect, &stale), 0);
	vtr_viewer_patches_ack(&patches, 9); /* was not sent */
	CHECK(!vtr_viewer_patches_is_due(&patches));
	vtr_viewer_patches_ack(&patches, 1);
	vtr_viewer_patches_ack(&patches, 0); /* backwards */
	CHECK_EQ(take(&patches, &rect, &stale), 5);
	CHECK_EQ(take(&patches, &rect, &stale), 0);
	vtr_viewer_patches_finish(&patches);
}

static void what_is_stale_is_told(void)
{
	const struct vtr_rect spot = { 40, 0, 8, 8 };
	const struct vtr_rect away = { 400, 400, 8, 8 };
	const struct vtr_rect all = { 0, 0, 640, 400 };
	struct vtr_viewer_patches patches;
	struct vtr_rect rect, stale;

	vtr_viewer_patches_init(&patches);
	/* Nothing was sent, so nothing is stale. */
	vtr_viewer_patches_change(&patches, &spot);
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	add(&patches, 32, 0, 64, 16);
	add(&patches, 40, 0, 4, 4);
	vtr_viewer_patches_change(&patches, &spot);
	CHECK_EQ(take(&patches, &rect, &stale), 1);
	CHECK(is_rect(&stale, 40, 0, 8, 8));
	/* The other one has nothing left. */
	CHECK_EQ(take(&patches, &rect, &stale), 0);
	CHECK(vtr_viewer_patches_take_stale(&patches, &rect) && is_rect(&rect, 40, 0, 8, 8));
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	vtr_viewer_patches_change(&patches, &away);
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	vtr_viewer_patches_change(&patches, &all);
	CHECK(vtr_viewer_patches_take_stale(&patches, &rect) && is_rect(&rect, 0, 0, 640, 400));
	/* The viewer shows none any more, while the picture moves. */
	vtr_viewer_patches_change(&patches, &all);
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	vtr_viewer_patches_finish(&patches);
}

/* Each change has its own rectangle. If there are too many, the viewer loses what lies between them, and all patches
 * are repeated. */
static void many_changes(void)
{
	const struct vtr_rect all = { 0, 0, 640, 16 };
	struct vtr_viewer_patches patches;
	struct vtr_rect rect, stale;

	vtr_viewer_patches_init(&patches);
	add(&patches, 0, 0, 640, 400);
	vtr_viewer_patches_ack(&patches, take(&patches, &rect, &stale));
	for (uint32_t i = 0; i < VTR_VIEWER_PATCHES_STALE; i++) {
		const struct vtr_rect spot = { 20 * i, 0, 8, 8 };
		const struct vtr_rect inside = { 20 * i + 2, 2, 2, 2 };
		vtr_viewer_patches_change(&patches, &spot);
		vtr_viewer_patches_change(&patches, &inside);
	}
	uint32_t seen = 0;
	for (uint32_t i = 0; i < VTR_VIEWER_PATCHES_STALE; i++) {
		CHECK(vtr_viewer_patches_take_stale(&patches, &rect));
		CHECK(rect.x % 20 == 0 && rect.y == 0 && rect.width == 8 && rect.height == 8);
		seen |= 1u << rect.x / 20;
	}
	CHECK_EQ(seen, (1u << VTR_VIEWER_PATCHES_STALE) - 1);
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	CHECK(!vtr_viewer_patches_need_all(&patches, 10 * S));
	for (uint32_t i = 0; i < VTR_VIEWER_PATCHES_STALE + 1; i++) {
		const struct vtr_rect spot = { 20 * i, 0, 8, 8 };
		vtr_viewer_patches_change(&patches, &spot);
	}
	CHECK(vtr_viewer_patches_take_stale(&patches, &rect));
	CHECK(is_rect(&rect, 0, 0, 20 * VTR_VIEWER_PATCHES_STALE + 8, 8));
	CHECK(!vtr_viewer_patches_take_stale(&patches, &rect));
	CHECK(vtr_viewer_patches_need_all(&patches, 10 * S));
	/* The same of what waits. */
	for (uint32_t i = 0; i < 2; i++) {
		const struct vtr_rect spot = { 20 * i, 0, 8, 8 };
		add(&patches, 0, 0, 640, 400);
		vtr_viewer_patches_change(&patches, &spot);
	}
	vtr_viewer_patches_change(&patches, &all);
	vtr_viewer_patches_ack(&patches, take(&patches, &rect, &stale));
	CHECK(is_rect(&stale, 0, 0, 640, 16));
	vtr_viewer_patches_ack(&patches, take(&patches, &rect, &stale));
	CHECK(is_rect(&stale, 0, 0, 640, 16));
	CHECK(vtr_viewer_patches_need_all(&patches, 20 * S));
	vtr_viewer_patches_finish(&patches);
}

static void lost_ones_are_asked_for(void)
{
	struct vtr_viewer_patches patches;
	struct vtr_patch *large = make(0, 0, 16, 16, VTR_VIEWER_PATCHES_BYTES / 2 + 1);
	struct vtr_rect rect, stale;

	vtr_viewer_patches_init(&patches);
	vtr_viewer_patches_add(&patches, large);
	CHECK(!vtr_viewer_patches_need_all(&patches, 10 * S));
	vtr_viewer_patches_add(&patches, large);
	CHECK_EQ(atomic_load(&large->refs), 2);
	CHECK(!vtr_viewer_patches_need_all(&patches, 10 * S)); /* one waits */
	CHECK_EQ(take(&patches, &rect, &stale), 1);
	CHECK(!vtr_viewer_patches_need_all(&patches, 10 * S)); /* it is on the way */
	vtr_viewer_patches_ack(&patches, 1);
	CHECK(vtr_viewer_patches_need_all(&patches, 10 * S));
	CHECK(!vtr_viewer_patches_need_all(&patches, 10 * S));
	/* Not again within a second. */
	for (size_t i = 0; i < VTR_VIEWER_PATCHES_ROOM + 1; i++) {
		add(&patches, 0, 0, 16, 16);
	}
	uint32_t number;
	while ((number = take(&patches, &rect, &stale)) != 0) {
		vtr_viewer_patches_ack(&patches, number);
	}
	CHECK_EQ(patches.sent, 1 + VTR_VIEWER_PATCHES_ROOM);
	CHECK(!vtr_viewer_patches_need_all(&patches, 11 * S - 1));
	CHECK(vtr_viewer_patches_need_all(&patches, 11 * S));
	vtr_viewer_patches_add(&patches, large);
	vtr_viewer_patches_finish(&patches);
	CHECK_EQ(atomic_load(&large->refs), 1);
	vtr_patch_unref(large);
}

int main(void)
{
	RUN(few_are_on_the_way);
	RUN(what_is_stale_is_told);
	RUN(many_changes);
	RUN(lost_ones_are_asked_for);
	return 0;
}
