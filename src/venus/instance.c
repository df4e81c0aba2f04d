/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/instance.h"

#include <stdlib.h>

#include "base/log.h"
#include "venus/device.h"
#include "vk/renderer_config.h"

#define PORTABILITY "VK_KHR_portability_enumeration"

void vtr_hand_vkEnumerateInstanceVersion(struct vtr_dispatch *d, struct vtw_vkEnumerateInstanceVersion *a)
{
	struct vtr_loader *loader;

	a->ret = VK_ERROR_INITIALIZATION_FAILED;
	if (vtr_loader_get(d->venus->log, &loader) == VTR_OK) {
		*a->pApiVersion = VTR_VK_VERSION;
		a->ret = VK_SUCCESS;
	}
}

/* The two extensions of the Venus protocol itself; guests do not query them. */
void vtr_hand_vkEnumerateInstanceExtensionProperties(struct vtr_dispatch *d,
                                                     struct vtw_vkEnumerateInstanceExtensionProperties *a)
{
	static const VkExtensionProperties list[] = {
		{ "VK_EXT_command_serialization", 1 },
		{ "VK_MESA_venus_protocol", 4 },
	};
	const uint32_t n = a->pProperties == NULL ? 2 : *a->pPropertyCount < 2 ? *a->pPropertyCount : 2;

	(void)d;
	for (uint32_t i = 0; a->pProperties != NULL && i < n; i++) {
		a->pProperties[i] = list[i];
	}
	*a->pPropertyCount = n;
	a->ret = n < 2 ? VK_INCOMPLETE : VK_SUCCESS;
}

void vtr_hand_vkEnumerateInstanceLayerProperties(struct vtr_dispatch *d,
                                                 struct vtw_vkEnumerateInstanceLayerProperties *a)
{
	(void)d;
	*a->pPropertyCount = 0; /* layers are only in the guest */
	a->ret = VK_SUCCESS;
}

void vtr_hand_vkEnumerateDeviceLayerProperties(struct vtr_dispatch *d,
                                               struct vtw_vkEnumerateDeviceLayerProperties *a)
{
	(void)d;
	*a->pPropertyCount = 0;
	a->ret = VK_SUCCESS;
}

static VkResult make_instance(struct vtr_venus *venus, const VkInstanceCreateInfo *guest,
                              VkInstance *out_instance)
{
	VkApplicationInfo app = { .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO };
	VkInstanceCreateInfo info = { .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		                      .pApplicationInfo = &app };
	const char *portability = PORTABILITY;

	if (guest->pApplicationInfo != NULL) { /* drivers have workarounds by application name */
		app = *guest->pApplicationInfo;
		app.pNext = NULL;
	}
	app.apiVersion = VTR_VK_VERSION;
	if (vtr_loader_has_extension(venus->loader, PORTABILITY)) {
		info.flags |= VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
		info.enabledExtensionCount = 1;
		info.ppEnabledExtensionNames = &portability;
	}
	return venus->loader->create_instance(&info, NULL, out_instance);
}

/* Called with instance_lock held, like destroy_instance(). */
static void create_instance(struct vtr_dispatch *d, struct vtw_vkCreateInstance *a)
{
	struct vtr_venus *venus = d->venus;
	VkInstance handle = NULL;
	struct vtr_vk_object *o;

	if (venus->instance != NULL) {
		vtr_dispatch_fail(d, "a second instance is created in one context");
		return;
	}
	if (a->pCreateInfo->enabledLayerCount != 0) {
		a->ret = VK_ERROR_LAYER_NOT_PRESENT;
		return;
	}
	if (a->pCreateInfo->enabledExtensionCount != 0) {
		a->ret = VK_ERROR_EXTENSION_NOT_PRESENT;
		return;
	}
	if (vtr_loader_get(venus->log, &venus->loader) != VTR_OK) {
		a->ret = VK_ERROR_INITIALIZATION_FAILED;
		return;
	}
	o = vtr_object_reserve(d, NULL, VK_OBJECT_TYPE_INSTANCE, a->pInstance, &a->ret);
	if (o == NULL) {
		return;
	}
	a->ret = make_instance(venus, a->pCreateInfo, &handle);
	if (a->ret == VK_SUCCESS) {
		vtw_load_instance_procs(&venus->instance_procs, venus->loader->get, handle);
		o->procs = &venus->instance_procs;
		venus->instance = o;
	} else {
		vtr_error(
			venus->log,
			"the host's vkCreateInstance failed (%d), so the program gets no device: the Vulkan "
			"driver is missing or broken. 'vitrine doctor' examines this host",
			a->ret);
	}
	vtr_object_publish(d, o, (uintptr_t)handle, a->ret);
}

