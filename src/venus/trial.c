/* SPDX-License-Identifier: MIT */
#include "venus/trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "venus/device.h"
#include "venus/trial_work.h"

/* More than any struct of features has. */
#define MAX_FEATURES 64
#define MAX_FAMILIES 16

/* Both spellings of this must not be enabled together; the younger one does all that the older one does. */
#define OLD_ADDRESS "VK_EXT_buffer_device_address"
#define NEW_ADDRESS "VK_KHR_buffer_device_address"

struct features {
	VkStructureType type;
	void *next;
	VkBool32 values[MAX_FEATURES];
};

/* All that the device can do, as a chain that vkCreateDevice takes. */
struct wishes {
	struct features structs[VTW_FEATURES_COUNT];
	VkPhysicalDeviceFeatures2 head;
};

/* How a step is known to be offered: by a feature, or by what the queue can do. */
static const struct {
	const char *key;
	const char *name;
	VkResult (*run)(struct vtr_trial_device *device);
	VkStructureType features;
	uint32_t feature; /* of those, by its place */
	VkQueueFlags queue;
} steps[VTR_TRIAL_STEPS] = {
	[VTR_TRIAL_DEVICE] = { "device", "a device" },
	[VTR_TRIAL_COMPUTE] = { "compute", "a compute pipeline", vtr_trial_compute,
	                        .queue = VK_QUEUE_COMPUTE_BIT },
	[VTR_TRIAL_GRAPHICS] = { "graphics", "a graphics pipeline", vtr_trial_graphics,
	                         .queue = VK_QUEUE_GRAPHICS_BIT },
	[VTR_TRIAL_MESH] = { "mesh", "a mesh shader pipeline", vtr_trial_mesh,
	                     VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MESH_SHADER_FEATURES_EXT, 1,
	                     VK_QUEUE_GRAPHICS_BIT },
	[VTR_TRIAL_RAY_TRACING] = { "ray_tracing", "a ray tracing pipeline", vtr_trial_ray_tracing,
	                            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR, 0,
	                            VK_QUEUE_COMPUTE_BIT },
	[VTR_TRIAL_STRUCTURE] = { "acceleration_structure", "an acceleration structure", vtr_trial_structure,
	                          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR, 0,
	                          VK_QUEUE_COMPUTE_BIT },
};

_Static_assert(offsetof(VkPhysicalDeviceMeshShaderFeaturesEXT, meshShader) == 16 + sizeof(VkBool32) &&
                       offsetof(VkPhysicalDeviceRayTracingPipelineFeaturesKHR, rayTracingPipeline) == 16 &&
                       offsetof(VkPhysicalDeviceAccelerationStructureFeaturesKHR, accelerationStructure) ==
                               16,
               "the places above");

const char *vtr_trial_step_name(enum vtr_trial_step step)
{
	return step < VTR_TRIAL_STEPS ? steps[step].name : "?";
}

const char *vtr_trial_step_key(enum vtr_trial_step step)
{
	return step < VTR_TRIAL_STEPS ? steps[step].key : "?";
}

/* --- the device ------------------------------------------------------------------------------------- */

static void fill_wishes(const struct vtr_physical *p, struct wishes *wishes)
{
	wishes->head = (VkPhysicalDeviceFeatures2){ .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		vtr_assert(vtw_features[i].count <= MAX_FEATURES);
		wishes->structs[i] = (struct features){ .type = vtw_features[i].type };
		if (vtw_features[i].type !=
		    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES_EXT) {
			vtr_chain_push(&wishes->head, &wishes->structs[i]);
		}
	}
	p->procs->vkGetPhysicalDeviceFeatures2(p->handle, &wishes->head);
	if (vtr_physical_hides_sparse(p)) {
		vtr_sparse_hide_features2(&wishes->head);
	}
	/* What the driver does not know, or cannot do, is not asked for. */
	wishes->head.pNext = NULL;
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		bool any = false;

		for (uint32_t n = 0; n < vtw_features[i].count; n++) {
			any |= wishes->structs[i].values[n] != VK_FALSE;
		}
		if (any) {
			vtr_chain_push(&wishes->head, &wishes->structs[i]);
		}
	}
}

static void fill_names(const struct vtr_physical *p, struct vtr_extension_names *out_names)
{
	const bool has_new = p->properties.apiVersion >= VK_API_VERSION_1_2 ||
	                     vtr_physical_has(p, NEW_ADDRESS);
	const char *offered[VTR_MAX_EXTENSIONS];
	VkDeviceCreateInfo info = { .ppEnabledExtensionNames = offered };

	for (uint32_t i = 0; i < p->extension_count && info.enabledExtensionCount < VTR_MAX_EXTENSIONS; i++) {
		const char *name = p->extensions[i].extensionName;

		if (!has_new || strcmp(name, OLD_ADDRESS) != 0) {
			offered[info.enabledExtensionCount++] = name;
		}
	}
	vtr_device_choose_extensions(p, &info, out_names);
}

