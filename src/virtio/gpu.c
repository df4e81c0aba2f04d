/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "virtio-gpu"
#include "virtio/gpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/shm.h"
#include "platform/thread.h"
#include "virtio/gpu_internal.h"

/* Limits a turn of the loop, so that other events are handled however many requests a guest sends. */
#define REQUESTS_PER_TURN 512
#define TURN_NS INT64_C(10000000)
/* When to try again after the host ran out of memory. */
#define NO_MEMORY_NS INT64_C(10000000)
#define DEFAULT_REFRESH_HZ 60

/* A request that was executed and waits for its fence. The answer is already in the guest's memory. */
struct pending {
	struct vtr_list node; /* in vtr_virtio_gpu.pending */
	struct vtr_gpu_fence fence;
	struct vtr_queue_request *request;
	uint32_t queue;
	size_t written;
};

/* --- answers ------------------------------------------------------------------------------------------- */

static void notify(void *data)
{
	struct vtr_virtio_gpu *gpu = data;

	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		if (gpu->owes_notify[i]) {
			gpu->owes_notify[i] = false;
			vtr_queue_notify(gpu->queues[i]);
		}
	}
}

/* The interrupt is sent at the end of the turn, once for all. */
static void push(struct vtr_virtio_gpu *gpu, uint32_t queue, struct vtr_queue_request *request,
                 size_t written)
{
	vtr_queue_push(gpu->queues[queue], request, written);
	gpu->owes_notify[queue] = true;
	vtr_os_loop_defer(gpu->loop, &gpu->notify_task);
}

static void on_retired(void *data, struct vtr_gpu_fence *fence)
{
	struct vtr_virtio_gpu *gpu = data;
	struct pending *pending = vtr_container_of(fence, struct pending, fence);

	push(gpu, pending->queue, pending->request, pending->written);
	vtr_list_remove(&pending->node);
	free(pending);
}

static const struct vtr_gpu_events core_events = { .retired = on_retired };

/* Completes a request once its fence is retired, or once what it waits for has happened. The answer is
 * already written. */
static void push_later(struct vtr_virtio_gpu *gpu, uint32_t queue, struct vtr_queue_request *request,
                       size_t written, const struct gpu_header *header, const struct vtr_gpu_command *command)
{
	struct vtr_gpu_fence_params params = {
		.after_renderer = command->after_renderer,
		.next_tick = command->next_tick,
		.leaving = command->leaving,
		.unordered = (header->flags & GPU_FLAG_FENCE) == 0,
	};

	if (!params.unordered && (header->flags & GPU_FLAG_RING_IDX) != 0) {
		params.context = vtr_gpu_context_find(gpu->core, header->ctx_id);
		params.ring = header->ring_idx;
		if (!params.context || params.ring >= VTR_TIMELINE_COUNT) {
			vtr_gpu_mem_lease_unref(params.leaving);
			push(gpu, queue, request, written); /* there is no order to keep */
			return;
		}
	}
	struct pending *pending = calloc(1, sizeof(*pending));
	if (!pending) {
		vtr_gpu_mem_lease_unref(params.leaving);
		push(gpu, queue, request, written); /* out of memory: an early answer is better than none */
		return;
	}
	pending->request = request;
	pending->queue = queue;
	pending->written = written;
	vtr_list_append(&gpu->pending, &pending->node);
	vtr_queue_forget_out(request);
	vtr_gpu_fence_add(gpu->core, &pending->fence, &params);
}

/* --- requests ------------------------------------------------------------------------------------------ */

