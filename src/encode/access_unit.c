/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "encode/encoder.h"

void vtr_access_unit_unref(struct vtr_access_unit *unit)
{
	if (unit && atomic_fetch_sub(&unit->refs, 1) == 1) {
		free(unit);
	}
}

struct vtr_access_unit *vtr_access_unit_ref(struct vtr_access_unit *unit)
{
	atomic_fetch_add(&unit->refs, 1);
	return unit;
}