/* The first family that can do most. */
static VkQueueFlags choose_family(struct vtr_trial_device *device)
{
	static const VkQueueFlags wanted[] = { VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT,
		                               VK_QUEUE_COMPUTE_BIT, 0 };
	const struct vtr_physical *p = device->physical;
	VkQueueFamilyProperties families[MAX_FAMILIES];
	uint32_t n = MAX_FAMILIES;

	p->procs->vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &n, families);
	for (size_t i = 0; i < VTR_ARRAY_LEN(wanted); i++) {
		for (uint32_t family = 0; family < n; family++) {
			if ((families[family].queueFlags & wanted[i]) == wanted[i]) {
				device->family = family;
				return families[family].queueFlags;
			}
		}
	}
	return 0;
}

static VkResult make_device(struct vtr_trial_device *device, const struct wishes *wishes)
{
	const float priority = 1.0f;
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = device->family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &wishes->head,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};
	const struct vtr_physical *p = device->physical;
	struct vtr_extension_names names;
	VkResult ret;

	fill_names(p, &names);
	info.enabledExtensionCount = names.n;
	info.ppEnabledExtensionNames = names.list;
	ret = p->procs->vkCreateDevice(p->handle, &info, NULL, &device->handle);
	if (ret != VK_SUCCESS) {
		device->handle = VK_NULL_HANDLE;
		return ret;
	}
	vtw_load_device_procs(&device->vk, p->procs->vkGetDeviceProcAddr, device->handle, names.list,
	                      names.n);
	device->vk.vkGetDeviceQueue(device->handle, device->family, 0, &device->queue);
	return vtr_trial_prepare(device);
}

/* --- the trial -------------------------------------------------------------------------------------- */

static bool is_offered(const struct wishes *wishes, VkQueueFlags queue, size_t step)
{
	if ((queue & steps[step].queue) != steps[step].queue) {
		return false;
	}
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		if (wishes->structs[i].type == steps[step].features) {
			return wishes->structs[i].values[steps[step].feature] != VK_FALSE;
		}
	}
	return steps[step].features == 0;
}

void vtr_trial_run(const struct vtr_physical *physical, struct vtr_trial *out_trial)
{
	struct vtr_trial trial = { .failed = VTR_TRIAL_STEPS };
	struct vtr_trial_device device = { .physical = physical };
	struct wishes *wishes = calloc(1, sizeof(*wishes));
	const VkQueueFlags queue = choose_family(&device);

	memcpy(trial.device_uuid, physical->device_uuid, VTR_KNOWN_UUID);
	memcpy(trial.driver_uuid, physical->driver_uuid, VTR_KNOWN_UUID);
	if (wishes != NULL) {
		fill_wishes(physical, wishes);
	}
	for (size_t i = 0; i < VTR_TRIAL_STEPS && trial.failed == VTR_TRIAL_STEPS; i++) {
		VkResult ret = VK_ERROR_OUT_OF_HOST_MEMORY;

		if (wishes != NULL) {
			if (i != VTR_TRIAL_DEVICE && !is_offered(wishes, queue, i)) {
				continue;
			}
			ret = i == VTR_TRIAL_DEVICE ? make_device(&device, wishes) : steps[i].run(&device);
		}
		if (ret == VK_SUCCESS) {
			trial.works |= 1u << i;
		} else {
			trial.failed = (enum vtr_trial_step)i;
			trial.result = ret;
		}
	}
	vtr_trial_finish(&device);
	free(wishes);
	*out_trial = trial;
}

/* --- text ------------------------------------------------------------------------------------------- */

void vtr_trial_format(const struct vtr_trial *trial, char out_text[VTR_TRIAL_TEXT])
{
	char device[VTR_KNOWN_UUID_TEXT];
	char driver[VTR_KNOWN_UUID_TEXT];

	vtr_known_format_uuid(trial->device_uuid, device);
	vtr_known_format_uuid(trial->driver_uuid, driver);
	snprintf(out_text, VTR_TRIAL_TEXT, "%s:%s:%" PRIx32 ":%u:%" PRId32, device, driver, trial->works,
	         (unsigned)trial->failed, trial->result);
}

enum vtr_err vtr_trial_parse(const char *text, struct vtr_trial *out_trial)
{
	struct vtr_trial trial = { 0 };
	unsigned failed;
	int used = 0;

	if (!vtr_known_parse_uuid(&text, trial.device_uuid) ||
	    !vtr_known_parse_uuid(&text, trial.driver_uuid) ||
	    sscanf(text, "%" SCNx32 ":%u:%" SCNd32 "%n", &trial.works, &failed, &trial.result, &used) != 3 ||
	    text[used] != '\0' || failed > VTR_TRIAL_STEPS || trial.works >= 1u << VTR_TRIAL_STEPS) {
		return VTR_ERR_ARG;
	}
	trial.failed = (enum vtr_trial_step)failed;
	*out_trial = trial;
	return VTR_OK;
}
