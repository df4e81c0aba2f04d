/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_GPU_INTERNAL_H
#define VIRTIO_GPU_INTERNAL_H

#include "core/gpu.h"
#include "platform/loop.h"
#include "virtio/gpu.h"
#include "virtio/gpu_protocol.h"

/* What gpu.c and gpu_command.c share; no other folder includes this. Thread: the loop's. */

struct vtr_virtio_gpu {
	struct vtr_log *log;
	struct vtr_os_loop *loop;
	struct vtr_gpu *core;
	struct vtr_virtio_device device;
	struct vtr_virtio_transport transport; /* config_changed is NULL if there is none */
	const struct vtr_display_ops *screen;
	void *screen_data;

	struct gpu_config config;
	uint8_t capset[VTR_CAPSET_VENUS_SIZE];
	struct vtr_virtio_gpu_display displays[VTR_MAX_DISPLAYS];
	uint32_t display_count;
	uint32_t refresh_hz; /* as reported to guests; never 0 */

	struct vtr_queue *queues[GPU_QUEUE_COUNT]; /* NULL before the first start */
	const struct vtr_ram *ram;                 /* NULL before the first start */
	bool started;
	struct vtr_list pending; /* requests whose fence is not retired */
	bool owes_notify[GPU_QUEUE_COUNT];
	struct vtr_os_loop_task notify_task;
	struct vtr_os_loop_timer *again_timer; /* set when one turn could not handle all requests */
};

/* One command during its execution. */
struct vtr_gpu_command {
	const struct gpu_header *header; /* in our private copy */
	uint8_t *body;                   /* the whole request, header included */
	size_t size;
	/* Filled in by the handler. */
	union {
		struct gpu_header header;
		struct gpu_display_info display_info;
		struct gpu_capset_info capset_info;
		struct gpu_capset capset;
		struct gpu_edid edid;
		struct gpu_map_info map_info;
	} answer;
	size_t answer_size;             /* at least the size of a header */
	bool after_renderer;           /* its fence waits for the renderer of its timeline's context */
	bool next_tick;                /* its fence waits for the next tick */
	struct vtr_gpu_mem_lease *leaving; /* the answer waits for this memory, fence or not; NULL: no wait */
};

/* Executes command->body: fills in the answer and what its fence waits for, if it has one. */
void vtr_virtio_gpu_execute(struct vtr_virtio_gpu *gpu, struct vtr_gpu_command *command, uint32_t queue);

#endif
