/* SPDX-License-Identifier: MIT */
#include "virtio/input_report.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

_Static_assert(VTR_TOUCH_CONTACTS <= 32, "a bit for each contact");
_Static_assert(2 * VTR_TOUCH_CONTACTS + 2 <= VTR_INPUT_REPORT_MAX, "all fingers can be lifted in one report");

/* The bits of vtr_input.buttons; 0: an axis of the cross. */
static const uint16_t pad_codes[] = {
	[VTR_PAD_SOUTH] = BUTTON_SOUTH,
	[VTR_PAD_EAST] = BUTTON_EAST,
	[VTR_PAD_WEST] = BUTTON_WEST,
	[VTR_PAD_NORTH] = BUTTON_NORTH,
	[VTR_PAD_SHOULDER_LEFT] = BUTTON_SHOULDER_LEFT,
	[VTR_PAD_SHOULDER_RIGHT] = BUTTON_SHOULDER_RIGHT,
	[VTR_PAD_SELECT] = BUTTON_SELECT,
	[VTR_PAD_START] = BUTTON_START,
	[VTR_PAD_STICK_LEFT] = BUTTON_STICK_LEFT,
	[VTR_PAD_STICK_RIGHT] = BUTTON_STICK_RIGHT,
	[VTR_PAD_MODE] = BUTTON_MODE,
};

static const uint16_t pad_axes[VTR_PAD_AXES] = {
	AXIS_X, AXIS_Y, AXIS_RIGHT_X, AXIS_RIGHT_Y, AXIS_LEFT_TRIGGER, AXIS_RIGHT_TRIGGER,
};

/* The axes of the devices with axes, and their ranges. */
static const struct axis {
	uint16_t code;
	int32_t min, max;
	uint32_t flat;
} tablet_axes[] = {
	{ AXIS_X, 0, AXIS_MAX, 0 },
	{ AXIS_Y, 0, AXIS_MAX, 0 },
}, touch_axes[] = {
	{ AXIS_SLOT, 0, VTR_TOUCH_CONTACTS - 1, 0 },
	{ AXIS_TOUCH_X, 0, AXIS_MAX, 0 },
	{ AXIS_TOUCH_Y, 0, AXIS_MAX, 0 },
	{ AXIS_TRACKING_ID, 0, TRACKING_ID_MAX, 0 },
}, stick_axes[] = {
	{ AXIS_X, STICK_MIN, STICK_MAX, 128 },
	{ AXIS_Y, STICK_MIN, STICK_MAX, 128 },
	{ AXIS_LEFT_TRIGGER, 0, TRIGGER_MAX, 0 },
	{ AXIS_RIGHT_X, STICK_MIN, STICK_MAX, 128 },
	{ AXIS_RIGHT_Y, STICK_MIN, STICK_MAX, 128 },
	{ AXIS_RIGHT_TRIGGER, 0, TRIGGER_MAX, 0 },
	{ AXIS_CROSS_X, -1, 1, 0 },
	{ AXIS_CROSS_Y, -1, 1, 0 },
};

static const struct kind {
	const char *name;
	uint16_t product;
	const struct axis *axes;
	size_t axis_count;
	int property; /* -1: none */
} kinds[] = {
	[VTR_VIRTIO_KEYBOARD] = { "Vitrine keyboard", 1, NULL, 0, -1 },
	[VTR_VIRTIO_TABLET] = { "Vitrine tablet", 2, tablet_axes, VTR_ARRAY_LEN(tablet_axes),
	                        PROPERTY_POINTER },
	[VTR_VIRTIO_TOUCH] = { "Vitrine touch screen", 3, touch_axes, VTR_ARRAY_LEN(touch_axes),
	                       PROPERTY_DIRECT },
	[VTR_VIRTIO_PAD] = { "Vitrine game pad", 4, stick_axes, VTR_ARRAY_LEN(stick_axes), -1 },
};

void vtr_input_report_add(struct vtr_input_report *report, uint16_t type, uint16_t code, int32_t value)
{
	vtr_assert(report->size < VTR_INPUT_REPORT_MAX);
	report->events[report->size++] = (struct input_event){ type, code, (uint32_t)value };
}

