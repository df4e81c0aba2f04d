/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_GPU_H
#define VIRTIO_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/transport.h"
#include "core/ops.h"
#include "virtio/device.h"

/*
 * A virtio-gpu device (virtio 1.3, 5.7): decodes the driver's requests, executes them with core/gpu.h,
 * answers. It offers 2D, blobs in hostmem, Venus contexts, EDID and up to 16 displays.
 *
 * Thread: the loop's.
 */
struct vtr_virtio_gpu;
struct vtr_log;
struct vtr_os_loop;

#define VTR_VIRTIO_GPU_ID 16 /* the virtio device id */
#define VTR_VIRTIO_GPU_MAX_REFRESH_HZ 255

struct vtr_virtio_gpu_display {
	bool connected;
	uint32_t width, height; /* the preferred mode; also valid while it is unplugged */
};

struct vtr_virtio_gpu_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	const struct vtr_hostmem *hostmem; /* see core/hostmem.h */
	uint64_t image_memory; /* bytes of host memory for the guest's images; 0: 2 GiB */
	/* What the places of blobs in hostmem are to be multiples of: a power of two, at least the page size; 0: the
	 * page size. Older guests do not heed it. */
	uint32_t blob_alignment;
	const struct vtr_virtio_gpu_display *displays; /* copied; the number of displays is fixed */
	uint32_t display_count; /* 1..VTR_MAX_DISPLAYS */
	uint32_t refresh_hz; /* of all displays, 1..255; 0: frames are not paced, and guests see 60 */
	const uint8_t *capset; /* of Venus, VTR_CAPSET_VENUS_SIZE bytes, copied unchanged */
	const struct vtr_renderer_ops *renderer_ops;
	void *renderer_data;
	const struct vtr_display_ops *screen;
	void *screen_data;
};

/**
 * The data behind the pointers must outlive the device, unless stated as copied.
 *
 * Owner:   *out_gpu is the caller's. End it with vtr_virtio_gpu_destroy(), after its transport.
 * Returns: VTR_ERR_ARG (a display, the refresh rate or the alignment is out of range), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_virtio_gpu_create(const struct vtr_virtio_gpu_params *params,
                                                  struct vtr_virtio_gpu **out_gpu);

/* Ends renderers and makes the displays inactive. Accepts NULL. */
void vtr_virtio_gpu_destroy(struct vtr_virtio_gpu *gpu);

/* For a transport. Owner: the device. */
const struct vtr_virtio_device *vtr_virtio_gpu_device(struct vtr_virtio_gpu *gpu);

/* Sets the transport that is notified of changed displays; NULL for none. Owner: copied. */
void vtr_virtio_gpu_set_transport(struct vtr_virtio_gpu *gpu, const struct vtr_virtio_transport *transport);

/* For a display host: plugs and unplugs displays and changes their mode; `data` is the device. Invalid values
 * are logged and ignored. */
extern const struct vtr_display_events vtr_virtio_gpu_screen_events;

/* Converts a position on a display to the whole desktop, in which the guest's displays lie side by side. *x
 * and *y are input and output, 0 to VTR_INPUT_MAX_PLACE. Returns: false if the display is not plugged in. */
bool vtr_virtio_gpu_locate(const struct vtr_virtio_gpu *gpu, uint32_t display, uint32_t *x, uint32_t *y);

#endif
