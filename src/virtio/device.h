/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_DEVICE_H
#define VIRTIO_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ops.h"
#include "virtio/queue.h"

/*
 * What a transport (vhost/vhost_user.h) needs to know about a virtio device of any kind.
 *
 * Thread: the loop's. The transport calls the device; the device never calls back during a call.
 */
struct vtr_virtio_device {
	const char *name; /* for the log; not copied */
	void *data;       /* passed to the functions below */
	uint32_t queue_count;
	uint64_t features;               /* the device's own feature bits; the transport adds its own */
	const struct vtr_hostmem *hostmem; /* shared memory region 1, or NULL */

	/* Reads the configuration space; bytes behind its end read as zeros. */
	void (*read_config)(void *data, uint32_t offset, void *buf, uint32_t size);
	void (*write_config)(void *data, uint32_t offset, const void *buf, uint32_t size);
	/* The driver runs and hostmem is mapped: kick() follows for what is in the queues. `queues` and `ram`
	 * stay valid until the transport is destroyed, which calls stop(). `reset`: the guest restarted the
	 * device (boot, rebind). The device then drops all state of the guest, and its requests by
	 * vtr_queue_drop(). Otherwise the device continues after a pause, and requests that were popped
	 * before are still to be answered. The first start is a reset. */
	void (*start)(void *data, struct vtr_queue *const *queues, const struct vtr_ram *ram, bool reset);
	/* There may be new requests. */
	void (*kick)(void *data, uint32_t queue);
	/* The memory table has changed; unchanged regions stay mapped. May come between stop() and start(),
	 * and comes with an empty table when the VMM is gone. */
	void (*ram_changed)(void *data);
	/* No queue may be popped until start(). Requests may still be pushed. */
	void (*stop)(void *data);
};

/* What a device needs from its transport: a way to report that its configuration has changed. May be called
 * at any time; the guest is notified when possible. */
struct vtr_virtio_transport {
	void *data;
	void (*config_changed)(void *data);
};

#endif
