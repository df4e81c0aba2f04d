/* SPDX-License-Identifier: MIT */
#include "virtio/input.h"

#include <sys/eventfd.h>

#include "base/mem.h"
#include "platform/loop.h"
#include "platform/shm.h"
#include "test.h"
#include "virtio/input_protocol.h"
#include "virtio/queue_setup.h"

/* A driver with queues of four entries, as QEMU has them, whose buffers are offered again or kept. */
#define RAM_SIZE ((uint64_t)1 << 20)
#define SIZE 4u
#define QUEUE_BYTES 0x4000 /* rings at 0, 0x1000, 0x2000; buffers at 0x3000 */
#define BUFFER_AT(queue, slot) ((queue) * QUEUE_BYTES + 0x3000u + 0x100u * (slot))
#define WRITE 2
#define LOG_MAX 2048

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

static struct vtr_os_loop *loop;
static struct vtr_os_loop_timer *quit_timer;
static struct vtr_virtio_input *input;
static const struct vtr_virtio_device *device;
static struct vtr_ram ram;
static uint8_t *memory;
static struct vtr_queue *queues[INPUT_QUEUE_COUNT];
static struct vtr_queue_setup setups[INPUT_QUEUE_COUNT];
static uint16_t seen[INPUT_QUEUE_COUNT]; /* used entries */
static uint32_t room; /* of an event's buffer */
/* The events that the driver got, until check_told() checks them. */
static struct input_event told[LOG_MAX];
static size_t told_count;
static uint32_t lights; /* as the device says they are */
static unsigned light_changes;

static uint16_t *ring(uint32_t queue, unsigned which)
{
	return (uint16_t *)(void *)(memory + queue * (size_t)QUEUE_BYTES + 0x1000 * (size_t)which);
}

static void offer(uint32_t queue, uint16_t slot, uint32_t size, uint16_t flags)
{
	struct desc *descs = (void *)ring(queue, 0);
	uint16_t *avail = ring(queue, 1);

	descs[slot] = (struct desc){ BUFFER_AT(queue, slot), size, flags, 0 };
	avail[2 + avail[1] % SIZE] = slot;
	avail[1]++;
}

static void quit(void *data)
{
	vtr_os_loop_quit(data);
}

static void turn(void)
{
	for (int i = 0; i < 2; i++) {
		vtr_os_loop_timer_set(quit_timer, 0);
		CHECK_OK(vtr_os_loop_run(loop));
	}
}

/* Takes the events that have come. Returns: how many. */
static size_t take(bool again)
{
	const uint16_t *used = ring(INPUT_QUEUE_EVENTS, 2);
	size_t count = 0;

	for (; seen[0] != used[1]; seen[0]++, count++) {
		const uint32_t *entry = (const uint32_t *)(const void *)(used + 2) + 2 * (seen[0] % SIZE);
		uint16_t slot = (uint16_t)entry[0];
		if (entry[1] == sizeof(struct input_event)) {
			CHECK(told_count < LOG_MAX);
			memcpy(&told[told_count++], memory + BUFFER_AT(INPUT_QUEUE_EVENTS, slot),
			       sizeof(told[0]));
		}
		if (again) {
			offer(INPUT_QUEUE_EVENTS, slot, room, WRITE);
		}
	}
	return count;
}

/* A driver that takes all that there is. */
static void listen_on(void)
{
	turn();
	while (take(true) > 0) {
		device->kick(device->data, INPUT_QUEUE_EVENTS);
		turn();
	}
}

static void start(bool reset)
{
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		if (reset) {
			memset(memory + i * (size_t)QUEUE_BYTES, 0, QUEUE_BYTES);
			vtr_queue_reset(queues[i]);
			setups[i].base = 0;
			seen[i] = 0;
		}
	}
	for (uint16_t slot = 0; reset && slot < SIZE; slot++) {
		offer(INPUT_QUEUE_EVENTS, slot, room, WRITE);
	}
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		vtr_queue_start(queues[i], &setups[i]);
	}
	device->start(device->data, queues, &ram, reset);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		device->kick(device->data, i);
	}
}

static void stop(void)
{
	device->stop(device->data);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		setups[i].base = vtr_queue_stop(queues[i]);
	}
}

static void on_lights(void *data, uint32_t now)
{
	CHECK(data == &lights);
	lights = now;
	light_changes++;
}

