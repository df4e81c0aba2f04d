/* SPDX-License-Identifier: MIT */
/* Instances, physical devices and devices: what a guest gets of them, and what reaches the driver. */
#include "base/mem.h"
#include "venus/dispatch.h"
#include "venus_guest.h"

enum { OTHER = FREE };

static uint32_t destroyed; /* of the driver's objects */

#define ON_PHYSICAL .physicalDevice = ID(VkPhysicalDevice, PHYSICAL)
#define ON_INSTANCE .instance = ID(VkInstance, INSTANCE)

static const VkInstanceCreateInfo plain_instance = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO };

static VkResult make_instance(struct guest *g, const VkInstanceCreateInfo *info)
{
	return CALL(g, vkCreateInstance, .pCreateInfo = info, .pInstance = INSTANCE);
}

static VkResult enumerate(struct guest *g, uint32_t room, uint64_t id)
{
	return CALL(g, vkEnumeratePhysicalDevices, ON_INSTANCE, .pPhysicalDeviceCount = &room,
	            .pPhysicalDevices = &id);
}

static VkResult count_devices(struct guest *g)
{
	uint32_t room = 0;

	return CALL(g, vkEnumeratePhysicalDevices, ON_INSTANCE, .pPhysicalDeviceCount = &room);
}

/* Of the last reply to one of the two functions above, or to one about extensions. */
static uint32_t count_of(const struct guest *g)
{
	return guest_word(g, 16);
}

/* --- instances -------------------------------------------------------------------------------------- */

static void without_a_driver(void)
{
	const struct guest_setup setup = { .no_driver = true, .no_device = true };
	uint32_t version = 0;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkEnumerateInstanceVersion, .pApiVersion = &version),
	         VK_ERROR_INITIALIZATION_FAILED);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_ERROR_INITIALIZATION_FAILED);
	guest_close(&g);
}

static void what_is_known_before_an_instance(void)
{
	const struct guest_setup setup = { .no_device = true };
	uint32_t n = 0;
	VkExtensionProperties props[2];
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkEnumerateInstanceVersion, .pApiVersion = &n), VK_SUCCESS);
	CHECK_EQ(guest_word(&g, 16), VTW_XML_VERSION);
	CHECK_EQ(CALL(&g, vkEnumerateInstanceExtensionProperties, .pPropertyCount = &n), VK_SUCCESS);
	CHECK_EQ(count_of(&g), 2);
	n = 1;
	CHECK_EQ(CALL(&g, vkEnumerateInstanceExtensionProperties, .pPropertyCount = &n, .pProperties = props),
	         VK_INCOMPLETE);
	CHECK_EQ(count_of(&g), 1);
	n = 2;
	CHECK_EQ(CALL(&g, vkEnumerateInstanceExtensionProperties, .pPropertyCount = &n, .pProperties = props),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), 2);
	CHECK_EQ(CALL(&g, vkEnumerateInstanceLayerProperties, .pPropertyCount = &n), VK_SUCCESS);
	CHECK_EQ(count_of(&g), 0);
	guest_close(&g);
}

static VkApplicationInfo seen_app;

static VkResult note_instance(const VkInstanceCreateInfo *info, const VkAllocationCallbacks *allocator,
                              VkInstance *out)
{
	seen_app = *info->pApplicationInfo;
	CHECK((info->flags & VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR) != 0);
	CHECK_EQ(info->enabledExtensionCount, 1);
	if (seen_app.pApplicationName != NULL) {
		CHECK_STR(seen_app.pApplicationName, "demo");
	}
	return ORIGINAL(vkCreateInstance)(info, allocator, out);
}

static void replace_instance(void)
{
	REPLACE(vkCreateInstance, note_instance);
}

