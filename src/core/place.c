/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "core"
#include "core/gpu_internal.h"

#include <stdlib.h>

/*
 * A guest gives memory to somebody else as soon as it hears that it is free: another program's ring in the
 * window, the kernel's own data in its RAM. A renderer, though, may be in the middle of a frame that is
 * drawn there, and hears of it later than we do. So memory that renderers were told of is free once they
 * have let go, and answers to the guest wait for that.
 */

struct vtr_gpu_place *vtr_gpu_place_create(struct vtr_gpu *gpu)
{
	struct vtr_gpu_place *place = calloc(1, sizeof(*place));

	if (place) {
		place->gpu = gpu;
		place->refs = 1;
		vtr_list_init(&place->waiting);
		vtr_list_append(&gpu->places, &place->node);
	}
	return place;
}

/* Others may have the memory from now on. */
static void give_back(struct vtr_gpu_place *place)
{
	if (place->ranges) {
		vtr_reclaim_add(place->reclaim, place->offset, place->size);
		vtr_ranges_give(place->ranges, place->offset);
	}
	if (place->budget) {
		vtr_budget_give(place->budget, place->size);
	}
	place->ranges = NULL;
	place->budget = NULL;
}

void vtr_gpu_place_settle(struct vtr_gpu_place *place)
{
	if (!place->left || place->users > 0 || place->free) {
		return;
	}
	place->free = true;
	give_back(place);
	vtr_gpu_fences_left(place);
}

void vtr_gpu_place_unref(struct vtr_gpu_place *place)
{
	if (place && --place->refs == 0) {
		vtr_list_remove(&place->node);
		free(place);
	}
}

void vtr_gpu_places_reset(struct vtr_gpu *gpu)
{
	struct vtr_gpu_place *place;

	vtr_list_for_each (place, &gpu->places, node) {
		give_back(place);
	}
}
