/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINEAR 0ull /* DRM_FORMAT_MOD_LINEAR */
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

static const struct frame_format formats[] = {
	{ "XR24", DRM_FORMAT_XRGB8888, VK_FORMAT_B8G8R8A8_UNORM },
	{ "AR24", DRM_FORMAT_ARGB8888, VK_FORMAT_B8G8R8A8_UNORM },
	{ "XB24", DRM_FORMAT_XBGR8888, VK_FORMAT_R8G8B8A8_UNORM },
	{ "AB24", DRM_FORMAT_ABGR8888, VK_FORMAT_R8G8B8A8_UNORM },
};

const struct frame_format *frame_format_find(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (!strcmp(formats[i].name, name)) {
			return &formats[i];
		}
	}
	return NULL;
}

/* Returns: what linear images of the format support; 0 if none can be shared. */
static VkFormatFeatureFlags linear_features(struct vkc *c, VkFormat format)
{
	VkDrmFormatModifierPropertiesEXT modifiers[64];
	VkDrmFormatModifierPropertiesListEXT list = {
		.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
		.drmFormatModifierCount = 64,
		.pDrmFormatModifierProperties = modifiers,
	};
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2, .pNext = &list };
	c->vk.GetPhysicalDeviceFormatProperties2(c->physical, format, &props);
	for (uint32_t i = 0; i < list.drmFormatModifierCount; i++) {
		if (modifiers[i].drmFormatModifier == LINEAR) {
			return modifiers[i].drmFormatModifierTilingFeatures;
		}
	}
	return 0;
}

/* Returns: whether frames are copied into buffers. */
static bool is_copied(struct vkc *c)
{
	return !vkc_has_extension(c, "VK_EXT_image_drm_format_modifier");
}

bool frame_direct(struct vkc *c, VkFormat format)
{
	if (!vkc_has_extension(c, "VK_EXT_external_memory_dma_buf")) {
		vkc_fail("%s cannot share memory with a display: it has no VK_EXT_external_memory_dma_buf",
		         c->props.deviceName);
	}
	if (is_copied(c)) {
		return true;
	}
	VkFormatFeatureFlags features = linear_features(c, format);
	if (!(features & (VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT | VK_FORMAT_FEATURE_TRANSFER_DST_BIT))) {
		vkc_fail("%s can neither draw nor copy into linear images", c->props.deviceName);
	}
	return features & VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT;
}

/* The image without memory. `pitch` 0: the driver's own choice. */
static void create_image(struct vkc *c, struct frame *f, VkFormat format, uint32_t width, uint32_t height,
                         bool direct, uint32_t pitch)
{
	static const uint64_t modifier = LINEAR;
	VkSubresourceLayout plane = { .rowPitch = pitch };
	VkImageDrmFormatModifierListCreateInfoEXT any = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
		.drmFormatModifierCount = 1,
		.pDrmFormatModifiers = &modifier,
	};
	VkImageDrmFormatModifierExplicitCreateInfoEXT given = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT,
		.drmFormatModifier = LINEAR,
		.drmFormatModifierPlaneCount = 1,
		.pPlaneLayouts = &plane,
	};
	VkExternalMemoryImageCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
		.pNext = pitch ? (void *)&given : (void *)&any,
		.handleTypes = DMA_BUF,
	};
	f->image = (struct vkc_image){
		.format = format,
		.extent = { width, height, 1 },
		.levels = 1,
		.layers = 1,
		.aspect = VK_IMAGE_ASPECT_COLOR_BIT,
	};
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.pNext = &external,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = format,
		.extent = f->image.extent,
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT,
		.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		         (direct ? VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT : VK_IMAGE_USAGE_TRANSFER_DST_BIT),
	};
	vkc_check(c->vk.CreateImage(c->device, &info, NULL, &f->image.image));
	VkImageSubresource plane_of = { .aspectMask = VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT };
	VkSubresourceLayout layout;
	c->vk.GetImageSubresourceLayout(c->device, f->image.image, &plane_of, &layout);
	f->pitch = (uint32_t)layout.rowPitch;
	f->offset = (uint32_t)layout.offset;
}

/* Memory for the image, with `chained` in its allocation, and a view where it is drawn to. */
static void bind_memory(struct vkc *c, struct frame *f, bool direct, void *chained, uint32_t types,
                        VkDeviceSize at_most)
{
	VkMemoryRequirements need;
	c->vk.GetImageMemoryRequirements(c->device, f->image.image, &need);
	uint32_t type =
		vkc_memory_type(c, need.memoryTypeBits & types,
	                        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
	if (type == UINT32_MAX) {
		type = vkc_memory_type(c, need.memoryTypeBits & types, 0);
	}
	if (type == UINT32_MAX || need.size > at_most) {
		vkc_fail("a linear image needs %llu bytes of memory type 0x%x; there are %llu of 0x%x",
		         (unsigned long long)need.size, need.memoryTypeBits, (unsigned long long)at_most,
		         types);
	}
	VkMemoryDedicatedAllocateInfo dedicated = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
		.pNext = chained,
		.image = f->image.image,
	};
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = &dedicated,
		.allocationSize = need.size,
		.memoryTypeIndex = type,
	};
	vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &f->image.memory));
	vkc_check(c->vk.BindImageMemory(c->device, f->image.image, f->image.memory, 0));
	if (direct) {
		VkImageViewCreateInfo view = {
			.sType = VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO,
			.image = f->image.image,
			.viewType = VK_IMAGE_VIEW_TYPE_2D,
			.format = f->image.format,
			.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
		};
		vkc_check(c->vk.CreateImageView(c->device, &view, NULL, &f->image.view));
	}
}

