/* SPDX-License-Identifier: MIT */
#include "vkclient.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Noreturn void vkc_fail(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	fprintf(stderr, "error: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

void vkc_check_at(VkResult result, const char *what, const char *file, int line)
{
	if (result != VK_SUCCESS) {
		vkc_fail("%s:%d: %s: VkResult %d", file, line, what, (int)result);
	}
}

uint64_t vkc_now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void *vkc_alloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);
	if (!p) {
		vkc_fail("out of memory (%zu x %zu bytes)", count, size);
	}
	return p;
}

static void load_instance_functions(struct vkc *c)
{
#define VKC_LOAD(name) c->vk.name = (PFN_vk##name)c->get_proc(c->instance, "vk" #name);
	VKC_INSTANCE_FUNCTIONS(VKC_LOAD)
#undef VKC_LOAD
}

static void load_device_functions(struct vkc *c)
{
#define VKC_LOAD(name) c->vk.name = (PFN_vk##name)c->vk.GetDeviceProcAddr(c->device, "vk" #name);
	VKC_DEVICE_FUNCTIONS(VKC_LOAD)
#undef VKC_LOAD
#define VKC_LOAD(name, suffix) \
	c->vk.name = (PFN_vk##name)c->vk.GetDeviceProcAddr(c->device, "vk" #name #suffix);
	VKC_DEVICE_ALIASES(VKC_LOAD)
#undef VKC_LOAD
}

static void load_library(struct vkc *c)
{
	memset(c, 0, sizeof(*c));
	c->library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!c->library) {
		vkc_fail("%s", dlerror());
	}
	void *symbol = dlsym(c->library, "vkGetInstanceProcAddr");
	if (!symbol) {
		vkc_fail("libvulkan.so.1 has no vkGetInstanceProcAddr");
	}
	memcpy(&c->get_proc, &symbol, sizeof(symbol)); /* ISO C has no cast for this */
#define VKC_LOAD(name) c->vk.name = (PFN_vk##name)c->get_proc(NULL, "vk" #name);
	VKC_GLOBAL_FUNCTIONS(VKC_LOAD)
#undef VKC_LOAD
}

void vkc_instance_open(struct vkc *c, const char *name)
{
	vkc_instance_open_with(c, name, VK_API_VERSION_1_3, false);
}

void vkc_instance_open_with(struct vkc *c, const char *name, uint32_t version, bool everything)
{
	load_library(c);
	uint32_t count = 0;
	if (everything) {
		vkc_check(c->vk.EnumerateInstanceExtensionProperties(NULL, &count, NULL));
	}
	VkExtensionProperties *list = vkc_alloc(count, sizeof(*list));
	const char **names = vkc_alloc(count, sizeof(*names));
	if (everything) {
		vkc_check(c->vk.EnumerateInstanceExtensionProperties(NULL, &count, list));
	}
	for (uint32_t i = 0; i < count; i++) {
		names[i] = list[i].extensionName;
	}
	VkApplicationInfo app = {
		.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
		.pApplicationName = name,
		.pEngineName = "vitrine",
		.apiVersion = version,
	};
	VkInstanceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
		.pApplicationInfo = &app,
		.enabledExtensionCount = count,
		.ppEnabledExtensionNames = names,
	};
	vkc_check(c->vk.CreateInstance(&info, NULL, &c->instance));
	free(names);
	free(list);
	load_instance_functions(c);
}

void vkc_physical_open(struct vkc *c, uint32_t index)
{
	VkPhysicalDevice devices[16];
	uint32_t count = 16;
	VkResult result = c->vk.EnumeratePhysicalDevices(c->instance, &count, devices);
	if (result < 0) {
		vkc_check(result);
	}
	if (index >= count) {
		vkc_fail("no Vulkan device number %u (there are %u)", index, count);
	}
	c->physical = devices[index];
	c->vk.GetPhysicalDeviceProperties(c->physical, &c->props);
	c->vk.GetPhysicalDeviceMemoryProperties(c->physical, &c->memory);
	vkc_check(c->vk.EnumerateDeviceExtensionProperties(c->physical, NULL, &c->extension_count, NULL));
	c->extensions = vkc_alloc(c->extension_count, sizeof(*c->extensions));
	vkc_check(c->vk.EnumerateDeviceExtensionProperties(c->physical, NULL, &c->extension_count,
	                                                   c->extensions));
}