static void begin(enum vtr_virtio_input_kind kind)
{
	struct vtr_ram_region region = { .size = RAM_SIZE };

	room = sizeof(struct input_event);
	told_count = 0;
	lights = 0;
	light_changes = 0;
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
		.data = &lights,
	};
	CHECK_OK(vtr_virtio_input_create(&params, &input));
	device = vtr_virtio_input_device(input);
	CHECK_EQ(device->queue_count, INPUT_QUEUE_COUNT);
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		CHECK_OK(vtr_queue_create(NULL, i, &ram, &queues[i]));
		setups[i] = (struct vtr_queue_setup){
			.size = SIZE,
			.desc_addr = i * (uint64_t)QUEUE_BYTES,
			.avail_addr = i * (uint64_t)QUEUE_BYTES + 0x1000,
			.used_addr = i * (uint64_t)QUEUE_BYTES + 0x2000,
		};
	}
	start(true);
}

static void finish(void)
{
	stop();
	for (uint32_t i = 0; i < INPUT_QUEUE_COUNT; i++) {
		vtr_queue_destroy(queues[i]);
	}
	vtr_virtio_input_destroy(input);
	vtr_ram_finish(&ram);
	vtr_os_loop_destroy(loop);
}

static void key(uint32_t code, bool down)
{
	vtr_virtio_input_take(input,
	                      &(struct vtr_input){ .kind = VTR_INPUT_KEY, .code = code, .down = down });
}

static void motion(uint32_t x, uint32_t y)
{
	vtr_virtio_input_take(input, &(struct vtr_input){ .kind = VTR_INPUT_MOTION, .x = x, .y = y });
}

static void wheel(int32_t x, int32_t y)
{
	vtr_virtio_input_take(input,
	                      &(struct vtr_input){ .kind = VTR_INPUT_WHEEL, .wheel_x = x, .wheel_y = y });
}

