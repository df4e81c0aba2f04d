/* SPDX-License-Identifier: MIT */
#include "../unit/gpu_driver.h"

#include <string.h>

#include "base/err.h"

/*
 * A hostile guest driver, with renderers and a screen that act at random: records of {what, bytes of it (16
 * bits), the bytes}. For any input, every request without a fence is answered, scanouts lie within their
 * memory (the driver's screen checks that), and a reset leaves nothing (core/ checks that).
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_RECORDS 200
#define MAX_BUSY (DRIVER_SLOTS - 2)
#define ANSWER_ROOM 1056

enum {
	REQUEST_CONTROL,
	REQUEST_CURSOR,
	FENCE,
	DEATH,
	PAUSE,
	RESET,
	MODE,
	CONFIG,
	READ_CONFIG,
	LOCATE,
	END,
	KINDS
};

static uint32_t take_u32(const uint8_t *bytes, size_t size, size_t at)
{
	uint32_t value = 0;

	if (size >= at + sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
	}
	return value;
}

static void send(uint32_t queue, const uint8_t *bytes, size_t size)
{
	uint32_t flags = take_u32(bytes, size, 4);

	if (size == 0) {
		return; /* a descriptor of no bytes is the end of a queue */
	}
	int slot = driver_send(queue, bytes, size, ANSWER_ROOM);

	driver_kick();
	/* Behind a request with a fence it does not wait. On a busy machine it may take several turns of the loop. */
	vtr_assert((flags & GPU_FLAG_FENCE) != 0 || driver_wait(slot));
}

static void begin(void)
{
	driver_begin(&(struct driver_options){ .display_count = 3, .refresh_hz = 250 });
}

/* A place on a display is one on the desktop. */
static void locate(uint32_t display, uint32_t x, uint32_t y)
{
	x &= VTR_INPUT_MAX_PLACE;
	y &= VTR_INPUT_MAX_PLACE;
	if (vtr_virtio_gpu_locate(driver_gpu, display, &x, &y)) {
		vtr_assert(x <= VTR_INPUT_MAX_PLACE && y <= VTR_INPUT_MAX_PLACE);
	}
}

static void run(uint8_t what, const uint8_t *bytes, size_t size)
{
	uint8_t config[256];

	switch (what % KINDS) {
	case REQUEST_CONTROL:
	case REQUEST_CURSOR:
		send(what % KINDS, bytes, size);
		break;
	case FENCE:
		if (driver_has_renderers()) {
			(void)render_signal(take_u32(bytes, size, 0), take_u32(bytes, size, 4),
			                    take_u32(bytes, size, 8));
		}
		break;
	case DEATH:
		if (driver_has_renderers()) {
			render_die(take_u32(bytes, size, 0));
		}
		break;
	case PAUSE:
	case RESET:
		driver_stop();
		driver_restart(what % KINDS == RESET);
		break;
	case MODE:
		vtr_virtio_gpu_screen_events.mode(driver_gpu, take_u32(bytes, size, 0),
		                                  (take_u32(bytes, size, 4) & 1) != 0,
		                                  take_u32(bytes, size, 8), take_u32(bytes, size, 12));
		break;
	case CONFIG:
		driver_device->write_config(driver_device->data, what / KINDS, bytes, (uint32_t)size);
		break;
	case READ_CONFIG:
		driver_device->read_config(driver_device->data, what / KINDS, config,
		                           take_u32(bytes, size, 0) % sizeof(config));
		break;
	case LOCATE:
		locate(take_u32(bytes, size, 0), take_u32(bytes, size, 4), take_u32(bytes, size, 8));
		break;
	case END: /* of the VM, or of the device at any time */
		if (size > 0) {
			driver_stop();
			driver_lose_ram();
		}
		driver_destroy(); /* libFuzzer may have opened files meanwhile */
		begin();
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;

	if (!begun) {
		begin();
		begun = true;
	}
	for (int i = 0; i < MAX_RECORDS && size >= 3; i++) {
		size_t length = data[1] | (size_t)data[2] << 8;
		length = length < size - 3 ? length : size - 3;
		run(data[0], data + 3, length);
		driver_said();
		if (driver_release() > MAX_BUSY) {
			driver_stop();
			driver_restart(true);
		}
		data += 3 + length;
		size -= 3 + length;
	}
	driver_stop();
	driver_restart(true);
	driver_said();
	return 0;
}