bool vkc_has_extension(const struct vkc *c, const char *name)
{
	for (uint32_t i = 0; i < c->extension_count; i++) {
		if (!strcmp(c->extensions[i].extensionName, name)) {
			return true;
		}
	}
	return false;
}

static void choose_family(struct vkc *c)
{
	VkQueueFamilyProperties families[32];
	uint32_t count = 32;
	c->vk.GetPhysicalDeviceQueueFamilyProperties(c->physical, &count, families);
	for (uint32_t i = 0; i < count; i++) {
		VkQueueFlags wanted = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;
		if ((families[i].queueFlags & wanted) == wanted) {
			c->family = i;
			c->family_props = families[i];
			return;
		}
	}
	vkc_fail("%s has no graphics queue", c->props.deviceName);
}

/* Chains the feature structs that the device knows and asks for them. */
static void query_features(struct vkc *c, bool everything)
{
	struct vkc_features *f = &c->features;
	f->core.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
	f->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
	f->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
	f->v13.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES;
	f->core.pNext = &f->v11;
	f->v11.pNext = &f->v12;
	f->v12.pNext = &f->v13;
	void **tail = &f->v13.pNext;
	if (everything && vkc_has_extension(c, "VK_EXT_host_image_copy")) {
		f->host_copy.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_FEATURES;
		*tail = &f->host_copy;
		tail = &f->host_copy.pNext;
	}
	if (everything && vkc_has_extension(c, "VK_EXT_multi_draw")) {
		f->multi_draw.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MULTI_DRAW_FEATURES_EXT;
		*tail = &f->multi_draw;
		tail = &f->multi_draw.pNext;
	}
	if (everything && vkc_has_extension(c, "VK_EXT_transform_feedback")) {
		f->xfb.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_TRANSFORM_FEEDBACK_FEATURES_EXT;
		*tail = &f->xfb;
		tail = &f->xfb.pNext;
	}
	if (everything && vkc_has_extension(c, "VK_EXT_conditional_rendering")) {
		f->conditional.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_CONDITIONAL_RENDERING_FEATURES_EXT;
		*tail = &f->conditional;
	}
	c->vk.GetPhysicalDeviceFeatures2(c->physical, &f->core);
}

/* Keeps what the programs use on every device; the rest only costs speed. */
static void reduce_features(struct vkc_features *f)
{
	f->core.features = (VkPhysicalDeviceFeatures){
		.pipelineStatisticsQuery = f->core.features.pipelineStatisticsQuery,
	};
	f->v11 = (VkPhysicalDeviceVulkan11Features){ .sType = f->v11.sType, .pNext = f->v11.pNext };
	f->v12 = (VkPhysicalDeviceVulkan12Features){
		.sType = f->v12.sType,
		.pNext = f->v12.pNext,
		.timelineSemaphore = f->v12.timelineSemaphore,
	};
	f->v13 = (VkPhysicalDeviceVulkan13Features){
		.sType = f->v13.sType,
		.pNext = f->v13.pNext,
		.dynamicRendering = f->v13.dynamicRendering,
		.synchronization2 = f->v13.synchronization2,
	};
}

void vkc_device_open(struct vkc *c, bool everything)
{
	static const char *const names[] = {
		"VK_EXT_host_image_copy",       "VK_EXT_multi_draw",
		"VK_KHR_push_descriptor",       "VK_EXT_transform_feedback",
		"VK_EXT_conditional_rendering",
	};
	vkc_device_open_with(c, everything, names, everything ? sizeof(names) / sizeof(names[0]) : 0);
}

