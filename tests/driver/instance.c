/* SPDX-License-Identifier: MIT */
/* What the loader calls, instances, devices, and which names of commands they know. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define LOADER_MAGIC 0x01CDC0DE
/* With vk_icdGetPhysicalDeviceProcAddr; later ones only add what a driver may leave out. */
#define LOADER_INTERFACE 5
#define EXPORT __attribute__((visibility("default")))

EXPORT VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version);
EXPORT PFN_vkVoidFunction vk_icdGetInstanceProcAddr(VkInstance instance, const char *name);
EXPORT PFN_vkVoidFunction vk_icdGetPhysicalDeviceProcAddr(VkInstance instance, const char *name);

/* --- names ------------------------------------------------------------------------------------------ */

static int compare_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct vtd_name *)row)->name);
}

static const struct vtd_name *find_name(const char *name)
{
	return bsearch(name, vtd_names, VTD_NAME_COUNT, sizeof(vtd_names[0]), compare_name);
}

/* Whether the rules of the specification give the name to one with this version and these extensions. */
static bool is_given(const struct vtd_name *n, uint32_t api_version, const struct vtd_set *enabled)
{
	const uint32_t minor = VK_API_VERSION_MINOR(api_version);

	if (n->core != 0 && n->core - 1 <= minor && n->core - 1 <= vtd_config.core) {
		return true;
	}
	for (size_t i = 0; i < VTR_ARRAY_LEN(n->extensions) && n->extensions[i] >= 0; i++) {
		if (enabled->has[n->extensions[i]]) {
			return true;
		}
	}
	return false;
}

/* An instance knows the names of all extensions that its devices have. */
static bool instance_gives(const struct vtd_instance *instance, const struct vtd_name *n)
{
	struct vtd_set possible = instance->enabled;

	if (n->level == VTD_LEVEL_GLOBAL || !vtd_config.aliases) {
		return true;
	}
	for (size_t i = 0; n->level != VTD_LEVEL_INSTANCE && i < VTD_DEVICE_EXTENSION_COUNT; i++) {
		possible.has[i] = !vtd_config.hidden[i];
	}
	return is_given(n, instance->api_version, &possible);
}

PFN_vkVoidFunction vtd_vkGetInstanceProcAddr(VkInstance handle, const char *name)
{
	VTD_OBJECT(instance, instance, handle);
	const struct vtd_name *n = find_name(name);

	if (n == NULL || (instance == NULL ? n->level != VTD_LEVEL_GLOBAL : !instance_gives(instance, n))) {
		return NULL;
	}
	return n->entry;
}

PFN_vkVoidFunction vtd_vkGetDeviceProcAddr(VkDevice handle, const char *name)
{
	VTD_OBJECT(device, device, handle);
	const struct vtd_name *n = find_name(name);
	const uint32_t asked = device->instance->api_version;
	const uint32_t have = vtd_config.api_version;

	if (n == NULL || n->level != VTD_LEVEL_DEVICE ||
	    (vtd_config.aliases && !is_given(n, asked < have ? asked : have, &device->enabled))) {
		return NULL;
	}
	return n->entry;
}

VkResult vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version)
{
	vtd_configure();
	if (*version > LOADER_INTERFACE) {
		*version = LOADER_INTERFACE;
	}
	return VK_SUCCESS;
}

PFN_vkVoidFunction vk_icdGetInstanceProcAddr(VkInstance instance, const char *name)
{
	return vtd_vkGetInstanceProcAddr(instance, name);
}

PFN_vkVoidFunction vk_icdGetPhysicalDeviceProcAddr(VkInstance handle, const char *name)
{
	const struct vtd_name *n = find_name(name);

	return n != NULL && n->level == VTD_LEVEL_PHYSICAL ? vtd_vkGetInstanceProcAddr(handle, name) : NULL;
}

/* --- extensions ------------------------------------------------------------------------------------- */

int vtd_extension_find(const char *name)
{
	for (int i = 0; i < VTD_EXTENSION_COUNT; i++) {
		if (strcmp(vtd_extensions[i].name, name) == 0) {
			return i;
		}
	}
	return -1;
}

static VkResult list_extensions(int first, int end, uint32_t *count, VkExtensionProperties *out)
{
	uint32_t n = 0;

	for (int i = first; i < end; i++) {
		if (vtd_config.hidden[i]) {
			continue;
		}
		if (out != NULL && n < *count) {
			memset(&out[n], 0, sizeof(out[n]));
			strncpy(out[n].extensionName, vtd_extensions[i].name,
			        sizeof(out[n].extensionName) - 1);
			out[n].specVersion = vtd_extensions[i].version;
		}
		n++;
	}
	if (out != NULL && n > *count) {
		return VK_INCOMPLETE;
	}
	*count = n;
	return VK_SUCCESS;
}

