/* SPDX-License-Identifier: MIT */
#ifndef VENUS_TRIAL_H
#define VENUS_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "venus/known.h"

/*
 * Whether a device works with all that is offered of it: a device with every extension and feature enabled, one
 * pipeline of each kind, one acceleration structure, each used once on a queue. Drivers open files late, when
 * some of this is first asked for, so a process that has locked itself in finds out here what a guest would.
 *
 * The outcome travels as text from the process that tried: device and driver UUID in hex, the steps that work in
 * hex, the step that failed and what the driver said.
 */
struct vtr_physical;

enum vtr_trial_step {
	VTR_TRIAL_DEVICE,
	VTR_TRIAL_COMPUTE,
	VTR_TRIAL_GRAPHICS,
	VTR_TRIAL_MESH,
	VTR_TRIAL_RAY_TRACING,
	VTR_TRIAL_STRUCTURE,
	VTR_TRIAL_STEPS, /* how many there are; as a failed step: none failed */
};

struct vtr_trial {
	uint8_t device_uuid[VTR_KNOWN_UUID];
	uint8_t driver_uuid[VTR_KNOWN_UUID];
	uint32_t works; /* a bit for each step; steps that the device does not offer have none */
	enum vtr_trial_step failed; /* the first that did, after which there are no others */
	int32_t result; /* the driver's VkResult then */
};

/* The longest text, with its NUL. */
#define VTR_TRIAL_TEXT 128

/* "a device", "a compute pipeline", ... */
const char *vtr_trial_step_name(enum vtr_trial_step step);
/* "device", "compute", ...: letters and underscores. */
const char *vtr_trial_step_key(enum vtr_trial_step step);

/* Tries a device. Takes tens of milliseconds to a second. Thread: any. */
void vtr_trial_run(const struct vtr_physical *physical, struct vtr_trial *out_trial);

void vtr_trial_format(const struct vtr_trial *trial, char out_text[VTR_TRIAL_TEXT]);

/* Returns: VTR_ERR_ARG if the text has another form; *out_trial is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_trial_parse(const char *text, struct vtr_trial *out_trial);

#endif