/* Drivers have workarounds by the name of the application, but ours is the version. */
static void instances(void)
{
	const struct guest_setup setup = { .no_device = true, .replace = replace_instance };
	static const char *const names[] = { "VK_KHR_surface" };
	const VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		                        .pApplicationName = "demo",
		                        .engineVersion = 7,
		                        .apiVersion = VK_API_VERSION_1_0 };
	const VkInstanceCreateInfo named = { .pApplicationInfo = &app };
	const VkInstanceCreateInfo layers = { .enabledLayerCount = 1, .ppEnabledLayerNames = names };
	const VkInstanceCreateInfo extensions = { .enabledExtensionCount = 1,
		                                  .ppEnabledExtensionNames = names };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &layers), VK_ERROR_LAYER_NOT_PRESENT);
	CHECK_EQ(make_instance(&g, &extensions), VK_ERROR_EXTENSION_NOT_PRESENT);
	CHECK_EQ(make_instance(&g, &named), VK_SUCCESS);
	CHECK_EQ(seen_app.apiVersion, VTW_XML_VERSION);
	CHECK_EQ(seen_app.engineVersion, 7);
	CHECK_REFUSED(&g, "a second instance is created in one context", vkCreateInstance,
	              .pCreateInfo = &plain_instance, .pInstance = OTHER);
	CHECK_REFUSED(&g, "a new object's id", vkCreateInstance, .pCreateInfo = &plain_instance,
	              .pInstance = 0);
	/* After its end there can be another one, which has its own devices. */
	for (int i = 0; i < 3; i++) {
		guest_make_instance(&g);
		CHECK_EQ(guest_make_device(&g, DEVICE, NULL, NULL, 0), VK_SUCCESS);
		CHECK_OK(SEND(&g, vkDestroyInstance, ON_INSTANCE));
	}
	CHECK_REFUSED(&g, "no such object", vkDestroyDevice, .device = ID(VkDevice, DEVICE));
	guest_close(&g);
}

static void an_instance_fails(void)
{
	const struct guest_setup setup = {
		.no_device = true, .driver = "fail=vkCreateInstance:VK_ERROR_INCOMPATIBLE_DRIVER:times=1"
	};
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_ERROR_INCOMPATIBLE_DRIVER);
	CHECK(guest_log_has(&g, "the host's vkCreateInstance failed (-9)"));
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	guest_close(&g);
}

/* --- physical devices ------------------------------------------------------------------------------- */

static void physical_devices_have_one_id(void)
{
	const struct guest_setup setup = { .no_device = true };
	uint64_t other = OTHER;
	uint32_t one = 1;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	CHECK_EQ(count_devices(&g), VK_SUCCESS);
	CHECK_EQ(count_of(&g), 1);
	CHECK_EQ(enumerate(&g, 1, PHYSICAL), VK_SUCCESS);
	CHECK_EQ(enumerate(&g, 1, PHYSICAL), VK_SUCCESS);
	CHECK_REFUSED(&g, "the guest gives a physical device another id", vkEnumeratePhysicalDevices,
	              ON_INSTANCE, .pPhysicalDeviceCount = &one, .pPhysicalDevices = &other);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	other = INSTANCE;
	CHECK_REFUSED(&g, "a new object's id", vkEnumeratePhysicalDevices, ON_INSTANCE,
	              .pPhysicalDeviceCount = &one, .pPhysicalDevices = &other);
	guest_close(&g);
}

/* The only device, twice, as if a host had two of them. */
static VkResult two_devices(VkInstance instance, uint32_t *count, VkPhysicalDevice *out)
{
	uint32_t one = 1;
	const VkResult ret = ORIGINAL(vkEnumeratePhysicalDevices)(instance, &one, out);

	*count = 2;
	if (out != NULL) {
		out[1] = out[0];
	}
	return ret;
}

static void replace_devices(void)
{
	REPLACE(vkEnumeratePhysicalDevices, two_devices);
}

static void some_of_the_physical_devices(void)
{
	const struct guest_setup setup = { .no_device = true, .replace = replace_devices };
	uint64_t ids[] = { PHYSICAL, OTHER };
	uint32_t n = 2;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	CHECK_EQ(enumerate(&g, 1, PHYSICAL), VK_INCOMPLETE);
	CHECK_EQ(count_of(&g), 1);
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDevices, ON_INSTANCE, .pPhysicalDeviceCount = &n,
	              .pPhysicalDevices = ids),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), 2);
	CHECK_EQ(guest_wide(&g, 36), OTHER);
	guest_close(&g);
}