void vtr_hand_vkCreateInstance(struct vtr_dispatch *d, struct vtw_vkCreateInstance *a)
{
	if (vtr_retire_reclaim(&d->venus->retire) >= VTR_MAX_RETIRED) {
		a->ret = VK_ERROR_OUT_OF_HOST_MEMORY;
		return;
	}
	pthread_mutex_lock(&d->venus->instance_lock);
	create_instance(d, a);
	pthread_mutex_unlock(&d->venus->instance_lock);
}

/* Destroys all objects of the instance, devices first. */
static void destroy_instance(struct vtr_venus *venus)
{
	struct vtr_vk_object *instance = venus->instance;

	for (uint32_t i = 0; i < venus->physical_count; i++) {
		struct vtr_physical *p = venus->physicals[i];

		if (p->object != NULL) {
			vtr_object_remove(&venus->dispatch, &p->object->base);
		}
		p->gone = true;
		vtr_retire_add(&venus->retire, &p->retired);
	}
	free(venus->physicals);
	venus->physicals = NULL;
	venus->physical_count = 0;
	venus->instance = NULL;
	vtr_object_remove(&venus->dispatch, &instance->base);
	venus->instance_procs.vkDestroyInstance((VkInstance)(uintptr_t)instance->base.handle, NULL);
}

void vtr_instance_finish(struct vtr_venus *venus)
{
	if (venus->instance != NULL) {
		vtr_devices_destroy(venus);
		destroy_instance(venus);
	}
}

void vtr_hand_vkDestroyInstance(struct vtr_dispatch *d, struct vtw_vkDestroyInstance *a)
{
	pthread_mutex_lock(&d->venus->instance_lock);
	if (d->venus->instance == vtr_vk(a->instance_obj)) { /* otherwise another ring has destroyed it */
		vtr_instance_finish(d->venus);
	}
	pthread_mutex_unlock(&d->venus->instance_lock);
}

/* --- physical devices ------------------------------------------------------------------------------- */

/* Called with instance_lock held. A command may hold an instance that another ring has destroyed meanwhile. */
static bool is_current(struct vtr_dispatch *d, struct vtr_object *instance)
{
	if (d->venus->instance != vtr_vk(instance)) {
		vtr_dispatch_fail(d, "the instance was destroyed meanwhile");
		return false;
	}
	return true;
}

static VkResult find_physicals(struct vtr_venus *venus, VkInstance instance)
{
	const struct vtw_instance_procs *vk = &venus->instance_procs;
	const bool one = venus->params.config->one_device;
	VkPhysicalDevice *handles;
	uint32_t n = 0;
	VkResult ret = vk->vkEnumeratePhysicalDevices(instance, &n, NULL);

	if (ret != VK_SUCCESS || n == 0) {
		return ret;
	}
	handles = calloc(n, sizeof(VkPhysicalDevice));
	venus->physicals = calloc(n, sizeof(struct vtr_physical *));
	if (handles == NULL || venus->physicals == NULL) {
		free(handles);
		free(venus->physicals);
		venus->physicals = NULL; /* so that the next command tries again */
		return VK_ERROR_OUT_OF_HOST_MEMORY;
	}
	ret = vk->vkEnumeratePhysicalDevices(instance, &n, handles);
	/* A device that a driver lists twice has the same UUIDs: programs get it once if it was chosen. */
	for (uint32_t i = 0; ret >= 0 && i < n && !(one && venus->physical_count == 1); i++) {
		struct vtr_physical **slot = &venus->physicals[venus->physical_count];

		if (vtr_physical_create(venus->log, &venus->params, vk, handles[i], slot) == VTR_OK) {
			venus->physical_count++;
		}
	}
	free(handles);
	if (one && ret >= 0 && venus->physical_count == 0) {
		vtr_error(venus->log,
		          "the device that --gpu chose is gone or cannot be offered, so the program gets no "
		          "device. 'vitrine doctor' lists the devices of this host");
	}
	return ret < 0 ? ret : VK_SUCCESS;
}

/* Assigns the guest's ids to the devices, or checks that they are the same as before. */
static void name_physicals(struct vtr_dispatch *d, struct vtr_object *instance, const uint64_t *ids,
                           uint32_t n)
{
	struct vtr_venus *venus = d->venus;

	for (uint32_t i = 0; i < n; i++) {
		struct vtr_physical *p = venus->physicals[i];
		VkResult ret;

		if (p->object == NULL) {
			p->object =
				vtr_object_reserve(d, instance, VK_OBJECT_TYPE_PHYSICAL_DEVICE, ids[i], &ret);
			if (p->object == NULL) {
				return;
			}
			p->object->data = p;
			vtr_object_publish(d, p->object, (uintptr_t)p->handle, VK_SUCCESS);
		} else if (p->object->base.id != ids[i]) {
			vtr_dispatch_fail(d, "the guest gives a physical device another id");
			return;
		}
	}
}

