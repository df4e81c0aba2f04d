/* SPDX-License-Identifier: MIT */
#include "web/devices.h"

#include "base/mem.h"

/* Gives `*own` one of `count` numbers if it has none. Returns: whether it has one. */
static bool take(uint32_t *taken, uint32_t count, uint8_t *own)
{
	for (uint8_t i = 0; i < count && *own == 0; i++) {
		if ((*taken >> i & 1) == 0) {
			*taken |= 1u << i;
			*own = i + 1;
		}
	}
	return *own != 0;
}

static void give_back(uint32_t *taken, uint8_t *own)
{
	*taken &= ~(1u << (*own - 1));
	*own = 0;
}

bool vtr_web_devices_map(struct vtr_web_devices *devices, struct vtr_viewer_devices *own,
                         struct vtr_input *event)
{
	bool is_pad = event->kind == VTR_INPUT_PAD;
	uint32_t *taken = is_pad ? &devices->pads : &devices->contacts;
	uint32_t count = is_pad ? devices->pad_count : devices->has_touch ? VTR_TOUCH_CONTACTS : 0;

	vtr_assert(event->code < (is_pad ? VTR_PADS : VTR_TOUCH_CONTACTS));
	uint8_t *number = is_pad ? &own->pads[event->code] : &own->contacts[event->code];
	if (event->down ? !take(taken, count, number) : *number == 0) {
		return false;
	}
	event->code = *number - 1u;
	if (!event->down) {
		give_back(taken, number);
	}
	return true;
}

bool vtr_web_devices_take_back(struct vtr_web_devices *devices, struct vtr_viewer_devices *own,
                               struct vtr_input *out_event)
{
	for (uint32_t i = 0; i < VTR_TOUCH_CONTACTS; i++) {
		if (own->contacts[i] != 0) {
			*out_event = (struct vtr_input){ .kind = VTR_INPUT_TOUCH, .code = i };
			return vtr_web_devices_map(devices, own, out_event);
		}
	}
	for (uint32_t i = 0; i < VTR_PADS; i++) {
		if (own->pads[i] != 0) {
			*out_event = (struct vtr_input){ .kind = VTR_INPUT_PAD, .code = i };
			return vtr_web_devices_map(devices, own, out_event);
		}
	}
	return false;
}