static void no_physical_devices(void)
{
	static const struct {
		const char *driver;
		VkResult ret;
	} rows[] = {
		{ "fail=vkEnumeratePhysicalDevices:VK_ERROR_INITIALIZATION_FAILED",
		  VK_ERROR_INITIALIZATION_FAILED },
		{ "fail=vkEnumeratePhysicalDevices:VK_ERROR_OUT_OF_HOST_MEMORY:after=1",
		  VK_ERROR_OUT_OF_HOST_MEMORY },
		/* These leave no device that could be offered. */
		{ "fail=vkEnumerateDeviceExtensionProperties:VK_ERROR_OUT_OF_HOST_MEMORY", VK_SUCCESS },
		{ "fail=vkCreateDevice:VK_ERROR_INITIALIZATION_FAILED", VK_SUCCESS },
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		const struct guest_setup setup = { .no_device = true, .driver = rows[i].driver };
		struct guest g;

		guest_open(&g, &setup);
		CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
		CHECK_EQ(count_devices(&g), rows[i].ret);
		CHECK_EQ(count_of(&g), 0);
		guest_close(&g);
	}
}

static void a_venus_device(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties2)(physical, out);
	for (VkPhysicalDeviceProperties2 *s = out->pNext; s != NULL; s = s->pNext) {
		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES) {
			((VkPhysicalDeviceDriverProperties *)(void *)s)->driverID = VK_DRIVER_ID_MESA_VENUS;
		}
	}
}

static void replace_by_venus(void)
{
	REPLACE(vkGetPhysicalDeviceProperties2, a_venus_device);
}

/* Vitrine in a guest of itself would offer its own devices. */
static void venus_devices_are_not_offered(void)
{
	const struct guest_setup setup = { .no_device = true, .replace = replace_by_venus };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	CHECK_EQ(count_devices(&g), VK_SUCCESS);
	CHECK_EQ(count_of(&g), 0);
	CHECK(guest_log_has(&g, "is a Venus device itself"));
	guest_close(&g);
}

/* Three groups: the device with another one, the other one, the device. */
static VkResult three_groups(VkInstance instance, uint32_t *count, VkPhysicalDeviceGroupProperties *out)
{
	uint32_t one = 1;
	const VkResult ret = ORIGINAL(vkEnumeratePhysicalDeviceGroups)(instance, &one, out);

	*count = 3;
	if (out != NULL) {
		out[2] = out[1] = out[0];
		out[0].physicalDeviceCount = 2;
		out[0].physicalDevices[1] = out[0].physicalDevices[0];
		out[0].physicalDevices[0] = (VkPhysicalDevice)(void *)&destroyed;
		out[1].physicalDevices[0] = (VkPhysicalDevice)(void *)&destroyed;
	}
	return ret;
}

static void replace_groups(void)
{
	REPLACE(vkEnumeratePhysicalDeviceGroups, three_groups);
}

/* A group's devices are the guest's ids; those that it does not have are left out. */
static void groups(void)
{
	const struct guest_setup setup = { .no_device = true, .replace = replace_groups };
	VkPhysicalDeviceGroupProperties group[3] = {
		{ .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES },
		{ .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES },
		{ .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES },
	};
	uint32_t n = 0;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(make_instance(&g, &plain_instance), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDeviceGroups, ON_INSTANCE, .pPhysicalDeviceGroupCount = &n),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), 0);
	CHECK_EQ(enumerate(&g, 1, PHYSICAL), VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDeviceGroups, ON_INSTANCE, .pPhysicalDeviceGroupCount = &n),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), 2);
	n = 3;
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDeviceGroups, ON_INSTANCE, .pPhysicalDeviceGroupCount = &n,
	              .pPhysicalDeviceGroupProperties = group),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), 2);
	/* Behind the count: the array's length, sType, pNext, the number of devices, the array's length, the ids. */
	CHECK_EQ(guest_wide(&g, 20), 2);
	CHECK_EQ(guest_word(&g, 40), 1);
	CHECK_EQ(guest_wide(&g, 52), PHYSICAL);
	CHECK_EQ(guest_wide(&g, 60), 0);
	n = 1;
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDeviceGroups, ON_INSTANCE, .pPhysicalDeviceGroupCount = &n,
	              .pPhysicalDeviceGroupProperties = group),
	         VK_INCOMPLETE);
	CHECK_EQ(count_of(&g), 1);
	guest_close(&g);
}

