/* SPDX-License-Identifier: MIT */
#ifndef VIRTIO_INPUT_REPORT_H
#define VIRTIO_INPUT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/types.h"
#include "virtio/input.h"
#include "virtio/input_protocol.h"

/*
 * What input devices say of themselves, and the events of touch screens and game pads. Thread: the loop's.
 */

/* The events of one user action, or of some keys that are released at once. The largest is that of a pad. */
#define VTR_INPUT_REPORT_MAX 32

struct vtr_input_report {
	struct input_event events[VTR_INPUT_REPORT_MAX];
	size_t size;
};

/* There must be room. */
void vtr_input_report_add(struct vtr_input_report *report, uint16_t type, uint16_t code, int32_t value);

/* Fills in what a device answers to config->select and config->subsel; the rest of config is zero. */
void vtr_input_describe(enum vtr_virtio_input_kind kind, uint32_t number, struct input_config *config);

/* The fingers of a touch screen as the guest has seen them (Linux's multi-touch protocol B). Initially zero. */
struct vtr_input_contacts {
	uint32_t down; /* a bit for each */
	uint32_t next_id;
};

/* Adds what a finger does. A position of one that is up puts it down. */
void vtr_input_contacts_report(struct vtr_input_contacts *contacts, const struct vtr_input *event,
                               struct vtr_input_report *report);

/* Lifts all fingers. The report must be empty. */
void vtr_input_contacts_release(struct vtr_input_contacts *contacts, struct vtr_input_report *report);

/* A game pad as the guest has seen it. Initially zero. */
struct vtr_input_pad {
	uint32_t buttons;
	int16_t axes[VTR_PAD_AXES];
};

/* Adds what differs from the event's state. */
void vtr_input_pad_report(struct vtr_input_pad *pad, const struct vtr_input *event,
                          struct vtr_input_report *report);

#endif