static void execute(struct vtr_virtio_gpu *gpu, uint32_t queue, struct vtr_queue_request *request)
{
	struct gpu_header header = { 0 }; /* for a request that is too short for a header */
	struct vtr_gpu_command command;

	command.header = &header;
	command.body = request->out;
	command.size = request->out_size;
	command.after_renderer = false;
	command.next_tick = false;
	command.leaving = NULL;
	if (request->out_size >= sizeof(header)) {
		memcpy(&header, request->out, sizeof(header));
	}
	if (request->cut) {
		vtr_warn_limited(gpu->log,
		                 "command 0x%x is refused: it is larger than %u bytes, or its answer is "
		                 "scattered over more than %u places",
		                 header.type, VTR_QUEUE_MAX_OUT, VTR_QUEUE_MAX_IN);
		command.answer.header = (struct gpu_header){ .type = GPU_ERR_OUT_OF_MEMORY };
		command.answer_size = sizeof(command.answer.header);
	} else {
		vtr_virtio_gpu_execute(gpu, &command, queue);
	}
	bool fenced = (header.flags & GPU_FLAG_FENCE) != 0;
	if (fenced) {
		struct gpu_header *answer = &command.answer.header;
		answer->flags = header.flags & (GPU_FLAG_FENCE | GPU_FLAG_RING_IDX);
		answer->fence_id = header.fence_id;
		answer->ctx_id = header.ctx_id;
		answer->ring_idx = header.ring_idx;
	}
	size_t written = vtr_queue_write(gpu->queues[queue], request, &command.answer, command.answer_size);
	if ((fenced && queue == GPU_QUEUE_CONTROL) || command.leaving) {
		push_later(gpu, queue, request, written, &header, &command);
	} else {
		push(gpu, queue, request, written);
	}
}

static void drain(struct vtr_virtio_gpu *gpu, uint32_t queue)
{
	const int64_t end_ns = vtr_os_now_ns() + TURN_NS;
	enum vtr_err err = VTR_OK;

	for (int i = 0; i < REQUESTS_PER_TURN && gpu->started && vtr_os_now_ns() < end_ns; i++) {
		struct vtr_queue_request *request;
		err = vtr_queue_pop(gpu->queues[queue], &request);
		if (err != VTR_OK) {
			break;
		}
		execute(gpu, queue, request);
	}
	if (err == VTR_OK || err == VTR_ERR_NOMEM) {
		vtr_os_loop_timer_set(gpu->again_timer, err == VTR_OK ? 0 : NO_MEMORY_NS);
	}
}

static void drain_all(void *data)
{
	struct vtr_virtio_gpu *gpu = data;

	for (uint32_t i = 0; i < GPU_QUEUE_COUNT && gpu->started; i++) {
		drain(gpu, i);
	}
}

/* --- the device for its transport ---------------------------------------------------------------------- */

static void on_kick(void *data, uint32_t queue)
{
	struct vtr_virtio_gpu *gpu = data;

	if (gpu->started && queue < GPU_QUEUE_COUNT) {
		drain(gpu, queue);
	}
}

static void forget_requests(struct vtr_virtio_gpu *gpu)
{
	struct pending *pending;
	struct pending *next;

	vtr_list_for_each_safe (pending, next, &gpu->pending, node) {
		vtr_list_remove(&pending->node);
		vtr_queue_drop(pending->request);
		free(pending);
	}
}

/* The guest has reset the device, or is gone. */
static void forget_guest(struct vtr_virtio_gpu *gpu)
{
	vtr_gpu_reset(gpu->core); /* first: it holds the fences in the requests */
	forget_requests(gpu);
	gpu->config.events_read = 0;
}

static void on_start(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset)
{
	struct vtr_virtio_gpu *gpu = data;

	if (reset) {
		forget_guest(gpu);
	}
	for (uint32_t i = 0; i < GPU_QUEUE_COUNT; i++) {
		gpu->queues[i] = queues[i];
	}
	gpu->ram = ram;
	vtr_gpu_set_ram(gpu->core, ram);
	gpu->started = true;
}

static void on_stop(void *data)
{
	struct vtr_virtio_gpu *gpu = data;

	gpu->started = false;
	vtr_os_loop_timer_set(gpu->again_timer, -1);
	vtr_os_loop_task_cancel(&gpu->notify_task);
	notify(gpu);
}

/* Guest memory is looked up at each access, so nothing has to be updated. An empty table means that the VMM
 * is gone: free its renderers and memory. */
static void on_ram_changed(void *data)
{
	struct vtr_virtio_gpu *gpu = data;

	if (!gpu->started && gpu->ram && gpu->ram->count == 0) {
		forget_guest(gpu);
	}
}

static void read_config(void *data, uint32_t offset, void *buf, uint32_t size)
{
	const struct vtr_virtio_gpu *gpu = data;

	memset(buf, 0, size);
	if (offset < sizeof(gpu->config)) {
		memcpy(buf, (const uint8_t *)&gpu->config + offset,
		       vtr_min(size, sizeof(gpu->config) - offset));
	}
}