static void groups_fail(void)
{
	static const char *const drivers[] = {
		"fail=vkEnumeratePhysicalDeviceGroups:VK_ERROR_OUT_OF_HOST_MEMORY",
		"fail=vkEnumeratePhysicalDeviceGroups:VK_ERROR_OUT_OF_HOST_MEMORY:after=1",
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(drivers); i++) {
		const struct guest_setup setup = { .driver = drivers[i] };
		uint32_t n = 1;
		struct guest g;

		guest_open(&g, &setup);
		CHECK_EQ(CALL(&g, vkEnumeratePhysicalDeviceGroups, ON_INSTANCE,
		              .pPhysicalDeviceGroupCount = &n),
		         VK_ERROR_OUT_OF_HOST_MEMORY);
		CHECK_EQ(count_of(&g), 0);
		guest_close(&g);
	}
}

static void extensions_of_a_device(void)
{
	static VkExtensionProperties props[400];
	const char layer[] = "layer";
	uint32_t n = 0, all;
	struct guest g;

	guest_open(&g, NULL);
	CHECK_EQ(CALL(&g, vkEnumerateDeviceExtensionProperties, ON_PHYSICAL, .pPropertyCount = &n),
	         VK_SUCCESS);
	all = count_of(&g);
	CHECK(all > 100 && all < 400);
	n = all - 1;
	CHECK_EQ(CALL(&g, vkEnumerateDeviceExtensionProperties, ON_PHYSICAL, .pPropertyCount = &n,
	              .pProperties = props),
	         VK_INCOMPLETE);
	CHECK_EQ(count_of(&g), all - 1);
	n = 400;
	CHECK_EQ(CALL(&g, vkEnumerateDeviceExtensionProperties, ON_PHYSICAL, .pPropertyCount = &n,
	              .pProperties = props),
	         VK_SUCCESS);
	CHECK_EQ(count_of(&g), all);
	CHECK_EQ(CALL(&g, vkEnumerateDeviceLayerProperties, ON_PHYSICAL, .pPropertyCount = &n), VK_SUCCESS);
	CHECK_EQ(count_of(&g), 0);
	CHECK_REFUSED(&g, "a layer is requested", vkEnumerateDeviceExtensionProperties, ON_PHYSICAL,
	              .pLayerName = layer, .pPropertyCount = &n);
	guest_close(&g);
}

/* --- devices ---------------------------------------------------------------------------------------- */

static void offer(void)
{
	fake_loader_offer("VK_KHR_acceleration_structure");
}

static void offer_both(void)
{
	offer();
	fake_loader_offer("VK_KHR_deferred_host_operations");
}

/* What the guest enables, what it only thinks that it enables, and what we need. */
static void extensions_that_are_enabled(void)
{
	const struct guest_setup setup = { .replace = offer_both };
	static const char *const names[] = { "VK_EXT_image_drm_format_modifier", /* ours alone */
		                             "VK_KHR_acceleration_structure", "VK_KHR_present_id2",
		                             "VK_EXT_robustness2", "VK_EXT_robustness2" };
	struct guest g;

	guest_open(&g, &setup);
	CHECK(!fake_loader_enabled("VK_KHR_deferred_host_operations"));
	CHECK_EQ(guest_make_device(&g, OTHER, NULL, names, 5), VK_SUCCESS);
	CHECK(!fake_loader_enabled("VK_EXT_image_drm_format_modifier"));
	CHECK(!fake_loader_enabled("VK_KHR_present_id2"));
	CHECK(fake_loader_enabled("VK_KHR_acceleration_structure"));
	CHECK(fake_loader_enabled("VK_KHR_deferred_host_operations"));
	CHECK(fake_loader_enabled("VK_EXT_robustness2"));
	CHECK(fake_loader_enabled("VK_EXT_external_memory_host"));
	CHECK(fake_loader_enabled("VK_KHR_external_memory_fd"));
	CHECK(!fake_loader_enabled("VK_KHR_timeline_semaphore")); /* which is core */
	guest_close(&g);
}

