/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ops.h"
#include "virtio/queue.h"

/*
 * What a transport (vhost/vhost_user.h) needs to know of a virtio device, whatever its kind.
 *
 * Thread: the loop's. The transport calls, the device never calls back from inside.
 */
struct vtr_virtio_device {
	const char *name; /* for the log; not copied */
	void *data;       /* handed to what follows */
	uint32_t queue_count;
	uint64_t features;               /* the device's own bits; the transport adds its */
	const struct vtr_window *window; /* shared memory region 1, or NULL */

	/* The configuration space; what lies behind its end reads as zeros. */
	void (*read_config)(void *data, uint32_t offset, void *buf, uint32_t size);
	void (*write_config)(void *data, uint32_t offset, const void *buf, uint32_t size);
	/* The driver runs and the window is mapped: kick() follows for what is in the queues. `queues`
	 * and `ram` stay where they are until the transport is destroyed, which calls stop(). `reset`: the
	 * guest began anew (boot, rebind) and whatever it had is to be forgotten, including its requests,
	 * by vtr_queue_drop(); else it goes on after a pause, and requests that were popped before are
	 * still to be answered. The first is a reset. */
	void (*start)(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset);
	/* Requests may be there. */
	void (*kick)(void *data, uint32_t queue);
	/* The memory table has changed; what of it was kept stays mapped. May come between stop() and
	 * start() too, and comes with an empty table when the VMM is gone. */
	void (*ram_changed)(void *data);
	/* No queue may be popped until start(). Requests may still be pushed. */
	void (*stop)(void *data);
};

/* What a device needs of its transport: to say that the configuration has changed. May be called at any
 * time; it is told to the guest when that is possible. */
struct vtr_virtio_transport {
	void *data;
	void (*config_changed)(void *data);
};

#endif
