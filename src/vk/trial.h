/* SPDX-License-Identifier: MIT */
#ifndef VK_TRIAL_H
#define VK_TRIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vk/probe_cache.h"

/*
 * Whether a device works with all that it offers: with every extension and feature enabled, one pipeline of
 * each kind, one acceleration structure, each used once on a queue. Drivers open files late, when some
 * feature is first used, so a sandboxed process finds out here what would fail for a guest.
 *
 * The outcome is passed as text: device and driver UUID in hex, the steps that work in hex, the step that
 * failed, and the driver's result.
 */
enum vtr_trial_step {
	VTR_TRIAL_DEVICE,
	VTR_TRIAL_COMPUTE,
	VTR_TRIAL_GRAPHICS,
	VTR_TRIAL_MESH,
	VTR_TRIAL_RAY_TRACING,
	VTR_TRIAL_STRUCTURE,
	VTR_TRIAL_STEPS, /* the number of steps; as a failed step: none failed */
};

struct vtr_trial {
	uint8_t device_uuid[VTR_PROBE_CACHE_UUID];
	uint8_t driver_uuid[VTR_PROBE_CACHE_UUID];
	uint32_t works; /* a bit for each step; steps that the device does not offer have none */
	enum vtr_trial_step failed; /* the first that failed; later steps are not tried */
	int32_t result; /* the VkResult of that step */
};

/* The longest text, with its NUL. */
#define VTR_TRIAL_TEXT 128

/* "a device", "a compute pipeline", ... */
const char *vtr_trial_step_name(enum vtr_trial_step step);
/* "device", "compute", ...: letters and underscores. */
const char *vtr_trial_step_key(enum vtr_trial_step step);

void vtr_trial_format(const struct vtr_trial *trial, char out_text[VTR_TRIAL_TEXT]);

/* Returns: VTR_ERR_ARG if the text is malformed; *out_trial is untouched then. */
VTR_MUST_CHECK enum vtr_err vtr_trial_parse(const char *text, struct vtr_trial *out_trial);

#endif