static void extensions_of_an_older_driver(void)
{
	const struct guest_setup setup = {
		.driver = "portability,version=1.1,without=VK_EXT_external_memory_host",
		.replace = offer,
	};
	static const char *const names[] = { "VK_KHR_acceleration_structure", "VK_KHR_timeline_semaphore" };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(guest_make_device(&g, OTHER, NULL, names, 2), VK_SUCCESS);
	CHECK(fake_loader_enabled("VK_KHR_timeline_semaphore"));
	CHECK(fake_loader_enabled("VK_KHR_portability_subset"));
	CHECK(!fake_loader_enabled("VK_KHR_deferred_host_operations"));
	CHECK(!fake_loader_enabled("VK_EXT_external_memory_host"));
	CHECK_OK(vtr_venus_fence(g.venus, TIMELINE, 1));
	CHECK_EQ(guest_fences(&g), 1);
	guest_close(&g);
}

static VkBool32 seen_events, seen_fans;

static VkResult note_features(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDevice *out)
{
	const VkPhysicalDevicePortabilitySubsetFeaturesKHR *subset =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_FEATURES_KHR);

	CHECK(subset != NULL);
	seen_events = subset->events;
	seen_fans = subset->triangleFans;
	return ORIGINAL(vkCreateDevice)(physical, info, allocator, out);
}

static void replace_for_features(void)
{
	REPLACE(vkCreateDevice, note_features);
}

/* The guest knows nothing of the driver's kind, and may use all that the driver has: the probe's device and the
 * guest's enable it. */
static void a_portability_driver(void)
{
	const struct guest_setup setup = { .driver = "portability", .replace = replace_for_features };
	const VkEventCreateInfo event = { .sType = VK_STRUCTURE_TYPE_EVENT_CREATE_INFO };
	struct guest g;

	guest_open(&g, &setup);
	CHECK(seen_events);
	CHECK(!seen_fans);
	CHECK_EQ(CALL(&g, vkCreateEvent, .device = ID(VkDevice, DEVICE), .pCreateInfo = &event,
	              .pEvent = OTHER),
	         VK_SUCCESS);
	guest_close(&g);
}

/* A driver may know a command of Vulkan 1.3 by its extension's name only. */
static void older_names(void)
{
	const struct guest_setup setup = { .driver = "aliases=1.2", .replace = offer };
	struct guest g;

	guest_open(&g, &setup);
	CHECK(fake_loader_enabled("VK_KHR_synchronization2"));
	CHECK_EQ(CALL(&g, vkQueueSubmit2, .queue = ID(VkQueue, QUEUE)), VK_SUCCESS);
	guest_close(&g);
}

static void older_names_fail(void)
{
	/* The first two devices are the probe's, and the guest's without these extensions. */
	const struct guest_setup setup = { .driver = "aliases=1.2,fail=vkCreateDevice:"
		                                     "VK_ERROR_OUT_OF_HOST_MEMORY:after=2:times=1",
		                           .no_device = true };
	struct guest g;

	guest_open(&g, &setup);
	guest_make_instance(&g);
	CHECK_EQ(guest_make_device(&g, DEVICE, NULL, NULL, 0), VK_ERROR_OUT_OF_HOST_MEMORY);
	CHECK_EQ(guest_make_device(&g, DEVICE, NULL, NULL, 0), VK_SUCCESS);
	guest_close(&g);
}

