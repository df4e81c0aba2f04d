/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "core"
#include "core/gpu_internal.h"

#include <stdlib.h>

/* What renderers use: see place.c. */

struct vtr_gpu_renderer *vtr_gpu_renderer_create(struct vtr_gpu_context *context)
{
	struct vtr_gpu_renderer *renderer = calloc(1, sizeof(*renderer));

	if (renderer) {
		renderer->context = context;
		vtr_list_init(&renderer->uses);
		vtr_list_append(&context->gpu->renderers, &renderer->node);
	}
	return renderer;
}

static void free_use(struct vtr_gpu_use *use)
{
	struct vtr_gpu_place *place = use->place;

	vtr_list_remove(&use->node);
	free(use);
	place->users--;
	vtr_gpu_place_settle(place);
	vtr_gpu_place_unref(place);
}

static void free_uses(struct vtr_gpu_renderer *renderer)
{
	while (!vtr_list_empty(&renderer->uses)) {
		free_use(vtr_container_of(renderer->uses.next, struct vtr_gpu_use, node));
	}
}

static void free_renderer(struct vtr_gpu_renderer *renderer)
{
	vtr_list_remove(&renderer->node);
	free(renderer);
}

void vtr_gpu_renderer_leave(struct vtr_gpu_renderer *renderer)
{
	renderer->context = NULL;
	if (renderer->ended) {
		free_renderer(renderer);
	}
}

struct vtr_gpu_use *vtr_gpu_use_create(struct vtr_gpu_renderer *renderer, uint32_t res_id,
                                       struct vtr_gpu_place *place)
{
	struct vtr_gpu_use *use = calloc(1, sizeof(*use));

	if (use) {
		use->res_id = res_id;
		use->place = place;
		place->refs++;
		place->users++;
		vtr_list_append(&renderer->uses, &use->node);
	}
	return use;
}

void vtr_gpu_use_cancel(struct vtr_gpu_use *use)
{
	free_use(use);
}

void vtr_gpu_renderer_detached(struct vtr_gpu_renderer *renderer, uint32_t res_id)
{
	struct vtr_gpu_use *use;

	vtr_list_for_each (use, &renderer->uses, node) {
		if (use->detaching && use->res_id == res_id) {
			free_use(use);
			return;
		}
	}
}

void vtr_gpu_renderer_ended(struct vtr_gpu *gpu, const struct vtr_render *render)
{
	struct vtr_gpu_renderer *renderer;
	struct vtr_gpu_attachment *attachment;

	vtr_list_for_each (renderer, &gpu->renderers, node) {
		if (renderer->render != render || renderer->ended) {
			continue;
		}
		if (renderer->context) {
			vtr_list_for_each (attachment, &renderer->context->attachments, context_node) {
				attachment->use = NULL;
			}
		}
		free_uses(renderer);
		renderer->ended = true;
		if (!renderer->context) {
			free_renderer(renderer);
		}
		return;
	}
}

void vtr_gpu_renderers_finish(struct vtr_gpu *gpu)
{
	while (!vtr_list_empty(&gpu->renderers)) {
		struct vtr_gpu_renderer *renderer =
			vtr_container_of(gpu->renderers.next, struct vtr_gpu_renderer, node);
		free_uses(renderer);
		free_renderer(renderer);
	}
}