static void release(void)
{
	vtr_virtio_input_take(input, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
}

static void check_told_at(int line, const struct input_event *wanted, size_t count)
{
	for (size_t i = 0; i < told_count && i < count; i++) {
		if (memcmp(&told[i], &wanted[i], sizeof(told[i])) != 0) {
			fprintf(stderr, "line %d: event %zu is %u %u %d, not %u %u %d\n", line, i,
			        told[i].type, told[i].code, (int)told[i].value, wanted[i].type,
			        wanted[i].code, (int)wanted[i].value);
			CHECK(false);
		}
	}
	CHECK_EQ(told_count, count);
	told_count = 0;
}

#define CHECK_TOLD(...)                                                   \
	do {                                                              \
		const struct input_event wanted_[] = { __VA_ARGS__ };     \
		check_told_at(__LINE__, wanted_, VTR_ARRAY_LEN(wanted_)); \
	} while (0)
#define KEY(code, down) { EVENT_KEY, code, down }
#define ABS(axis, place) { EVENT_ABS, axis, place }
#define REL(axis, turn) { EVENT_REL, axis, (uint32_t)(turn) }
#define SYN { EVENT_SYN, 0, 0 }

/* --- the configuration --------------------------------------------------------------------------------- */

/* As QEMU does it: all of the space is written for each byte that changes, with what was read last. */
static struct input_config look(uint8_t select, uint8_t subsel)
{
	struct input_config config;

	device->read_config(device->data, 0, &config, sizeof(config));
	config.select = select;
	device->write_config(device->data, 0, &config, sizeof(config));
	device->read_config(device->data, 0, &config, sizeof(config));
	config.subsel = subsel;
	memset(config.u.bits, 0xff, sizeof(config.u.bits));
	device->write_config(device->data, 0, &config, sizeof(config));
	device->read_config(device->data, 0, &config, sizeof(config));
	CHECK(config.select == select && config.subsel == subsel);
	for (size_t i = config.size; i < sizeof(config.u); i++) {
		CHECK_EQ(config.u.bits[i], 0);
	}
	return config;
}

static bool has(const struct input_config *config, unsigned bit)
{
	return bit / 8 < config->size && (config->u.bits[bit / 8] >> bit % 8 & 1) != 0;
}

static void a_keyboard_says_what_it_is(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	struct input_config config = look(INPUT_SELECT_NAME, 0);
	CHECK(config.size == 16 && memcmp(config.u.name, "Vitrine keyboard", 16) == 0);
	config = look(INPUT_SELECT_EVENTS, EVENT_KEY);
	CHECK(!has(&config, 0) && has(&config, 1) && has(&config, 248) && !has(&config, 249));
	CHECK(!has(&config, BUTTON_FIRST));
	config = look(INPUT_SELECT_EVENTS, EVENT_LED);
	CHECK(config.size == 1 && config.u.bits[0] == 7);
	CHECK_EQ(look(INPUT_SELECT_EVENTS, EVENT_REP).size, 1);
	CHECK_EQ(look(INPUT_SELECT_EVENTS, EVENT_ABS).size, 0);
	CHECK_EQ(look(INPUT_SELECT_EVENTS, EVENT_REL).size, 0);
	CHECK_EQ(look(INPUT_SELECT_RANGE, AXIS_X).size, 0);
	CHECK_EQ(look(INPUT_SELECT_PROPERTIES, 0).size, 0);
	CHECK_EQ(look(0x77, 0x77).size, 0);
	finish();
}

static void a_tablet_says_what_it_is(void)
{
	uint8_t byte = 9;

	begin(VTR_VIRTIO_TABLET);
	struct input_config config = look(INPUT_SELECT_EVENTS, EVENT_KEY);
	CHECK(!has(&config, 30) && has(&config, BUTTON_FIRST) && has(&config, BUTTON_LAST));
	CHECK(!has(&config, BUTTON_LAST + 1));
	config = look(INPUT_SELECT_EVENTS, EVENT_REL);
	CHECK(has(&config, 6) && has(&config, 8) && has(&config, 11) && has(&config, 12) && !has(&config, 0));
	config = look(INPUT_SELECT_EVENTS, EVENT_ABS);
	CHECK(config.size == 1 && config.u.bits[0] == 3);
	config = look(INPUT_SELECT_RANGE, AXIS_Y);
	CHECK(config.size == 20 && config.u.range.min == 0 && config.u.range.max == 32767);
	CHECK_EQ(look(INPUT_SELECT_RANGE, 2).size, 0);
	config = look(INPUT_SELECT_PROPERTIES, 0);
	CHECK(config.size == 1 && config.u.bits[0] == 1);
	CHECK_EQ(look(INPUT_SELECT_EVENTS, EVENT_REP).size, 0);
	/* Byte by byte, as the standard has it; behind the end there is nothing. */
	device->write_config(device->data, 1, &byte, 1);
	device->write_config(device->data, 2, &byte, 1);
	device->read_config(device->data, 1, &byte, 1);
	CHECK_EQ(byte, 9);
	byte = 9;
	device->read_config(device->data, sizeof(config), &byte, 1);
	CHECK_EQ(byte, 0);
	finish();
}

/* --- events -------------------------------------------------------------------------------------------- */

static void keys_are_told_once(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	key(30, true); /* a browser's repetition */
	key(30, false);
	key(31, false); /* was not down */
	key(BUTTON_FIRST, true); /* not ours */
	key(249, true);
	motion(1, 2);
	wheel(120, 0);
	listen_on();
	CHECK_TOLD(KEY(30, 1), SYN, KEY(30, 0), SYN);
	finish();
}

static void a_pointer_moves_clicks_and_turns(void)
{
	begin(VTR_VIRTIO_TABLET);
	motion(1, 2);
	motion(65535, 32768); /* joined with the one before */
	key(BUTTON_FIRST, true);
	key(30, true); /* not ours */
	motion(2, 2);
	key(BUTTON_FIRST, false);
	wheel(0, 240);
	listen_on();
	CHECK_TOLD(ABS(0, 32767), ABS(1, 16384), SYN, KEY(BUTTON_FIRST, 1), SYN, ABS(0, 1), ABS(1, 1), SYN,
	           KEY(BUTTON_FIRST, 0), SYN, REL(11, 240), REL(8, 2), SYN);
	finish();
}

/* A report of five events in a queue of four: in pieces, whole. */
static void long_reports_come_in_pieces(void)
{
	begin(VTR_VIRTIO_TABLET);
	wheel(-120, 120);
	turn();
	CHECK_EQ(take(false), 4);
	CHECK_TOLD(REL(12, -120), REL(6, -1), REL(11, 120), REL(8, 1));
	turn();
	CHECK_EQ(take(false), 0);
	offer(INPUT_QUEUE_EVENTS, 2, room, WRITE);
	device->kick(device->data, INPUT_QUEUE_EVENTS);
	turn();
	CHECK_EQ(take(false), 1);
	CHECK_TOLD(SYN);
	finish();
}

static void parts_of_notches_add_up(void)
{
	begin(VTR_VIRTIO_TABLET);
	wheel(0, 50);
	listen_on();
	wheel(0, 50);
	listen_on();
	CHECK_TOLD(REL(11, 50), SYN, REL(11, 50), SYN);
	wheel(0, 50);
	listen_on();
	CHECK_TOLD(REL(11, 50), REL(8, 1), SYN);
	wheel(0, -119); /* begins anew: 30 were left */
	listen_on();
	wheel(0, -1);
	listen_on();
	CHECK_TOLD(REL(11, -119), SYN, REL(11, -1), REL(8, -1), SYN);
	finish();
}

static void a_release_lets_go_of_everything(void)
{
	size_t ups = 0;

	begin(VTR_VIRTIO_KEYBOARD);
	for (uint32_t code = 1; code <= 40; code++) {
		key(code, true);
	}
	listen_on();
	CHECK_EQ(told_count, 80);
	told_count = 0;
	release();
	release();
	listen_on();
	for (size_t i = 0; i < told_count; i++) {
		ups += told[i].type == EVENT_KEY;
		CHECK(told[i].type == EVENT_SYN || (told[i].code == ups && told[i].value == 0));
	}
	CHECK_EQ(ups, 40);
	CHECK_EQ(told[told_count - 1].type, EVENT_SYN);
	told_count = 0;
	release();
	key(5, true);
	listen_on();
	CHECK_TOLD(KEY(5, 1), SYN);
	finish();
}

/* --- guests that are slow, absent, hostile ------------------------------------------------------------- */

static void a_guest_that_does_not_listen_keeps_no_key_down(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	key(31, true);
	turn();
	CHECK_EQ(take(false), 4);
	CHECK_TOLD(KEY(30, 1), SYN, KEY(31, 1), SYN);
	for (uint32_t i = 0; i < 3 * VTR_VIRTIO_INPUT_ROOM; i++) {
		key(40 + i % 100, i % 2 == 0);
	}
	key(30, false);
	for (uint16_t slot = 0; slot < SIZE; slot++) {
		offer(INPUT_QUEUE_EVENTS, slot, room, WRITE);
	}
	device->kick(device->data, INPUT_QUEUE_EVENTS);
	listen_on();
	uint8_t down[256] = { 0 };
	down[30] = down[31] = 1;
	for (size_t i = 0; i < told_count; i++) {
		if (told[i].type == EVENT_KEY) {
			CHECK(down[told[i].code] != told[i].value);
			down[told[i].code] = (uint8_t)told[i].value;
		}
	}
	for (size_t code = 30; code < 40; code++) {
		CHECK_EQ(down[code], 0);
	}
	CHECK(told_count < 2 * VTR_VIRTIO_INPUT_ROOM + 16);
	finish();
}

static void motion_waits_without_filling_anything(void)
{
	begin(VTR_VIRTIO_TABLET);
	wheel(-120, 120); /* leaves one event behind */
	turn();
	for (uint32_t i = 0; i < 100000; i++) {
		motion(i % 65536, 10);
		wheel(0, 0);
	}
	motion(444, 10);
	listen_on();
	CHECK(told_count < 2000);
	CHECK_EQ(told[told_count - 3].value, 222);
	finish();
}

/* Input is lost before the driver has started, and while the VM is paused. */
static void a_pause_lets_go_of_keys(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	listen_on();
	CHECK_TOLD(KEY(30, 1), SYN);
	stop();
	key(31, true);
	key(30, false);
	turn();
	start(false);
	listen_on();
	CHECK_TOLD(KEY(30, 0), SYN);
	key(30, true);
	listen_on();
	CHECK_TOLD(KEY(30, 1), SYN);
	finish();
}

/* What was begun before a pause is ended after it. */
static void a_pause_cuts_no_report(void)
{
	begin(VTR_VIRTIO_TABLET);
	wheel(120, 120);
	turn();
	CHECK_EQ(take(false), 4);
	stop();
	start(false);
	turn();
	CHECK_EQ(take(false), 0);
	told_count = 0;
	offer(INPUT_QUEUE_EVENTS, 0, room, WRITE);
	device->kick(device->data, INPUT_QUEUE_EVENTS);
	turn();
	CHECK_EQ(take(false), 1);
	CHECK_TOLD(SYN);
	finish();
}

static void a_reset_forgets_everything(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	for (uint32_t code = 1; code < 20; code++) {
		key(code, true);
	}
	turn();
	stop();
	start(true);
	listen_on();
	CHECK_EQ(told_count, 0);
	release();
	key(3, false);
	listen_on();
	CHECK_EQ(told_count, 0);
	key(3, true);
	listen_on();
	CHECK_TOLD(KEY(3, 1), SYN);
	finish();
}

/* Buffers without room, or that cannot be written: lost, at a cost that is bounded, and no harm done. */
static void buffers_that_are_too_small_get_nothing(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	turn();
	stop();
	room = 4;
	start(true);
	key(30, true);
	for (int i = 0; i < 10; i++) {
		turn();
		take(true);
		device->kick(device->data, INPUT_QUEUE_EVENTS);
	}
	CHECK_EQ(told_count, 0);
	room = sizeof(struct input_event);
	listen_on();
	CHECK_TOLD(KEY(30, 1), SYN);
	finish();
}

/* What a driver says of a light. */
static void report_light(uint16_t code, uint32_t value)
{
	static uint16_t slot;
	const struct input_event event = { EVENT_LED, code, value };

	slot = (uint16_t)((slot + 1) % SIZE);
	memcpy(memory + BUFFER_AT(INPUT_QUEUE_STATUS, slot), &event, sizeof(event));
	offer(INPUT_QUEUE_STATUS, slot, sizeof(event), 0);
	device->kick(device->data, INPUT_QUEUE_STATUS);
	turn();
}

static void lights_are_told_of_when_they_change(void)
{
	begin(VTR_VIRTIO_KEYBOARD);
	report_light(1, 1);
	CHECK_EQ(lights, VTR_LIGHT_CAPS);
	report_light(0, 0xffffffff);
	report_light(2, 7);
	CHECK_EQ(lights, VTR_LIGHT_CAPS | VTR_LIGHT_NUM | VTR_LIGHT_SCROLL);
	CHECK_EQ(light_changes, 3);
	report_light(1, 1);
	report_light(3, 1);
	report_light(0xffff, 1);
	CHECK_EQ(light_changes, 3);
	report_light(1, 0);
	CHECK_EQ(lights, VTR_LIGHT_NUM | VTR_LIGHT_SCROLL);
	stop();
	start(false);
	CHECK_EQ(light_changes, 4); /* after a pause they are as they were */
	stop();
	start(true);
	CHECK_EQ(lights, 0);
	CHECK_EQ(light_changes, 5);
	finish();
	begin(VTR_VIRTIO_TABLET);
	report_light(1, 1);
	CHECK_EQ(light_changes, 0); /* has none */
	finish();
}

/* A driver's reports: lights, and invalid ones. */
static void whatever_is_reported_is_taken(void)
{
	const struct input_event reports[] = {
		{ EVENT_LED, 1, 1 },      { EVENT_LED, 1, 0 },  { EVENT_LED, 3, 1 },
		{ EVENT_LED, 0xffff, 1 }, { EVENT_SYN, 0, 0 },  { EVENT_REP, 0, 250 },
		{ 4, 5, 0xffffffff },     { EVENT_KEY, 30, 1 }, { 0xffff, 0xffff, 0xffffffff },
	};

	begin(VTR_VIRTIO_KEYBOARD);
	for (size_t i = 0; i < 40 * VTR_ARRAY_LEN(reports); i++) {
		uint16_t slot = (uint16_t)(i % SIZE);
		memcpy(memory + BUFFER_AT(INPUT_QUEUE_STATUS, slot), &reports[i % VTR_ARRAY_LEN(reports)],
		       sizeof(reports[0]));
		offer(INPUT_QUEUE_STATUS, slot, i % 5 == 4 ? 3 : 8, i % 7 == 6 ? WRITE : 0);
		device->kick(device->data, INPUT_QUEUE_STATUS);
		turn();
		CHECK_EQ(ring(INPUT_QUEUE_STATUS, 2)[1], (uint16_t)(i + 1));
	}
	listen_on();
	CHECK_EQ(told_count, 0);
	CHECK_EQ(lights & ~(uint32_t)VTR_LIGHT_CAPS, 0);
	key(3, true);
	listen_on();
	CHECK_TOLD(KEY(3, 1), SYN);
	finish();
}

int main(void)
{
	RUN(a_keyboard_says_what_it_is);
	RUN(a_tablet_says_what_it_is);
	RUN(keys_are_told_once);
	RUN(a_pointer_moves_clicks_and_turns);
	RUN(long_reports_come_in_pieces);
	RUN(parts_of_notches_add_up);
	RUN(a_release_lets_go_of_everything);
	RUN(a_guest_that_does_not_listen_keeps_no_key_down);
	RUN(motion_waits_without_filling_anything);
	RUN(a_pause_lets_go_of_keys);
	RUN(a_pause_cuts_no_report);
	RUN(a_reset_forgets_everything);
	RUN(buffers_that_are_too_small_get_nothing);
	RUN(lights_are_told_of_when_they_change);
	RUN(whatever_is_reported_is_taken);
	return 0;
}
