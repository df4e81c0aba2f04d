/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "input_driver.h"
#include "test.h"

static void key(uint32_t code, bool down)
{
	vtr_virtio_input_take(driver_input,
	                      &(struct vtr_input){ .kind = VTR_INPUT_KEY, .code = code, .down = down });
}

static void motion(uint32_t x, uint32_t y)
{
	vtr_virtio_input_take(driver_input, &(struct vtr_input){ .kind = VTR_INPUT_MOTION, .x = x, .y = y });
}

static void wheel(int32_t x, int32_t y)
{
	vtr_virtio_input_take(driver_input,
	                      &(struct vtr_input){ .kind = VTR_INPUT_WHEEL, .wheel_x = x, .wheel_y = y });
}

static void release(void)
{
	vtr_virtio_input_take(driver_input, &(struct vtr_input){ .kind = VTR_INPUT_RELEASE });
}

static void check_told_at(int line, const struct input_event *wanted, size_t count)
{
	for (size_t i = 0; i < driver_told_count && i < count; i++) {
		if (memcmp(&driver_told[i], &wanted[i], sizeof(driver_told[i])) != 0) {
			fprintf(stderr, "line %d: event %zu is %u %u %d, not %u %u %d\n", line, i,
			        driver_told[i].type, driver_told[i].code, (int)driver_told[i].value,
			        wanted[i].type, wanted[i].code, (int)wanted[i].value);
			CHECK(false);
		}
	}
	CHECK_EQ(driver_told_count, count);
	driver_told_count = 0;
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

	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
	config.select = select;
	driver_device->write_config(driver_device->data, 0, &config, sizeof(config));
	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
	config.subsel = subsel;
	memset(config.u.bits, 0xff, sizeof(config.u.bits));
	driver_device->write_config(driver_device->data, 0, &config, sizeof(config));
	driver_device->read_config(driver_device->data, 0, &config, sizeof(config));
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
	driver_begin(VTR_VIRTIO_KEYBOARD);
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
	driver_end();
}

static void a_tablet_says_what_it_is(void)
{
	uint8_t byte = 9;

	driver_begin(VTR_VIRTIO_TABLET);
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
	driver_device->write_config(driver_device->data, 1, &byte, 1);
	driver_device->write_config(driver_device->data, 2, &byte, 1);
	driver_device->read_config(driver_device->data, 1, &byte, 1);
	CHECK_EQ(byte, 9);
	byte = 9;
	driver_device->read_config(driver_device->data, sizeof(config), &byte, 1);
	CHECK_EQ(byte, 0);
	driver_end();
}

static void a_touch_screen_says_what_it_is(void)
{
	driver_begin(VTR_VIRTIO_TOUCH);
	struct input_config config = look(INPUT_SELECT_NAME, 0);
	CHECK(config.size == 20 && memcmp(config.u.name, "Vitrine touch screen", 20) == 0);
	config = look(INPUT_SELECT_EVENTS, EVENT_KEY);
	CHECK(has(&config, BUTTON_TOUCH) && !has(&config, BUTTON_FIRST) && !has(&config, 30));
	config = look(INPUT_SELECT_EVENTS, EVENT_ABS);
	CHECK(has(&config, 0x2f) && has(&config, 0x35) && has(&config, 0x36) && has(&config, 0x39));
	CHECK(!has(&config, AXIS_X) && !has(&config, AXIS_Y));
	CHECK_EQ(look(INPUT_SELECT_RANGE, 0x2f).u.range.max, 9);
	CHECK_EQ(look(INPUT_SELECT_RANGE, 0x35).u.range.max, 32767);
	CHECK_EQ(look(INPUT_SELECT_RANGE, 0x39).u.range.max, 65535);
	config = look(INPUT_SELECT_PROPERTIES, 0);
	CHECK(config.size == 1 && config.u.bits[0] == 2);
	CHECK_EQ(look(INPUT_SELECT_EVENTS, EVENT_REL).size, 0);
	driver_end();
}

