/* SPDX-License-Identifier: MIT */
#ifndef WEB_DEVICES_H
#define WEB_DEVICES_H

#include <stdbool.h>
#include <stdint.h>

#include "display/types.h"

/*
 * Who has which finger of the guest's touch screen, and which game pad. Viewers number theirs on their own; here
 * they get numbers of the guest that no other viewer has, until they give them back.
 *
 * Thread: the server's.
 */
struct vtr_web_devices {
	bool has_touch;
	uint32_t pad_count; /* that the guest has */
	uint32_t contacts, pads; /* those that are taken: a bit for each */
};

/* What one viewer has: numbers of the guest plus 1, by the viewer's own numbers; 0: none. Initially zero. */
struct vtr_viewer_devices {
	uint8_t contacts[VTR_TOUCH_CONTACTS];
	uint8_t pads[VTR_PADS];
};

/* Gives an event of a viewer (TOUCH or PAD) the number of the guest. `event->down` is false for a finger or a pad
 * that the viewer gives back with it. Returns: false if the guest lacks the device, or if all are taken: the event
 * is to be ignored. */
bool vtr_web_devices_map(struct vtr_web_devices *devices, struct vtr_viewer_devices *own,
                         struct vtr_input *event);

/* Takes back one of a viewer's fingers or pads. *out_event releases it. Returns: false if the viewer has none. */
bool vtr_web_devices_take_back(struct vtr_web_devices *devices, struct vtr_viewer_devices *own,
                               struct vtr_input *out_event);

#endif
