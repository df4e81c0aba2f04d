/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "vk"
#include "vk/loader.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "platform/library.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct vtr_loader the_loader; /* guarded by the lock until `opened` */
static bool opened;

static enum vtr_err open_loader(struct vtr_log *log)
{
	PFN_vkEnumerateInstanceVersion version;
	char name[VTR_OS_LIBRARY_NAME];
	void *lib = vtr_os_library_open("vulkan", 1, name);
	void *symbol = lib != NULL ? dlsym(lib, "vkGetInstanceProcAddr") : NULL;

	if (symbol == NULL) {
		vtr_error(log,
		          "cannot open the Vulkan loader (%s), so no device is found. Install libvulkan1 and "
		          "the GPU's Vulkan driver",
		          dlerror());
		return VTR_ERR_UNSUPPORTED;
	}
	memcpy(&the_loader.get, &symbol, sizeof(symbol));
	the_loader.create_instance = (PFN_vkCreateInstance)the_loader.get(NULL, "vkCreateInstance");
	the_loader.enumerate_extensions = (PFN_vkEnumerateInstanceExtensionProperties)the_loader.get(
		NULL, "vkEnumerateInstanceExtensionProperties");
	version = (PFN_vkEnumerateInstanceVersion)the_loader.get(NULL, "vkEnumerateInstanceVersion");
	if (the_loader.create_instance == NULL || version == NULL ||
	    version(&the_loader.version) != VK_SUCCESS) {
		vtr_error(log,
		          "the Vulkan loader is older than 1.1, so no device can be served. Install a newer "
		          "libvulkan1");
		return VTR_ERR_UNSUPPORTED;
	}
	opened = true;
	return VTR_OK;
}

enum vtr_err vtr_loader_get(struct vtr_log *log, struct vtr_loader **out_loader)
{
	enum vtr_err err;

	pthread_mutex_lock(&lock);
	err = opened ? VTR_OK : open_loader(log);
	pthread_mutex_unlock(&lock);
	if (err == VTR_OK) {
		*out_loader = &the_loader;
	}
	return err;
}

bool vtr_loader_has_extension(const struct vtr_loader *loader, const char *name)
{
	uint32_t n = 0;
	VkExtensionProperties *props;
	bool found = false;

	if (loader->enumerate_extensions(NULL, &n, NULL) != VK_SUCCESS || n == 0) {
		return false;
	}
	props = calloc(n, sizeof(*props));
	if (props == NULL || loader->enumerate_extensions(NULL, &n, props) < 0) {
		n = 0;
	}
	for (uint32_t i = 0; i < n && !found; i++) {
		found = strcmp(props[i].extensionName, name) == 0;
	}
	free(props);
	return found;
}