static void a_pad_says_what_it_is(void)
{
	driver_begin(VTR_VIRTIO_PAD);
	struct input_config config = look(INPUT_SELECT_EVENTS, EVENT_KEY);
	CHECK(has(&config, 0x130) && has(&config, 0x131) && has(&config, 0x133) && has(&config, 0x134));
	CHECK(!has(&config, 0x132) && !has(&config, 0x135) && has(&config, 0x13e));
	config = look(INPUT_SELECT_EVENTS, EVENT_ABS);
	CHECK(config.size == 3 && config.u.bits[0] == 0x3f && config.u.bits[2] == 3);
	config = look(INPUT_SELECT_RANGE, AXIS_X);
	CHECK((int32_t)config.u.range.min == -32768 && config.u.range.max == 32767);
	config = look(INPUT_SELECT_RANGE, AXIS_LEFT_TRIGGER);
	CHECK(config.u.range.min == 0 && config.u.range.max == 255);
	config = look(INPUT_SELECT_RANGE, AXIS_CROSS_X);
	CHECK((int32_t)config.u.range.min == -1 && config.u.range.max == 1);
	CHECK_EQ(look(INPUT_SELECT_PROPERTIES, 0).size, 0);
	driver_end();
}

/* --- events -------------------------------------------------------------------------------------------- */

static void keys_are_told_once(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	key(30, true); /* a browser's repetition */
	key(30, false);
	key(31, false); /* was not down */
	key(BUTTON_FIRST, true); /* not ours */
	key(249, true);
	motion(1, 2);
	wheel(120, 0);
	driver_listen();
	CHECK_TOLD(KEY(30, 1), SYN, KEY(30, 0), SYN);
	driver_end();
}

static void a_pointer_moves_clicks_and_turns(void)
{
	driver_begin(VTR_VIRTIO_TABLET);
	motion(1, 2);
	motion(65535, 32768); /* joined with the one before */
	key(BUTTON_FIRST, true);
	key(30, true); /* not ours */
	motion(2, 2);
	key(BUTTON_FIRST, false);
	wheel(0, 240);
	driver_listen();
	CHECK_TOLD(ABS(0, 32767), ABS(1, 16384), SYN, KEY(BUTTON_FIRST, 1), SYN, ABS(0, 1), ABS(1, 1), SYN,
	           KEY(BUTTON_FIRST, 0), SYN, REL(11, 240), REL(8, 2), SYN);
	driver_end();
}

/* A report of five events in a queue of four: in pieces, whole. */
static void touch(uint32_t contact, bool down, uint32_t x, uint32_t y)
{
	const struct vtr_input input = {
		.kind = VTR_INPUT_TOUCH, .code = contact, .down = down, .x = x, .y = y
	};

	vtr_virtio_input_take(driver_input, &input);
}

#define SLOT(slot, id) ABS(0x2f, slot), ABS(0x39, (uint32_t)(id))
#define PLACE(x, y) ABS(0x35, x), ABS(0x36, y)
#define TOUCHED(down) KEY(BUTTON_TOUCH, down)

static void fingers_have_slots(void)
{
	driver_begin(VTR_VIRTIO_TOUCH);
	key(30, true); /* not ours */
	motion(1, 2);
	touch(3, false, 0, 0); /* was not down */
	touch(0, true, 65535, 0);
	driver_listen();
	CHECK_TOLD(SLOT(0, 0), PLACE(32767, 0), TOUCHED(1), SYN);
	touch(9, true, 2, 4);
	touch(0, true, 6, 8);
	touch(0, true, 10, 12); /* joined with the one before */
	driver_listen();
	CHECK_TOLD(SLOT(9, 1), PLACE(1, 2), SYN, ABS(0x2f, 0), PLACE(5, 6), SYN);
	touch(0, false, 0, 0);
	touch(0, true, 0, 0); /* another finger */
	driver_listen();
	CHECK_TOLD(SLOT(0, -1), SYN, SLOT(0, 2), PLACE(0, 0), SYN);
	release();
	release();
	driver_listen();
	CHECK_TOLD(SLOT(0, -1), SLOT(9, -1), TOUCHED(0), SYN);
	touch(9, true, 0, 0);
	driver_listen();
	driver_told_count = 0;
	driver_stop(); /* a pause */
	driver_start(false);
	driver_listen();
	CHECK_TOLD(SLOT(9, -1), TOUCHED(0), SYN);
	driver_end();
}

static void pad(uint32_t number, uint32_t buttons, int16_t x, int16_t trigger)
{
	const struct vtr_input input = {
		.kind = VTR_INPUT_PAD,
		.code = number,
		.buttons = buttons,
		.axes = { [0] = x, [5] = trigger },
	};

	vtr_virtio_input_take(driver_input, &input);
}

