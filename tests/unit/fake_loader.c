/* SPDX-License-Identifier: MIT */
#include "fake_loader.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include "test.h"
#include "vk/loader.h"

enum { MAX_REPLACED = 64, MAX_OFFERED = 4, MAX_ENABLED = 512 };

static struct {
	const char *name;
	PFN_vkVoidFunction command;
	_Atomic PFN_vkVoidFunction original; /* noted by each ring that creates a device */
} replaced[MAX_REPLACED];
static size_t replaced_count;

static const char *offered[MAX_OFFERED];
static uint32_t offered_count;
static char enabled[MAX_ENABLED][VK_MAX_EXTENSION_NAME_SIZE];
static uint32_t enabled_count;

static void *library;
static PFN_vkGetInstanceProcAddr driver_get;
static PFN_vkGetDeviceProcAddr driver_get_device;
static VkInstance last_instance;
static struct vtr_loader the_loader;

/* An extension's name of a command that is core now. */
static bool is_alias(const char *name, const char *core)
{
	const size_t length = strlen(core);

	return strncmp(name, core, length) == 0 &&
	       (strcmp(name + length, "KHR") == 0 || strcmp(name + length, "EXT") == 0);
}

static PFN_vkVoidFunction choose(const char *name, PFN_vkVoidFunction original)
{
	for (size_t i = 0; i < replaced_count; i++) {
		if (strcmp(name, replaced[i].name) == 0 && original != NULL) {
			atomic_store(&replaced[i].original, original);
			return replaced[i].command;
		}
		if (replaced[i].command == NULL && is_alias(name, replaced[i].name)) {
			return NULL;
		}
	}
	return original;
}

static PFN_vkVoidFunction get_device(VkDevice device, const char *name)
{
	return choose(name, driver_get_device(device, name));
}

static PFN_vkVoidFunction get(VkInstance instance, const char *name)
{
	const PFN_vkVoidFunction original = driver_get(instance, name);

	last_instance = instance;
	if (strcmp(name, "vkGetDeviceProcAddr") == 0) {
		driver_get_device = (PFN_vkGetDeviceProcAddr)original;
		return (PFN_vkVoidFunction)get_device;
	}
	return choose(name, original);
}

static VkResult create_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                                VkInstance *out)
{
	return ((PFN_vkCreateInstance)get(NULL, "vkCreateInstance"))(info, allocator, out);
}

/* Stores a function of the library. */
static void find(const char *name, void *out_function, size_t size)
{
	void *symbol = dlsym(library, name);

	CHECK(symbol != NULL);
	memcpy(out_function, &symbol, size);
}

void fake_loader_open(const char *path, const char *words)
{
	VkResult (*negotiate)(uint32_t *version);
	uint32_t version = 5;

	CHECK(library == NULL);
	CHECK_EQ(setenv("VTR_TEST_DRIVER", words, 1), 0);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		fprintf(stderr, "%s\n", dlerror());
	}
	CHECK(library != NULL);
	find("vk_icdGetInstanceProcAddr", &driver_get, sizeof(driver_get));
	find("vk_icdNegotiateLoaderICDInterfaceVersion", &negotiate, sizeof(negotiate));
	CHECK_EQ(negotiate(&version), VK_SUCCESS);
	the_loader = (struct vtr_loader){
		.get = get,
		.create_instance = create_instance,
		.version = VK_API_VERSION_1_4,
	};
}

void fake_loader_close(void)
{
	CHECK_EQ(dlclose(library), 0);
	library = NULL;
	replaced_count = 0;
	offered_count = 0;
}

void fake_loader_replace(const char *name, PFN_vkVoidFunction command)
{
	CHECK(replaced_count < MAX_REPLACED);
	replaced[replaced_count].name = name;
	replaced[replaced_count].command = command;
	atomic_store(&replaced[replaced_count++].original, NULL);
}

PFN_vkVoidFunction fake_loader_original(const char *name)
{
	PFN_vkVoidFunction command = NULL;

	for (size_t i = 0; i < replaced_count; i++) {
		if (strcmp(name, replaced[i].name) == 0) {
			command = atomic_load(&replaced[i].original);
		}
	}
	if (command == NULL) {
		command = driver_get(last_instance, name);
	}
	CHECK(command != NULL);
	return command;
}

/* --- more extensions -------------------------------------------------------------------------------- */

