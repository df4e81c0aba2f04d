/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "gpu"
#include "core/gpu_internal.h"

#include "platform/thread.h"

/*
 * A fence is done once what it waits for has happened: a renderer, a tick, or nothing. It is retired once it
 * is done and nothing older is left on its timeline, since a guest takes a signalled fence as proof for all
 * before it. On the global timeline are fences of the whole guest, also of its displays, so none there waits for a
 * renderer, which may never be done.
 */

#define NS_PER_S INT64_C(1000000000)

static void retire(struct vtr_gpu *gpu, struct vtr_list *timeline)
{
	while (!vtr_list_empty(timeline)) {
		struct vtr_gpu_fence *fence = vtr_container_of(timeline->next, struct vtr_gpu_fence, node);
		if (!fence->done) {
			return;
		}
		vtr_list_remove(&fence->node);
		gpu->events->retired(gpu->events_data, fence);
	}
}

/* The fence may not exist any more afterwards. */
static void finish_wait(struct vtr_gpu *gpu, struct vtr_gpu_fence *fence)
{
	vtr_list_remove(&fence->wait_node);
	fence->done = true;
	if (fence->timeline) {
		retire(gpu, fence->timeline);
	} else {
		gpu->events->retired(gpu->events_data, fence);
	}
}

static void on_tick(void *data)
{
	struct vtr_gpu *gpu = data;
	struct vtr_gpu_fence *fence;
	struct vtr_gpu_fence *next;

	vtr_list_for_each_safe (fence, next, &gpu->ticking, wait_node) {
		finish_wait(gpu, fence);
	}
}

/* Ticks lie on a fixed grid in time, so an application that finishes early still waits for the same tick. */
static void wait_for_tick(struct vtr_gpu *gpu, struct vtr_gpu_fence *fence)
{
	if (vtr_list_empty(&gpu->ticking)) {
		int64_t phase = (vtr_os_now_ns() - gpu->tick_epoch_ns) % gpu->tick_ns;
		vtr_os_loop_timer_set(gpu->tick_timer, gpu->tick_ns - phase);
	}
	vtr_list_append(&gpu->ticking, &fence->wait_node);
}

/* Returns: false if the renderer has no such fence to signal. */
static bool wait_for_renderer(struct vtr_gpu *gpu, struct vtr_gpu_context *context, uint32_t timeline,
                              struct vtr_gpu_fence *fence)
{
	if (!context->renderer || context->gone) {
		return false;
	}
	/* Our own numbers: a guest may use the same number twice. */
	fence->renderer_fence_id = gpu->next_fence_id++;
	fence->renderer_timeline = timeline;
	if (gpu->renderer_ops->fence(context->renderer, timeline, fence->renderer_fence_id) != VTR_OK) {
		return false; /* its renderer is about to be reported gone */
	}
	vtr_list_append(&context->waiting, &fence->wait_node);
	return true;
}

void vtr_gpu_fence_add(struct vtr_gpu *gpu, struct vtr_gpu_fence *fence,
                       const struct vtr_gpu_fence_params *params)
{
	vtr_assert(params->ring < VTR_TIMELINE_COUNT);
	*fence = (struct vtr_gpu_fence){ .done = false };
	vtr_list_init(&fence->wait_node);
	vtr_list_init(&fence->node);
	if (!params->unordered) {
		fence->timeline = params->context ? &params->context->timelines[params->ring] :
		                                    &gpu->timeline;
		vtr_list_append(fence->timeline, &fence->node);
	}
	if (params->leaving) {
		struct vtr_gpu_mem_lease *leaving = params->leaving;
		if (leaving->free) {
			finish_wait(gpu, fence);
		} else {
			vtr_list_append(&leaving->waiting, &fence->wait_node);
		}
		vtr_gpu_mem_lease_unref(leaving);
		return;
	}
	if (params->context && params->after_renderer &&
	    wait_for_renderer(gpu, params->context, params->ring, fence)) {
		return;
	}
	if (params->next_tick && gpu->tick_ns > 0) {
		wait_for_tick(gpu, fence);
		return;
	}
	finish_wait(gpu, fence);
}

enum vtr_err vtr_gpu_fences_signal(struct vtr_gpu_context *context, uint32_t timeline,
                                   uint64_t renderer_fence_id)
{
	struct vtr_gpu_fence *fence;

	vtr_list_for_each (fence, &context->waiting, wait_node) {
		if (fence->renderer_timeline != timeline) {
			continue;
		}
		if (fence->renderer_fence_id != renderer_fence_id) {
			break;
		}
		finish_wait(context->gpu, fence);
		return VTR_OK;
	}
	return VTR_ERR_PROTOCOL;
}

void vtr_gpu_fences_abandon(struct vtr_gpu_context *context)
{
	struct vtr_gpu_fence *fence;
	struct vtr_gpu_fence *next;

	vtr_list_for_each_safe (fence, next, &context->waiting, wait_node) {
		finish_wait(context->gpu, fence);
	}
}

void vtr_gpu_fences_left(struct vtr_gpu_mem_lease *lease)
{
	struct vtr_gpu_fence *fence;
	struct vtr_gpu_fence *next;

	vtr_list_for_each_safe (fence, next, &lease->waiting, wait_node) {
		finish_wait(lease->gpu, fence);
	}
}

void vtr_gpu_fences_finish_context(struct vtr_gpu_context *context)
{
	vtr_gpu_fences_abandon(context);
	/* The remaining fences wait for a tick. */
	for (size_t i = 0; i < VTR_TIMELINE_COUNT; i++) {
		struct vtr_gpu_fence *fence;
		vtr_list_for_each (fence, &context->timelines[i], node) {
			vtr_list_remove(&fence->wait_node);
			fence->done = true;
		}
		retire(context->gpu, &context->timelines[i]);
	}
}

enum vtr_err vtr_gpu_fences_init(struct vtr_gpu *gpu, uint32_t refresh_hz)
{
	vtr_list_init(&gpu->timeline);
	vtr_list_init(&gpu->ticking);
	gpu->next_fence_id = 1;
	gpu->tick_ns = refresh_hz > 0 ? NS_PER_S / refresh_hz : 0;
	gpu->tick_epoch_ns = vtr_os_now_ns();
	return vtr_os_loop_add_timer(gpu->loop, on_tick, gpu, &gpu->tick_timer);
}

void vtr_gpu_fences_finish(struct vtr_gpu *gpu)
{
	vtr_os_loop_timer_destroy(gpu->tick_timer);
}

void vtr_gpu_fences_reset(struct vtr_gpu *gpu)
{
	struct vtr_gpu_context *context;
	struct vtr_gpu_mem_lease *lease;

	vtr_list_init(&gpu->timeline);
	vtr_list_init(&gpu->ticking);
	vtr_list_for_each (lease, &gpu->leases, node) {
		vtr_list_init(&lease->waiting);
	}
	if (gpu->tick_timer) {
		vtr_os_loop_timer_set(gpu->tick_timer, -1);
	}
	vtr_list_for_each (context, &gpu->context_list, node) {
		vtr_list_init(&context->waiting);
		for (size_t i = 0; i < VTR_TIMELINE_COUNT; i++) {
			vtr_list_init(&context->timelines[i]);
		}
	}
}
