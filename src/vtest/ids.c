/* SPDX-License-Identifier: MIT */
#include "vtest/ids.h"

#include <stdlib.h>

#include "base/mem.h"

#define SLOT_REAL UINT32_MAX
#define SLOT_VOID (UINT32_MAX - 1)
#define FIRST_ROOM 256

void vtr_ids_init(struct vtr_ids *ids)
{
	*ids = (struct vtr_ids){ 0 };
}

void vtr_ids_finish(struct vtr_ids *ids)
{
	free(ids->slots);
	*ids = (struct vtr_ids){ 0 };
}

enum vtr_err vtr_ids_take(struct vtr_ids *ids, uint32_t *out_id)
{
	uint32_t id = ids->free_head;

	if (id != 0) {
		ids->free_head = ids->slots[id - 1];
	} else {
		if (ids->used == VTR_IDS_MAX) {
			return VTR_ERR_LIMIT;
		}
		if (ids->used == ids->room) {
			uint32_t room = ids->room ? ids->room * 2 : FIRST_ROOM;
			uint32_t *slots = realloc(ids->slots, room * sizeof(*slots));
			if (!slots) {
				return VTR_ERR_NOMEM;
			}
			ids->slots = slots;
			ids->room = room;
		}
		id = ++ids->used;
	}
	ids->slots[id - 1] = SLOT_VOID;
	*out_id = id;
	return VTR_OK;
}

bool vtr_ids_has_room(const struct vtr_ids *ids)
{
	return ids->live < VTR_IDS_MAX_LIVE;
}

void vtr_ids_set_real(struct vtr_ids *ids, uint32_t id)
{
	vtr_assert(id != 0 && id <= ids->used && ids->slots[id - 1] == SLOT_VOID);
	ids->slots[id - 1] = SLOT_REAL;
	ids->live++;
}

enum vtr_ids_kind vtr_ids_give(struct vtr_ids *ids, uint32_t id)
{
	if (id == 0 || id > ids->used || ids->slots[id - 1] < SLOT_VOID) {
		return VTR_IDS_FREE;
	}
	bool real = ids->slots[id - 1] == SLOT_REAL;
	ids->live -= real;
	ids->slots[id - 1] = ids->free_head;
	ids->free_head = id;
	return real ? VTR_IDS_REAL : VTR_IDS_VOID;
}
