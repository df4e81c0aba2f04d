/* SPDX-License-Identifier: MIT */
/* Buffers and images: they are declared importable, and emulated modifiers are translated for the driver. */
#include "venus/device.h"
#include "venus/query.h"

static struct vtr_device *device_of(struct vtr_object *device_obj)
{
	return vtr_vk(device_obj)->device;
}

/* --- memory requirements ---------------------------------------------------------------------------- */

/* What an object needs in addition to the driver's requirements; stored with it. */
enum {
	NEEDS_SHARED = 1 << 0, /* the guest will export or import its memory */
	NEEDS_SPARSE = 1 << 1, /* it is a sparse resource */
	IS_IMAGE = 1 << 2,
};

static uint8_t needs_of(struct vtr_object *o)
{
	return o != NULL ? vtr_vk(o)->needs : 0;
}

static void keep_types(uint32_t types, VkMemoryRequirements *requirements)
{
	/* If no other type fits, the object cannot be exported or bound; allocation or binding reports that. */
	if ((requirements->memoryTypeBits & types) != 0) {
		requirements->memoryTypeBits &= types;
	}
}

/* Changes the driver's types to the guest's. Shared memory must be of a shareable type. Guests choose from the offered
 * types and prefer the GPU's own memory, which cannot be shared on a discrete GPU. */
static void restrict_types(const struct vtr_device *device, uint8_t needs, VkMemoryRequirements *requirements)
{
	const struct vtr_physical *p = device->physical;
	uint32_t types = 0;

	requirements->memoryTypeBits = (needs & IS_IMAGE) != 0 ?
	                                       vtr_types_of_image(p, requirements->memoryTypeBits) :
	                                       vtr_types_of_buffer(p, requirements->memoryTypeBits);
	for (uint32_t i = 0; i < p->memory.memoryTypeCount; i++) {
		types |= vtr_types_share(p, i, false) != VTR_SHARE_NONE ? 1u << i : 0;
	}
	if ((needs & NEEDS_SHARED) != 0) {
		keep_types(types, requirements);
	}
	if ((needs & NEEDS_SPARSE) != 0) {
		keep_types(p->strategy.sparse_types, requirements);
	}
}

static uint8_t buffer_needs(const VkBufferCreateInfo *info)
{
	const VkExternalMemoryBufferCreateInfo *external =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);

	return (external != NULL && external->handleTypes != 0 ? NEEDS_SHARED : 0) |
	       ((info->flags & VK_BUFFER_CREATE_SPARSE_BINDING_BIT) != 0 ? NEEDS_SPARSE : 0);
}

static uint8_t image_needs(const VkImageCreateInfo *info)
{
	const VkExternalMemoryImageCreateInfo *external =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);

	return IS_IMAGE | (external != NULL && external->handleTypes != 0 ? NEEDS_SHARED : 0) |
	       ((info->flags & VK_IMAGE_CREATE_SPARSE_BINDING_BIT) != 0 ? NEEDS_SPARSE : 0);
}

/* --- buffers ---------------------------------------------------------------------------------------- */

/* Ordinary buffers were queried once. Protected ones are not accessible to the CPU. */
static bool buffer_importable(const struct vtr_device *device, const VkBufferCreateInfo *info)
{
	const struct vtr_physical *p = device->physical;
	const VkPhysicalDeviceExternalBufferInfo query = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.flags = info->flags,
		.usage = info->usage,
		.handleType = device->import_type,
	};
	VkExternalBufferProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES };

	if (!p->strategy.buffers_importable || (info->flags & VK_BUFFER_CREATE_PROTECTED_BIT) != 0) {
		return false;
	}
	if (device->import_type == VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT &&
	    (info->flags & VK_BUFFER_CREATE_SPARSE_BINDING_BIT) == 0) {
		return true;
	}
	p->procs->vkGetPhysicalDeviceExternalBufferProperties(p->handle, &query, &out);
	return (out.externalMemoryProperties.externalMemoryFeatures &
	        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

/* Applied to a buffer and to queries about one, so that the answers to the guest are correct. */
static void adapt_buffer(const struct vtr_device *device, VkBufferCreateInfo *info,
                         VkExternalMemoryBufferCreateInfo *own)
{
	VkExternalMemoryBufferCreateInfo *theirs =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);

	if (theirs != NULL && device->physical->emulate.dma_buf) {
		vtr_chain_unlink(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO);
		theirs = NULL;
	}
	if (theirs == NULL && buffer_importable(device, info)) {
		*own = (VkExternalMemoryBufferCreateInfo){
			.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
			.handleTypes = device->import_type,
		};
		vtr_chain_push(info, own);
	}
}

void vtr_hand_vkCreateBuffer(struct vtr_dispatch *d, struct vtw_vkCreateBuffer *a)
{
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_BUFFER, a->pBuffer, &a->ret);
	VkBufferCreateInfo info = *a->pCreateInfo;
	VkExternalMemoryBufferCreateInfo external;
	VkBuffer handle = NULL;

	if (o != NULL) {
		o->needs = buffer_needs(&info);
		adapt_buffer(device_of(a->device_obj), &info, &external);
		a->ret = vtr_device_procs(a->device_obj)->vkCreateBuffer(a->device, &info, NULL, &handle);
		vtr_object_publish(d, o, (uintptr_t)handle, a->ret);
	}
}