static void a_device_fails(void)
{
	const struct guest_setup setup = { .driver = "fail=vkCreateDevice:VK_ERROR_TOO_MANY_OBJECTS:"
		                                     "after=2:times=2" };
	const VkDeviceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(guest_make_device(&g, OTHER, NULL, NULL, 0), VK_ERROR_TOO_MANY_OBJECTS);
	CHECK(guest_log_has(&g, "vkCreateDevice failed (-10)"));
	CHECK_OK(SEND(&g, vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &info, .pDevice = OTHER));
	CHECK(CALL(&g, vkDeviceWaitIdle, .device = ID(VkDevice, OTHER)) < 0);
	CHECK_OK(SEND(&g, vkDestroyDevice, .device = ID(VkDevice, OTHER)));
	CHECK_EQ(guest_make_device(&g, OTHER, NULL, NULL, 0), VK_SUCCESS);
	CHECK_REFUSED(&g, "a new object's id", vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &info,
	              .pDevice = DEVICE);
	guest_close(&g);
}

/* The feature is enabled in the struct that the guest sends, or in one of ours. */
static uint32_t seen_timeline_structs, seen_timeline_on;

static VkResult note_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                            const VkAllocationCallbacks *allocator, VkDevice *out)
{
	seen_timeline_structs = seen_timeline_on = 0;
	for (const VkPhysicalDeviceFeatures2 *s = info->pNext; s != NULL; s = s->pNext) {
		const void *any = s;

		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES) {
			seen_timeline_structs++;
			seen_timeline_on +=
				((const VkPhysicalDeviceTimelineSemaphoreFeatures *)any)->timelineSemaphore;
		} else if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES) {
			seen_timeline_structs++;
			seen_timeline_on +=
				((const VkPhysicalDeviceVulkan12Features *)any)->timelineSemaphore;
		}
	}
	return ORIGINAL(vkCreateDevice)(physical, info, allocator, out);
}

static void replace_device(void)
{
	REPLACE(vkCreateDevice, note_device);
}

static void the_timeline_feature(void)
{
	const struct guest_setup setup = { .replace = replace_device };
	VkPhysicalDeviceVulkan12Features v12 = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
	};
	VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES
	};
	const void *const chains[] = { NULL, &v12, &timeline };
	struct guest g;

	guest_open(&g, &setup);
	for (uint32_t i = 0; i < VTR_ARRAY_LEN(chains); i++) {
		CHECK_EQ(guest_make_device(&g, OTHER + i, chains[i], NULL, 0), VK_SUCCESS);
		CHECK_EQ(seen_timeline_structs, 1);
		CHECK_EQ(seen_timeline_on, 1);
	}
	guest_close(&g);
}

static void too_many_queues(void)
{
	static const float priorities[16];
	VkDeviceQueueCreateInfo queues[5];
	const VkDeviceCreateInfo info = { .queueCreateInfoCount = 5, .pQueueCreateInfos = queues };
	struct guest g;

	for (size_t i = 0; i < VTR_ARRAY_LEN(queues); i++) {
		queues[i] = (VkDeviceQueueCreateInfo){ .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
			                               .queueCount = 16,
			                               .pQueuePriorities = priorities };
	}
	guest_open(&g, NULL);
	CHECK_EQ(CALL(&g, vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &info, .pDevice = OTHER),
	         VK_ERROR_TOO_MANY_OBJECTS);
	guest_close(&g);
}