/* QEMU writes the whole space when the driver writes a part. Only one field is writable by the driver. */
static void write_config(void *data, uint32_t offset, const void *buf, uint32_t size)
{
	struct vtr_virtio_gpu *gpu = data;
	struct gpu_config written = { 0 };

	if (offset < sizeof(written)) {
		memcpy((uint8_t *)&written + offset, buf, vtr_min(size, sizeof(written) - offset));
	}
	gpu->config.events_read &= ~written.events_clear;
}

const struct vtr_virtio_device *vtr_virtio_gpu_device(struct vtr_virtio_gpu *gpu)
{
	return &gpu->device;
}

void vtr_virtio_gpu_set_transport(struct vtr_virtio_gpu *gpu, const struct vtr_virtio_transport *transport)
{
	gpu->transport = transport ? *transport : (struct vtr_virtio_transport){ 0 };
}

/* --- displays ------------------------------------------------------------------------------------------ */

static void tell_mode(struct vtr_virtio_gpu *gpu, uint32_t display)
{
	const struct vtr_virtio_gpu_display *mode = &gpu->displays[display];

	gpu->screen->set_mode(gpu->screen_data, display, mode->connected, mode->width, mode->height);
}

static void on_mode(void *data, uint32_t display, bool connected, uint32_t width, uint32_t height)
{
	struct vtr_virtio_gpu *gpu = data;

	if (display >= gpu->display_count || (connected && !vtr_mode_fits(width, height))) {
		vtr_warn_limited(gpu->log,
		                 "display %u cannot become %ux%u: there are %u displays of %u to %u "
		                 "pixels a side",
		                 display, width, height, gpu->display_count, VTR_MODE_MIN_SIDE,
		                 VTR_MODE_MAX_SIDE);
		return;
	}
	struct vtr_virtio_gpu_display *now = &gpu->displays[display];
	struct vtr_virtio_gpu_display wanted = {
		.connected = connected,
		.width = connected ? width : now->width,
		.height = connected ? height : now->height,
	};
	if (now->connected == wanted.connected && now->width == wanted.width &&
	    now->height == wanted.height) {
		return;
	}
	*now = wanted;
	vtr_info_limited(gpu->log, "display %u: %s, %ux%u", display, connected ? "connected" : "disconnected",
	                 now->width, now->height);
	tell_mode(gpu, display);
	gpu->config.events_read |= GPU_EVENT_DISPLAY;
	if (gpu->transport.config_changed) {
		gpu->transport.config_changed(gpu->transport.data);
	}
}

const struct vtr_display_events vtr_virtio_gpu_screen_events = { .mode = on_mode };

bool vtr_virtio_gpu_locate(const struct vtr_virtio_gpu *gpu, uint32_t display, uint32_t *x, uint32_t *y)
{
	const uint64_t scale = VTR_INPUT_MAX_PLACE + 1;
	uint64_t left = 0;
	uint64_t width = 0;
	uint64_t height = 0;

	if (display >= gpu->display_count || !gpu->displays[display].connected) {
		return false;
	}
	/* Side by side, as in get_display_info(). */
	for (uint32_t i = 0; i < gpu->display_count; i++) {
		if (gpu->displays[i].connected) {
			left += i < display ? gpu->displays[i].width : 0;
			width += gpu->displays[i].width;
			height = vtr_max(height, gpu->displays[i].height);
		}
	}
	*x = (uint32_t)((left * scale + *x * (uint64_t)gpu->displays[display].width) / width);
	*y = (uint32_t)(*y * (uint64_t)gpu->displays[display].height / height);
	return true;
}

/* --- lifetime ------------------------------------------------------------------------------------------ */

static enum vtr_err check_params(const struct vtr_virtio_gpu_params *params)
{
	if (params->display_count < 1 || params->display_count > VTR_MAX_DISPLAYS ||
	    params->refresh_hz > VTR_VIRTIO_GPU_MAX_REFRESH_HZ) {
		return VTR_ERR_ARG;
	}
	const uint32_t alignment = params->blob_alignment;
	if (alignment != 0 && (alignment < vtr_os_page_size() || (alignment & (alignment - 1)) != 0)) {
		return VTR_ERR_ARG;
	}
	for (uint32_t i = 0; i < params->display_count; i++) {
		if (!vtr_mode_fits(params->displays[i].width, params->displays[i].height)) {
			return VTR_ERR_ARG;
		}
	}
	return VTR_OK;
}