static void pads_tell_what_changes(void)
{
	driver_begin(VTR_VIRTIO_PAD);
	pad(1, 1, 0, 0); /* another pad */
	pad(0, 0, 0, 0); /* nothing new */
	pad(0, 1u << VTR_PAD_SOUTH | 1u << VTR_PAD_LEFT, -32768, 127);
	driver_listen();
	CHECK_TOLD(KEY(0x130, 1), ABS(AXIS_X, (uint32_t)-32768), ABS(AXIS_CROSS_X, (uint32_t)-1), SYN);
	pad(0, 1u << VTR_PAD_SOUTH | 1u << VTR_PAD_LEFT, 5, 0);
	pad(0, 1u << VTR_PAD_SOUTH | 1u << VTR_PAD_LEFT, 6, 32767); /* joined with the one before */
	pad(0, 1u << VTR_PAD_WEST | 1u << VTR_PAD_LEFT | 1u << VTR_PAD_RIGHT, 6, 32767);
	driver_listen();
	CHECK_TOLD(ABS(AXIS_X, 6), ABS(AXIS_RIGHT_TRIGGER, 255), SYN, KEY(0x130, 0), KEY(0x134, 1),
	           ABS(AXIS_CROSS_X, 0), SYN);
	release();
	driver_listen();
	CHECK_TOLD(KEY(0x134, 0), ABS(AXIS_X, 0), ABS(AXIS_RIGHT_TRIGGER, 0), SYN);
	pad(0, VTR_PAD_BUTTONS, 1, 128);
	driver_listen();
	CHECK_EQ(driver_told_count, 11 + 2 + 1);
	driver_end();
}

static void long_reports_come_in_pieces(void)
{
	driver_begin(VTR_VIRTIO_TABLET);
	wheel(-120, 120);
	driver_turn();
	CHECK_EQ(driver_take(false), 4);
	CHECK_TOLD(REL(12, -120), REL(6, -1), REL(11, 120), REL(8, 1));
	driver_turn();
	CHECK_EQ(driver_take(false), 0);
	driver_offer(INPUT_QUEUE_EVENTS, 2, driver_room, DRIVER_WRITE);
	driver_kick(INPUT_QUEUE_EVENTS);
	driver_turn();
	CHECK_EQ(driver_take(false), 1);
	CHECK_TOLD(SYN);
	driver_end();
}

static void parts_of_notches_add_up(void)
{
	driver_begin(VTR_VIRTIO_TABLET);
	wheel(0, 50);
	driver_listen();
	wheel(0, 50);
	driver_listen();
	CHECK_TOLD(REL(11, 50), SYN, REL(11, 50), SYN);
	wheel(0, 50);
	driver_listen();
	CHECK_TOLD(REL(11, 50), REL(8, 1), SYN);
	wheel(0, -119); /* begins anew: 30 were left */
	driver_listen();
	wheel(0, -1);
	driver_listen();
	CHECK_TOLD(REL(11, -119), SYN, REL(11, -1), REL(8, -1), SYN);
	driver_end();
}

/* Turns are merged up to the limit of a number, while a part of a notch is left from before. */
static void a_wheel_turns_as_far_as_numbers_go(void)
{
	const int32_t most = 256 * 120;

	driver_begin(VTR_VIRTIO_TABLET);
	wheel(0, 100);
	driver_listen();
	driver_told_count = 0;
	for (int32_t sum = 0; sum < INT32_MAX;) {
		const int32_t next = vtr_min(most, INT32_MAX - sum);

		wheel(0, next);
		sum += next;
	}
	driver_listen();
	CHECK_TOLD(REL(11, INT32_MAX), REL(8, (INT32_MAX + INT64_C(100)) / 120), SYN);
	driver_end();
}

static void a_release_lets_go_of_everything(void)
{
	size_t ups = 0;

	driver_begin(VTR_VIRTIO_KEYBOARD);
	for (uint32_t code = 1; code <= 40; code++) {
		key(code, true);
	}
	driver_listen();
	CHECK_EQ(driver_told_count, 80);
	driver_told_count = 0;
	release();
	release();
	driver_listen();
	for (size_t i = 0; i < driver_told_count; i++) {
		ups += driver_told[i].type == EVENT_KEY;
		CHECK(driver_told[i].type == EVENT_SYN ||
		      (driver_told[i].code == ups && driver_told[i].value == 0));
	}
	CHECK_EQ(ups, 40);
	CHECK_EQ(driver_told[driver_told_count - 1].type, EVENT_SYN);
	driver_told_count = 0;
	release();
	key(5, true);
	driver_listen();
	CHECK_TOLD(KEY(5, 1), SYN);
	driver_end();
}