/* An image that is drawn into, and a buffer without memory for the copy. */
static void create_copied(struct vkc *c, struct frame *f, VkFormat format, uint32_t width, uint32_t height,
                          uint32_t pitch)
{
	struct vkc_image_params params = {
		.format = format,
		.width = width,
		.height = height,
		.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT |
		         VK_IMAGE_USAGE_TRANSFER_DST_BIT,
	};
	VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = DMA_BUF,
	};
	f->pitch = pitch ? pitch : width * 4;
	f->copy.size = (VkDeviceSize)f->pitch * height;
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = &external,
		.size = f->copy.size,
		.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	f->image = vkc_image_create(c, &params);
	vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &f->copy.buffer));
}

/* Memory for the copy, with `chained` in its allocation. */
static void bind_copied(struct vkc *c, struct frame *f, const void *chained, uint32_t types,
                        VkDeviceSize at_most)
{
	VkMemoryRequirements need;
	c->vk.GetBufferMemoryRequirements(c->device, f->copy.buffer, &need);
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.pNext = chained,
		.allocationSize = need.size,
		.memoryTypeIndex =
			vkc_memory_type(c, need.memoryTypeBits & types, VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT),
	};
	if (info.memoryTypeIndex == UINT32_MAX || need.size > at_most) {
		vkc_fail("a buffer needs %llu bytes of memory type 0x%x; there are %llu of 0x%x",
		         (unsigned long long)need.size, need.memoryTypeBits, (unsigned long long)at_most,
		         types);
	}
	vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &f->copy.memory));
	vkc_check(c->vk.BindBufferMemory(c->device, f->copy.buffer, f->copy.memory, 0));
}

void frame_finish(struct vkc *c, VkCommandBuffer cmd, const struct frame *f)
{
	VkBufferImageCopy region = {
		.bufferRowLength = f->pitch / 4,
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageExtent = f->image.extent,
	};
	vkc_barrier(c, cmd);
	if (f->copy.buffer) {
		c->vk.CmdCopyImageToBuffer(cmd, f->image.image, VK_IMAGE_LAYOUT_GENERAL, f->copy.buffer, 1,
		                           &region);
		vkc_barrier(c, cmd);
	}
}

VkDeviceMemory frame_memory(const struct frame *f)
{
	return f->copy.buffer ? f->copy.memory : f->image.memory;
}

static void add_framebuffer(struct kms *k, struct frame *f, const struct frame_format *format,
                            uint32_t handle)
{
	int error = kms_framebuffer(k, f->image.extent.width, f->image.extent.height, format->drm, handle,
	                            f->pitch, f->offset, &f->fb);
	if (error) {
		vkc_fail("the kernel refuses a framebuffer of format %s: %s", format->name, strerror(error));
	}
}

struct frame frame_export(struct vkc *c, struct kms *k, const struct frame_format *format, uint32_t width,
                          uint32_t height, bool direct)
{
	struct frame f = { .pitch = 0 };
	VkExportMemoryAllocateInfo export = {
		.sType = VK_STRUCTURE_TYPE_EXPORT_MEMORY_ALLOCATE_INFO,
		.handleTypes = DMA_BUF,
	};
	if (is_copied(c)) {
		create_copied(c, &f, format->vulkan, width, height, 0);
		bind_copied(c, &f, &export, UINT32_MAX, UINT64_MAX);
	} else {
		create_image(c, &f, format->vulkan, width, height, direct, 0);
		bind_memory(c, &f, direct, &export, UINT32_MAX, UINT64_MAX);
	}
	VkMemoryGetFdInfoKHR get = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_GET_FD_INFO_KHR,
		.memory = frame_memory(&f),
		.handleType = DMA_BUF,
	};
	int fd;
	vkc_check(c->vk.GetMemoryFdKHR(c->device, &get, &fd));
	if (k) {
		f.handle = kms_buffer_import(k, fd);
		add_framebuffer(k, &f, format, f.handle);
	}
	close(fd);
	return f;
}

struct frame frame_import(struct vkc *c, struct kms *k, const struct frame_format *format, uint32_t width,
                          uint32_t height, bool direct)
{
	struct frame f = { .dumb = kms_buffer_create(k, width, height) };
	if (is_copied(c)) {
		create_copied(c, &f, format->vulkan, width, height, f.dumb.pitch);
	} else {
		create_image(c, &f, format->vulkan, width, height, direct, f.dumb.pitch);
	}
	VkMemoryFdPropertiesKHR props = { .sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR };
	VkImportMemoryFdInfoKHR import = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
		.handleType = DMA_BUF,
		.fd = kms_buffer_export(k, f.dumb.handle),
	};
	vkc_check(c->vk.GetMemoryFdPropertiesKHR(c->device, DMA_BUF, import.fd, &props));
	if (is_copied(c)) { /* the fd is taken, as below */
		bind_copied(c, &f, &import, props.memoryTypeBits, f.dumb.size);
	} else {
		bind_memory(c, &f, direct, &import, props.memoryTypeBits, f.dumb.size);
	}
	add_framebuffer(k, &f, format, f.dumb.handle);
	return f;
}

void frame_destroy(struct vkc *c, struct kms *k, struct frame *f)
{
	if (f->fb) {
		kms_framebuffer_remove(k, f->fb);
	}
	if (f->handle) {
		kms_handle_close(k, f->handle);
	}
	vkc_image_destroy(c, &f->image);
	vkc_buffer_destroy(c, &f->copy);
	kms_buffer_destroy(k, &f->dumb);
	memset(f, 0, sizeof(*f));
}
