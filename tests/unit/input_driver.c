/* SPDX-License-Identifier: MIT */
#include "input_driver.h"

#include "platform/loop.h"
#include "test.h"

#define RAM_SIZE ((uint64_t)1 << 20)
/* Behind the rings of the queue. */
#define BUFFER_AT(queue, slot) ((queue) * DRIVER_QUEUE_BYTES + 0x3000u + 0x100u * (slot))

static struct vtr_os_loop *loop;
static struct vtr_os_loop_timer *quit_timer;
struct vtr_virtio_input *driver_input;
const struct vtr_virtio_device *driver_device;
static struct driver_queues queues;
uint32_t driver_room;
struct input_event driver_told[DRIVER_TOLD_MAX];
size_t driver_told_count;
uint32_t driver_lights;
unsigned driver_light_changes;

uint8_t *driver_buffer(uint32_t queue, uint16_t slot)
{
	return queues.memory + BUFFER_AT(queue, slot);
}

uint16_t driver_offered(uint32_t queue)
{
	return driver_queues_offered(&queues, queue);
}

uint16_t driver_used(uint32_t queue)
{
	return driver_queues_used(&queues, queue);
}

uint16_t driver_in_flight(uint32_t queue)
{
	const uint16_t back = queue == INPUT_QUEUE_EVENTS ? queues.seen[queue] : driver_used(queue);

	return (uint16_t)(driver_offered(queue) - back);
}

void driver_offer(uint32_t queue, uint16_t slot, uint32_t size, uint16_t flags)
{
	driver_queues_offer(&queues, queue, slot, BUFFER_AT(queue, slot), size, flags);
}

void driver_kick(uint32_t queue)
{
	driver_device->kick(driver_device->data, queue);
}

static void quit(void *data)
{
	vtr_os_loop_quit(data);
}

void driver_turn(void)
{
	for (int i = 0; i < 2; i++) {
		vtr_os_loop_timer_set(quit_timer, 0);
		CHECK_OK(vtr_os_loop_run(loop));
	}
}

size_t driver_take(bool again)
{
	size_t count = 0;
	uint16_t slot;
	uint32_t written;

	for (; driver_queues_take(&queues, INPUT_QUEUE_EVENTS, &slot, &written); count++) {
		if (written == sizeof(struct input_event)) {
			CHECK(driver_told_count < DRIVER_TOLD_MAX);
			memcpy(&driver_told[driver_told_count++], driver_buffer(INPUT_QUEUE_EVENTS, slot),
			       sizeof(driver_told[0]));
		}
		if (again) {
			driver_offer(INPUT_QUEUE_EVENTS, slot, driver_room, DRIVER_WRITE);
		}
	}
	return count;
}

void driver_listen(void)
{
	driver_turn();
	while (driver_take(true) > 0) {
		driver_kick(INPUT_QUEUE_EVENTS);
		driver_turn();
	}
}

void driver_start(bool reset)
{
	if (reset) {
		driver_queues_reset(&queues);
	}
	for (uint16_t slot = 0; reset && slot < DRIVER_QUEUE_SIZE; slot++) {
		driver_offer(INPUT_QUEUE_EVENTS, slot, driver_room, DRIVER_WRITE);
	}
	driver_queues_start(&queues, reset);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		driver_kick(i);
	}
}

void driver_stop(void)
{
	driver_queues_stop(&queues);
}

static void on_lights(void *data, uint32_t now)
{
	CHECK(data == &driver_lights);
	driver_lights = now;
	driver_light_changes++;
}

void driver_begin(enum vtr_virtio_input_kind kind)
{
	driver_room = sizeof(struct input_event);
	driver_told_count = 0;
	driver_lights = 0;
	driver_light_changes = 0;
	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_os_loop_add_timer(loop, quit, loop, &quit_timer));
	driver_queues_init(&queues, RAM_SIZE);
	const struct vtr_virtio_input_params params = {
		.loop = loop,
		.kind = kind,
		.lights = on_lights,
		.data = &driver_lights,
	};
	CHECK_OK(vtr_virtio_input_create(&params, &driver_input));
	driver_device = vtr_virtio_input_device(driver_input);
	CHECK_EQ(driver_device->queue_count, INPUT_QUEUE_COUNT);
	driver_queues_set_device(&queues, driver_device, DRIVER_QUEUE_SIZE, false);
	driver_start(true);
}

void driver_end(void)
{
	driver_stop();
	vtr_virtio_input_destroy(driver_input);
	driver_queues_finish(&queues);
	vtr_os_loop_destroy(loop);
}
