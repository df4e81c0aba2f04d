/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_GPU_H
#define VIRTIO_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "virtio/device.h"

/*
 * A virtio-gpu device (virtio 1.3, 5.7): decodes what a guest's driver asks for, has it done by
 * core/gpu.h, answers. It offers 2D, blobs in a window, Venus contexts, EDID and up to 16 displays.
 *
 * Thread: the loop's.
 */
struct vtr_virtio_gpu;
struct vtr_log;
struct vtr_os_loop;

#define VTR_VIRTIO_GPU_ID 16 /* of the device type */
#define VTR_VIRTIO_GPU_CAPSET_SIZE 160

struct vtr_virtio_gpu_display {
	bool connected;
	uint32_t width, height; /* what it wants to show; also while it is unplugged */
};

struct vtr_virtio_gpu_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	const struct vtr_window *window; /* see core/window.h */
	uint64_t image_memory;           /* bytes that a guest may have us keep beside it; 0: 2 GiB */
	const struct vtr_virtio_gpu_display *displays; /* copied; the guest can never have more */
	uint32_t display_count;                        /* 1..VTR_MAX_DISPLAYS */
	uint32_t refresh_hz; /* of all displays, 1..255; 0: frames are not paced, guests see 60 */
	const uint8_t *capset; /* of Venus, VTR_VIRTIO_GPU_CAPSET_SIZE bytes, copied as they are */
	const struct vtr_render_ops *render;
	void *render_data;
	const struct vtr_screen_ops *screen;
	void *screen_data;
};

/**
 * What the pointers point to must outlive the device, unless it is said to be copied.
 *
 * Owner:   *out_gpu is the caller's. End it with vtr_virtio_gpu_destroy(), after its transport.
 * Returns: VTR_ERR_ARG (a display or the refresh rate is out of range), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_virtio_gpu_create(const struct vtr_virtio_gpu_params *params,
                                                  struct vtr_virtio_gpu **out_gpu);

/* Ends renderers and darkens the screen. Accepts NULL. */
void vtr_virtio_gpu_destroy(struct vtr_virtio_gpu *gpu);

/* For a transport. Owner: the device. */
const struct vtr_virtio_device *vtr_virtio_gpu_device(struct vtr_virtio_gpu *gpu);

/* Whom to tell that a display has changed; NULL for nobody. Owner: copied. */
void vtr_virtio_gpu_set_transport(struct vtr_virtio_gpu *gpu, const struct vtr_virtio_transport *transport);

/* For a screen: plugs displays, unplugs them, gives them another mode; `data` is the device. What makes
 * no sense is logged and ignored. */
extern const struct vtr_screen_events vtr_virtio_gpu_screen_events;

/* Where a place on a display lies on the whole desktop, as the guest was told that its displays lie:
 * *x and *y are both, 0 to VTR_INPUT_MAX_PLACE. Returns: false: nothing is plugged in there. */
bool vtr_virtio_gpu_locate(const struct vtr_virtio_gpu *gpu, uint32_t display, uint32_t *x, uint32_t *y);

#endif
