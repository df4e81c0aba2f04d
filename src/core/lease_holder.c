/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "core"
#include "core/gpu_internal.h"

#include <stdlib.h>

/* Which renderers use which memory: see mem_lease.c. */

struct vtr_gpu_lease_holder *vtr_gpu_lease_holder_create(struct vtr_gpu_context *context)
{
	struct vtr_gpu_lease_holder *holder = calloc(1, sizeof(*holder));

	if (holder) {
		holder->context = context;
		vtr_list_init(&holder->uses);
		vtr_list_append(&context->gpu->renderers, &holder->node);
	}
	return holder;
}

static void free_use(struct vtr_gpu_use *use)
{
	struct vtr_gpu_mem_lease *lease = use->lease;

	vtr_list_remove(&use->node);
	free(use);
	lease->users--;
	vtr_gpu_mem_lease_release_if_unused(lease);
	vtr_gpu_mem_lease_unref(lease);
}

static void free_uses(struct vtr_gpu_lease_holder *holder)
{
	while (!vtr_list_empty(&holder->uses)) {
		free_use(vtr_container_of(holder->uses.next, struct vtr_gpu_use, node));
	}
}

static void free_holder(struct vtr_gpu_lease_holder *holder)
{
	vtr_list_remove(&holder->node);
	free(holder);
}

void vtr_gpu_lease_holder_leave(struct vtr_gpu_lease_holder *holder)
{
	holder->context = NULL;
	if (holder->ended) {
		free_holder(holder);
	}
}

struct vtr_gpu_use *vtr_gpu_use_create(struct vtr_gpu_lease_holder *holder, uint32_t res_id,
                                       struct vtr_gpu_mem_lease *lease)
{
	struct vtr_gpu_use *use = calloc(1, sizeof(*use));

	if (use) {
		use->res_id = res_id;
		use->lease = lease;
		lease->refs++;
		lease->users++;
		vtr_list_append(&holder->uses, &use->node);
	}
	return use;
}

void vtr_gpu_use_cancel(struct vtr_gpu_use *use)
{
	free_use(use);
}

void vtr_gpu_lease_holder_detached(struct vtr_gpu_lease_holder *holder, uint32_t res_id)
{
	struct vtr_gpu_use *use;

	vtr_list_for_each (use, &holder->uses, node) {
		if (use->detaching && use->res_id == res_id) {
			free_use(use);
			return;
		}
	}
}

void vtr_gpu_lease_holder_ended(struct vtr_gpu *gpu, const struct vtr_renderer *renderer)
{
	struct vtr_gpu_lease_holder *holder;
	struct vtr_gpu_attachment *attachment;

	vtr_list_for_each (holder, &gpu->renderers, node) {
		if (holder->renderer != renderer || holder->ended) {
			continue;
		}
		if (holder->context) {
			vtr_list_for_each (attachment, &holder->context->attachments, context_node) {
				attachment->use = NULL;
			}
		}
		free_uses(holder);
		holder->ended = true;
		if (!holder->context) {
			free_holder(holder);
		}
		return;
	}
}

void vtr_gpu_lease_holders_finish(struct vtr_gpu *gpu)
{
	while (!vtr_list_empty(&gpu->renderers)) {
		struct vtr_gpu_lease_holder *holder =
			vtr_container_of(gpu->renderers.next, struct vtr_gpu_lease_holder, node);
		free_uses(holder);
		free_holder(holder);
	}
}
