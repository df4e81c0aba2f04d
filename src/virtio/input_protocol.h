/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_INPUT_PROTOCOL_H
#define VIRTIO_INPUT_PROTOCOL_H

#include <stdint.h>

/*
 * Messages between a virtio-input driver and its device (virtio 1.3, 5.8). The standard uses Linux's event
 * types and codes (linux/input-event-codes.h). They are defined here because other hosts do not have that
 * header.
 */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are used as they are");

#define INPUT_QUEUE_EVENTS 0u
#define INPUT_QUEUE_STATUS 1u
#define INPUT_QUEUE_COUNT 2u

enum input_select {
	INPUT_SELECT_NAME = 0x01,
	INPUT_SELECT_IDS = 0x03,
	INPUT_SELECT_PROPERTIES = 0x10,
	INPUT_SELECT_EVENTS = 0x11, /* subsel: the type */
	INPUT_SELECT_RANGE = 0x12,  /* subsel: the axis */
};

struct input_ids {
	uint16_t bus, vendor, product, version;
};

struct input_range {
	uint32_t min, max, fuzz, flat, resolution;
};

struct input_config {
	uint8_t select;
	uint8_t subsel;
	uint8_t size; /* size of u; 0: not supported */
	uint8_t reserved[5];
	union {
		char name[128];
		uint8_t bits[128];
		struct input_range range;
		struct input_ids ids;
	} u;
};

_Static_assert(sizeof(struct input_config) == 136, "virtio 1.3, 5.8.4");

struct input_event {
	uint16_t type;
	uint16_t code;
	uint32_t value;
};

/* Types. */
#define EVENT_SYN 0x00
#define EVENT_KEY 0x01
#define EVENT_REL 0x02
#define EVENT_ABS 0x03
#define EVENT_LED 0x11
#define EVENT_REP 0x14

/* Codes. */
#define KEY_FIRST 1      /* KEY_ESC */
#define KEY_LAST 248     /* KEY_MICMUTE; the highest code in X11's keyboard maps */
#define BUTTON_FIRST 0x110 /* BTN_LEFT */
#define BUTTON_LAST 0x117  /* BTN_TASK */
#define BUTTON_SOUTH 0x130
#define BUTTON_EAST 0x131
#define BUTTON_NORTH 0x133
#define BUTTON_WEST 0x134
#define BUTTON_SHOULDER_LEFT 0x136
#define BUTTON_SHOULDER_RIGHT 0x137
#define BUTTON_SELECT 0x13a
#define BUTTON_START 0x13b
#define BUTTON_MODE 0x13c
#define BUTTON_STICK_LEFT 0x13d
#define BUTTON_STICK_RIGHT 0x13e
#define BUTTON_TOUCH 0x14a
#define REL_SIDEWAYS 0x06  /* REL_HWHEEL */
#define REL_UP 0x08        /* REL_WHEEL */
#define REL_UP_FINE 0x0b   /* REL_WHEEL_HI_RES */
#define REL_SIDEWAYS_FINE 0x0c
#define AXIS_X 0x00
#define AXIS_Y 0x01
#define AXIS_MAX 0x7fff
#define AXIS_LEFT_TRIGGER 0x02 /* ABS_Z */
#define AXIS_RIGHT_X 0x03
#define AXIS_RIGHT_Y 0x04
#define AXIS_RIGHT_TRIGGER 0x05
#define AXIS_CROSS_X 0x10 /* ABS_HAT0X */
#define AXIS_CROSS_Y 0x11
#define AXIS_SLOT 0x2f /* ABS_MT_SLOT */
#define AXIS_TOUCH_X 0x35
#define AXIS_TOUCH_Y 0x36
#define AXIS_TRACKING_ID 0x39
#define TRACKING_ID_MAX 0xffff
#define STICK_MAX 32767
#define STICK_MIN (-32768)
#define TRIGGER_MAX 255
#define LED_COUNT 3 /* num, caps and scroll lock, in this order */
#define PROPERTY_POINTER 0x00
#define PROPERTY_DIRECT 0x01
#define BUS_VIRTUAL 0x06
/* The PCI vendor id of virtio. */
#define VENDOR_VIRTIO 0x1af4

#endif
