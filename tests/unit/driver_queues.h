/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_DRIVER_QUEUES_H
#define TESTS_UNIT_DRIVER_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include "core/ram.h"
#include "virtio/device.h"
#include "virtio/queue.h"
#include "virtio/queue_setup.h"

/*
 * The memory of a guest with the queues of one device: the driver's side of them. The first bytes are the queues', the
 * rest is free. Thread: one.
 */

#define DRIVER_MAX_QUEUES 4
/* Of a queue: its table, its ring of offered buffers and its ring of used ones lie 4 KiB apart. */
#define DRIVER_QUEUE_BYTES 0x4000u

/* Flags of a descriptor. */
#define DRIVER_NEXT 1
#define DRIVER_WRITE 2
#define DRIVER_INDIRECT 4

struct driver_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct driver_queues {
	struct vtr_ram ram;
	uint8_t *memory;
	const struct vtr_virtio_device *device;
	uint16_t size; /* of each */
	struct vtr_queue *queues[DRIVER_MAX_QUEUES];
	struct vtr_queue_setup setups[DRIVER_MAX_QUEUES];
	uint16_t seen[DRIVER_MAX_QUEUES]; /* used buffers that were taken */
};

/* Makes the memory; the device is set afterwards, with its queues, which are not started. */
void driver_queues_init(struct driver_queues *queues, uint64_t ram_size);
void driver_queues_set_device(struct driver_queues *queues, const struct vtr_virtio_device *device,
                              uint16_t size, bool indirect);
/* The queues are stopped, and the device is gone. */
void driver_queues_finish(struct driver_queues *queues);

/* Forgets all buffers, and the state of the queues. */
void driver_queues_reset(struct driver_queues *queues);
/* Starts queues and device, as after a pause, or after a reset. Stops them, as a VMM does. */
void driver_queues_start(struct driver_queues *queues, bool reset);
void driver_queues_stop(struct driver_queues *queues);

/* Offers a buffer by this descriptor of the table. */
void driver_queues_offer(struct driver_queues *queues, uint32_t queue, uint16_t slot, uint64_t addr,
                         uint32_t size, uint16_t flags);
/* How many buffers were offered and used since the reset. */
uint16_t driver_queues_offered(const struct driver_queues *queues, uint32_t queue);
uint16_t driver_queues_used(const struct driver_queues *queues, uint32_t queue);
/* Takes a used buffer. Returns: whether there was one. */
bool driver_queues_take(struct driver_queues *queues, uint32_t queue, uint16_t *out_slot,
                        uint32_t *out_written);

#endif
