/* SPDX-License-Identifier: MIT */
#include "web/message.h"

#include "base/mem.h"
#include "test.h"

static struct vtr_message parse(const uint8_t *bytes, size_t size)
{
	struct vtr_message message;

	/* Neither shorter nor longer; in memory of just that size, so that ASan sees the end. */
	for (size_t i = 0; i < size; i++) {
		uint8_t *copy = malloc(i > 0 ? i : 1);
		memcpy(copy, bytes, i);
		CHECK_ERR(vtr_message_parse(copy, i, &message), VTR_ERR_PROTOCOL);
		free(copy);
	}
	uint8_t longer[VTR_MESSAGE_MAX_IN + 1] = { 0 };
	memcpy(longer, bytes, size);
	CHECK_ERR(vtr_message_parse(longer, size + 1, &message), VTR_ERR_PROTOCOL);
	CHECK_OK(vtr_message_parse(bytes, size, &message));
	return message;
}

static void what_a_page_says(void)
{
	static const uint8_t key[] = { 0x08, 3, 0xff, 0x02, 1 };
	static const uint8_t motion[] = { 0x09, 15, 0x34, 0x12, 0xff, 0xff };
	static const uint8_t wheel[] = { 0x0a, 0, 0xf1, 0xff, 0xff, 0xff, 120, 0, 0, 0 };
	static const uint8_t ack[] = { 0x03, 1, 1, 2, 3, 4, 5, 0, 0, 0 };
	static const uint8_t mode[] = { 0x07, 0, 0x80, 7, 0, 0, 0x38, 4, 0, 0 };

	struct vtr_message message = parse(key, sizeof(key));
	CHECK_EQ(message.type, VTR_MESSAGE_KEY);
	CHECK_EQ(message.input.kind, VTR_INPUT_KEY);
	CHECK_EQ(message.input.display, 3);
	CHECK_EQ(message.input.code, 0x2ff);
	CHECK(message.input.down);
	message = parse(motion, sizeof(motion));
	CHECK_EQ(message.input.display, 15);
	CHECK_EQ(message.input.x, 0x1234);
	CHECK_EQ(message.input.y, 65535);
	message = parse(wheel, sizeof(wheel));
	CHECK_EQ(message.input.wheel_x, -15);
	CHECK_EQ(message.input.wheel_y, 120);
	static const uint8_t touch[] = { 0x30, 2, 9, 1, 0x34, 0x12, 0xff, 0xff };
	message = parse(touch, sizeof(touch));
	CHECK_EQ(message.input.kind, VTR_INPUT_TOUCH);
	CHECK(message.input.display == 2 && message.input.code == 9 && message.input.down);
	CHECK(message.input.x == 0x1234 && message.input.y == 65535);
	static const uint8_t pad[] = { 0x31, 0,    3, 1, 0x3f, 0xff, 1,    0,    0, 0x80,
		                       0xff, 0xff, 0, 0, 1,    0,    0xff, 0x7f, 0, 0 };
	message = parse(pad, sizeof(pad));
	CHECK_EQ(message.input.kind, VTR_INPUT_PAD);
	CHECK(message.input.code == 3 && message.input.down && message.input.buttons == VTR_PAD_BUTTONS);
	CHECK(message.input.axes[0] == -32768 && message.input.axes[1] == -1 &&
	      message.input.axes[4] == 32767);
	static const uint8_t take_patches[] = { 0x3d, 2, 1 };
	message = parse(take_patches, sizeof(take_patches));
	CHECK(message.type == VTR_MESSAGE_TAKE_PATCHES && message.display == 2 && message.on);
	static const uint8_t ack_patch[] = { 0x3e, 0, 1, 2, 3, 4 };
	message = parse(ack_patch, sizeof(ack_patch));
	CHECK(message.type == VTR_MESSAGE_ACK_PATCH && message.patch == 0x04030201);
	message = parse(ack, sizeof(ack));
	CHECK_EQ(message.ack.number, 0x04030201);
	CHECK_EQ(message.ack.waiting, 5);
	message = parse(mode, sizeof(mode));
	CHECK_EQ(message.mode.width, 1920);
	CHECK_EQ(message.mode.height, 1080);
}

static void what_makes_no_sense(void)
{
	static const uint8_t bad[][5] = {
		{ 0x08, 16, 30, 0, 1 }, /* a display too many */
		{ 0x08, 0, 0x00, 3, 1 }, /* no such code */
		{ 0x08, 0, 30, 0, 2 }, /* neither up nor down */
		{ 0x84, 0, 30, 0, 1 }, /* ours */
		{ 0x00, 0, 30, 0, 1 },
	};
	static const uint8_t touches[][8] = {
		{ 0x30, 0, 10, 1, 0, 0, 0, 0 }, /* a contact too many */
		{ 0x30, 0, 0, 2, 0, 0, 0, 0 }, /* neither up nor down */
		{ 0x30, 16, 0, 1, 0, 0, 0, 0 },
	};
	static const uint8_t pads[][20] = {
		{ 0x31, 0, 4, 1 }, /* a pad too many */
		{ 0x31, 0, 0, 2 },
		{ 0x31, 0, 0, 1, 0x40 }, /* triggers are no buttons */
		{ 0x31, 0, 0, 1, 0, 0, 2 }, /* no such button */
		{ 0x31, 0, 0, 1, [17] = 0x80 }, /* less than not pressed */
	};
	struct vtr_message message;

	for (size_t i = 0; i < VTR_ARRAY_LEN(bad); i++) {
		CHECK_ERR(vtr_message_parse(bad[i], sizeof(bad[i]), &message), VTR_ERR_PROTOCOL);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(touches); i++) {
		CHECK_ERR(vtr_message_parse(touches[i], sizeof(touches[i]), &message), VTR_ERR_PROTOCOL);
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(pads); i++) {
		CHECK_ERR(vtr_message_parse(pads[i], sizeof(pads[i]), &message), VTR_ERR_PROTOCOL);
	}
}