void vkc_device_open_with(struct vkc *c, bool everything, const char *const *names, uint32_t count)
{
	if (c->props.apiVersion < VK_API_VERSION_1_3) {
		vkc_fail("%s is not a Vulkan 1.3 device", c->props.deviceName);
	}
	const char **enabled = vkc_alloc(count, sizeof(*enabled));
	uint32_t enabled_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (vkc_has_extension(c, names[i])) {
			enabled[enabled_count++] = names[i];
		}
	}
	choose_family(c);
	query_features(c, everything);
	if (!everything) {
		reduce_features(&c->features);
	}

	static const float priorities[VKC_MAX_QUEUES] = { [0 ... VKC_MAX_QUEUES - 1] = 1.0f };
	uint32_t queue_count = everything ? c->family_props.queueCount : 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = c->family,
		.queueCount = queue_count < VKC_MAX_QUEUES ? queue_count : VKC_MAX_QUEUES,
		.pQueuePriorities = priorities,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.pNext = &c->features.core,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
		.enabledExtensionCount = enabled_count,
		.ppEnabledExtensionNames = enabled,
	};
	vkc_check(vkc_device_try(c, &info));
	free(enabled);
}

VkResult vkc_device_try(struct vkc *c, const VkDeviceCreateInfo *info)
{
	VkResult result = c->vk.CreateDevice(c->physical, info, NULL, &c->device);
	if (result != VK_SUCCESS) {
		c->device = NULL;
		return result;
	}
	load_device_functions(c);
	c->family = info->pQueueCreateInfos[0].queueFamilyIndex;
	c->queue_count = info->pQueueCreateInfos[0].queueCount;
	if (c->queue_count > VKC_MAX_QUEUES) {
		c->queue_count = VKC_MAX_QUEUES;
	}
	for (uint32_t i = 0; i < c->queue_count; i++) {
		c->vk.GetDeviceQueue(c->device, c->family, i, &c->queues[i]);
	}
	c->queue = c->queues[0];

	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
		.queueFamilyIndex = c->family,
	};
	vkc_check(c->vk.CreateCommandPool(c->device, &pool, NULL, &c->pool));
	VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
	vkc_check(c->vk.CreateFence(c->device, &fence, NULL, &c->fence));
	return VK_SUCCESS;
}

void vkc_device_close(struct vkc *c)
{
	c->vk.DestroyFence(c->device, c->fence, NULL);
	c->vk.DestroyCommandPool(c->device, c->pool, NULL);
	c->vk.DestroyDevice(c->device, NULL);
	c->device = NULL;
}

void vkc_open(struct vkc *c, const char *name, bool everything)
{
	vkc_instance_open(c, name);
	vkc_physical_open(c, 0);
	vkc_device_open(c, everything);
}

void vkc_close(struct vkc *c)
{
	if (c->device) {
		vkc_device_close(c);
	}
	if (c->instance) {
		c->vk.DestroyInstance(c->instance, NULL);
	}
	free(c->extensions);
	dlclose(c->library);
	memset(c, 0, sizeof(*c));
}

uint32_t vkc_memory_type(const struct vkc *c, uint32_t bits, VkMemoryPropertyFlags flags)
{
	for (uint32_t i = 0; i < c->memory.memoryTypeCount; i++) {
		VkMemoryPropertyFlags has = c->memory.memoryTypes[i].propertyFlags;
		if ((bits >> i & 1) && (has & flags) == flags) {
			return i;
		}
	}
	return UINT32_MAX;
}

static VkDeviceMemory allocate(struct vkc *c, const VkMemoryRequirements *need, VkMemoryPropertyFlags flags,
                               const void *next, uint32_t *out_type)
{
	uint32_t type = vkc_memory_type(c, need->memoryTypeBits, flags);
	if (type == UINT32_MAX) {
		vkc_fail("no memory type in 0x%x with flags 0x%x", need->memoryTypeBits, flags);
	}
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = next,
		.allocationSize = need->size,
		.memoryTypeIndex = type,
	};
	VkDeviceMemory memory;
	vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &memory));
	*out_type = type;
	return memory;
}