void vtr_hand_vkGetDeviceBufferMemoryRequirements(struct vtr_dispatch *d,
                                                  struct vtw_vkGetDeviceBufferMemoryRequirements *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	VkBufferCreateInfo create = *a->pInfo->pCreateInfo;
	VkDeviceBufferMemoryRequirements info = *a->pInfo;
	VkExternalMemoryBufferCreateInfo external;
	uint8_t needs;

	if (vk->vkGetDeviceBufferMemoryRequirements == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	needs = buffer_needs(&create);
	adapt_buffer(device_of(a->device_obj), &create, &external);
	info.pCreateInfo = &create;
	vk->vkGetDeviceBufferMemoryRequirements(a->device, &info, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs, &a->pMemoryRequirements->memoryRequirements);
}

void vtr_hand_vkGetBufferMemoryRequirements(struct vtr_dispatch *d,
                                            struct vtw_vkGetBufferMemoryRequirements *a)
{
	(void)d;
	vtr_device_procs(a->device_obj)
		->vkGetBufferMemoryRequirements(a->device, a->buffer, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs_of(a->buffer_obj), a->pMemoryRequirements);
}

void vtr_hand_vkGetBufferMemoryRequirements2(struct vtr_dispatch *d,
                                             struct vtw_vkGetBufferMemoryRequirements2 *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);

	if (vk->vkGetBufferMemoryRequirements2 == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	vk->vkGetBufferMemoryRequirements2(a->device, a->pInfo, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs_of(d->r.named),
	               &a->pMemoryRequirements->memoryRequirements);
}

/* --- images ----------------------------------------------------------------------------------------- */

/* Returns: whether such images can be bound to imported memory unchanged. */
static bool image_importable(const struct vtr_device *device, const VkImageCreateInfo *info)
{
	const struct vtr_physical *p = device->physical;
	const VkPhysicalDeviceExternalImageFormatInfo external = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
		.handleType = device->import_type,
	};
	const VkPhysicalDeviceImageFormatInfo2 query = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.pNext = &external,
		.format = info->format,
		.type = info->imageType,
		.tiling = info->tiling,
		.usage = info->usage,
		.flags = info->flags,
	};
	VkExternalImageFormatProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES };
	VkImageFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
		                           .pNext = &out };

	/* An optimal image of a real GPU would have to leave its memory. */
	if (info->tiling != VK_IMAGE_TILING_LINEAR &&
	    p->properties.deviceType != VK_PHYSICAL_DEVICE_TYPE_CPU) {
		return false;
	}
	return info->initialLayout == VK_IMAGE_LAYOUT_UNDEFINED &&
	       (device->sparse || (info->flags & VK_IMAGE_CREATE_SPARSE_BINDING_BIT) == 0) &&
	       p->procs->vkGetPhysicalDeviceImageFormatProperties2(p->handle, &query, &props) == VK_SUCCESS &&
	       (out.externalMemoryProperties.externalMemoryFeatures &
	        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT) != 0;
}

static void adapt_image(const struct vtr_device *device, VkImageCreateInfo *info,
                        VkExternalMemoryImageCreateInfo *own)
{
	vtr_query_image_info(device->physical, info);
	if (device->physical->strategy.buffers_importable && device->physical->strategy.images_importable &&
	    vtr_chain_find(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO) == NULL &&
	    image_importable(device, info)) {
		*own = (VkExternalMemoryImageCreateInfo){
			.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO,
			.handleTypes = device->import_type,
		};
		vtr_chain_push(info, own);
	}
}

void vtr_hand_vkCreateImage(struct vtr_dispatch *d, struct vtw_vkCreateImage *a)
{
	struct vtr_vk_object *o =
		vtr_object_reserve(d, a->device_obj, VK_OBJECT_TYPE_IMAGE, a->pImage, &a->ret);
	VkImageCreateInfo info = *a->pCreateInfo;
	VkExternalMemoryImageCreateInfo external;
	VkImage handle = NULL;

	if (o != NULL) {
		o->needs = image_needs(&info);
		o->format = info.format;
		o->layers = info.arrayLayers;
		adapt_image(device_of(a->device_obj), &info, &external);
		a->ret = vtr_device_procs(a->device_obj)->vkCreateImage(a->device, &info, NULL, &handle);
		vtr_object_publish(d, o, (uintptr_t)handle, a->ret);
	}
}

/* A query about an image that is described but not created. */
struct question {
	VkImageCreateInfo create;
	VkExternalMemoryImageCreateInfo external;
	VkDeviceImageMemoryRequirements info;
};

static void ask(struct vtr_object *device_obj, const VkDeviceImageMemoryRequirements *info,
                struct question *q)
{
	q->create = *info->pCreateInfo;
	q->info = *info;
	q->info.pCreateInfo = &q->create;
	adapt_image(device_of(device_obj), &q->create, &q->external);
}