static enum vtr_err create_core(struct vtr_virtio_gpu *gpu, const struct vtr_virtio_gpu_params *params)
{
	const struct vtr_gpu_params core = {
		.log = params->log,
		.loop = params->loop,
		.hostmem = params->hostmem,
		.image_memory = params->image_memory,
		.display_count = params->display_count,
		.refresh_hz = params->refresh_hz,
		.renderer_ops = params->renderer_ops,
		.renderer_data = params->renderer_data,
		.screen = params->screen,
		.screen_data = params->screen_data,
		.events = &core_events,
		.events_data = gpu,
	};

	return vtr_gpu_create(&core, &gpu->core);
}

static void init(struct vtr_virtio_gpu *gpu, const struct vtr_virtio_gpu_params *params)
{
	gpu->log = params->log;
	gpu->loop = params->loop;
	gpu->screen = params->screen;
	gpu->screen_data = params->screen_data;
	gpu->display_count = params->display_count;
	gpu->refresh_hz = params->refresh_hz ? params->refresh_hz : DEFAULT_REFRESH_HZ;
	memcpy(gpu->capset, params->capset, sizeof(gpu->capset));
	memcpy(gpu->displays, params->displays, params->display_count * sizeof(params->displays[0]));
	gpu->config = (struct gpu_config){
		.num_scanouts = params->display_count,
		.num_capsets = 1,
		.blob_alignment = params->blob_alignment ? params->blob_alignment :
		                                           (uint32_t)vtr_os_page_size(),
	};
	gpu->device = (struct vtr_virtio_device){
		.name = "GPU",
		.data = gpu,
		.queue_count = GPU_QUEUE_COUNT,
		.features = GPU_F_VIRGL | GPU_F_EDID | GPU_F_RESOURCE_BLOB | GPU_F_CONTEXT_INIT |
		            GPU_F_BLOB_ALIGNMENT,
		.hostmem = params->hostmem,
		.read_config = read_config,
		.write_config = write_config,
		.start = on_start,
		.kick = on_kick,
		.ram_changed = on_ram_changed,
		.stop = on_stop,
	};
	vtr_list_init(&gpu->pending);
	vtr_os_loop_task_init(&gpu->notify_task, notify, gpu);
}

enum vtr_err vtr_virtio_gpu_create(const struct vtr_virtio_gpu_params *params,
                                   struct vtr_virtio_gpu **out_gpu)
{
	enum vtr_err err = check_params(params);

	if (err != VTR_OK) {
		return err;
	}
	struct vtr_virtio_gpu *gpu = calloc(1, sizeof(*gpu));
	if (!gpu) {
		return VTR_ERR_NOMEM;
	}
	init(gpu, params);
	err = vtr_os_loop_add_timer(gpu->loop, drain_all, gpu, &gpu->again_timer);
	if (err == VTR_OK) {
		err = create_core(gpu, params);
	}
	if (err != VTR_OK) {
		vtr_virtio_gpu_destroy(gpu);
		return err;
	}
	for (uint32_t i = 0; i < gpu->display_count; i++) {
		tell_mode(gpu, i);
	}
	if (gpu->config.blob_alignment > VTR_GPU_BLOB_UNIT) {
		/* With Linux 7.2 and an older Mesa the guest itself refuses the memory, so it is said here. */
		vtr_info(gpu->log,
		         "guests are asked to place GPU memory at multiples of %u bytes: those with smaller "
		         "pages need Mesa 26.2.4 if they have Linux 7.2",
		         gpu->config.blob_alignment);
	}
	*out_gpu = gpu;
	return VTR_OK;
}

void vtr_virtio_gpu_destroy(struct vtr_virtio_gpu *gpu)
{
	if (!gpu) {
		return;
	}
	vtr_gpu_destroy(gpu->core);
	forget_requests(gpu);
	vtr_os_loop_task_cancel(&gpu->notify_task);
	vtr_os_loop_timer_destroy(gpu->again_timer);
	free(gpu);
}