static bool is_offered(const char *name)
{
	for (uint32_t i = 0; i < offered_count; i++) {
		if (strcmp(name, offered[i]) == 0) {
			return true;
		}
	}
	return false;
}

static VkResult list_extensions(VkPhysicalDevice physical, const char *layer, uint32_t *count,
                                VkExtensionProperties *out)
{
	uint32_t n = out != NULL ? *count - offered_count : 0;
	const VkResult ret = ORIGINAL(vkEnumerateDeviceExtensionProperties)(physical, layer, &n, out);

	for (uint32_t i = 0; out != NULL && i < offered_count; i++) {
		snprintf(out[n + i].extensionName, VK_MAX_EXTENSION_NAME_SIZE, "%s", offered[i]);
		out[n + i].specVersion = 1;
	}
	*count = n + offered_count;
	return ret;
}

static VkResult create_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDevice *out)
{
	const char *names[MAX_ENABLED];
	VkDeviceCreateInfo known = *info;

	known.ppEnabledExtensionNames = names;
	known.enabledExtensionCount = 0;
	CHECK(info->enabledExtensionCount <= MAX_ENABLED);
	enabled_count = info->enabledExtensionCount;
	for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
		const char *name = info->ppEnabledExtensionNames[i];

		snprintf(enabled[i], sizeof(enabled[i]), "%s", name);
		if (!is_offered(name)) {
			names[known.enabledExtensionCount++] = name;
		}
	}
	return ORIGINAL(vkCreateDevice)(physical, &known, allocator, out);
}

void fake_loader_offer(const char *name)
{
	CHECK(offered_count < MAX_OFFERED);
	if (offered_count == 0) {
		REPLACE(vkEnumerateDeviceExtensionProperties, list_extensions);
		REPLACE(vkCreateDevice, create_device);
	}
	offered[offered_count++] = name;
}

/* The driver exports opaque fds only, which are as good. */
static VkResult allocate_dma_buf(VkDevice device, const VkMemoryAllocateInfo *info,
                                 const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
	const VkExportMemoryAllocateInfo *theirs = info->pNext;
	VkMemoryAllocateInfo changed = *info;
	VkExportMemoryAllocateInfo export;

	if (theirs != NULL && theirs->sType == VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO) {
		export = *theirs;
		export.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
		changed.pNext = &export;
	}
	return ORIGINAL(vkAllocateMemory)(device, &changed, allocator, out);
}

void fake_loader_offer_dma_bufs(void)
{
	fake_loader_offer("VK_EXT_external_memory_dma_buf");
	REPLACE(vkAllocateMemory, allocate_dma_buf);
}

bool fake_loader_enabled(const char *name)
{
	bool found = false;

	for (uint32_t i = 0; i < enabled_count; i++) {
		found |= strcmp(enabled[i], name) == 0;
	}
	return found;
}

/* --- vk/loader.h ------------------------------------------------------------------------------------ */

enum vtr_err vtr_loader_get(struct vtr_log *log, struct vtr_loader **out_loader)
{
	(void)log;
	if (library == NULL) {
		return VTR_ERR_UNSUPPORTED;
	}
	*out_loader = &the_loader;
	return VTR_OK;
}

/* Loaders of today have the only extension that is asked for, VK_KHR_portability_enumeration. */
bool vtr_loader_has_extension(const struct vtr_loader *loader, const char *name)
{
	(void)loader;
	CHECK_STR(name, "VK_KHR_portability_enumeration");
	return true;
}

static struct {
	uint32_t handle, capture, alignment;
} group_sizes;

static void with_group_sizes(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties2)(physical, out);
	for (VkPhysicalDeviceProperties2 *s = out->pNext; s != NULL; s = s->pNext) {
		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_RAY_TRACING_PIPELINE_PROPERTIES_KHR) {
			VkPhysicalDeviceRayTracingPipelinePropertiesKHR *rt = (void *)s;

			rt->shaderGroupHandleSize = group_sizes.handle;
			rt->shaderGroupHandleCaptureReplaySize = group_sizes.capture;
			rt->shaderGroupBaseAlignment = group_sizes.alignment;
		}
	}
}

void fake_loader_set_group_sizes(uint32_t handle, uint32_t capture, uint32_t alignment)
{
	group_sizes.handle = handle;
	group_sizes.capture = capture;
	group_sizes.alignment = alignment;
	REPLACE(vkGetPhysicalDeviceProperties2, with_group_sizes);
}