/* A queue with flags is found with these flags only. */
static void protected_queues(void)
{
	static const float priority = 1.0f;
	const VkDeviceQueueCreateInfo queues[] = {
		{ .flags = VK_DEVICE_QUEUE_CREATE_PROTECTED_BIT,
		  .queueCount = 1,
		  .pQueuePriorities = &priority },
		{ .queueFamilyIndex = 2, .queueCount = 1, .pQueuePriorities = &priority },
	};
	const VkDeviceCreateInfo info = { .queueCreateInfoCount = 2, .pQueueCreateInfos = queues };
	const VkDeviceQueueInfo2 flagged = { .flags = VK_DEVICE_QUEUE_CREATE_PROTECTED_BIT };
	struct guest g;

	guest_open(&g, NULL);
	CHECK_EQ(CALL(&g, vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &info, .pDevice = OTHER), VK_SUCCESS);
	CHECK_OK(SEND(&g, vkGetDeviceQueue2, .device = ID(VkDevice, OTHER), .pQueueInfo = &flagged,
	              .pQueue = OTHER + 1));
	CHECK_OK(SEND(&g, vkGetDeviceQueue, .device = ID(VkDevice, OTHER), .queueFamilyIndex = 2,
	              .pQueue = OTHER + 2));
	CHECK_EQ(CALL(&g, vkQueueWaitIdle, .queue = ID(VkQueue, OTHER + 1)), VK_SUCCESS);
	CHECK_REFUSED(&g, "the queue does not exist", vkGetDeviceQueue, .device = ID(VkDevice, OTHER),
	              .pQueue = OTHER + 3);
	guest_close(&g);
}

/* This driver has no sparse binding, so nothing of it may be enabled. */
static void sparse_binding_that_is_not_offered(void)
{
	const VkPhysicalDeviceFeatures features = { .sparseBinding = VK_TRUE }, none = { 0 };
	const VkPhysicalDeviceFeatures2 chained = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                                    .features = features };
	const VkDeviceCreateInfo plain = { .pEnabledFeatures = &features },
				 without = { .pEnabledFeatures = &none };
	struct guest g;

	guest_open(&g, NULL);
	CHECK_EQ(CALL(&g, vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &plain, .pDevice = OTHER),
	         VK_ERROR_FEATURE_NOT_PRESENT);
	CHECK_EQ(guest_make_device(&g, OTHER, &chained, NULL, 0), VK_ERROR_FEATURE_NOT_PRESENT);
	CHECK_EQ(CALL(&g, vkCreateDevice, ON_PHYSICAL, .pCreateInfo = &without, .pDevice = OTHER),
	         VK_SUCCESS);
	guest_close(&g);
}

/* --- the end of a device ---------------------------------------------------------------------------- */