void vtr_hand_vkGetDeviceImageMemoryRequirements(struct vtr_dispatch *d,
                                                 struct vtw_vkGetDeviceImageMemoryRequirements *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	struct question q;
	uint8_t needs;

	if (vk->vkGetDeviceImageMemoryRequirements == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	needs = image_needs(a->pInfo->pCreateInfo);
	ask(a->device_obj, a->pInfo, &q);
	vk->vkGetDeviceImageMemoryRequirements(a->device, &q.info, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs, &a->pMemoryRequirements->memoryRequirements);
}

void vtr_hand_vkGetImageMemoryRequirements(struct vtr_dispatch *d, struct vtw_vkGetImageMemoryRequirements *a)
{
	(void)d;
	vtr_device_procs(a->device_obj)
		->vkGetImageMemoryRequirements(a->device, a->image, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs_of(a->image_obj), a->pMemoryRequirements);
}

void vtr_hand_vkGetImageMemoryRequirements2(struct vtr_dispatch *d,
                                            struct vtw_vkGetImageMemoryRequirements2 *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);

	if (vk->vkGetImageMemoryRequirements2 == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	vk->vkGetImageMemoryRequirements2(a->device, a->pInfo, a->pMemoryRequirements);
	restrict_types(device_of(a->device_obj), needs_of(d->r.named),
	               &a->pMemoryRequirements->memoryRequirements);
}

void vtr_hand_vkGetDeviceImageSparseMemoryRequirements(struct vtr_dispatch *d,
                                                       struct vtw_vkGetDeviceImageSparseMemoryRequirements *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	struct question q;

	if (vk->vkGetDeviceImageSparseMemoryRequirements == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	ask(a->device_obj, a->pInfo, &q);
	vk->vkGetDeviceImageSparseMemoryRequirements(a->device, &q.info, a->pSparseMemoryRequirementCount,
	                                             a->pSparseMemoryRequirements);
}

/* --- layouts ---------------------------------------------------------------------------------------- */

/* A LINEAR image has no memory planes; the only plane that a guest can query is the image itself. */
static VkImageAspectFlags aspect(const struct vtr_physical *p, VkImageAspectFlags mask)
{
	return p->emulate.drm_modifier && mask == VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT ?
	               VK_IMAGE_ASPECT_COLOR_BIT :
	               mask;
}

void vtr_hand_vkGetImageSubresourceLayout(struct vtr_dispatch *d, struct vtw_vkGetImageSubresourceLayout *a)
{
	VkImageSubresource sub = *a->pSubresource;

	(void)d;
	sub.aspectMask = aspect(device_of(a->device_obj)->physical, sub.aspectMask);
	vtr_device_procs(a->device_obj)->vkGetImageSubresourceLayout(a->device, a->image, &sub, a->pLayout);
}

void vtr_hand_vkGetImageSubresourceLayout2(struct vtr_dispatch *d, struct vtw_vkGetImageSubresourceLayout2 *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	VkImageSubresource2 sub = *a->pSubresource;

	if (vk->vkGetImageSubresourceLayout2 == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	sub.imageSubresource.aspectMask =
		aspect(device_of(a->device_obj)->physical, sub.imageSubresource.aspectMask);
	vk->vkGetImageSubresourceLayout2(a->device, a->image, &sub, a->pLayout);
}

void vtr_hand_vkGetDeviceImageSubresourceLayout(struct vtr_dispatch *d,
                                                struct vtw_vkGetDeviceImageSubresourceLayout *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);
	const struct vtr_device *device = device_of(a->device_obj);
	VkImageCreateInfo create = *a->pInfo->pCreateInfo;
	VkImageSubresource2 sub = *a->pInfo->pSubresource;
	VkDeviceImageSubresourceInfo info = *a->pInfo;
	VkExternalMemoryImageCreateInfo external;

	if (vk->vkGetDeviceImageSubresourceLayout == NULL) {
		vtr_dispatch_missing(d);
		return;
	}
	adapt_image(device, &create, &external);
	sub.imageSubresource.aspectMask = aspect(device->physical, sub.imageSubresource.aspectMask);
	info.pCreateInfo = &create;
	info.pSubresource = &sub;
	vk->vkGetDeviceImageSubresourceLayout(a->device, &info, a->pLayout);
}

void vtr_hand_vkGetImageDrmFormatModifierPropertiesEXT(struct vtr_dispatch *d,
                                                       struct vtw_vkGetImageDrmFormatModifierPropertiesEXT *a)
{
	const struct vtw_device_procs *vk = vtr_device_procs(a->device_obj);

	if (device_of(a->device_obj)->physical->emulate.drm_modifier) {
		a->pProperties->drmFormatModifier = 0; /* LINEAR */
		a->ret = VK_SUCCESS;
	} else if (vk->vkGetImageDrmFormatModifierPropertiesEXT != NULL) {
		a->ret = vk->vkGetImageDrmFormatModifierPropertiesEXT(a->device, a->image, a->pProperties);
	} else {
		vtr_dispatch_missing(d);
	}
}
