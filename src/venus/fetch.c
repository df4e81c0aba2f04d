/* SPDX-License-Identifier: MIT */
#include "venus/fetch.h"

#include <string.h>

#include "venus/resource.h"

void vtr_pieces_copy(const struct vtr_pieces *pieces, uint8_t *to)
{
	for (unsigned i = 0; i < pieces->count; i++) {
		memcpy(to, pieces->list[i].bytes, pieces->list[i].size);
		to += pieces->list[i].size;
	}
}

void vtr_pieces_drop(struct vtr_pieces *pieces)
{
	for (unsigned i = 0; i < pieces->count; i++) {
		vtr_resource_unref(pieces->list[i].resource);
	}
	pieces->count = 0;
}

struct vtr_hold *vtr_holds_add(struct vtr_holds *holds, uint32_t position)
{
	struct vtr_hold *hold = &holds->list[holds->next % VTR_MAX_HOLDS];

	if (holds->next - holds->first >= VTR_MAX_HOLDS) {
		return NULL;
	}
	hold->position = position;
	atomic_store_explicit(&hold->over, false, memory_order_relaxed);
	holds->next++;
	return hold;
}

bool vtr_holds_first(struct vtr_holds *holds, uint32_t *out_position)
{
	while (vtr_holds_any(holds)) {
		const struct vtr_hold *first = &holds->list[holds->first % VTR_MAX_HOLDS];

		if (!atomic_load_explicit(&first->over, memory_order_acquire)) {
			*out_position = first->position;
			return true;
		}
		holds->first++;
	}
	return false;
}
