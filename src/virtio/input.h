/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_INPUT_H
#define VIRTIO_INPUT_H

#include <stdint.h>

#include "base/err.h"
#include "core/ops.h"
#include "virtio/device.h"

/*
 * A keyboard or a tablet of a guest (virtio 1.3, 5.8). They are two devices, as other machines have them:
 * a driver repeats whatever is held down on a device that repeats keys, which mouse buttons must not be.
 *
 * A guest takes four events at once (QEMU's queues are that long) and may be slow: what a person does
 * waits, motion and turns of the wheel joined. When even that is too much it is lost, but for one thing: no
 * key or button that the guest was told of stays down.
 *
 * Nothing of what is typed is logged. Thread: the loop's.
 */
struct vtr_virtio_input;
struct vtr_log;
struct vtr_os_loop;

#define VTR_VIRTIO_INPUT_ID 18 /* of the device type */

/* What waits for the guest at most: keys, buttons, or motions between them. */
#define VTR_VIRTIO_INPUT_ROOM 256

enum vtr_virtio_input_kind {
	VTR_VIRTIO_KEYBOARD, /* with lights; the guest repeats keys */
	VTR_VIRTIO_TABLET,   /* absolute, with eight buttons and a wheel that knows parts of notches */
};

struct vtr_virtio_input_params {
	struct vtr_log *log; /* may be NULL */
	struct vtr_os_loop *loop;
	enum vtr_virtio_input_kind kind;
	/* The guest has turned lights on or off, or was reset, which turns all of them off: those that are
	 * on, enum vtr_light or-ed. NULL: not wanted. */
	void (*lights)(void *data, uint32_t lights);
	void *data;
};

/**
 * What the pointers point to must outlive the device.
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

/* Tells the guest what a person did, as far as it concerns this kind of device; the rest is ignored, so
 * that all devices can be handed everything. Places are those on the whole desktop, see
 * vtr_virtio_gpu_locate(). While no guest listens, and while it is paused, it is lost. */
void vtr_virtio_input_take(struct vtr_virtio_input *input, const struct vtr_input *event);

#endif
