/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "core"
#include "core/gpu_internal.h"

#include <stdlib.h>

/*
 * A guest reuses memory as soon as it learns that the memory is free: for another program's ring in hostmem,
 * or for the kernel's own data in its RAM. At that time a renderer may still draw a frame there, and it
 * learns of the change later than we do. So memory that renderers received is free only once they have
 * released it, and answers to the guest wait for that.
 */

struct vtr_gpu_mem_lease *vtr_gpu_mem_lease_create(struct vtr_gpu *gpu)
{
	struct vtr_gpu_mem_lease *lease = calloc(1, sizeof(*lease));

	if (lease) {
		lease->gpu = gpu;
		lease->refs = 1;
		vtr_list_init(&lease->waiting);
		vtr_list_append(&gpu->leases, &lease->node);
	}
	return lease;
}

/* Allows reuse of the memory. */
static void give_back(struct vtr_gpu_mem_lease *lease)
{
	if (lease->ranges) {
		vtr_reclaim_add(lease->reclaim, lease->offset, lease->size);
		vtr_ranges_give(lease->ranges, lease->offset);
	}
	if (lease->budget) {
		vtr_budget_give(lease->budget, lease->size);
	}
	lease->ranges = NULL;
	lease->budget = NULL;
}

void vtr_gpu_mem_lease_release_if_unused(struct vtr_gpu_mem_lease *lease)
{
	if (!lease->left || lease->users > 0 || lease->free) {
		return;
	}
	lease->free = true;
	give_back(lease);
	vtr_gpu_fences_left(lease);
}

void vtr_gpu_mem_lease_unref(struct vtr_gpu_mem_lease *lease)
{
	if (lease && --lease->refs == 0) {
		vtr_list_remove(&lease->node);
		free(lease);
	}
}

void vtr_gpu_mem_leases_reset(struct vtr_gpu *gpu)
{
	struct vtr_gpu_mem_lease *lease;

	vtr_list_for_each (lease, &gpu->leases, node) {
		give_back(lease);
	}
}