static void enumerate(struct vtr_dispatch *d, struct vtw_vkEnumeratePhysicalDevices *a)
{
	struct vtr_venus *venus = d->venus;
	uint32_t n;

	a->ret = venus->physicals == NULL ? find_physicals(venus, a->instance) : VK_SUCCESS;
	n = venus->physical_count;
	if (a->ret == VK_SUCCESS && a->pPhysicalDevices != NULL) {
		if (*a->pPhysicalDeviceCount < n) {
			n = *a->pPhysicalDeviceCount;
			a->ret = VK_INCOMPLETE;
		}
		name_physicals(d, a->instance_obj, a->pPhysicalDevices, n);
	}
	*a->pPhysicalDeviceCount = n;
}

void vtr_hand_vkEnumeratePhysicalDevices(struct vtr_dispatch *d, struct vtw_vkEnumeratePhysicalDevices *a)
{
	pthread_mutex_lock(&d->venus->instance_lock);
	if (is_current(d, a->instance_obj)) {
		enumerate(d, a);
	}
	pthread_mutex_unlock(&d->venus->instance_lock);
}

/* Returns: the guest's id of a driver's device, 0 for one that is not offered. */
static uint64_t physical_id(const struct vtr_venus *venus, VkPhysicalDevice handle)
{
	for (uint32_t i = 0; i < venus->physical_count; i++) {
		const struct vtr_physical *p = venus->physicals[i];

		if (p->handle == handle && p->object != NULL) {
			return p->object->base.id;
		}
	}
	return 0;
}

/* Replaces the group's devices by the guest's ids and removes those that are not offered. Returns: false if
 * none is left. */
static bool name_group(const struct vtr_venus *venus, VkPhysicalDeviceGroupProperties *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->physicalDeviceCount; i++) {
		const uint64_t id = physical_id(venus, g->physicalDevices[i]);

		if (id != 0) {
			g->physicalDevices[n++] = (VkPhysicalDevice)(uintptr_t)id;
		}
	}
	for (uint32_t i = n; i < VK_MAX_DEVICE_GROUP_SIZE; i++) {
		g->physicalDevices[i] = NULL;
	}
	g->physicalDeviceCount = n;
	return n != 0;
}

static void enumerate_groups(struct vtr_dispatch *d, struct vtw_vkEnumeratePhysicalDeviceGroups *a)
{
	struct vtr_venus *venus = d->venus;
	VkPhysicalDeviceGroupProperties *groups;
	uint32_t n = 0, kept = 0;
	const uint32_t room = *a->pPhysicalDeviceGroupCount;

	*a->pPhysicalDeviceGroupCount = 0;
	a->ret = venus->instance_procs.vkEnumeratePhysicalDeviceGroups(a->instance, &n, NULL);
	groups = vtr_dispatch_alloc(d, n, sizeof(*groups));
	if (a->ret < 0 || groups == NULL) {
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		groups[i].sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES;
	}
	a->ret = venus->instance_procs.vkEnumeratePhysicalDeviceGroups(a->instance, &n, groups);
	if (a->ret < 0) {
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (!name_group(venus, &groups[i])) {
			continue;
		}
		if (a->pPhysicalDeviceGroupProperties != NULL && kept < room) {
			groups[i].pNext = a->pPhysicalDeviceGroupProperties[kept].pNext;
			a->pPhysicalDeviceGroupProperties[kept] = groups[i];
		}
		kept++;
	}
	a->ret = VK_SUCCESS;
	if (a->pPhysicalDeviceGroupProperties != NULL && kept > room) {
		a->ret = VK_INCOMPLETE;
		kept = room;
	}
	*a->pPhysicalDeviceGroupCount = kept;
}

void vtr_hand_vkEnumeratePhysicalDeviceGroups(struct vtr_dispatch *d,
                                              struct vtw_vkEnumeratePhysicalDeviceGroups *a)
{
	pthread_mutex_lock(&d->venus->instance_lock);
	if (is_current(d, a->instance_obj)) {
		enumerate_groups(d, a);
	}
	pthread_mutex_unlock(&d->venus->instance_lock);
}

void vtr_hand_vkEnumerateDeviceExtensionProperties(struct vtr_dispatch *d,
                                                   struct vtw_vkEnumerateDeviceExtensionProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	uint32_t n = p->extension_count;

	if (a->pLayerName != NULL) {
		vtr_dispatch_fail(d, "a layer is requested");
		return;
	}
	a->ret = VK_SUCCESS;
	if (a->pProperties != NULL) {
		if (*a->pPropertyCount < n) {
			n = *a->pPropertyCount;
			a->ret = VK_INCOMPLETE;
		}
		memcpy(a->pProperties, p->extensions, n * sizeof(*p->extensions));
	}
	*a->pPropertyCount = n;
}
