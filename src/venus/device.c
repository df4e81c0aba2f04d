/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "venus"
#include "venus/device.h"

#include <stdlib.h>

#include "base/log.h"
#include "venus/memory.h"
#include "venus/portability.h"
#include "venus/room.h"

/* --- creation --------------------------------------------------------------------------------------- */

static void add_name(struct vtr_extension_names *names, const char *name)
{
	for (uint32_t i = 0; i < names->n; i++) {
		if (strcmp(names->list[i], name) == 0) {
			return;
		}
	}
	if (names->n < VTR_MAX_EXTENSIONS) {
		names->list[names->n++] = name;
	}
}

void vtr_device_choose_extensions(const struct vtr_physical *p, const VkDeviceCreateInfo *info,
                                  struct vtr_extension_names *names)
{
	bool structures = false;

	names->n = 0;
	for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
		if (vtr_physical_has(p, info->ppEnabledExtensionNames[i])) {
			add_name(names, info->ppEnabledExtensionNames[i]);
		}
		structures |= strcmp(info->ppEnabledExtensionNames[i], "VK_KHR_acceleration_structure") == 0;
	}
	/* One feature requires the other. Guests handle that dependency themselves and do not report it. */
	if (structures && p->has.deferred_host) {
		add_name(names, "VK_KHR_deferred_host_operations");
	}
	if (p->has.host_memory) {
		add_name(names, "VK_EXT_external_memory_host");
	}
	if (p->has.memory_fd) {
		add_name(names, "VK_KHR_external_memory_fd");
	}
	if (p->has.dma_buf) {
		add_name(names, "VK_EXT_external_memory_dma_buf");
	}
	if (p->has.portability) {
		add_name(names, "VK_KHR_portability_subset");
	}
	if (p->has.timeline && !p->core_timeline) {
		add_name(names, "VK_KHR_timeline_semaphore");
	}
}

/* Transport fences are points on a timeline: enables the feature in the struct of the guest's chain that has
 * it. */
static bool enable_timeline(const struct vtr_physical *p, VkDeviceCreateInfo *info,
                            VkPhysicalDeviceTimelineSemaphoreFeatures *own)
{
	VkPhysicalDeviceVulkan12Features *v12 =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES);
	VkPhysicalDeviceTimelineSemaphoreFeatures *theirs =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES);
	VkPhysicalDeviceTimelineSemaphoreFeatures have = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES
	};
	VkPhysicalDeviceFeatures2 query = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
		                            .pNext = &have };

	if (!p->has.timeline) {
		return false;
	}
	p->procs->vkGetPhysicalDeviceFeatures2(p->handle, &query);
	if (!have.timelineSemaphore) {
		return false;
	}
	if (v12 != NULL) {
		v12->timelineSemaphore = VK_TRUE;
	} else if (theirs != NULL) {
		theirs->timelineSemaphore = VK_TRUE;
	} else {
		own->timelineSemaphore = VK_TRUE;
		vtr_chain_push(info, own);
	}
	return true;
}

static bool add_queue(struct vtr_device *device, const VkDeviceQueueCreateInfo *info, uint32_t index)
{
	const VkDeviceQueueInfo2 get = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_INFO_2,
		.flags = info->flags,
		.queueFamilyIndex = info->queueFamilyIndex,
		.queueIndex = index,
	};
	struct vtr_queue *q = calloc(1, sizeof(*q));

	if (q == NULL || device->queue_count >= VTR_MAX_QUEUES) {
		free(q);
		return false;
	}
	q->device = device;
	q->family = info->queueFamilyIndex;
	q->index = index;
	q->flags = info->flags;
	q->only_computes = vtr_physical_only_computes(device->physical, q->family);
	pthread_mutex_init(&q->lock, NULL);
	pthread_mutex_init(&q->look_lock, NULL);
	pthread_mutex_init(&q->fence_lock, NULL);
	vtr_list_init(&q->fences);
	if (info->flags == 0) { /* queues without flags come from vkGetDeviceQueue */
		device->procs.vkGetDeviceQueue(device->handle, q->family, index, &q->handle);
	} else {
		device->procs.vkGetDeviceQueue2(device->handle, &get, &q->handle);
	}
	device->queues[device->queue_count++] = q;
	return true;
}

static void device_free(struct vtr_retired *retired)
{
	struct vtr_device *device = vtr_container_of(retired, struct vtr_device, retired);

	for (uint32_t i = 0; i < device->queue_count; i++) {
		pthread_mutex_destroy(&device->queues[i]->look_lock);
		pthread_mutex_destroy(&device->queues[i]->fence_lock);
		pthread_mutex_destroy(&device->queues[i]->lock);
		free(device->queues[i]);
	}
	vtr_device_work_finish(device);
	pthread_mutex_destroy(&device->lock);
	free(device);
}