VkResult vtd_vkEnumerateInstanceExtensionProperties(const char *layer, uint32_t *count,
                                                    VkExtensionProperties *out)
{
	(void)layer;
	return list_extensions(VTD_DEVICE_EXTENSION_COUNT, VTD_EXTENSION_COUNT, count, out);
}

VkResult vtd_vkEnumerateDeviceExtensionProperties(VkPhysicalDevice physical, const char *layer,
                                                  uint32_t *count, VkExtensionProperties *out)
{
	(void)physical;
	(void)layer;
	return list_extensions(0, VTD_DEVICE_EXTENSION_COUNT, count, out);
}

static VkResult enable(struct vtd_set *set, const char *const *names, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const int n = vtd_extension_find(names[i]);

		if (n >= 0 && !vtd_config.hidden[n]) {
			set->has[n] = true;
		} else if (strcmp(names[i], "VK_KHR_portability_enumeration") !=
		           0) { /* which is the loader's */
			return VK_ERROR_EXTENSION_NOT_PRESENT;
		}
	}
	return VK_SUCCESS;
}

/* --- instances -------------------------------------------------------------------------------------- */

VkResult vtd_vkEnumerateInstanceVersion(uint32_t *version)
{
	*version = VK_API_VERSION_1_4;
	return VK_SUCCESS;
}

