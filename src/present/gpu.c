/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/gpu.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "present/x11.h"
#include "vk/loader.h"

#define MAX_DEVICES 16
#define MAX_FAMILIES 16
#define MAX_EXTENSIONS 16
#define SWAPCHAIN "VK_KHR_swapchain"
#define PORTABILITY "VK_KHR_portability_subset"

static enum vtr_err create_instance(struct vtr_paint_gpu *gpu, const struct vtr_painter_host *host,
                                    const struct vtr_loader *loader, SDL_Window *window)
{
	const char *names[MAX_EXTENSIONS + 1];
	unsigned count = MAX_EXTENSIONS;
	VkInstanceCreateFlags flags = 0;

	if (gpu->x11) {
		count = 0;
		names[count++] = "VK_KHR_surface";
		names[count++] = VTR_X11_SURFACE_EXTENSION;
	} else if (!host->sdl->SDL_Vulkan_GetInstanceExtensions(window, &count, names)) {
		vtr_debug(host->log, "no Vulkan in this window system: %s", host->sdl->SDL_GetError());
		return VTR_ERR_UNSUPPORTED;
	}
	if (vtr_loader_has_extension(loader, "VK_KHR_portability_enumeration")) {
		names[count++] = "VK_KHR_portability_enumeration";
		flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
	}
	const VkApplicationInfo application = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = "vitrine",
		.apiVersion = VK_API_VERSION_1_1,
	};
	const VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.flags = flags,
		.pApplicationInfo = &application,
		.enabledExtensionCount = count,
		.ppEnabledExtensionNames = names,
	};
	if (loader->create_instance(&info, NULL, &gpu->instance) != VK_SUCCESS) {
		vtr_debug(host->log, "the Vulkan drivers cannot be used for windows");
		return VTR_ERR_UNSUPPORTED;
	}
	gpu->get = loader->get;
	vtw_load_instance_procs(&gpu->instance_procs, loader->get, gpu->instance);
	return VTR_OK;
}

static enum vtr_err make_surface(const struct vtr_paint_gpu *gpu, const struct vtr_sdl *sdl,
                                 SDL_Window *window, VkSurfaceKHR *out_surface)
{
	enum vtr_err err = VTR_OK;

	if (gpu->x11) {
		err = vtr_x11_create_surface(gpu->x11, sdl, window, gpu->get, gpu->instance, out_surface);
	} else if (!sdl->SDL_Vulkan_CreateSurface(window, gpu->instance, out_surface)) {
		err = VTR_ERR_UNSUPPORTED;
	}
	if (err != VTR_OK) {
		vtr_debug(gpu->log, "no Vulkan surface for the window");
	}
	return err;
}

static bool presents(const struct vtr_paint_gpu *gpu, VkPhysicalDevice physical, uint32_t family,
                     VkSurfaceKHR surface)
{
	VkBool32 supported = VK_FALSE;

	return gpu->instance_procs.vkGetPhysicalDeviceSurfaceSupportKHR(physical, family, surface,
	                                                                &supported) == VK_SUCCESS &&
	       supported;
}

/* Blits need a graphics queue. */
static bool find_family(const struct vtr_paint_gpu *gpu, VkPhysicalDevice physical, VkSurfaceKHR surface,
                        uint32_t *out_family)
{
	VkQueueFamilyProperties families[MAX_FAMILIES];
	uint32_t count = MAX_FAMILIES;

	gpu->instance_procs.vkGetPhysicalDeviceQueueFamilyProperties(physical, &count, families);
	for (uint32_t i = 0; i < count; i++) {
		if ((families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) != 0 &&
		    presents(gpu, physical, i, surface)) {
			*out_family = i;
			return true;
		}
	}
	return false;
}

static bool has_extension(const struct vtr_paint_gpu *gpu, VkPhysicalDevice physical, const char *name)
{
	uint32_t count = 0;
	VkExtensionProperties *names;
	bool found = false;

	if (gpu->instance_procs.vkEnumerateDeviceExtensionProperties(physical, NULL, &count, NULL) !=
	            VK_SUCCESS ||
	    count == 0) {
		return false;
	}
	names = calloc(count, sizeof(*names));
	if (!names || gpu->instance_procs.vkEnumerateDeviceExtensionProperties(physical, NULL, &count,
	                                                                       names) != VK_SUCCESS) {
		count = 0;
	}
	for (uint32_t i = 0; i < count && !found; i++) {
		found = strcmp(names[i].extensionName, name) == 0;
	}
	free(names);
	return found;
}

static unsigned rank(VkPhysicalDeviceType type)
{
	switch (type) {
	case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
		return 4;
	case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
		return 3;
	case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
		return 2;
	default:
		return 1;
	}
}

static enum vtr_err choose_device(struct vtr_paint_gpu *gpu, VkSurfaceKHR surface, bool any)
{
	VkPhysicalDevice devices[MAX_DEVICES];
	uint32_t count = MAX_DEVICES;
	unsigned best = any ? 0 : rank(VK_PHYSICAL_DEVICE_TYPE_CPU);
	char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE] = "";
	VkResult result = gpu->instance_procs.vkEnumeratePhysicalDevices(gpu->instance, &count, devices);

	if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
		count = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		VkPhysicalDeviceProperties properties;
		uint32_t family;
		gpu->instance_procs.vkGetPhysicalDeviceProperties(devices[i], &properties);
		if (rank(properties.deviceType) > best && has_extension(gpu, devices[i], SWAPCHAIN) &&
		    find_family(gpu, devices[i], surface, &family)) {
			best = rank(properties.deviceType);
			gpu->physical = devices[i];
			gpu->family = family;
			gpu->max_side = properties.limits.maxImageDimension2D;
			memcpy(name, properties.deviceName, sizeof(name));
		}
	}
	if (!gpu->physical) {
		vtr_debug(gpu->log, "none of %u Vulkan devices can draw into the window", count);
		return VTR_ERR_UNSUPPORTED;
	}
	vtr_debug(gpu->log, "windows are drawn by %s", name);
	return VTR_OK;
}