struct vkc_buffer vkc_buffer_create(struct vkc *c, VkDeviceSize size, VkBufferUsageFlags usage,
                                    VkMemoryPropertyFlags flags)
{
	struct vkc_buffer b = { .size = size };
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = usage,
	};
	vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &b.buffer));
	VkMemoryRequirements need;
	c->vk.GetBufferMemoryRequirements(c->device, b.buffer, &need);
	VkMemoryAllocateFlagsInfo address = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
		.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
	};
	bool addressed = usage & VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
	uint32_t type;
	b.memory = allocate(c, &need, flags, addressed ? &address : NULL, &type);
	vkc_check(c->vk.BindBufferMemory(c->device, b.buffer, b.memory, 0));
	if (c->memory.memoryTypes[type].propertyFlags & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) {
		vkc_check(c->vk.MapMemory(c->device, b.memory, 0, VK_WHOLE_SIZE, 0, &b.mapped));
	}
	return b;
}

struct vkc_buffer vkc_buffer_host(struct vkc *c, VkDeviceSize size, VkBufferUsageFlags usage)
{
	return vkc_buffer_create(c, size, usage,
	                         VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
}

void vkc_buffer_destroy(struct vkc *c, struct vkc_buffer *b)
{
	c->vk.DestroyBuffer(c->device, b->buffer, NULL);
	c->vk.FreeMemory(c->device, b->memory, NULL);
	memset(b, 0, sizeof(*b));
}

static VkImageAspectFlags format_aspect(VkFormat format)
{
	switch (format) {
	case VK_FORMAT_D16_UNORM:
	case VK_FORMAT_D32_SFLOAT:
	case VK_FORMAT_X8_D24_UNORM_PACK32:
		return VK_IMAGE_ASPECT_DEPTH_BIT;
	case VK_FORMAT_S8_UINT:
		return VK_IMAGE_ASPECT_STENCIL_BIT;
	case VK_FORMAT_D16_UNORM_S8_UINT:
	case VK_FORMAT_D24_UNORM_S8_UINT:
	case VK_FORMAT_D32_SFLOAT_S8_UINT:
		return VK_IMAGE_ASPECT_DEPTH_BIT | VK_IMAGE_ASPECT_STENCIL_BIT;
	default:
		return VK_IMAGE_ASPECT_COLOR_BIT;
	}
}

static void create_view(struct vkc *c, struct vkc_image *image, VkImageCreateFlags flags, bool volume)
{
	VkImageViewType type = image->layers > 1 ? VK_IMAGE_VIEW_TYPE_2D_ARRAY : VK_IMAGE_VIEW_TYPE_2D;
	if (volume) {
		type = VK_IMAGE_VIEW_TYPE_3D;
	} else if (flags & VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT) {
		type = VK_IMAGE_VIEW_TYPE_CUBE;
	}
	VkImageViewCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
		.image = image->image,
		.viewType = type,
		.format = image->format,
		.subresourceRange = { image->aspect, 0, image->levels, 0, image->layers },
	};
	vkc_check(c->vk.CreateImageView(c->device, &info, NULL, &image->view));
}

struct vkc_image vkc_image_create(struct vkc *c, const struct vkc_image_params *params)
{
	struct vkc_image image = {
		.format = params->format,
		.extent = { params->width, params->height, params->depth ? params->depth : 1 },
		.levels = params->levels ? params->levels : 1,
		.layers = params->layers ? params->layers : 1,
		.aspect = format_aspect(params->format),
	};
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.flags = params->flags,
		.imageType = params->depth ? VK_IMAGE_TYPE_3D : VK_IMAGE_TYPE_2D,
		.format = params->format,
		.extent = image.extent,
		.mipLevels = image.levels,
		.arrayLayers = image.layers,
		.samples = params->samples ? params->samples : VK_SAMPLE_COUNT_1_BIT,
		.tiling = params->linear ? VK_IMAGE_TILING_LINEAR : VK_IMAGE_TILING_OPTIMAL,
		.usage = params->usage,
	};
	vkc_check(c->vk.CreateImage(c->device, &info, NULL, &image.image));
	VkMemoryRequirements need;
	c->vk.GetImageMemoryRequirements(c->device, image.image, &need);
	uint32_t type;
	VkMemoryPropertyFlags flags = params->linear ? VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT :
	                                               VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
	image.memory = allocate(c, &need, flags, NULL, &type);
	vkc_check(c->vk.BindImageMemory(c->device, image.image, image.memory, 0));
	VkImageUsageFlags viewed = VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_STORAGE_BIT |
	                           VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT |
	                           VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT |
	                           VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT;
	if (params->usage & viewed) {
		create_view(c, &image, params->flags, params->depth > 0);
	}
	return image;
}

