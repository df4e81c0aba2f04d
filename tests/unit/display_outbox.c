/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "display/outbox.h"
#include "platform/sock.h"
#include "test.h"

/* Both ends of the socket between the screen process and a front that this test plays. */
static struct {
	struct vtr_outbox outbox;
	int fds[2];
	struct vtr_ipc ipc;
	int woken;
} ends;

static void wake(void *data)
{
	(void)data;
	ends.woken++;
}

static void open_ends(void)
{
	CHECK_OK(vtr_os_sock_pair(ends.fds));
	vtr_outbox_init(&ends.outbox, ends.fds[0], wake, NULL);
	vtr_ipc_init(&ends.ipc, ends.fds[1], vtr_display_msg_rules, VTR_DISPLAY_MSG_COUNT);
	ends.woken = 0;
}

static void close_ends(void)
{
	vtr_ipc_finish(&ends.ipc);
	vtr_outbox_finish(&ends.outbox);
	vtr_close(&ends.fds[0]);
	vtr_close(&ends.fds[1]);
}

/* Returns: whether there was one. */
static bool receive(struct vtr_display_msg_input *out_input)
{
	struct vtr_ipc_message message;
	enum vtr_err err = vtr_ipc_receive(&ends.ipc, &message);

	if (err == VTR_ERR_AGAIN) {
		return false;
	}
	CHECK_OK(err);
	CHECK_EQ(message.op, VTR_DISPLAY_MSG_INPUT);
	*out_input = *(const struct vtr_display_msg_input *)message.payload;
	CHECK(vtr_display_input_check(out_input));
	return true;
}

static struct vtr_input key(uint32_t code, bool down)
{
	return (struct vtr_input){ .kind = VTR_INPUT_KEY, .code = code, .down = down };
}

static struct vtr_input motion(uint32_t display, uint32_t x)
{
	return (struct vtr_input){ .kind = VTR_INPUT_MOTION, .display = display, .x = x, .y = 7 };
}

static struct vtr_input wheel(int32_t x, int32_t y)
{
	return (struct vtr_input){ .kind = VTR_INPUT_WHEEL, .wheel_x = x, .wheel_y = y };
}

static struct vtr_input touch(uint32_t contact, bool down, uint32_t x)
{
	return (struct vtr_input){ .kind = VTR_INPUT_TOUCH, .code = contact, .down = down, .x = x };
}

static struct vtr_input pad(uint32_t number, uint32_t buttons, int16_t x)
{
	return (struct vtr_input){ .kind = VTR_INPUT_PAD, .code = number, .buttons = buttons, .axes = { x } };
}

static enum vtr_err send_input(struct vtr_input input)
{
	return vtr_outbox_send_input(&ends.outbox, &input);
}

/* Keys, until the socket is full. Returns: how many were sent. */
static uint32_t fill_socket(void)
{
	uint32_t count = 0;

	while (ends.outbox.count == 0) {
		CHECK_OK(send_input(key(1 + count % VTR_INPUT_MAX_CODE, true)));
		count++;
	}
	return count;
}

/* As the loop does it. */
static void receive_or_flush(struct vtr_display_msg_input *out_input)
{
	if (!receive(out_input)) {
		CHECK_OK(vtr_outbox_flush(&ends.outbox));
		CHECK(receive(out_input));
	}
}

static void input_arrives_as_it_is(void)
{
	struct vtr_display_msg_input got;

	open_ends();
	CHECK_OK(send_input(key(30, true)));
	CHECK_OK(send_input(motion(3, 65535)));
	CHECK_OK(send_input(wheel(-120, 15)));
	CHECK(receive(&got));
	CHECK(got.kind == VTR_INPUT_KEY && got.code == 30 && got.down == 1);
	CHECK(receive(&got));
	CHECK(got.kind == VTR_INPUT_MOTION && got.display == 3 && got.x == 65535 && got.y == 7);
	CHECK(receive(&got));
	CHECK(got.kind == VTR_INPUT_WHEEL && got.wheel_x == -120 && got.wheel_y == 15);
	CHECK(!receive(&got));
	CHECK_EQ(ends.woken, 0);
	close_ends();
}

static void what_is_out_of_range_is_refused(void)
{
	struct vtr_display_msg_input got;
	const struct vtr_input wrong[] = {
		key(0, true),
		key(VTR_INPUT_MAX_CODE + 1, true),
		motion(VTR_MAX_DISPLAYS, 0),
		motion(0, VTR_INPUT_MAX_PLACE + 1),
		wheel(VTR_SCREEN_WHEEL_MAX + 1, 0),
		wheel(0, INT32_MIN),
		touch(VTR_TOUCH_CONTACTS, true, 0),
		touch(0, true, VTR_INPUT_MAX_PLACE + 1),
		pad(VTR_PADS, 0, 0),
		pad(0, VTR_PAD_BUTTONS + 1, 0),
		{ .kind = VTR_INPUT_PAD, .axes = { [VTR_PAD_FIRST_TRIGGER] = -1 } },
		{ .kind = (enum vtr_input_kind)(VTR_INPUT_PAD + 1) },
	};

	open_ends();
	for (size_t i = 0; i < VTR_ARRAY_LEN(wrong); i++) {
		CHECK_ERR(send_input(wrong[i]), VTR_ERR_ARG);
	}
	CHECK(!receive(&got));
	close_ends();
}

