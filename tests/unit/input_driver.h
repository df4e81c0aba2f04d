/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_INPUT_DRIVER_H
#define TESTS_UNIT_INPUT_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "driver_queues.h"
#include "virtio/input.h"
#include "virtio/input_protocol.h"

/*
 * A guest's driver for a virtio-input device, on real queues of four entries, as QEMU has them. It offers buffers again
 * or keeps them. Thread: one.
 */

#define DRIVER_QUEUE_SIZE 4u
#define DRIVER_TOLD_MAX 4096

extern struct vtr_virtio_input *driver_input;
extern const struct vtr_virtio_device *driver_device;
extern uint32_t driver_room; /* in the buffer of an event; 8 is enough */
/* The events that the driver got. The test takes them out by setting the count to 0. */
extern struct input_event driver_told[DRIVER_TOLD_MAX];
extern size_t driver_told_count;
extern uint32_t driver_lights; /* as the device says they are */
extern unsigned driver_light_changes;

/* Starts a device and its driver; one at a time. */
void driver_begin(enum vtr_virtio_input_kind kind);
void driver_end(void);

/* Starts the queues as after a pause, or after a reset with all events' buffers. Stops them, as a VMM does. */
void driver_start(bool reset);
void driver_stop(void);

uint8_t *driver_buffer(uint32_t queue, uint16_t slot);
/* How many buffers the device was offered and has given back since the reset, and how many it has, or were not
 * taken. */
uint16_t driver_offered(uint32_t queue);
uint16_t driver_used(uint32_t queue);
uint16_t driver_in_flight(uint32_t queue);
/* Gives a free buffer to the device. */
void driver_offer(uint32_t queue, uint16_t slot, uint32_t size, uint16_t flags);
void driver_kick(uint32_t queue);
/* Lets the device do what it can. */
void driver_turn(void);
/* Takes the events that have come. Returns: how many. */
size_t driver_take(bool again);
/* Takes all that come, and offers their buffers again. */
void driver_listen(void);

#endif