/* --- guests that are slow, absent, hostile ------------------------------------------------------------- */

static void a_guest_that_does_not_listen_keeps_no_key_down(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	key(31, true);
	driver_turn();
	CHECK_EQ(driver_take(false), 4);
	CHECK_TOLD(KEY(30, 1), SYN, KEY(31, 1), SYN);
	for (uint32_t i = 0; i < 3 * VTR_VIRTIO_INPUT_ROOM; i++) {
		key(40 + i % 100, i % 2 == 0);
	}
	key(30, false);
	for (uint16_t slot = 0; slot < DRIVER_QUEUE_SIZE; slot++) {
		driver_offer(INPUT_QUEUE_EVENTS, slot, driver_room, DRIVER_WRITE);
	}
	driver_kick(INPUT_QUEUE_EVENTS);
	driver_listen();
	uint8_t down[256] = { 0 };
	down[30] = down[31] = 1;
	for (size_t i = 0; i < driver_told_count; i++) {
		if (driver_told[i].type == EVENT_KEY) {
			CHECK(down[driver_told[i].code] != driver_told[i].value);
			down[driver_told[i].code] = (uint8_t)driver_told[i].value;
		}
	}
	for (size_t code = 30; code < 40; code++) {
		CHECK_EQ(down[code], 0);
	}
	CHECK(driver_told_count < 2 * VTR_VIRTIO_INPUT_ROOM + 16);
	driver_end();
}

static void motion_waits_without_filling_anything(void)
{
	driver_begin(VTR_VIRTIO_TABLET);
	wheel(-120, 120); /* leaves one event behind */
	driver_turn();
	for (uint32_t i = 0; i < 100000; i++) {
		motion(i % 65536, 10);
		wheel(0, 0);
	}
	motion(444, 10);
	driver_listen();
	CHECK(driver_told_count < 2000);
	CHECK_EQ(driver_told[driver_told_count - 3].value, 222);
	driver_end();
}

/* Input is lost before the driver has started, and while the VM is paused. */
static void a_pause_lets_go_of_keys(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	key(30, true);
	driver_listen();
	CHECK_TOLD(KEY(30, 1), SYN);
	driver_stop();
	key(31, true);
	key(30, false);
	driver_turn();
	driver_start(false);
	driver_listen();
	CHECK_TOLD(KEY(30, 0), SYN);
	key(30, true);
	driver_listen();
	CHECK_TOLD(KEY(30, 1), SYN);
	driver_end();
}

/* What was begun before a pause is ended after it. */
static void a_pause_cuts_no_report(void)
{
	driver_begin(VTR_VIRTIO_TABLET);
	wheel(120, 120);
	driver_turn();
	CHECK_EQ(driver_take(false), 4);
	driver_stop();
	driver_start(false);
	driver_turn();
	CHECK_EQ(driver_take(false), 0);
	driver_told_count = 0;
	driver_offer(INPUT_QUEUE_EVENTS, 0, driver_room, DRIVER_WRITE);
	driver_kick(INPUT_QUEUE_EVENTS);
	driver_turn();
	CHECK_EQ(driver_take(false), 1);
	CHECK_TOLD(SYN);
	driver_end();
}

static void a_reset_forgets_everything(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	for (uint32_t code = 1; code < 20; code++) {
		key(code, true);
	}
	driver_turn();
	driver_stop();
	driver_start(true);
	driver_listen();
	CHECK_EQ(driver_told_count, 0);
	release();
	key(3, false);
	driver_listen();
	CHECK_EQ(driver_told_count, 0);
	key(3, true);
	driver_listen();
	CHECK_TOLD(KEY(3, 1), SYN);
	driver_end();
}

/* Buffers without room, or that cannot be written: lost, at a cost that is bounded, and no harm done. */
static void buffers_that_are_too_small_get_nothing(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	driver_turn();
	driver_stop();
	driver_room = 4;
	driver_start(true);
	key(30, true);
	for (int i = 0; i < 10; i++) {
		driver_turn();
		driver_take(true);
		driver_kick(INPUT_QUEUE_EVENTS);
	}
	CHECK_EQ(driver_told_count, 0);
	driver_room = sizeof(struct input_event);
	driver_listen();
	CHECK_TOLD(KEY(30, 1), SYN);
	driver_end();
}