#define NOTE_DESTROY(Type)                                                                                   \
	static void note_destroy_##Type(VkDevice device, Vk##Type o, const VkAllocationCallbacks *allocator) \
	{                                                                                                    \
		destroyed += o != NULL;                                                                      \
		ORIGINAL(vkDestroy##Type)(device, o, allocator);                                             \
	}
NOTE_DESTROY(Event)
NOTE_DESTROY(QueryPool)
NOTE_DESTROY(Buffer)
NOTE_DESTROY(BufferView)
NOTE_DESTROY(ShaderModule)
NOTE_DESTROY(PipelineCache)
NOTE_DESTROY(PipelineLayout)
NOTE_DESTROY(Sampler)
NOTE_DESTROY(DescriptorSetLayout)
NOTE_DESTROY(RenderPass)
NOTE_DESTROY(Framebuffer)
NOTE_DESTROY(PrivateDataSlot)
NOTE_DESTROY(DeferredOperationKHR)

static void replace_destroy(void)
{
	destroyed = 0;
	REPLACE(vkDestroyEvent, note_destroy_Event);
	REPLACE(vkDestroyQueryPool, note_destroy_QueryPool);
	REPLACE(vkDestroyBuffer, note_destroy_Buffer);
	REPLACE(vkDestroyBufferView, note_destroy_BufferView);
	REPLACE(vkDestroyShaderModule, note_destroy_ShaderModule);
	REPLACE(vkDestroyPipelineCache, note_destroy_PipelineCache);
	REPLACE(vkDestroyPipelineLayout, note_destroy_PipelineLayout);
	REPLACE(vkDestroySampler, note_destroy_Sampler);
	REPLACE(vkDestroyDescriptorSetLayout, note_destroy_DescriptorSetLayout);
	REPLACE(vkDestroyRenderPass, note_destroy_RenderPass);
	REPLACE(vkDestroyFramebuffer, note_destroy_Framebuffer);
	REPLACE(vkDestroyPrivateDataSlot, note_destroy_PrivateDataSlot);
	REPLACE(vkDestroyDeferredOperationKHR, note_destroy_DeferredOperationKHR);
}

#define CREATE(g, Name, Info, member, id)                                                        \
	CHECK_EQ(CALL(g, vkCreate##Name, .device = ID(VkDevice, DEVICE), .pCreateInfo = &(Info), \
	              .member = (id)),                                                           \
	         VK_SUCCESS)

static void make_one_of_each(struct guest *g)
{
	static const uint32_t code[] = { 0x07230203 };
	const VkBufferCreateInfo buffer = { .size = 64 };
	const VkBufferViewCreateInfo view = { .buffer = ID(VkBuffer, OTHER), .range = 64 };
	const VkShaderModuleCreateInfo shader = { .codeSize = sizeof(code), .pCode = code };

	CREATE(g, Buffer, buffer, pBuffer, OTHER);
	CREATE(g, BufferView, view, pView, OTHER + 1);
	CREATE(g, ShaderModule, shader, pShaderModule, OTHER + 2);
	CREATE(g, Event, (VkEventCreateInfo){ 0 }, pEvent, OTHER + 3);
	CREATE(g, QueryPool, (VkQueryPoolCreateInfo){ .queryCount = 1 }, pQueryPool, OTHER + 4);
	CREATE(g, PipelineCache, (VkPipelineCacheCreateInfo){ 0 }, pPipelineCache, OTHER + 5);
	CREATE(g, PipelineLayout, (VkPipelineLayoutCreateInfo){ 0 }, pPipelineLayout, OTHER + 6);
	CREATE(g, Sampler, (VkSamplerCreateInfo){ 0 }, pSampler, OTHER + 7);
	CREATE(g, DescriptorSetLayout, (VkDescriptorSetLayoutCreateInfo){ 0 }, pSetLayout, OTHER + 8);
	CREATE(g, RenderPass, (VkRenderPassCreateInfo){ 0 }, pRenderPass, OTHER + 9);
	CREATE(g, Framebuffer, (VkFramebufferCreateInfo){ .renderPass = ID(VkRenderPass, OTHER + 9) },
	       pFramebuffer, OTHER + 10);
	CREATE(g, PrivateDataSlot, (VkPrivateDataSlotCreateInfo){ 0 }, pPrivateDataSlot, OTHER + 11);
}

/* The driver's objects end with their device, in whichever way that ends; leaks of others are found by ASan. */
static void objects_end_with_their_device(void)
{
	const struct guest_setup setup = { .replace = replace_destroy };
	struct guest g;

	guest_open(&g, &setup);
	make_one_of_each(&g);
	CHECK_OK(SEND(&g, vkDestroyDevice, .device = ID(VkDevice, DEVICE)));
	CHECK_EQ(destroyed, 12);
	guest_close(&g);

	guest_open(&g, &setup);
	make_one_of_each(&g);
	guest_close(&g);
	CHECK_EQ(destroyed, 12);
}

int main(void)
{
	RUN(without_a_driver);
	RUN(what_is_known_before_an_instance);
	RUN(instances);
	RUN(an_instance_fails);
	RUN(physical_devices_have_one_id);
	RUN(some_of_the_physical_devices);
	RUN(no_physical_devices);
	RUN(venus_devices_are_not_offered);
	RUN(groups);
	RUN(groups_fail);
	RUN(extensions_of_a_device);
	RUN(extensions_that_are_enabled);
	RUN(extensions_of_an_older_driver);
	RUN(a_portability_driver);
	RUN(older_names);
	RUN(older_names_fail);
	RUN(a_device_fails);
	RUN(the_timeline_feature);
	RUN(too_many_queues);
	RUN(protected_queues);
	RUN(sparse_binding_that_is_not_offered);
	RUN(objects_end_with_their_device);
	return 0;
}
