/* SPDX-License-Identifier: MIT */
#include "vk/trial.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *key;
	const char *name;
} steps[VTR_TRIAL_STEPS] = {
	[VTR_TRIAL_DEVICE] = { "device", "a device" },
	[VTR_TRIAL_COMPUTE] = { "compute", "a compute pipeline" },
	[VTR_TRIAL_GRAPHICS] = { "graphics", "a graphics pipeline" },
	[VTR_TRIAL_MESH] = { "mesh", "a mesh shader pipeline" },
	[VTR_TRIAL_RAY_TRACING] = { "ray_tracing", "a ray tracing pipeline" },
	[VTR_TRIAL_STRUCTURE] = { "acceleration_structure", "an acceleration structure" },
};

const char *vtr_trial_step_name(enum vtr_trial_step step)
{
	return step < VTR_TRIAL_STEPS ? steps[step].name : "?";
}

const char *vtr_trial_step_key(enum vtr_trial_step step)
{
	return step < VTR_TRIAL_STEPS ? steps[step].key : "?";
}

void vtr_trial_format(const struct vtr_trial *trial, char out_text[VTR_TRIAL_TEXT])
{
	char device[VTR_PROBE_CACHE_UUID_TEXT];
	char driver[VTR_PROBE_CACHE_UUID_TEXT];

	vtr_probe_cache_format_uuid(trial->device_uuid, device);
	vtr_probe_cache_format_uuid(trial->driver_uuid, driver);
	snprintf(out_text, VTR_TRIAL_TEXT, "%s:%s:%" PRIx32 ":%u:%" PRId32, device, driver, trial->works,
	         (unsigned)trial->failed, trial->result);
}

enum vtr_err vtr_trial_parse(const char *text, struct vtr_trial *out_trial)
{
	struct vtr_trial trial = { 0 };
	unsigned failed;
	int used = 0;

	if (!vtr_probe_cache_parse_uuid(&text, trial.device_uuid) ||
	    !vtr_probe_cache_parse_uuid(&text, trial.driver_uuid) ||
	    sscanf(text, "%" SCNx32 ":%u:%" SCNd32 "%n", &trial.works, &failed, &trial.result, &used) != 3 ||
	    text[used] != '\0' || failed > VTR_TRIAL_STEPS || trial.works >= 1u << VTR_TRIAL_STEPS) {
		return VTR_ERR_ARG;
	}
	trial.failed = (enum vtr_trial_step)failed;
	*out_trial = trial;
	return VTR_OK;
}
