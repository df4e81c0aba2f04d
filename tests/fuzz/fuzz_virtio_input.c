/* SPDX-License-Identifier: MIT */
#include "../unit/input_driver.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "display/protocol.h"

/*
 * A hostile guest driver of a keyboard, a tablet, a touch screen or a pad, and a user: a byte that chooses the
 * device, then records of {what, bytes of it, the bytes}. For any input, the guest sees each key and finger go down
 * and up in turn, and none stays down after a release.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RECORDS 200
/* More than can wait for the guest; and a few times as many turns of the wheel reach the limits of a number. */
#define MAX_REPEATS 4095
#define WHEEL_MAX VTR_SCREEN_WHEEL_MAX

enum { KEY, MOTION, WHEEL, RELEASE, OFFER, TAKE, PAUSE, RESET, WRITE_CONFIG, READ_CONFIG, TOUCH, PAD, KINDS };

static uint8_t down[VTR_INPUT_MAX_CODE + 1]; /* as the guest has seen it */
static uint8_t contacts[VTR_TOUCH_CONTACTS]; /* those that are down */
static uint32_t current_slot;

static uint16_t take_u16(const uint8_t *bytes, size_t size, size_t at)
{
	uint16_t value = 0;

	if (size >= at + sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
	}
	return value;
}

static void look_at_events(void)
{
	for (size_t i = 0; i < driver_told_count; i++) {
		const struct input_event *event = &driver_told[i];

		if (event->type == EVENT_KEY) {
			vtr_assert(event->code <= VTR_INPUT_MAX_CODE);
			vtr_assert(event->value == !down[event->code]);
			down[event->code] = (uint8_t)event->value;
		} else if (event->type == EVENT_ABS && event->code == AXIS_SLOT) {
			vtr_assert(event->value < VTR_TOUCH_CONTACTS);
			current_slot = event->value;
		} else if (event->type == EVENT_ABS && event->code == AXIS_TRACKING_ID) {
			vtr_assert(event->value == UINT32_MAX || event->value <= TRACKING_ID_MAX);
			vtr_assert(contacts[current_slot] == (event->value == UINT32_MAX));
			contacts[current_slot] ^= 1;
		}
	}
	driver_told_count = 0;
}

static void use(const struct vtr_input *input, uint16_t repeats)
{
	for (uint16_t i = 0; i <= (repeats & MAX_REPEATS); i++) {
		vtr_virtio_input_take(driver_input, input);
	}
}

/* The next buffer, of any size, for the device to read or to write. */
static void offer(const uint8_t *bytes, size_t size)
{
	const uint32_t queue = take_u16(bytes, size, 0) % INPUT_QUEUE_COUNT;
	const uint16_t slot = driver_offered(queue) % DRIVER_QUEUE_SIZE;

	if (driver_in_flight(queue) < DRIVER_QUEUE_SIZE) {
		if (size > 6) {
			memcpy(driver_buffer(queue, slot), bytes + 6, vtr_min(size - 6, 64));
		}
		driver_offer(queue, slot, 1 + take_u16(bytes, size, 2) % 64, /* 0 breaks the queue */
		             take_u16(bytes, size, 4) & DRIVER_WRITE);
		driver_kick(queue);
	}
}

/* All buffers of events, in turn: so each is free when it is offered. */
static void offer_all(void)
{
	while (driver_in_flight(INPUT_QUEUE_EVENTS) < DRIVER_QUEUE_SIZE) {
		driver_offer(INPUT_QUEUE_EVENTS, driver_offered(INPUT_QUEUE_EVENTS) % DRIVER_QUEUE_SIZE,
		             driver_room, DRIVER_WRITE);
	}
	driver_kick(INPUT_QUEUE_EVENTS);
}

static void restart(bool reset)
{
	driver_stop();
	if (reset) {
		memset(down, 0, sizeof(down));
		memset(contacts, 0, sizeof(contacts));
	}
	driver_start(reset);
}

static void run(uint8_t what, const uint8_t *bytes, size_t size)
{
	const uint16_t first = take_u16(bytes, size, 0), second = take_u16(bytes, size, 2);
	uint8_t config[256];

	switch (what % KINDS) {
	case KEY:
		use(&(struct vtr_input){ .kind = VTR_INPUT_KEY,
		                         .code = first % (VTR_INPUT_MAX_CODE + 1),
		                         .down = (second & 1) != 0 },
		    take_u16(bytes, size, 4));
		break;
	case MOTION:
		use(&(struct vtr_input){ .kind = VTR_INPUT_MOTION, .x = first, .y = second }, 0);
		break;
	case WHEEL:
		use(&(struct vtr_input){ .kind = VTR_INPUT_WHEEL,
		                         .wheel_x = first % (2 * WHEEL_MAX + 1) - WHEEL_MAX,
		                         .wheel_y = second % (2 * WHEEL_MAX + 1) - WHEEL_MAX },
		    take_u16(bytes, size, 4));
		break;
	case TOUCH:
		use(&(struct vtr_input){ .kind = VTR_INPUT_TOUCH,
		                         .code = first % VTR_TOUCH_CONTACTS,
		                         .down = (second & 1) != 0,
		                         .x = second },
		    take_u16(bytes, size, 4));
		break;
	case PAD:
		use(&(struct vtr_input){ .kind = VTR_INPUT_PAD,
		                         .buttons = first & VTR_PAD_BUTTONS,
		                         .axes = { (int16_t)second, (int16_t)first, (int16_t)second } },
		    take_u16(bytes, size, 4));
		break;
	case RELEASE:
		use(&(struct vtr_input){ .kind = VTR_INPUT_RELEASE }, first);
		break;
	case OFFER:
		offer(bytes, size);
		break;
	case TAKE:
		driver_turn();
		(void)driver_take(false);
		if ((first & 1) != 0) {
			offer_all();
		}
		break;
	case PAUSE:
	case RESET:
		restart(what % KINDS == RESET);
		break;
	case WRITE_CONFIG:
		driver_device->write_config(driver_device->data, what / KINDS, bytes, (uint32_t)size);
		break;
	case READ_CONFIG:
		driver_device->read_config(driver_device->data, first, config, second % sizeof(config));
		break;
	}
}

static void check_release(void)
{
	(void)driver_take(false);
	offer_all();
	driver_listen();
	use(&(struct vtr_input){ .kind = VTR_INPUT_RELEASE }, 0);
	driver_listen();
	look_at_events();
	for (size_t i = 0; i < sizeof(down); i++) {
		vtr_assert(down[i] == 0);
	}
	for (size_t i = 0; i < sizeof(contacts); i++) {
		vtr_assert(contacts[i] == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1) {
		return 0;
	}
	memset(down, 0, sizeof(down));
	memset(contacts, 0, sizeof(contacts));
	driver_begin((enum vtr_virtio_input_kind)(data[0] & 3)); /* of which there are four */
	data++;
	size--;
	for (int i = 0; i < MAX_RECORDS && size >= 2; i++) {
		const size_t length = vtr_min(data[1], size - 2);

		run(data[0], data + 2, length);
		look_at_events();
		data += 2 + length;
		size -= 2 + length;
	}
	check_release();
	driver_end();
	return 0;
}
