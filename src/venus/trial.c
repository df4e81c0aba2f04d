/* SPDX-License-Identifier: MIT */
#include "venus/trial.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "venus/device.h"
#include "venus/portability.h"
#include "venus/trial_work.h"

/* More members than any struct of features has. */
#define MAX_FEATURES 64
#define MAX_FAMILIES 16

/* Both versions of this must not be enabled together; the newer one includes the older one. */
#define OLD_ADDRESS "VK_EXT_buffer_device_address"
#define NEW_ADDRESS "VK_KHR_buffer_device_address"

struct features {
	VkStructureType type;
	void *next;
	VkBool32 values[MAX_FEATURES];
};

/* All features of the device, as a chain for vkCreateDevice. */
struct feature_chain {
	struct features structs[VTW_FEATURES_COUNT];
	VkPhysicalDeviceFeatures2 head;
};

/* How to determine whether a step is offered: by a feature, or by the queue's capabilities. */
static const struct {
	VkResult (*run)(struct vtr_trial_device *device);
	VkStructureType features;
	uint32_t feature; /* index of the member in the struct */
	VkQueueFlags queue;
} steps[VTR_TRIAL_STEPS] = {
	[VTR_TRIAL_DEVICE] = { NULL }, /* always done, see vtr_trial_run() */
	[VTR_TRIAL_COMPUTE] = { vtr_trial_compute, .queue = VK_QUEUE_COMPUTE_BIT },
	[VTR_TRIAL_GRAPHICS] = { vtr_trial_graphics, .queue = VK_QUEUE_GRAPHICS_BIT },
	[VTR_TRIAL_MESH] = { vtr_trial_mesh, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MESH_SHADER_FEATURES_EXT, 1,
	                     VK_QUEUE_GRAPHICS_BIT },
	[VTR_TRIAL_RAY_TRACING] = { vtr_trial_ray_tracing,
	                            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR, 0,
	                            VK_QUEUE_COMPUTE_BIT },
	[VTR_TRIAL_STRUCTURE] = { vtr_trial_structure,
	                          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ACCELERATION_STRUCTURE_FEATURES_KHR, 0,
	                          VK_QUEUE_COMPUTE_BIT },
};

_Static_assert(offsetof(VkPhysicalDeviceMeshShaderFeaturesEXT, meshShader) == 16 + sizeof(VkBool32) &&
                       offsetof(VkPhysicalDeviceRayTracingPipelineFeaturesKHR, rayTracingPipeline) == 16 &&
                       offsetof(VkPhysicalDeviceAccelerationStructureFeaturesKHR, accelerationStructure) ==
                               16,
               "the places above");

/* --- the device ------------------------------------------------------------------------------------- */

static void fill_features(const struct vtr_physical *p, struct feature_chain *features)
{
	features->head = (VkPhysicalDeviceFeatures2){ .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		vtr_assert(vtw_features[i].count <= MAX_FEATURES);
		features->structs[i] = (struct features){ .type = vtw_features[i].type };
		if (vtw_features[i].type !=
		    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_BUFFER_DEVICE_ADDRESS_FEATURES_EXT) {
			vtr_chain_push(&features->head, &features->structs[i]);
		}
	}
	p->procs->vkGetPhysicalDeviceFeatures2(p->handle, &features->head);
	vtr_physical_hide_features(p, &features->head);
	/* What the driver does not know or support is not enabled. */
	features->head.pNext = NULL;
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		bool any = false;

		for (uint32_t n = 0; n < vtw_features[i].count; n++) {
			any |= features->structs[i].values[n] != VK_FALSE;
		}
		if (any) {
			vtr_chain_push(&features->head, &features->structs[i]);
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

/* Returns: the first family with the most capabilities. */
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

static VkResult make_device(struct vtr_trial_device *device, const struct feature_chain *features)
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
		.pNext = &features->head,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};
	const struct vtr_physical *p = device->physical;
	struct vtr_extension_names names;
	VkPhysicalDevicePortabilitySubsetFeaturesKHR portability;
	VkResult ret;

	fill_names(p, &names);
	vtr_portability_enable(p, &info, &portability);
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

static bool is_offered(const struct feature_chain *features, VkQueueFlags queue, size_t step)
{
	if ((queue & steps[step].queue) != steps[step].queue) {
		return false;
	}
	for (uint32_t i = 0; i < VTW_FEATURES_COUNT; i++) {
		if (features->structs[i].type == steps[step].features) {
			return features->structs[i].values[steps[step].feature] != VK_FALSE;
		}
	}
	return steps[step].features == 0;
}

void vtr_trial_run(const struct vtr_physical *physical, struct vtr_trial *out_trial)
{
	struct vtr_trial trial = { .failed = VTR_TRIAL_STEPS };
	struct vtr_trial_device device = { .physical = physical };
	struct feature_chain *features = calloc(1, sizeof(*features));
	const VkQueueFlags queue = choose_family(&device);

	memcpy(trial.device_uuid, physical->device_uuid, VTR_PROBE_CACHE_UUID);
	memcpy(trial.driver_uuid, physical->driver_uuid, VTR_PROBE_CACHE_UUID);
	if (features != NULL) {
		fill_features(physical, features);
	}
	for (size_t i = 0; i < VTR_TRIAL_STEPS && trial.failed == VTR_TRIAL_STEPS; i++) {
		VkResult ret = VK_ERROR_OUT_OF_HOST_MEMORY;

		if (features != NULL) {
			if (i != VTR_TRIAL_DEVICE && !is_offered(features, queue, i)) {
				continue;
			}
			ret = i == VTR_TRIAL_DEVICE ? make_device(&device, features) : steps[i].run(&device);
		}
		if (ret == VK_SUCCESS) {
			trial.works |= 1u << i;
		} else {
			trial.failed = (enum vtr_trial_step)i;
			trial.result = ret;
		}
	}
	vtr_trial_finish(&device);
	free(features);
	*out_trial = trial;
}