/* Whatever a pad says that goes, nothing of it stays pressed. */
static void a_pad_that_goes(void)
{
	static const uint8_t gone[] = { 0x31, 0, 0, 0, 0xff, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct vtr_message message;

	CHECK_ERR(vtr_message_parse(gone, sizeof(gone), &message), VTR_ERR_PROTOCOL); /* bits 6 and 7 */
	uint8_t valid[sizeof(gone)];
	memcpy(valid, gone, sizeof(gone));
	valid[4] = 0x3f;
	CHECK_OK(vtr_message_parse(valid, sizeof(valid), &message));
	CHECK(message.input.buttons == 0 && message.input.axes[0] == 0 && message.input.axes[5] == 0);
}

static void codecs_come_from_the_parameters(void)
{
	static const uint8_t with_delimiter[] = { 0, 0, 0,    1,    9,    0xf0, 0, 0,
		                                  0, 1, 0x67, 0x42, 0xc0, 0x28, 1, 2 };
	static const uint8_t short_start[] = { 0, 0, 1, 0x27, 0x64, 0x00, 0x2a };
	static const uint8_t cut_off[] = { 0, 0, 1, 0x67, 0x42, 0xc0 };
	static const uint8_t none[] = { 0, 0, 0, 1, 0x65, 0x88, 0x84, 0, 0, 0, 0, 0 };
	char codec[VTR_CODEC_MAX];

	CHECK_OK(vtr_message_codec(with_delimiter, sizeof(with_delimiter), codec));
	CHECK_STR(codec, "avc1.42c028");
	CHECK_OK(vtr_message_codec(short_start, sizeof(short_start), codec));
	CHECK_STR(codec, "avc1.64002a");
	CHECK_ERR(vtr_message_codec(cut_off, sizeof(cut_off), codec), VTR_ERR_INVALID);
	CHECK_ERR(vtr_message_codec(none, sizeof(none), codec), VTR_ERR_INVALID);
	CHECK_ERR(vtr_message_codec(none, 0, codec), VTR_ERR_INVALID);
}

static void all_of_ours_fit(void)
{
	static uint8_t out[VTR_MESSAGE_MAX_OUT];
	static struct vtr_scanout_cursor cursor;
	struct vtr_message_display displays[VTR_MAX_DISPLAYS] = { { 0 } };
	const struct vtr_access_unit unit = { .generation = 1, .width = 2, .height = 3 };
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	cursor.visible = true;
	cursor.image.hot_x = 1000;
	memset(cursor.image.pixels, 0xff, sizeof(cursor.image.pixels));
	CHECK(vtr_message_cursor(out, 0, &cursor) <= sizeof(out));
	CHECK_EQ(out[3], VTR_CURSOR_SIZE - 1);
	CHECK(vtr_message_displays(out, displays, VTR_MAX_DISPLAYS) <= sizeof(out));
	CHECK_EQ(vtr_message_config(out, 1, &unit, text, text), 2 + 16 + 2 * 256);
	CHECK_EQ(vtr_message_devices(out, true, 4), 4);
	CHECK(out[0] == 0xb0 && out[2] == 1 && out[3] == 4);
	CHECK_EQ(vtr_message_lights(out, VTR_LIGHT_CAPS), 3);
	CHECK_EQ(out[2], 2);
	CHECK_EQ(vtr_message_notice(out, 1, VTR_MESSAGE_NOTICE_MODE, text), 2 + 2 + 255);
}

static void cursors_are_not_premultiplied(void)
{
	static uint8_t out[VTR_MESSAGE_MAX_OUT];
	static struct vtr_scanout_cursor cursor = { .visible = true };
	const size_t head = 2 + 1 + 8;

	cursor.image.pixels[0] = 0x80402000; /* half there */
	cursor.image.pixels[1] = 0x00ffffff; /* nonsense, not there */
	cursor.image.pixels[2] = 0x01ffffff; /* nonsense */
	cursor.image.pixels[3] = 0xff010203;
	vtr_message_cursor(out, 0, &cursor);
	static const uint8_t wanted[] = { 0x80, 0x40, 0, 0x80, 0, 0, 0, 0, 255, 255, 255, 1, 1, 2, 3, 255 };
	CHECK(memcmp(out + head, wanted, sizeof(wanted)) == 0);
}

int main(void)
{
	RUN(what_a_page_says);
	RUN(what_makes_no_sense);
	RUN(a_pad_that_goes);
	RUN(codecs_come_from_the_parameters);
	RUN(all_of_ours_fit);
	RUN(cursors_are_not_premultiplied);
	return 0;
}
