/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/physical.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "venus/dispatch.h"
#include "venus/object.h"
#include "venus/venus.h"
#include "vk/renderer_config.h"

#define DMA_BUF "VK_EXT_external_memory_dma_buf"
#define MODIFIER "VK_EXT_image_drm_format_modifier"
#define FOREIGN "VK_EXT_queue_family_foreign"
#define SEMAPHORE_FD "VK_KHR_external_semaphore_fd"
#define FENCE_FD "VK_KHR_external_fence_fd"

struct vtr_physical *vtr_physical_of(struct vtr_object *object)
{
	return vtr_vk(object)->data;
}

struct list {
	VkExtensionProperties *p;
	uint32_t n;
};

static int compare_names(const void *a, const void *b)
{
	const VkExtensionProperties *first = a, *second = b;

	return strcmp(first->extensionName, second->extensionName);
}

/* Sorted by name, as each name that we know is looked up. */
static VkResult driver_extensions(const struct vtr_physical *p, struct list *out)
{
	const struct vtw_instance_procs *vk = p->procs;
	uint32_t n = 0;
	VkResult ret = vk->vkEnumerateDeviceExtensionProperties(p->handle, NULL, &n, NULL);

	if (ret < 0) {
		return ret;
	}
	out->p = calloc(n + 1, sizeof(*out->p));
	if (out->p == NULL) {
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	ret = vk->vkEnumerateDeviceExtensionProperties(p->handle, NULL, &n, out->p);
	out->n = n;
	qsort(out->p, n, sizeof(*out->p), compare_names);
	return ret;
}

static int compare_name(const void *name, const void *extension)
{
	return strcmp(name, ((const VkExtensionProperties *)extension)->extensionName);
}

static const VkExtensionProperties *find(const struct list *list, const char *name)
{
	return bsearch(name, list->p, list->n, sizeof(*list->p), compare_name);
}

static void add(struct vtr_physical *p, const char *name, uint32_t version)
{
	VkExtensionProperties *e = &p->extensions[p->extension_count++];

	strncpy(e->extensionName, name, sizeof(e->extensionName) - 1);
	e->specVersion = version;
}

bool vtr_physical_emulates(const struct vtr_physical *p, const char *name)
{
	return (p->emulate.dma_buf && strcmp(name, DMA_BUF) == 0) ||
	       (p->emulate.drm_modifier && strcmp(name, MODIFIER) == 0) ||
	       (p->emulate.queue_foreign && strcmp(name, FOREIGN) == 0) ||
	       (p->emulate.sync_fd && (strcmp(name, SEMAPHORE_FD) == 0 || strcmp(name, FENCE_FD) == 0));
}

bool vtr_physical_has(const struct vtr_physical *p, const char *name)
{
	for (uint32_t i = 0; i < p->extension_count; i++) {
		if (strcmp(p->extensions[i].extensionName, name) == 0) {
			return !vtr_physical_emulates(p, name);
		}
	}
	return false;
}

static bool hides(const struct vtr_physical *p, const char *name)
{
	return vtr_physical_hides_linear(p) && strcmp(name, MODIFIER) == 0;
}

/* What the guest may enable: extensions that driver and registry have, and those that we emulate. */
static enum vtr_err offer_extensions(struct vtr_physical *p, const struct list *driver)
{
	p->extensions = calloc(VTW_EXTENSION_COUNT, sizeof(*p->extensions));
	if (p->extensions == NULL) {
		return VTR_ERR_NOMEM;
	}
	for (size_t i = 0; i < VTW_EXTENSION_COUNT; i++) {
		const struct vtw_extension_info *info = &vtw_extensions[i];
		const VkExtensionProperties *have = find(driver, info->name);

		if (vtr_physical_emulates(p, info->name)) {
			add(p, info->name, info->spec_version);
		} else if (have != NULL && info->exposed && !hides(p, info->name)) {
			add(p, info->name, vtr_min(have->specVersion, info->spec_version));
		}
	}
	return VTR_OK;
}

/* Independent of whether the driver can import its own dma-bufs: the guest's buffers are shared by us, in any
 * way that works. */
static void choose_emulation(struct vtr_physical *p, const struct list *driver)
{
	bool dma_buf_works = false;

	for (uint32_t i = 0; i < p->types.driver_count; i++) {
		dma_buf_works |= p->strategy.share[i] == VTR_SHARE_DMA_BUF;
	}
	p->emulate.dma_buf = !dma_buf_works || find(driver, DMA_BUF) == NULL;
	/* Without the extension, the guest's window system copies pictures into buffers, as it must if linear
	 * images are hidden. */
	p->emulate.drm_modifier = !vtr_physical_hides_linear(p) &&
	                          (p->emulate.dma_buf || find(driver, MODIFIER) == NULL);
	p->emulate.queue_foreign = find(driver, FOREIGN) == NULL;
	/* The guest only waits for and resets sync files; an empty submit has the same effect with any
	 * driver. */
	p->emulate.sync_fd = true;
}

static void identify(struct vtr_physical *p)
{
	VkPhysicalDeviceIDProperties id = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES };
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &id };

	p->procs->vkGetPhysicalDeviceProperties2(p->handle, &props);
	memcpy(p->device_uuid, id.deviceUUID, VK_UUID_SIZE);
	memcpy(p->driver_uuid, id.driverUUID, VK_UUID_SIZE);
}