/* --- the description ----------------------------------------------------------------------------------- */

static void add_bits(struct input_config *config, unsigned first, unsigned last)
{
	for (unsigned bit = first; bit <= last; bit++) {
		config->u.bits[bit / 8] |= (uint8_t)(1u << bit % 8);
	}
	config->size = (uint8_t)vtr_max(config->size, last / 8 + 1);
}

static void add_keys(enum vtr_virtio_input_kind kind, struct input_config *config)
{
	switch (kind) {
	case VTR_VIRTIO_KEYBOARD:
		add_bits(config, KEY_FIRST, KEY_LAST);
		break;
	case VTR_VIRTIO_TABLET:
		add_bits(config, BUTTON_FIRST, BUTTON_LAST);
		break;
	case VTR_VIRTIO_TOUCH:
		add_bits(config, BUTTON_TOUCH, BUTTON_TOUCH);
		break;
	case VTR_VIRTIO_PAD:
		for (size_t i = 0; i < VTR_ARRAY_LEN(pad_codes); i++) {
			if (pad_codes[i] != 0) {
				add_bits(config, pad_codes[i], pad_codes[i]);
			}
		}
		break;
	}
}

/* Adds the codes of a type of events that a device has. */
static void add_events(enum vtr_virtio_input_kind kind, struct input_config *config)
{
	if (config->subsel == EVENT_KEY) {
		add_keys(kind, config);
	} else if (config->subsel == EVENT_ABS) {
		for (size_t i = 0; i < kinds[kind].axis_count; i++) {
			add_bits(config, kinds[kind].axes[i].code, kinds[kind].axes[i].code);
		}
	} else if (config->subsel == EVENT_REL && kind == VTR_VIRTIO_TABLET) {
		add_bits(config, REL_SIDEWAYS, REL_SIDEWAYS);
		add_bits(config, REL_UP, REL_UP);
		add_bits(config, REL_UP_FINE, REL_SIDEWAYS_FINE);
	} else if (config->subsel == EVENT_LED && kind == VTR_VIRTIO_KEYBOARD) {
		add_bits(config, 0, LED_COUNT - 1);
	} else if (config->subsel == EVENT_REP && kind == VTR_VIRTIO_KEYBOARD) {
		config->size = 1; /* the size alone says that it exists */
	}
}

static void add_range(enum vtr_virtio_input_kind kind, struct input_config *config)
{
	for (size_t i = 0; i < kinds[kind].axis_count; i++) {
		const struct axis *axis = &kinds[kind].axes[i];
		if (axis->code == config->subsel) {
			config->u.range.min = (uint32_t)axis->min;
			config->u.range.max = (uint32_t)axis->max;
			config->u.range.flat = axis->flat;
			config->size = sizeof(config->u.range);
		}
	}
}

static void add_name(enum vtr_virtio_input_kind kind, uint32_t number, struct input_config *config)
{
	char name[sizeof(config->u.name)];
	int length = number == 0 ? snprintf(name, sizeof(name), "%s", kinds[kind].name) :
	                           snprintf(name, sizeof(name), "%s %u", kinds[kind].name, number + 1);

	config->size = (uint8_t)length;
	memcpy(config->u.name, name, config->size);
}

void vtr_input_describe(enum vtr_virtio_input_kind kind, uint32_t number, struct input_config *config)
{
	if (config->select == INPUT_SELECT_EVENTS) {
		add_events(kind, config);
	} else if (config->select == INPUT_SELECT_RANGE) {
		add_range(kind, config);
	} else if (config->subsel != 0) {
		return;
	} else if (config->select == INPUT_SELECT_NAME) {
		add_name(kind, number, config);
	} else if (config->select == INPUT_SELECT_IDS) {
		config->u.ids = (struct input_ids){ BUS_VIRTUAL, VENDOR_VIRTIO, kinds[kind].product, 1 };
		config->size = sizeof(config->u.ids);
	} else if (config->select == INPUT_SELECT_PROPERTIES && kinds[kind].property >= 0) {
		add_bits(config, (unsigned)kinds[kind].property, (unsigned)kinds[kind].property);
	}
}