void vkc_image_destroy(struct vkc *c, struct vkc_image *image)
{
	c->vk.DestroyImageView(c->device, image->view, NULL);
	c->vk.DestroyImage(c->device, image->image, NULL);
	c->vk.FreeMemory(c->device, image->memory, NULL);
	memset(image, 0, sizeof(*image));
}

bool vkc_format_has(struct vkc *c, VkFormat format, VkFormatFeatureFlags flags)
{
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2 };
	c->vk.GetPhysicalDeviceFormatProperties2(c->physical, format, &props);
	return (props.formatProperties.optimalTilingFeatures & flags) == flags;
}

VkCommandBuffer vkc_begin(struct vkc *c)
{
	VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = c->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	VkCommandBuffer cmd;
	vkc_check(c->vk.AllocateCommandBuffers(c->device, &info, &cmd));
	VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};
	vkc_check(c->vk.BeginCommandBuffer(cmd, &begin));
	return cmd;
}

void vkc_end(struct vkc *c, VkCommandBuffer cmd)
{
	vkc_check(c->vk.EndCommandBuffer(cmd));
	VkSubmitInfo submit = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &cmd,
	};
	vkc_check(c->vk.QueueSubmit(c->queue, 1, &submit, c->fence));
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
	c->vk.FreeCommandBuffers(c->device, c->pool, 1, &cmd);
}

void vkc_barrier(struct vkc *c, VkCommandBuffer cmd)
{
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
	};
	c->vk.CmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
	                         VK_PIPELINE_STAGE_ALL_COMMANDS_BIT | VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
	                         &barrier, 0, NULL, 0, NULL);
}

void vkc_layout(struct vkc *c, VkCommandBuffer cmd, const struct vkc_image *image, VkImageLayout from,
                VkImageLayout to)
{
	VkImageMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT,
		.oldLayout = from,
		.newLayout = to,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = image->image,
		.subresourceRange = { image->aspect, 0, VK_REMAINING_MIP_LEVELS, 0,
		                      VK_REMAINING_ARRAY_LAYERS },
	};
	c->vk.CmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT,
	                         0, 0, NULL, 0, NULL, 1, &barrier);
}

static uint32_t level_size(uint32_t size, uint32_t level)
{
	return size >> level ? size >> level : 1;
}

void *vkc_image_read(struct vkc *c, const struct vkc_image *image, VkImageAspectFlags aspect, uint32_t level,
                     uint32_t layer, size_t texel, size_t *out_size)
{
	VkBufferImageCopy region = {
		.imageSubresource = { aspect, level, layer, 1 },
		.imageExtent = {
			level_size(image->extent.width, level),
			level_size(image->extent.height, level),
			level_size(image->extent.depth, level),
		},
	};
	size_t size = (size_t)region.imageExtent.width * region.imageExtent.height *
	              region.imageExtent.depth * texel;
	struct vkc_buffer b = vkc_buffer_host(c, size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdCopyImageToBuffer(cmd, image->image, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, b.buffer, 1,
	                           &region);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	void *out = vkc_alloc(1, size);
	memcpy(out, b.mapped, size);
	vkc_buffer_destroy(c, &b);
	*out_size = size;
	return out;
}

VkShaderModule vkc_shader(struct vkc *c, const uint32_t *code, size_t size)
{
	VkShaderModuleCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = size,
		.pCode = code,
	};
	VkShaderModule module;
	vkc_check(c->vk.CreateShaderModule(c->device, &info, NULL, &module));
	return module;
}
