/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOUND_DRIVER_H
#define TESTS_UNIT_SOUND_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/sound_page.h"
#include "virtio/sound.h"
#include "virtio/sound_protocol.h"

/*
 * A guest's driver for a virtio-snd device, on real queues, in a time of its own: clock and timers of the loop are
 * replaced, by the linker's --wrap. Thread: one.
 */

#define DRIVER_QUEUE_SIZE 64u
#define DRIVER_ROOM 0x7000u /* for the data of a message */
#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

extern struct vtr_virtio_sound *driver_sound;
extern const struct vtr_virtio_device *driver_device;
extern struct vtr_sound_page driver_page;
extern int64_t driver_now_ns;
extern uint64_t driver_turns; /* of the loop in which the device did something */
extern void (*driver_wake)(void); /* called when the device wakes the reader of the page; may be NULL */

/* Starts a device and its driver; one at a time. */
void driver_begin(void);
void driver_end(void);

/* Starts the queues as after a pause, or after a reset. Stops them, as a VMM does. */
void driver_start(bool reset);
void driver_stop(void);

/* Sends a request, and returns the code of its answer. `room`: for the answer. */
uint32_t driver_request(const void *request, size_t size, size_t room);
/* The last answer, behind its code, and its size. */
extern uint8_t driver_answer[DRIVER_ROOM];
extern size_t driver_answer_size;
/* PREPARE, RELEASE, START or STOP. */
uint32_t driver_control(uint32_t code, uint32_t stream);
uint32_t driver_set_params(uint32_t stream, uint32_t format, uint32_t rate, uint32_t channels,
                           uint32_t period_bytes);
/* Brings a stream from its begin to a state in which it takes messages. */
void driver_prepare(uint32_t stream, uint32_t format, uint32_t rate, uint32_t channels);

/* Messages. A slot belongs to the driver again when it was answered. */
uint16_t driver_play(uint32_t stream, const void *data, uint32_t size);
uint16_t driver_record(uint32_t stream, uint32_t size);
/* Plays the begin of the memory `count` times, `size` bytes each. */
uint16_t driver_play_memory(uint32_t stream, uint32_t size, uint32_t count);
/* Puts a chain of any form into a queue: `out` bytes that the device reads, and room for `in` bytes. */
uint16_t driver_put(uint32_t queue, uint32_t out, uint32_t in);
/* Returns: whether a slot is free. */
bool driver_has_room(uint32_t queue);
/* Returns: whether a message of the stream has no answer. */
bool driver_waits(uint32_t stream);
bool driver_is_answered(uint32_t queue, uint16_t slot);
uint32_t driver_written(uint32_t queue, uint16_t slot);
uint32_t driver_status(uint32_t queue, uint16_t slot);
/* When the answer was given. */
int64_t driver_answered_ns(uint32_t queue, uint16_t slot);
uint8_t *driver_out(uint32_t queue, uint16_t slot);
uint8_t *driver_in(uint32_t queue, uint16_t slot);

/* Lets the device handle what it was told. */
void driver_turn(void);
/* Lets time pass, and all that is due happen in its order. */
void driver_pass(int64_t ns);
/* Returns: when the device wants to be called next; INT64_MAX: not at all. */
int64_t driver_next_ns(void);

#endif