static bool is_venus(const struct vtr_physical *p)
{
	VkPhysicalDeviceDriverProperties driver = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES
	};
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &driver };

	if (p->properties.apiVersion < VK_API_VERSION_1_2) {
		return false;
	}
	p->procs->vkGetPhysicalDeviceProperties2(p->handle, &props);
	return driver.driverID == VK_DRIVER_ID_MESA_VENUS;
}

static bool is_chosen(struct vtr_log *log, const struct vtr_venus_params *params, struct vtr_physical *p)
{
	identify(p);
	if (vtr_renderer_config_offers(params->config, p->device_uuid, p->driver_uuid)) {
		return true;
	}
	vtr_debug(log, "%s was not chosen and is not offered", p->properties.deviceName);
	return false;
}

static enum vtr_err fill(struct vtr_log *log, const struct vtr_venus_params *params, struct vtr_physical *p,
                         const struct list *driver)
{
	enum vtr_err err;

	p->has.host_memory = find(driver, "VK_EXT_external_memory_host") != NULL &&
	                     !params->config->no_host_import;
	p->has.memory_fd = find(driver, "VK_KHR_external_memory_fd") != NULL;
	p->has.dma_buf = p->has.memory_fd && find(driver, DMA_BUF) != NULL && !params->config->no_export;
	p->has.deferred_host = find(driver, "VK_KHR_deferred_host_operations") != NULL;
	p->has.portability = find(driver, "VK_KHR_portability_subset") != NULL;
	p->core_timeline = p->properties.apiVersion >= VK_API_VERSION_1_2;
	p->has.timeline = p->core_timeline || find(driver, "VK_KHR_timeline_semaphore") != NULL;
	p->sparse_family = vtr_sparse_family(p);
	p->procs->vkGetPhysicalDeviceMemoryProperties(p->handle, &p->memory);
	err = vtr_strategy_probe(log, params, p);
	if (err != VTR_OK) {
		return err;
	}
	choose_emulation(p, driver);
	return offer_extensions(p, driver);
}

static void free_retired(struct vtr_retired *retired)
{
	vtr_physical_destroy(vtr_container_of(retired, struct vtr_physical, retired));
}

enum vtr_err vtr_physical_create(struct vtr_log *log, const struct vtr_venus_params *params,
                                 const struct vtw_instance_procs *procs, VkPhysicalDevice handle,
                                 struct vtr_physical **out_physical)
{
	struct vtr_physical *p = calloc(1, sizeof(*p));
	struct list driver = { 0 };
	enum vtr_err err = VTR_ERR_VK;

	if (p == NULL) {
		return VTR_ERR_NOMEM;
	}
	p->retired.free = free_retired;
	p->handle = handle;
	p->procs = procs;
	procs->vkGetPhysicalDeviceProperties(handle, &p->properties);
	if (is_venus(p)) {
		vtr_debug(log, "%s is a Venus device itself and is not offered", p->properties.deviceName);
		err = VTR_ERR_UNSUPPORTED;
	} else if (!is_chosen(log, params, p)) {
		err = VTR_ERR_UNSUPPORTED;
	} else if (driver_extensions(p, &driver) >= 0) {
		err = fill(log, params, p, &driver);
	}
	free(driver.p);
	if (err != VTR_OK) {
		vtr_physical_destroy(p);
		return err;
	}
	*out_physical = p;
	return VTR_OK;
}

void vtr_physical_hide_features(const struct vtr_physical *physical, VkPhysicalDeviceFeatures2 *features)
{
	VkPhysicalDeviceRayTracingPipelineFeaturesKHR *rt =
		vtr_chain_find(features, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_FEATURES_KHR);

	if (rt != NULL) { /* the protocol has no way to send pShaderGroupCaptureReplayHandle */
		rt->rayTracingPipelineShaderGroupHandleCaptureReplay = VK_FALSE;
		rt->rayTracingPipelineShaderGroupHandleCaptureReplayMixed = VK_FALSE;
	}
	if (vtr_physical_hides_sparse(physical)) {
		vtr_sparse_hide_features2(features);
	}
}

void vtr_physical_destroy(struct vtr_physical *physical)
{
	if (physical != NULL) {
		free(physical->extensions);
		free(physical);
	}
}

bool vtr_physical_only_computes(const struct vtr_physical *p, uint32_t family)
{
	VkQueueFamilyProperties families[32];
	uint32_t n = VTR_ARRAY_LEN(families);

	p->procs->vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &n, families);
	return family < n && (families[family].queueFlags & (VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT)) ==
	                             VK_QUEUE_COMPUTE_BIT;
}