static struct vtr_device *device_alloc(struct vtr_venus *venus, struct vtr_physical *physical)
{
	struct vtr_device *device = calloc(1, sizeof(*device));

	if (device != NULL) {
		device->retired.free = device_free;
		device->venus = venus;
		device->physical = physical;
		vtr_device_work_init(device);
		pthread_mutex_init(&device->lock, NULL);
		vtr_list_init(&device->objects);
		vtr_list_init(&device->unfit);
	}
	return device;
}

static VkResult create_device(struct vtr_device *device, VkDeviceCreateInfo *info,
                              const struct vtr_extension_names *names)
{
	const struct vtr_physical *p = device->physical;
	VkResult ret;

	info->enabledExtensionCount = names->n;
	info->ppEnabledExtensionNames = names->list;
	ret = p->procs->vkCreateDevice(p->handle, info, NULL, &device->handle);
	if (ret == VK_SUCCESS) {
		vtw_load_device_procs(&device->procs, p->procs->vkGetDeviceProcAddr, device->handle,
		                      names->list, names->n);
	}
	return ret;
}

/* Extension names that the guest did not ask for, since their commands are core for it. */
struct older_names {
	const struct vtr_physical *physical;
	struct vtr_extension_names *names;
};

static void use_older_name(void *data, const char *extension)
{
	const struct older_names *older = data;

	if (vtr_physical_has(older->physical, extension)) {
		add_name(older->names, extension);
	}
}

/* Some drivers offer a command only by the name of its extension, not as a core command. What is missing
 * shows only after a device was created; then another one is created with those extensions. */
static VkResult open_by_older_names(struct vtr_device *device, VkDeviceCreateInfo *info,
                                    struct vtr_extension_names *names)
{
	const struct vtr_physical *p = device->physical;
	const uint32_t version = vtr_min(p->properties.apiVersion, VTR_VK_VERSION);
	struct older_names older = { .physical = p, .names = names };
	const uint32_t before = names->n;

	vtw_older_names(&device->procs, version, use_older_name, &older);
	if (names->n == before) {
		return VK_SUCCESS;
	}
	device->procs.vkDestroyDevice(device->handle, NULL);
	return create_device(device, info, names);
}

/* Returns: the handle type with which images and buffers are declared importable. */
static VkExternalMemoryHandleTypeFlagBits import_type(const struct vtr_device *device)
{
	for (uint32_t i = 0; i < device->physical->memory.memoryTypeCount; i++) {
		if (vtr_device_share(device, i) == VTR_SHARE_FD_IMPORT) {
			return VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
		}
	}
	return VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
}

static VkResult open_device(struct vtr_device *device, const VkDeviceCreateInfo *guest)
{
	const struct vtr_physical *p = device->physical;
	VkPhysicalDeviceTimelineSemaphoreFeatures timeline = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TIMELINE_SEMAPHORE_FEATURES
	};
	VkPhysicalDevicePortabilitySubsetFeaturesKHR portability;
	VkDeviceCreateInfo info = *guest;
	struct vtr_extension_names names;
	VkResult ret;

	device->sparse = vtr_sparse_enabled(guest);
	if (device->sparse && vtr_physical_hides_sparse(p)) {
		return VK_ERROR_FEATURE_NOT_PRESENT;
	}
	device->import_type = import_type(device);
	vtr_device_choose_extensions(p, guest, &names);
	info.enabledLayerCount = 0;
	device->timeline_semaphores = enable_timeline(p, &info, &timeline);
	device->work.watched = device->timeline_semaphores && device->venus->hang.limit_ns != 0;
	vtr_portability_enable(p, &info, &portability);
	ret = create_device(device, &info, &names);
	if (ret == VK_SUCCESS) {
		ret = open_by_older_names(device, &info, &names);
	}
	if (ret != VK_SUCCESS) {
		vtr_info(device->venus->log, "%s: vkCreateDevice failed (%d)", p->properties.deviceName, ret);
		return ret;
	}
	for (uint32_t i = 0; i < info.queueCreateInfoCount; i++) {
		for (uint32_t n = 0; n < info.pQueueCreateInfos[i].queueCount; n++) {
			if (!add_queue(device, &info.pQueueCreateInfos[i], n)) {
				device->procs.vkDestroyDevice(device->handle, NULL);
				return VK_ERROR_TOO_MANY_OBJECTS;
			}
		}
	}
	return VK_SUCCESS;
}

