/* SPDX-License-Identifier: MIT */
#include "web/devices.h"

#include "test.h"

static struct vtr_web_devices devices;
static struct vtr_viewer_devices first, second;

static void begin(bool has_touch, uint32_t pads)
{
	devices = (struct vtr_web_devices){ .has_touch = has_touch, .pad_count = pads };
	first = second = (struct vtr_viewer_devices){ { 0 } };
}

/* Returns: the guest's number, or -1. */
static int map(struct vtr_viewer_devices *own, enum vtr_input_kind kind, uint32_t number, bool down)
{
	struct vtr_input event = { .kind = kind, .code = number, .down = down };

	return vtr_web_devices_map(&devices, own, &event) ? (int)event.code : -1;
}

static void viewers_have_fingers_of_their_own(void)
{
	begin(true, 0);
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 7, true), 0);
	CHECK_EQ(map(&second, VTR_INPUT_TOUCH, 7, true), 1);
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 7, true), 0); /* moves */
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 8, false), -1); /* was not down */
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 7, false), 0);
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 7, false), -1);
	CHECK_EQ(map(&second, VTR_INPUT_TOUCH, 1, true), 0);
}

static void no_more_than_the_guest_has(void)
{
	begin(true, 2);
	for (uint32_t i = 0; i < VTR_TOUCH_CONTACTS; i++) {
		CHECK_EQ(map(&first, VTR_INPUT_TOUCH, i, true), (int)i);
	}
	CHECK_EQ(map(&second, VTR_INPUT_TOUCH, 0, true), -1);
	CHECK_EQ(map(&second, VTR_INPUT_TOUCH, 0, false), -1);
	CHECK_EQ(map(&second, VTR_INPUT_PAD, 3, true), 0);
	CHECK_EQ(map(&first, VTR_INPUT_PAD, 3, true), 1);
	CHECK_EQ(map(&first, VTR_INPUT_PAD, 0, true), -1);
	CHECK_EQ(map(&second, VTR_INPUT_PAD, 3, false), 0);
	CHECK_EQ(map(&first, VTR_INPUT_PAD, 0, true), 0);
	begin(false, 0);
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 0, true), -1);
	CHECK_EQ(map(&first, VTR_INPUT_PAD, 0, true), -1);
}

static void all_comes_back(void)
{
	struct vtr_input event;

	begin(true, 4);
	CHECK_EQ(map(&second, VTR_INPUT_TOUCH, 0, true), 0);
	CHECK_EQ(map(&first, VTR_INPUT_TOUCH, 0, true), 1);
	CHECK_EQ(map(&first, VTR_INPUT_PAD, 2, true), 0);
	CHECK(vtr_web_devices_take_back(&devices, &first, &event));
	CHECK(event.kind == VTR_INPUT_TOUCH && event.code == 1 && !event.down);
	CHECK(vtr_web_devices_take_back(&devices, &first, &event));
	CHECK(event.kind == VTR_INPUT_PAD && event.code == 0 && !event.down && event.buttons == 0);
	CHECK(!vtr_web_devices_take_back(&devices, &first, &event));
	CHECK(devices.pads == 0 && devices.contacts == 1);
}

int main(void)
{
	RUN(viewers_have_fingers_of_their_own);
	RUN(no_more_than_the_guest_has);
	RUN(all_comes_back);
	return 0;
}
