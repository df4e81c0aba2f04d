/* SPDX-License-Identifier: MIT */
#include "venus/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/fork.h"
#include "venus/physical.h"
#include "venus/venus.h"
#include "vk/loader.h"

static const char *kind_name(VkPhysicalDeviceType type)
{
	switch (type) {
	case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
		return "integrated";
	case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
		return "discrete";
	case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
		return "virtual";
	case VK_PHYSICAL_DEVICE_TYPE_CPU:
		return "cpu";
	default:
		return "other";
	}
}

static void describe(struct vtr_probe_device *out, const struct vtw_instance_procs *vk,
                     VkPhysicalDevice handle)
{
	VkPhysicalDeviceDriverProperties driver = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES
	};
	VkPhysicalDeviceIDProperties id = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES };
	VkPhysicalDeviceProperties2 props = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		                              .pNext = &id };

	vk->vkGetPhysicalDeviceProperties2(handle, &props);
	memcpy(out->device_uuid, id.deviceUUID, VTR_PROBE_CACHE_UUID);
	memcpy(out->driver_uuid, id.driverUUID, VTR_PROBE_CACHE_UUID);
	if (props.properties.apiVersion >= VK_API_VERSION_1_2) {
		props.pNext = &driver;
		vk->vkGetPhysicalDeviceProperties2(handle, &props);
	}
	snprintf(out->name, sizeof(out->name), "%s", props.properties.deviceName);
	snprintf(out->driver, sizeof(out->driver), "%.120s %.120s", driver.driverName, driver.driverInfo);
	out->kind = kind_name(props.properties.deviceType);
	out->is_cpu = props.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
	out->api_version = props.properties.apiVersion;
	out->vendor_id = props.properties.vendorID;
	out->device_id = props.properties.deviceID;
	(void)vk->vkEnumerateDeviceExtensionProperties(handle, NULL, &out->extensions, NULL);
}

/* Returns: the guest's number of a driver's type, as which it is mapped. */
static uint32_t guest_type(const struct vtr_physical *p, uint32_t driver_type)
{
	uint32_t i = 0;

	while (p->types.of_driver[i] != driver_type || (p->types.private_bits >> i & 1) != 0) {
		i++;
	}
	return i;
}

static void describe_types(struct vtr_probe_device *out, const struct vtw_instance_procs *vk,
                           const struct vtr_physical *p)
{
	VkPhysicalDeviceMemoryProperties driver;

	vk->vkGetPhysicalDeviceMemoryProperties(p->handle, &driver);
	out->type_count = driver.memoryTypeCount;
	for (uint32_t i = 0; i < driver.memoryTypeCount; i++) {
		out->types[i] = (struct vtr_probe_type){
			.flags = driver.memoryTypes[i].propertyFlags,
			.guest_flags = p->memory.memoryTypes[guest_type(p, i)].propertyFlags,
			.heap = driver.memoryTypes[i].heapIndex,
			.heap_size = driver.memoryHeaps[driver.memoryTypes[i].heapIndex].size,
			.share = vtr_share_name(p->strategy.share[i]),
			.sparse_share = (p->strategy.sparse_types >> i & 1) != 0 ?
			                        vtr_share_name(p->strategy.sparse_share[i]) :
			                        NULL,
			.reason = p->strategy.reason[i],
		};
	}
}

static void describe_known(struct vtr_probed_device *out, const struct vtr_physical *p)
{
	memcpy(out->device_uuid, p->device_uuid, VTR_PROBE_CACHE_UUID);
	memcpy(out->driver_uuid, p->driver_uuid, VTR_PROBE_CACHE_UUID);
	out->import_alignment = p->strategy.import_alignment;
	out->buffers_importable = p->strategy.buffers_importable;
	out->is_cpu = p->properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
	out->images_importable = p->strategy.images_importable;
	out->type_count = p->types.driver_count;
	for (uint32_t i = 0; i < out->type_count; i++) {
		out->share[i] = (uint8_t)p->strategy.share[i];
		out->sparse_share[i] = (p->strategy.sparse_types >> i & 1) != 0 ?
		                               (uint8_t)p->strategy.sparse_share[i] :
		                               VTR_PROBE_CACHE_NOT_SPARSE;
	}
}