/* Adds the device to the context. Returns: false if its instance was destroyed meanwhile. */
static bool join(struct vtr_venus *venus, struct vtr_device *device)
{
	char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
	bool joined;

	pthread_mutex_lock(&venus->instance_lock);
	joined = !device->physical->gone;
	if (joined) {
		device->next = venus->devices;
		venus->devices = device;
		memcpy(name, device->physical->properties.deviceName, sizeof(name));
	}
	pthread_mutex_unlock(&venus->instance_lock);
	vtr_room_begin(venus->params.room, atomic_load(&venus->resources.budget.used));
	if (joined && venus->params.events->device) {
		venus->params.events->device(venus->params.data, name);
	}
	return joined;
}

void vtr_hand_vkCreateDevice(struct vtr_dispatch *d, struct vtw_vkCreateDevice *a)
{
	struct vtr_physical *physical = vtr_physical_of(a->physicalDevice_obj);
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->physicalDevice_obj, VK_OBJECT_TYPE_DEVICE, a->pDevice, &a->ret);
	struct vtr_device *device = NULL;

	if (o == NULL) {
		return;
	}
	if (vtr_retire_reclaim(&d->venus->retire) < VTR_MAX_RETIRED) {
		device = device_alloc(d->venus, physical);
	}
	a->ret = device != NULL && vtr_hang_start(d->venus) ? open_device(device, a->pCreateInfo) :
	                                                      VK_ERROR_OUT_OF_HOST_MEMORY;
	if (a->ret != VK_SUCCESS) {
		if (device != NULL) {
			device_free(&device->retired);
		}
		vtr_object_publish(d, o, 0, a->ret);
		return;
	}
	o->procs = &device->procs;
	o->data = o->device = device;
	device->object = o;
	if (join(d->venus, device)) {
		vtr_object_publish(d, o, (uintptr_t)device->handle, VK_SUCCESS);
	} else { /* the driver's device was destroyed with the instance */
		device_free(&device->retired);
		vtr_dispatch_fail(d, "the instance was destroyed meanwhile");
	}
}

/* --- destruction ------------------------------------------------------------------------------------ */

#define DESTROY(name, Name)                                                                               \
	case VK_OBJECT_TYPE_##name:                                                                       \
		device->procs.vkDestroy##Name(device->handle, (Vk##Name)(uintptr_t)o->base.handle, NULL); \
		break

static void destroy_child(struct vtr_device *device, struct vtr_vk_object *o)
{
	struct vtr_memory *memory;

	switch (o->base.type) {
		DESTROY(FENCE, Fence);
		DESTROY(SEMAPHORE, Semaphore);
		DESTROY(EVENT, Event);
		DESTROY(QUERY_POOL, QueryPool);
		DESTROY(BUFFER, Buffer);
		DESTROY(BUFFER_VIEW, BufferView);
		DESTROY(IMAGE, Image);
		DESTROY(IMAGE_VIEW, ImageView);
		DESTROY(SHADER_MODULE, ShaderModule);
		DESTROY(PIPELINE_CACHE, PipelineCache);
		DESTROY(PIPELINE, Pipeline);
		DESTROY(PIPELINE_LAYOUT, PipelineLayout);
		DESTROY(SAMPLER, Sampler);
		DESTROY(DESCRIPTOR_SET_LAYOUT, DescriptorSetLayout);
		DESTROY(DESCRIPTOR_POOL, DescriptorPool);
		DESTROY(FRAMEBUFFER, Framebuffer);
		DESTROY(RENDER_PASS, RenderPass);
		DESTROY(COMMAND_POOL, CommandPool);
		DESTROY(SAMPLER_YCBCR_CONVERSION, SamplerYcbcrConversion);
		DESTROY(DESCRIPTOR_UPDATE_TEMPLATE, DescriptorUpdateTemplate);
		DESTROY(PRIVATE_DATA_SLOT, PrivateDataSlot);
		DESTROY(ACCELERATION_STRUCTURE_KHR, AccelerationStructureKHR);
		DESTROY(DEFERRED_OPERATION_KHR, DeferredOperationKHR);
	case VK_OBJECT_TYPE_DEVICE_MEMORY:
		memory = vtr_memory_detach(device->venus, o);
		device->procs.vkFreeMemory(device->handle, (VkDeviceMemory)(uintptr_t)o->base.handle, NULL);
		vtr_memory_release(device->venus, memory);
		break;
	default: /* failed ones; queues, which end with the device */
		break;
	}
}

/* Returns: the object that was created last, since it may use others; NULL: none is left. */
static struct vtr_vk_object *take_child(struct vtr_device *device)
{
	struct vtr_vk_object *o = NULL;

	pthread_mutex_lock(&device->lock);
	if (!vtr_list_empty(&device->objects)) {
		o = vtr_container_of(device->objects.next, struct vtr_vk_object, link);
		vtr_list_remove(&o->link);
	}
	pthread_mutex_unlock(&device->lock);
	return o;
}