/* --- fingers ------------------------------------------------------------------------------------------- */

static void lift(struct vtr_input_contacts *contacts, uint32_t contact, struct vtr_input_report *report)
{
	contacts->down &= ~(1u << contact);
	vtr_input_report_add(report, EVENT_ABS, AXIS_SLOT, (int32_t)contact);
	vtr_input_report_add(report, EVENT_ABS, AXIS_TRACKING_ID, -1);
	if (contacts->down == 0) {
		vtr_input_report_add(report, EVENT_KEY, BUTTON_TOUCH, 0);
	}
}

void vtr_input_contacts_report(struct vtr_input_contacts *contacts, const struct vtr_input *event,
                               struct vtr_input_report *report)
{
	bool was_down = (contacts->down >> event->code & 1) != 0;
	bool is_first = contacts->down == 0;

	vtr_assert(event->code < VTR_TOUCH_CONTACTS);
	if (!event->down) {
		if (was_down) {
			lift(contacts, event->code, report);
		}
		return;
	}
	vtr_input_report_add(report, EVENT_ABS, AXIS_SLOT, (int32_t)event->code);
	if (!was_down) {
		vtr_input_report_add(report, EVENT_ABS, AXIS_TRACKING_ID, (int32_t)contacts->next_id);
		contacts->next_id = (contacts->next_id + 1) & TRACKING_ID_MAX;
		contacts->down |= 1u << event->code;
	}
	vtr_input_report_add(report, EVENT_ABS, AXIS_TOUCH_X, (int32_t)(event->x >> 1));
	vtr_input_report_add(report, EVENT_ABS, AXIS_TOUCH_Y, (int32_t)(event->y >> 1));
	if (is_first) {
		vtr_input_report_add(report, EVENT_KEY, BUTTON_TOUCH, 1);
	}
}

void vtr_input_contacts_release(struct vtr_input_contacts *contacts, struct vtr_input_report *report)
{
	for (uint32_t contact = 0; contact < VTR_TOUCH_CONTACTS; contact++) {
		if ((contacts->down >> contact & 1) != 0) {
			lift(contacts, contact, report);
		}
	}
}

/* --- game pads ----------------------------------------------------------------------------------------- */

static int32_t cross(uint32_t buttons, enum vtr_pad_button less, enum vtr_pad_button more)
{
	return (int32_t)(buttons >> more & 1) - (int32_t)(buttons >> less & 1);
}

static void report_cross(uint32_t old, uint32_t now, uint16_t code, enum vtr_pad_button less,
                         enum vtr_pad_button more, struct vtr_input_report *report)
{
	if (cross(old, less, more) != cross(now, less, more)) {
		vtr_input_report_add(report, EVENT_ABS, code, cross(now, less, more));
	}
}

static int32_t scale_axis(size_t axis, int16_t value)
{
	return axis < VTR_PAD_FIRST_TRIGGER ? value : value >> 7;
}

void vtr_input_pad_report(struct vtr_input_pad *pad, const struct vtr_input *event,
                          struct vtr_input_report *report)
{
	uint32_t changed = pad->buttons ^ event->buttons;

	for (size_t i = 0; i < VTR_ARRAY_LEN(pad_codes); i++) {
		if ((changed >> i & 1) != 0 && pad_codes[i] != 0) {
			vtr_input_report_add(report, EVENT_KEY, pad_codes[i],
			                     (int32_t)(event->buttons >> i & 1));
		}
	}
	for (size_t i = 0; i < VTR_PAD_AXES; i++) {
		int32_t value = scale_axis(i, event->axes[i]);
		if (value != scale_axis(i, pad->axes[i])) {
			vtr_input_report_add(report, EVENT_ABS, pad_axes[i], value);
		}
	}
	report_cross(pad->buttons, event->buttons, AXIS_CROSS_X, VTR_PAD_LEFT, VTR_PAD_RIGHT, report);
	report_cross(pad->buttons, event->buttons, AXIS_CROSS_Y, VTR_PAD_UP, VTR_PAD_DOWN, report);
	pad->buttons = event->buttons;
	memcpy(pad->axes, event->axes, sizeof(pad->axes));
}