static enum vtr_err create_device(struct vtr_paint_gpu *gpu)
{
	const float priority = 1.0f;
	/* A driver that offers the second one requires that it is enabled. */
	static const char *const extensions[] = { SWAPCHAIN, PORTABILITY };
	const VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = gpu->family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	const VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = has_extension(gpu, gpu->physical, PORTABILITY) ? 2 : 1,
		.ppEnabledExtensionNames = extensions,
	};

	if (gpu->instance_procs.vkCreateDevice(gpu->physical, &info, NULL, &gpu->device) != VK_SUCCESS) {
		vtr_warn(gpu->log, "the Vulkan driver cannot create a device that draws into windows");
		return VTR_ERR_UNSUPPORTED;
	}
	vtw_load_device_procs(&gpu->procs, gpu->instance_procs.vkGetDeviceProcAddr, gpu->device, extensions,
	                      info.enabledExtensionCount);
	gpu->procs.vkGetDeviceQueue(gpu->device, gpu->family, 0, &gpu->queue);
	gpu->instance_procs.vkGetPhysicalDeviceMemoryProperties(gpu->physical, &gpu->memory);
	return VTR_OK;
}

enum vtr_err vtr_paint_gpu_create(const struct vtr_painter_host *host, SDL_Window *window,
                                  struct vtr_paint_gpu **out_gpu, VkSurfaceKHR *out_surface)
{
	struct vtr_paint_gpu *gpu = calloc(1, sizeof(*gpu));
	struct vtr_loader *loader;
	VkSurfaceKHR surface = VK_NULL_HANDLE;

	if (!gpu) {
		return VTR_ERR_NOMEM;
	}
	gpu->log = host->log;
	enum vtr_err err = vtr_loader_get(host->log, &loader);
	if (err == VTR_OK && vtr_x11_has(host->sdl, window)) {
		err = vtr_x11_connect(&gpu->x11);
	}
	if (err == VTR_OK) {
		err = create_instance(gpu, host, loader, window);
	}
	if (err == VTR_OK) {
		err = make_surface(gpu, host->sdl, window, &surface);
	}
	if (err == VTR_OK) {
		err = choose_device(gpu, surface, host->any_gpu);
	}
	if (err == VTR_OK) {
		err = create_device(gpu);
	}
	if (err != VTR_OK) {
		if (surface) {
			gpu->instance_procs.vkDestroySurfaceKHR(gpu->instance, surface, NULL);
		}
		vtr_paint_gpu_destroy(gpu);
		return err;
	}
	*out_gpu = gpu;
	*out_surface = surface;
	return VTR_OK;
}

void vtr_paint_gpu_destroy(struct vtr_paint_gpu *gpu)
{
	if (!gpu) {
		return;
	}
	if (gpu->device) {
		gpu->procs.vkDestroyDevice(gpu->device, NULL);
	}
	if (gpu->instance) {
		gpu->instance_procs.vkDestroyInstance(gpu->instance, NULL);
	}
	vtr_x11_disconnect(gpu->x11);
	free(gpu);
}

enum vtr_err vtr_paint_gpu_create_surface(const struct vtr_paint_gpu *gpu, const struct vtr_sdl *sdl,
                                          SDL_Window *window, VkSurfaceKHR *out_surface)
{
	VkSurfaceKHR surface;
	enum vtr_err err = make_surface(gpu, sdl, window, &surface);

	if (err != VTR_OK) {
		return err;
	}
	if (!presents(gpu, gpu->physical, gpu->family, surface)) {
		vtr_debug(gpu->log, "the device of the other windows cannot draw into this one");
		gpu->instance_procs.vkDestroySurfaceKHR(gpu->instance, surface, NULL);
		return VTR_ERR_UNSUPPORTED;
	}
	*out_surface = surface;
	return VTR_OK;
}

static bool find_type(const struct vtr_paint_gpu *gpu, uint32_t bits, VkMemoryPropertyFlags wanted,
                      uint32_t *out_type)
{
	for (uint32_t i = 0; i < gpu->memory.memoryTypeCount; i++) {
		if ((bits & (1u << i)) != 0 &&
		    (gpu->memory.memoryTypes[i].propertyFlags & wanted) == wanted) {
			*out_type = i;
			return true;
		}
	}
	return false;
}

enum vtr_err vtr_paint_gpu_allocate(const struct vtr_paint_gpu *gpu, const VkMemoryRequirements *requirements,
                                    const VkMemoryPropertyFlags *wanted, size_t count,
                                    VkDeviceMemory *out_memory)
{
	for (size_t i = 0; i < count; i++) {
		VkMemoryAllocateInfo info = {
			.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
			.allocationSize = requirements->size,
		};
		if (find_type(gpu, requirements->memoryTypeBits, wanted[i], &info.memoryTypeIndex) &&
		    gpu->procs.vkAllocateMemory(gpu->device, &info, NULL, out_memory) == VK_SUCCESS) {
			return VTR_OK;
		}
	}
	return VTR_ERR_NOMEM;
}