static void destroy_children(struct vtr_device *device)
{
	struct vtr_dispatch *d = &device->venus->dispatch;
	struct vtr_vk_object *o;

	while ((o = take_child(device)) != NULL) {
		if (vtr_object_remove(d, &o->base)) { /* otherwise another ring is destroying it */
			vtr_object_remove_children(d, o);
			destroy_child(device, o);
		}
	}
}

/* Called with instance_lock held. A correct guest uses the device in no other ring at this time. For other
 * guests, uses are stopped in this order: creating objects, submitting, finding objects. */
static void destroy(struct vtr_venus *venus, struct vtr_device *device)
{
	struct vtr_device **link = &venus->devices;

	while (*link != device) {
		link = &(*link)->next;
	}
	*link = device->next;
	pthread_mutex_lock(&device->lock);
	device->gone = true;
	pthread_mutex_unlock(&device->lock);
	vtr_device_close_queues(device);
	vtr_hang_begin_wait(venus);
	(void)device->procs.vkDeviceWaitIdle(device->handle);
	vtr_hang_end_wait(venus);
	vtr_device_finish_fences(device);
	destroy_children(device);
	(void)vtr_object_remove(&venus->dispatch, &device->object->base);
	device->procs.vkDestroyDevice(device->handle, NULL);
	vtr_retire_add(&venus->retire, &device->retired);
}

void vtr_devices_destroy(struct vtr_venus *venus)
{
	while (venus->devices != NULL) {
		destroy(venus, venus->devices);
	}
}

void vtr_hand_vkDestroyDevice(struct vtr_dispatch *d, struct vtw_vkDestroyDevice *a)
{
	struct vtr_device *device = vtr_vk(a->device_obj)->device;

	pthread_mutex_lock(&d->venus->instance_lock);
	if (!device->gone) { /* otherwise another ring has destroyed it */
		destroy(d->venus, device);
	}
	pthread_mutex_unlock(&d->venus->instance_lock);
}

/* --- queues ----------------------------------------------------------------------------------------- */

static struct vtr_queue *find_queue(const struct vtr_device *device, VkDeviceQueueCreateFlags flags,
                                    uint32_t family, uint32_t index)
{
	for (uint32_t i = 0; i < device->queue_count; i++) {
		struct vtr_queue *q = device->queues[i];

		if (q->family == family && q->index == index && q->flags == flags) {
			return q;
		}
	}
	return NULL;
}

/* Called with timeline_lock held. */
static void give_queue(struct vtr_dispatch *d, struct vtr_object *device_obj, struct vtr_queue *q,
                       uint64_t id, uint32_t timeline)
{
	VkResult ret;

	if (q == NULL || q->object != NULL || q->gone) {
		vtr_dispatch_fail(d, "the queue does not exist, or the guest has it already");
		return;
	}
	if (timeline != 0 && d->venus->timelines[timeline] != NULL) {
		vtr_cs_fail_value(&d->r, "a queue's timeline is in use", timeline);
		return;
	}
	q->object = vtr_object_reserve(d, device_obj, VK_OBJECT_TYPE_QUEUE, id, &ret);
	if (q->object == NULL) {
		return;
	}
	q->object->data = q;
	vtr_object_publish(d, q->object, (uintptr_t)q->handle, VK_SUCCESS);
	if (timeline != 0) {
		q->timeline = timeline;
		d->venus->timelines[timeline] = q;
	}
}

void vtr_hand_vkGetDeviceQueue(struct vtr_dispatch *d, struct vtw_vkGetDeviceQueue *a)
{
	struct vtr_device *device = vtr_vk(a->device_obj)->device;

	pthread_mutex_lock(&d->venus->timeline_lock);
	give_queue(d, a->device_obj, find_queue(device, 0, a->queueFamilyIndex, a->queueIndex), a->pQueue, 0);
	pthread_mutex_unlock(&d->venus->timeline_lock);
}

void vtr_hand_vkGetDeviceQueue2(struct vtr_dispatch *d, struct vtw_vkGetDeviceQueue2 *a)
{
	const VkDeviceQueueInfo2 *info = a->pQueueInfo;
	const VkDeviceQueueTimelineInfoMESA *timeline =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_DEVICE_QUEUE_TIMELINE_INFO_MESA);
	struct vtr_device *device = vtr_vk(a->device_obj)->device;
	const uint32_t n = timeline != NULL ? timeline->ringIdx : 0;

	if (timeline != NULL && (n == 0 || n >= VTR_TIMELINE_COUNT)) {
		vtr_cs_fail_value(&d->r, "a queue's timeline is out of range", n);
		return;
	}
	pthread_mutex_lock(&d->venus->timeline_lock);
	give_queue(d, a->device_obj,
	           find_queue(device, info->flags, info->queueFamilyIndex, info->queueIndex), a->pQueue, n);
	pthread_mutex_unlock(&d->venus->timeline_lock);
}
