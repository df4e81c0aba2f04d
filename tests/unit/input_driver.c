/* SPDX-License-Identifier: MIT */
#include "input_driver.h"

#include "base/mem.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "test.h"
#include "virtio/queue_setup.h"

#define RAM_SIZE ((uint64_t)1 << 20)
#define QUEUE_BYTES 0x4000 /* rings at 0, 0x1000, 0x2000; buffers at 0x3000 */
#define BUFFER_AT(queue, slot) ((queue) * QUEUE_BYTES + 0x3000u + 0x100u * (slot))

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static struct vtr_os_loop *loop;
static struct vtr_os_loop_timer *quit_timer;
struct vtr_virtio_input *driver_input;
const struct vtr_virtio_device *driver_device;
static struct vtr_ram ram;
static uint8_t *memory;
static struct vtr_queue *queues[INPUT_QUEUE_COUNT];
static struct vtr_queue_setup setups[INPUT_QUEUE_COUNT];
static uint16_t seen[INPUT_QUEUE_COUNT]; /* used entries */
uint32_t driver_room;
struct input_event driver_told[DRIVER_TOLD_MAX];
size_t driver_told_count;
uint32_t driver_lights;
unsigned driver_light_changes;

static uint16_t *ring(uint32_t queue, unsigned which)
{
	return (uint16_t *)(void *)(memory + queue * (size_t)QUEUE_BYTES + 0x1000 * (size_t)which);
}

uint8_t *driver_buffer(uint32_t queue, uint16_t slot)
{
	return memory + BUFFER_AT(queue, slot);
}

uint16_t driver_offered(uint32_t queue)
{
	return ring(queue, 1)[1];
}

uint16_t driver_used(uint32_t queue)
{
	return ring(queue, 2)[1];
}

uint16_t driver_in_flight(uint32_t queue)
{
	const uint16_t back = queue == INPUT_QUEUE_EVENTS ? seen[queue] : driver_used(queue);

	return (uint16_t)(driver_offered(queue) - back);
}

void driver_offer(uint32_t queue, uint16_t slot, uint32_t size, uint16_t flags)
{
	struct desc *descs = (void *)ring(queue, 0);
	uint16_t *avail = ring(queue, 1);

	descs[slot] = (struct desc){ BUFFER_AT(queue, slot), size, flags, 0 };
	avail[2 + avail[1] % DRIVER_QUEUE_SIZE] = slot;
	avail[1]++;
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
	const uint16_t *used = ring(INPUT_QUEUE_EVENTS, 2);
	size_t count = 0;

	for (; seen[0] != used[1]; seen[0]++, count++) {
		const uint32_t *entry = (const uint32_t *)(const void *)(used + 2) +
		                        2 * (seen[0] % DRIVER_QUEUE_SIZE);
		uint16_t slot = (uint16_t)entry[0];
		if (entry[1] == sizeof(struct input_event)) {
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
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		if (reset) {
			memset(memory + i * (size_t)QUEUE_BYTES, 0, QUEUE_BYTES);
			vtr_queue_reset(queues[i]);
			setups[i].base = 0;
			seen[i] = 0;
		}
	}
	for (uint16_t slot = 0; reset && slot < DRIVER_QUEUE_SIZE; slot++) {
		driver_offer(INPUT_QUEUE_EVENTS, slot, driver_room, DRIVER_WRITE);
	}
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		vtr_queue_start(queues[i], &setups[i]);
	}
	driver_device->start(driver_device->data, queues, &ram, reset);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		driver_kick(i);
	}
}

void driver_stop(void)
{
	driver_device->stop(driver_device->data);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		setups[i].base = vtr_queue_stop(queues[i]);
	}
}

static void on_lights(void *data, uint32_t now)
{
	CHECK(data == &driver_lights);
	driver_lights = now;
	driver_light_changes++;
}

void driver_begin(enum vtr_virtio_input_kind kind)
{
	struct vtr_ram_region region = { .size = RAM_SIZE };

	driver_room = sizeof(struct input_event);
	driver_told_count = 0;
	driver_lights = 0;
	driver_light_changes = 0;
	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_os_loop_add_timer(loop, quit, loop, &quit_timer));
	CHECK_OK(vtr_os_shm_create("ram", RAM_SIZE, &region.fd));
	vtr_ram_init(&ram);
	CHECK_OK(vtr_ram_set(&ram, &region, 1));
	memory = vtr_ram_at(&ram, 0, RAM_SIZE);
	const struct vtr_virtio_input_params params = {
		.loop = loop,
		.kind = kind,
		.lights = on_lights,
		.data = &driver_lights,
	};
	CHECK_OK(vtr_virtio_input_create(&params, &driver_input));
	driver_device = vtr_virtio_input_device(driver_input);
	CHECK_EQ(driver_device->queue_count, INPUT_QUEUE_COUNT);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		CHECK_OK(vtr_queue_create(NULL, i, &ram, &queues[i]));
		setups[i] = (struct vtr_queue_setup){
			.size = DRIVER_QUEUE_SIZE,
			.desc_addr = i * (uint64_t)QUEUE_BYTES,
			.avail_addr = i * (uint64_t)QUEUE_BYTES + 0x1000,
			.used_addr = i * (uint64_t)QUEUE_BYTES + 0x2000,
		};
	}
	driver_start(true);
}

void driver_end(void)
{
	driver_stop();
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		vtr_queue_destroy(queues[i]);
	}
	vtr_virtio_input_destroy(driver_input);
	vtr_ram_finish(&ram);
	vtr_os_loop_destroy(loop);
}
