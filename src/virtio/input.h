/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_INPUT_H
#define VIRTIO_INPUT_H

#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "virtio/device.h"

/*
 * A keyboard, tablet, touch screen or game pad of a guest (virtio 1.3, 5.8). Each is a device of its own: a driver
 * repeats everything that is held down on a device with key repeat, which must not happen to mouse buttons.
 *
 * A guest accepts four events at a time (the length of QEMU's queues) and may be slow. User events wait here;
 * motion and wheel events are merged. If even that overflows, events are lost, except that every key and
 * button that the guest has seen pressed is released.
 *
 * Input is never logged, since it may be a password. Thread: the loop's.
 */
struct vtr_virtio_input;
struct vtr_log;
struct vtr_os_loop;

#define VTR_VIRTIO_INPUT_ID 18 /* the virtio device id */

/* The most events that wait for the guest. */
#define VTR_VIRTIO_INPUT_ROOM 256

enum vtr_virtio_input_kind {
	VTR_VIRTIO_KEYBOARD, /* with lights; the guest repeats keys */
	VTR_VIRTIO_TABLET,   /* absolute, with eight buttons and a high-resolution wheel */
	VTR_VIRTIO_TOUCH,    /* a touch screen with VTR_TOUCH_CONTACTS contacts */
	VTR_VIRTIO_PAD,      /* a game pad, as Linux describes them in gamepad.rst */
};

struct vtr_virtio_input_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	enum vtr_virtio_input_kind kind;
	uint32_t number; /* of a pad: less than VTR_PADS */
	/* The guest has turned lights on or off, or was reset, which turns all of them off. `lights`: those
	 * that are on, enum vtr_light or-ed. NULL: not wanted. */
	void (*lights)(void *data, uint32_t lights);
	void *data;
};

/**
 * The data behind the pointers must outlive the device.
 *
 * Owner:   *out_input is the caller's. End it with vtr_virtio_input_destroy(), after its transport.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_virtio_input_create(const struct vtr_virtio_input_params *params,
                                                    struct vtr_virtio_input **out_input);

/* Accepts NULL. */
void vtr_virtio_input_destroy(struct vtr_virtio_input *input);

/* For a transport. Owner: the device. */
const struct vtr_virtio_device *vtr_virtio_input_device(struct vtr_virtio_input *input);

/* Sends a user's event to the guest if it concerns this kind of device; others are ignored, so that every
 * event can be passed to all devices. Positions are on the whole desktop, see vtr_virtio_gpu_locate(). The
 * event is lost while no driver runs and while the guest is paused. */
void vtr_virtio_input_take(struct vtr_virtio_input *input, const struct vtr_input *event);

#endif