static void probe_device(struct vtr_log *log, const struct vtr_venus_params *params,
                         enum vtr_probe_depth depth, const struct vtw_instance_procs *vk,
                         VkPhysicalDevice handle, struct vtr_probe_device *out)
{
	struct vtr_physical *p;
	enum vtr_err err;

	describe(out, vk, handle);
	if (depth == VTR_PROBE_LIST) {
		return;
	}
	err = vtr_physical_create(log, params, vk, handle, &p);
	if (err != VTR_OK) {
		out->refused =
			err == VTR_ERR_UNSUPPORTED ?
				"it is a Venus device itself, or its memory cannot be shared with a guest" :
				"its driver cannot create a device";
		return;
	}
	out->import_alignment = p->strategy.import_alignment;
	out->hides_linear = vtr_physical_hides_linear(p);
	out->offered_extensions = p->extension_count;
	out->emulates_dma_buf = p->emulate.dma_buf;
	out->emulates_modifiers = p->emulate.drm_modifier;
	out->emulates_queue_foreign = p->emulate.queue_foreign;
	out->emulates_sync_fd = p->emulate.sync_fd;
	out->portability = p->has.portability;
	vtr_portability_lacks(p, out->portability_lacks);
	out->sparse = !vtr_physical_hides_sparse(p);
	out->sparse_reason = p->strategy.sparse_reason;
	describe_types(out, vk, p);
	describe_known(&out->known, p);
	if (depth == VTR_PROBE_TRIAL) {
		vtr_trial_run(p, &out->trial);
	}
	vtr_physical_destroy(p);
}

static enum vtr_err probe_devices(struct vtr_log *log, const struct vtr_venus_params *params,
                                  enum vtr_probe_depth depth, const struct vtw_instance_procs *vk,
                                  VkInstance instance, struct vtr_probe_report *report)
{
	VkPhysicalDevice *handles;
	uint32_t n = 0;
	VkResult ret = vk->vkEnumeratePhysicalDevices(instance, &n, NULL);

	if (ret < 0 || n == 0) {
		report->problem = "the Vulkan loader finds no device. Install the GPU's Vulkan driver (or "
				  "mesa-vulkan-drivers for the processor); its manifest belongs into "
				  "/usr/share/vulkan/icd.d, or into VK_DRIVER_FILES";
		return VTR_OK;
	}
	handles = calloc(n, sizeof(VkPhysicalDevice));
	report->devices = calloc(n, sizeof(*report->devices));
	if (handles == NULL || report->devices == NULL) {
		free(handles);
		free(report->devices);
		return VTR_ERR_NOMEM;
	}
	ret = vk->vkEnumeratePhysicalDevices(instance, &n, handles);
	for (uint32_t i = 0; ret >= 0 && i < n; i++) {
		probe_device(log, params, depth, vk, handles[i], &report->devices[report->device_count++]);
	}
	free(handles);
	return VTR_OK;
}

enum vtr_err vtr_probe_host(struct vtr_log *log, const struct vtr_venus_params *params,
                            enum vtr_probe_depth depth, struct vtr_probe_report *out_report)
{
	VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		                  .pApplicationName = "vitrine doctor" };
	const char *portability = "VK_KHR_portability_enumeration";
	VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		                      .pApplicationInfo = &app };
	struct vtr_probe_report report = { 0 };
	struct vtw_instance_procs vk;
	struct vtr_loader *loader;
	VkInstance instance;
	enum vtr_err err = VTR_OK;

	if (vtr_loader_get(log, &loader) != VTR_OK) {
		report.problem = "the Vulkan loader is missing. Install libvulkan1";
		*out_report = report;
		return VTR_OK;
	}
	report.loader_version = loader->version;
	app.apiVersion = VTR_VK_VERSION;
	if (vtr_loader_has_extension(loader, portability)) {
		info.flags = VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
		info.enabledExtensionCount = 1;
		info.ppEnabledExtensionNames = &portability;
	}
	if (loader->create_instance(&info, NULL, &instance) != VK_SUCCESS) {
		report.problem =
			"vkCreateInstance fails: the Vulkan driver is missing or broken. Install the GPU's "
			"Vulkan driver (or mesa-vulkan-drivers for the processor), and check VK_DRIVER_FILES "
			"if it is set";
	} else {
		vtw_load_instance_procs(&vk, loader->get, instance);
		err = probe_devices(log, params, depth, &vk, instance, &report);
		report.libraries_size = vtr_os_list_libraries(report.libraries, sizeof(report.libraries));
		vk.vkDestroyInstance(instance, NULL);
	}
	if (err == VTR_OK) {
		*out_report = report;
	}
	return err;
}

void vtr_probe_finish(struct vtr_probe_report *report)
{
	free(report->devices);
	*report = (struct vtr_probe_report){ 0 };
}