VkResult vtd_vkCreateInstance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                              VkInstance *out)
{
	struct vtd_instance *instance = calloc(1, sizeof(*instance));
	VkResult ret;

	(void)allocator;
	vtd_configure();
	if (instance == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	instance->base.loader = LOADER_MAGIC;
	for (uint32_t i = 0; i < VTD_PHYSICAL_MAX; i++) {
		instance->physicals[i].base.loader = LOADER_MAGIC;
		instance->physicals[i].instance = instance;
		instance->physicals[i].number = i;
	}
	instance->api_version = VK_API_VERSION_1_0;
	if (info->pApplicationInfo != NULL && info->pApplicationInfo->apiVersion != 0) {
		instance->api_version = info->pApplicationInfo->apiVersion;
	}
	ret = enable(&instance->enabled, info->ppEnabledExtensionNames, info->enabledExtensionCount);
	if (ret == VK_SUCCESS && !vtd_config.valid) {
		ret = VK_ERROR_INITIALIZATION_FAILED;
	}
	if (ret != VK_SUCCESS) {
		free(instance);
		return ret;
	}
	*out = (VkInstance)(void *)instance;
	return VK_SUCCESS;
}

void vtd_vkDestroyInstance(VkInstance instance, const VkAllocationCallbacks *allocator)
{
	(void)allocator;
	vtd_print_counts();
	free(instance);
}

VkResult vtd_vkEnumeratePhysicalDevices(VkInstance handle, uint32_t *count, VkPhysicalDevice *out)
{
	VTD_OBJECT(instance, instance, handle);

	const uint32_t have = vtd_config.physical_count;
	const uint32_t n = out == NULL || *count > have ? have : *count;

	for (uint32_t i = 0; out != NULL && i < n; i++) {
		out[i] = (VkPhysicalDevice)(void *)&instance->physicals[i];
	}
	*count = n;
	return n < have ? VK_INCOMPLETE : VK_SUCCESS;
}

VkResult vtd_vkEnumeratePhysicalDeviceGroups(VkInstance handle, uint32_t *count,
                                             VkPhysicalDeviceGroupProperties *out)
{
	VTD_OBJECT(instance, instance, handle);

	const uint32_t have = vtd_config.physical_count;
	const uint32_t n = out == NULL || *count > have ? have : *count;

	for (uint32_t i = 0; out != NULL && i < n; i++) {
		memset(out[i].physicalDevices, 0, sizeof(out[i].physicalDevices));
		out[i].physicalDeviceCount = 1;
		out[i].physicalDevices[0] = (VkPhysicalDevice)(void *)&instance->physicals[i];
		out[i].subsetAllocation = VK_FALSE;
	}
	*count = n;
	return n < have ? VK_INCOMPLETE : VK_SUCCESS;
}

/* --- devices ---------------------------------------------------------------------------------------- */

static void device_init(struct vtd_device *device, const struct vtd_physical *physical)
{
	pthread_condattr_t attr;

	device->base.loader = LOADER_MAGIC;
	device->base.device = device;
	device->instance = physical->instance;
	device->physical = physical;
	pthread_mutex_init(&device->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&device->changed, &attr);
	pthread_condattr_destroy(&attr);
	for (size_t i = 0; i < VTD_QUEUE_COUNT; i++) {
		device->queues[i].base = device->base;
	}
	vtd_queues_init(device);
}

/* What VK_KHR_portability_subset requires: the extension is enabled where the driver has it, and no feature that the
 * driver lacks. Sets whether events are enabled, which they are by themselves on other drivers. */
static VkResult enable_subset(const struct vtd_device *device, const VkDeviceCreateInfo *info,
                              bool *out_events)
{
	const VkStructureType type = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_FEATURES_KHR;
	const VkPhysicalDevicePortabilitySubsetFeaturesKHR *wanted = vtd_find(info->pNext, type);
	VkPhysicalDevicePortabilitySubsetFeaturesKHR have = { .sType = type };
	const size_t first =
		offsetof(VkPhysicalDevicePortabilitySubsetFeaturesKHR, constantAlphaColorBlendFactors);

	*out_events = !vtd_config.portability || (wanted != NULL && wanted->events);
	if (!vtd_config.portability) {
		return wanted == NULL ? VK_SUCCESS : VK_ERROR_FEATURE_NOT_PRESENT;
	}
	if (!device->enabled.has[vtd_extension_find("VK_KHR_portability_subset")]) {
		return VK_ERROR_INITIALIZATION_FAILED;
	}
	vtd_fill_features(&have);
	for (size_t i = first; wanted != NULL && i < sizeof(have); i += sizeof(VkBool32)) {
		VkBool32 asked, given;

		memcpy(&asked, (const char *)wanted + i, sizeof(asked));
		memcpy(&given, (const char *)&have + i, sizeof(given));
		if (asked && !given) {
			return VK_ERROR_FEATURE_NOT_PRESENT;
		}
	}
	return VK_SUCCESS;
}

VkResult vtd_vkCreateDevice(VkPhysicalDevice handle, const VkDeviceCreateInfo *info,
                            const VkAllocationCallbacks *allocator, VkDevice *out)
{
	VTD_OBJECT(physical, physical, handle);
	struct vtd_device *device = calloc(1, sizeof(*device));
	VkResult ret;

	(void)allocator;
	if (device == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	ret = enable(&device->enabled, info->ppEnabledExtensionNames, info->enabledExtensionCount);
	if (ret == VK_SUCCESS) {
		ret = enable_subset(device, info, &device->events);
	}
	for (uint32_t i = 0; i < info->queueCreateInfoCount; i++) {
		const VkDeviceQueueCreateInfo *queues = &info->pQueueCreateInfos[i];

		if (queues->queueFamilyIndex >= VTD_FAMILY_COUNT ||
		    queues->queueCount > vtd_families[queues->queueFamilyIndex].count) {
			ret = VK_ERROR_INITIALIZATION_FAILED;
		}
	}
	if (ret != VK_SUCCESS) {
		free(device);
		return ret;
	}
	device_init(device, physical);
	*out = (VkDevice)(void *)device;
	return VK_SUCCESS;
}

void vtd_vkDestroyDevice(VkDevice handle, const VkAllocationCallbacks *allocator)
{
	VTD_OBJECT(device, device, handle);

	(void)allocator;
	if (device == NULL) {
		return;
	}
	vtd_queues_finish(device);
	pthread_cond_destroy(&device->changed);
	pthread_mutex_destroy(&device->lock);
	free(device);
}

void vtd_vkGetDeviceQueue(VkDevice handle, uint32_t family, uint32_t index, VkQueue *out)
{
	VTD_OBJECT(device, device, handle);

	*out = family < VTD_FAMILY_COUNT && index < vtd_families[family].count ?
	               (VkQueue)(void *)&device->queues[vtd_families[family].first + index] :
	               NULL;
}

void vtd_vkGetDeviceQueue2(VkDevice device, const VkDeviceQueueInfo2 *info, VkQueue *out)
{
	vtd_vkGetDeviceQueue(device, info->queueFamilyIndex, info->queueIndex, out);
}

/* --- objects without anything to them --------------------------------------------------------------- */

bool vtd_make(void *out_handle)
{
	void *object = calloc(1, 16);

	memcpy(out_handle, &object, sizeof(object));
	return object != NULL;
}

const void *vtd_find(const void *chain, VkStructureType type)
{
	for (const struct vtd_chain *link = chain; link != NULL; link = link->next) {
		if (link->type == type) {
			return link;
		}
	}
	return NULL;
}