/* Of fingers and pads, moves replace moves; fingers that come or go, and buttons, do not. */
static void fingers_and_pads_are_joined(void)
{
	struct vtr_display_msg_input got;
	const struct vtr_input sent[] = {
		touch(1, true, 1),  touch(1, true, 2), touch(2, true, 3),
		touch(1, false, 0), touch(1, true, 4), pad(0, 1, 5),
		pad(0, 1, -6),      pad(1, 1, 7),      pad(1, 0, 8),
	};
	const size_t wanted[] = { 1, 2, 3, 4, 6, 7, 8 };

	open_ends();
	ends.outbox.waiting[0] = key(1, true);
	ends.outbox.count = 1;
	for (size_t i = 0; i < VTR_ARRAY_LEN(sent); i++) {
		CHECK_OK(send_input(sent[i]));
	}
	CHECK_OK(vtr_outbox_flush(&ends.outbox));
	CHECK(receive(&got) && got.kind == VTR_INPUT_KEY);
	for (size_t i = 0; i < VTR_ARRAY_LEN(wanted); i++) {
		const struct vtr_input *want = &sent[wanted[i]];
		CHECK(receive(&got));
		CHECK(got.kind == want->kind && got.code == want->code && got.down == want->down);
		CHECK(got.x == want->x && got.buttons == want->buttons && got.axes[0] == want->axes[0]);
	}
	CHECK(!receive(&got));
	close_ends();
}

/* A front that does not read: nothing is lost that fits, in its order, and what can be is joined. */
static void what_the_front_does_not_read_waits(void)
{
	struct vtr_display_msg_input got;
	struct vtr_display_msg_input last[4];
	uint32_t sent;

	open_ends();
	sent = fill_socket();
	CHECK_EQ(ends.woken, 1);
	for (uint32_t i = 0; i < 1000; i++) {
		CHECK_OK(send_input(motion(1, i)));
	}
	CHECK_OK(send_input(motion(2, 5)));
	CHECK_OK(send_input(wheel(0, 120)));
	CHECK_OK(send_input(wheel(-15, 120)));
	CHECK_OK(send_input(key(30, false)));
	CHECK_EQ(ends.outbox.count, 1 + 4);
	CHECK_ERR(vtr_outbox_flush(&ends.outbox), VTR_ERR_AGAIN);
	CHECK_ERR(vtr_outbox_send_mode(&ends.outbox, &(struct vtr_display_msg_mode){ 0 }), VTR_ERR_AGAIN);
	CHECK_EQ(ends.woken, 1);
	for (uint32_t i = 0; i < sent; i++) {
		receive_or_flush(&got);
		CHECK(got.kind == VTR_INPUT_KEY && got.code == 1 + i % VTR_INPUT_MAX_CODE);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(last); i++) {
		receive_or_flush(&last[i]);
	}
	CHECK(last[0].kind == VTR_INPUT_MOTION && last[0].display == 1 && last[0].x == 999);
	CHECK(last[1].kind == VTR_INPUT_MOTION && last[1].display == 2 && last[1].x == 5);
	CHECK(last[2].kind == VTR_INPUT_WHEEL && last[2].wheel_x == -15 && last[2].wheel_y == 240);
	CHECK(last[3].kind == VTR_INPUT_KEY && last[3].code == 30 && last[3].down == 0);
	CHECK(!receive(&got));
	close_ends();
}

static void turns_that_would_be_too_many_are_not_joined(void)
{
	open_ends();
	fill_socket();
	CHECK_OK(send_input(wheel(0, VTR_SCREEN_WHEEL_MAX)));
	CHECK_OK(send_input(wheel(0, 1)));
	CHECK_EQ(ends.outbox.count, 1 + 2);
	close_ends();
}

/* After an overflow no key may stay down. */
static void too_much_ends_in_a_release(void)
{
	struct vtr_display_msg_input got = { .kind = VTR_INPUT_KEY };
	uint32_t kept = 0;

	open_ends();
	fill_socket();
	while (ends.outbox.count < VTR_OUTBOX_ROOM) {
		CHECK_OK(send_input(key(1 + kept++ % VTR_INPUT_MAX_CODE, true)));
	}
	CHECK_ERR(send_input(key(30, false)), VTR_ERR_AGAIN);
	CHECK_ERR(send_input(key(31, true)), VTR_ERR_AGAIN);
	CHECK_ERR(send_input(motion(0, 0)), VTR_ERR_AGAIN);
	CHECK_EQ(ends.outbox.count, 1);
	while (receive(&got)) {
	}
	CHECK_EQ(got.kind, VTR_INPUT_KEY);
	CHECK_OK(vtr_outbox_flush(&ends.outbox));
	CHECK(receive(&got));
	CHECK_EQ(got.kind, VTR_INPUT_RELEASE);
	CHECK(!receive(&got));
	CHECK_OK(send_input(key(31, true)));
	CHECK(receive(&got));
	CHECK_EQ(got.code, 31);
	close_ends();
}

int main(void)
{
	RUN(input_arrives_as_it_is);
	RUN(what_is_out_of_range_is_refused);
	RUN(fingers_and_pads_are_joined);
	RUN(what_the_front_does_not_read_waits);
	RUN(turns_that_would_be_too_many_are_not_joined);
	RUN(too_much_ends_in_a_release);
	return 0;
}