/* What a driver says of a light. */
static void report_light(uint16_t code, uint32_t value)
{
	static uint16_t slot;
	const struct input_event event = { EVENT_LED, code, value };

	slot = (uint16_t)((slot + 1) % DRIVER_QUEUE_SIZE);
	memcpy(driver_buffer(INPUT_QUEUE_STATUS, slot), &event, sizeof(event));
	driver_offer(INPUT_QUEUE_STATUS, slot, sizeof(event), 0);
	driver_kick(INPUT_QUEUE_STATUS);
	driver_turn();
}

static void lights_are_told_of_when_they_change(void)
{
	driver_begin(VTR_VIRTIO_KEYBOARD);
	report_light(1, 1);
	CHECK_EQ(driver_lights, VTR_LIGHT_CAPS);
	report_light(0, 0xffffffff);
	report_light(2, 7);
	CHECK_EQ(driver_lights, VTR_LIGHT_CAPS | VTR_LIGHT_NUM | VTR_LIGHT_SCROLL);
	CHECK_EQ(driver_light_changes, 3);
	report_light(1, 1);
	report_light(3, 1);
	report_light(0xffff, 1);
	CHECK_EQ(driver_light_changes, 3);
	report_light(1, 0);
	CHECK_EQ(driver_lights, VTR_LIGHT_NUM | VTR_LIGHT_SCROLL);
	driver_stop();
	driver_start(false);
	CHECK_EQ(driver_light_changes, 4); /* after a pause they are as they were */
	driver_stop();
	driver_start(true);
	CHECK_EQ(driver_lights, 0);
	CHECK_EQ(driver_light_changes, 5);
	driver_end();
	driver_begin(VTR_VIRTIO_TABLET);
	report_light(1, 1);
	CHECK_EQ(driver_light_changes, 0); /* has none */
	driver_end();
}

/* A driver's reports: lights, and invalid ones. */
static void whatever_is_reported_is_taken(void)
{
	const struct input_event reports[] = {
		{ EVENT_LED, 1, 1 },      { EVENT_LED, 1, 0 },  { EVENT_LED, 3, 1 },
		{ EVENT_LED, 0xffff, 1 }, { EVENT_SYN, 0, 0 },  { EVENT_REP, 0, 250 },
		{ 4, 5, 0xffffffff },     { EVENT_KEY, 30, 1 }, { 0xffff, 0xffff, 0xffffffff },
	};

	driver_begin(VTR_VIRTIO_KEYBOARD);
	for (size_t i = 0; i < 40 * VTR_ARRAY_LEN(reports); i++) {
		uint16_t slot = (uint16_t)(i % DRIVER_QUEUE_SIZE);
		memcpy(driver_buffer(INPUT_QUEUE_STATUS, slot), &reports[i % VTR_ARRAY_LEN(reports)],
		       sizeof(reports[0]));
		driver_offer(INPUT_QUEUE_STATUS, slot, i % 5 == 4 ? 3 : 8, i % 7 == 6 ? DRIVER_WRITE : 0);
		driver_kick(INPUT_QUEUE_STATUS);
		driver_turn();
		CHECK_EQ(driver_used(INPUT_QUEUE_STATUS), (uint16_t)(i + 1));
	}
	driver_listen();
	CHECK_EQ(driver_told_count, 0);
	CHECK_EQ(driver_lights & ~(uint32_t)VTR_LIGHT_CAPS, 0);
	key(3, true);
	driver_listen();
	CHECK_TOLD(KEY(3, 1), SYN);
	driver_end();
}

int main(void)
{
	RUN(a_keyboard_says_what_it_is);
	RUN(a_tablet_says_what_it_is);
	RUN(a_touch_screen_says_what_it_is);
	RUN(a_pad_says_what_it_is);
	RUN(keys_are_told_once);
	RUN(a_pointer_moves_clicks_and_turns);
	RUN(fingers_have_slots);
	RUN(pads_tell_what_changes);
	RUN(long_reports_come_in_pieces);
	RUN(parts_of_notches_add_up);
	RUN(a_wheel_turns_as_far_as_numbers_go);
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
