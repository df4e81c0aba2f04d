/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include <stdlib.h>

#include "platform/shm.h"

#define DEFAULT_IMAGE_MEMORY (UINT64_C(2) << 30)
/* Images are created and freed in any order. The extra address space makes it likely that a free range fits. */
#define IMAGE_SLACK 2

/* Returns: the next power of two. */
static uint64_t round_up_pow2(uint64_t value)
{
	uint64_t result = 1;

	while (result < value) {
		result <<= 1;
	}
	return result;
}

static enum vtr_err init_image_memory(struct vtr_gpu *gpu, struct vtr_gpu_image_memory *memory,
                                      const char *name, uint64_t size)
{
	enum vtr_err err = vtr_hostmem_init(name, size, &memory->memory);

	if (err != VTR_OK) {
		return err;
	}
	err = vtr_reclaim_init(&memory->reclaim, gpu->log, gpu->loop, &memory->memory);
	if (err != VTR_OK) {
		vtr_hostmem_finish(&memory->memory);
		return err;
	}
	vtr_ranges_init(&memory->ranges, 0, size);
	gpu->screen->add_buffer(gpu->screen_data, memory->buffer, &memory->memory);
	return VTR_OK;
}

/* Accepts memory that was not created. */
static void finish_image_memory(struct vtr_gpu *gpu, struct vtr_gpu_image_memory *memory)
{
	if (memory->memory.map) {
		gpu->screen->remove_buffer(gpu->screen_data, memory->buffer);
		vtr_reclaim_finish(&memory->reclaim);
		vtr_ranges_finish(&memory->ranges);
		vtr_hostmem_finish(&memory->memory);
	}
}

static enum vtr_err init_images(struct vtr_gpu *gpu, uint64_t memory)
{
	if (memory == 0) {
		memory = DEFAULT_IMAGE_MEMORY;
	}
	if (memory > UINT64_MAX / 16) {
		return VTR_ERR_NOMEM;
	}
	const uint64_t size = round_up_pow2(vtr_max(memory, vtr_os_page_size()) * IMAGE_SLACK);
	vtr_budget_init(&gpu->image_budget, memory);
	enum vtr_err err = init_image_memory(gpu, &gpu->pictures, "vitrine-pictures", size);
	if (err == VTR_OK) {
		err = init_image_memory(gpu, &gpu->blobs, "vitrine-blobs", size);
	}
	return err;
}

static void check_params(const struct vtr_gpu_params *params)
{
	const struct vtr_renderer_ops *ops = params->renderer_ops;
	const struct vtr_display_ops *screen = params->screen;

	vtr_assert(params->loop && params->hostmem && params->events && params->events->retired);
	vtr_assert(params->display_count >= 1 && params->display_count <= VTR_MAX_DISPLAYS);
	vtr_assert(ops && ops->create && ops->destroy && ops->attach && ops->detach && ops->submit &&
	           ops->fence);
	vtr_assert(screen && screen->add_buffer && screen->remove_buffer && screen->set_scanout &&
	           screen->touch && screen->flush && screen->set_cursor && screen->move_cursor &&
	           screen->set_mode);
}

enum vtr_err vtr_gpu_create(const struct vtr_gpu_params *params, struct vtr_gpu **out_gpu)
{
	struct vtr_gpu *gpu = calloc(1, sizeof(*gpu));
	enum vtr_err err;

	check_params(params);
	if (!gpu) {
		return VTR_ERR_NOMEM;
	}
	gpu->log = params->log;
	gpu->loop = params->loop;
	gpu->renderer_ops = params->renderer_ops;
	gpu->renderer_data = params->renderer_data;
	gpu->screen = params->screen;
	gpu->screen_data = params->screen_data;
	gpu->events = params->events;
	gpu->events_data = params->events_data;
	gpu->hostmem = params->hostmem;
	gpu->display_count = params->display_count;
	gpu->pictures.buffer = VTR_GPU_PICTURE_BUFFER;
	gpu->blobs.buffer = VTR_GPU_BLOB_BUFFER;
	vtr_list_init(&gpu->resource_list);
	vtr_list_init(&gpu->context_list);
	vtr_list_init(&gpu->renderers);
	vtr_list_init(&gpu->leases);
	vtr_ranges_init(&gpu->hostmem_ranges, 0, gpu->hostmem->size);
	err = vtr_gpu_fences_init(gpu, params->refresh_hz);
	if (err == VTR_OK) {
		err = vtr_idmap_init(&gpu->resources);
	}
	if (err == VTR_OK) {
		err = vtr_idmap_init(&gpu->contexts);
	}
	if (err == VTR_OK) {
		err = vtr_reclaim_init(&gpu->hostmem_reclaim, gpu->log, gpu->loop, gpu->hostmem);
	}
	if (err == VTR_OK) {
		err = init_images(gpu, params->image_memory);
	}
	if (err != VTR_OK) {
		vtr_gpu_destroy(gpu);
		return err;
	}
	*out_gpu = gpu;
	return VTR_OK;
}

/* Drops renderers, resources and all state about them. */
static void drop_all(struct vtr_gpu *gpu)
{
	struct vtr_gpu_context *context;
	struct vtr_gpu_context *next_context;
	struct vtr_gpu_resource *resource;
	struct vtr_gpu_resource *next_resource;

	vtr_gpu_fences_reset(gpu);
	vtr_list_for_each_safe (context, next_context, &gpu->context_list, node) {
		vtr_gpu_context_destroy(context);
	}
	vtr_list_for_each_safe (resource, next_resource, &gpu->resource_list, node) {
		vtr_gpu_resource_unref(resource, NULL);
	}
	vtr_gpu_mem_leases_reset(gpu);
	vtr_assert(gpu->resource_count == 0 && gpu->context_count == 0 && gpu->renderer_count == 0 &&
	           gpu->attachment_count == 0 && gpu->extent_count == 0 && gpu->hostmem_ranges.count == 0 &&
	           gpu->pictures.ranges.count == 0 && gpu->blobs.ranges.count == 0);
}

void vtr_gpu_destroy(struct vtr_gpu *gpu)
{
	if (!gpu) {
		return;
	}
	drop_all(gpu);
	vtr_gpu_lease_holders_finish(gpu);
	finish_image_memory(gpu, &gpu->blobs);
	finish_image_memory(gpu, &gpu->pictures);
	vtr_reclaim_finish(&gpu->hostmem_reclaim);
	vtr_ranges_finish(&gpu->hostmem_ranges);
	vtr_idmap_finish(&gpu->contexts);
	vtr_idmap_finish(&gpu->resources);
	vtr_gpu_fences_finish(gpu);
	free(gpu);
}

void vtr_gpu_reset(struct vtr_gpu *gpu)
{
	drop_all(gpu);
	vtr_ranges_clear(&gpu->pictures.ranges);
	vtr_ranges_clear(&gpu->blobs.ranges);
	/* Guests can write to all of hostmem, also outside of blobs. */
	vtr_reclaim_add_all(&gpu->hostmem_reclaim);
	for (uint32_t i = 0; i < gpu->display_count; i++) {
		gpu->screen->set_cursor(gpu->screen_data, i, NULL);
	}
}

void vtr_gpu_set_ram(struct vtr_gpu *gpu, const struct vtr_ram *ram)
{
	gpu->ram = ram;
}
