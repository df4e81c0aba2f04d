/* SPDX-License-Identifier: MIT */
/* Queries of physical devices whose answers we change: memory types as they can be shared, and what is
 * emulated. */
#include "venus/query.h"
#include "venus/dispatch.h"
#include "venus/memory.h"
#include "venus/physical.h"

/* --- the device itself ------------------------------------------------------------------------------ */

static void adapt_properties(const struct vtr_physical *p, VkPhysicalDeviceProperties *properties)
{
	if (properties->apiVersion > VTW_XML_VERSION) {
		properties->apiVersion = VTW_XML_VERSION;
	}
	if (vtr_physical_hides_sparse(p)) {
		vtr_sparse_hide_properties(properties);
	}
}

void vtr_hand_vkGetPhysicalDeviceProperties(struct vtr_dispatch *d,
                                            struct vtw_vkGetPhysicalDeviceProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	*a->pProperties = p->properties;
	adapt_properties(p, a->pProperties);
}

void vtr_hand_vkGetPhysicalDeviceProperties2(struct vtr_dispatch *d,
                                             struct vtw_vkGetPhysicalDeviceProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceProperties2(a->physicalDevice, a->pProperties);
	adapt_properties(p, &a->pProperties->properties);
}

void vtr_hand_vkGetPhysicalDeviceFeatures(struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceFeatures *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceFeatures(a->physicalDevice, a->pFeatures);
	if (vtr_physical_hides_sparse(p)) {
		vtr_sparse_hide_features(a->pFeatures);
	}
}

void vtr_hand_vkGetPhysicalDeviceFeatures2(struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceFeatures2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceFeatures2(a->physicalDevice, a->pFeatures);
	vtr_physical_hide_features(p, a->pFeatures);
}

static void adapt_family(const struct vtr_physical *p, VkQueueFamilyProperties *family)
{
	if (vtr_physical_hides_sparse(p)) {
		family->queueFlags &= ~(VkFlags)VK_QUEUE_SPARSE_BINDING_BIT;
	}
}

void vtr_hand_vkGetPhysicalDeviceQueueFamilyProperties(struct vtr_dispatch *d,
                                                       struct vtw_vkGetPhysicalDeviceQueueFamilyProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceQueueFamilyProperties(a->physicalDevice, a->pQueueFamilyPropertyCount,
	                                                   a->pQueueFamilyProperties);
	for (uint32_t i = 0; a->pQueueFamilyProperties != NULL && i < *a->pQueueFamilyPropertyCount; i++) {
		adapt_family(p, &a->pQueueFamilyProperties[i]);
	}
}

void vtr_hand_vkGetPhysicalDeviceQueueFamilyProperties2(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceQueueFamilyProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceQueueFamilyProperties2(a->physicalDevice, a->pQueueFamilyPropertyCount,
	                                                    a->pQueueFamilyProperties);
	for (uint32_t i = 0; a->pQueueFamilyProperties != NULL && i < *a->pQueueFamilyPropertyCount; i++) {
		adapt_family(p, &a->pQueueFamilyProperties[i].queueFamilyProperties);
	}
}

void vtr_hand_vkGetPhysicalDeviceMemoryProperties(struct vtr_dispatch *d,
                                                  struct vtw_vkGetPhysicalDeviceMemoryProperties *a)
{
	(void)d;
	*a->pMemoryProperties = vtr_physical_of(a->physicalDevice_obj)->memory;
}

void vtr_hand_vkGetPhysicalDeviceMemoryProperties2(struct vtr_dispatch *d,
                                                   struct vtw_vkGetPhysicalDeviceMemoryProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	if (a->pMemoryProperties->pNext != NULL) { /* the budget */
		VkPhysicalDeviceMemoryBudgetPropertiesEXT *budgets = vtr_chain_find(
			a->pMemoryProperties, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT);

		p->procs->vkGetPhysicalDeviceMemoryProperties2(a->physicalDevice, a->pMemoryProperties);
		if (budgets != NULL) {
			vtr_memory_lower_budgets(d->venus, p, budgets);
		}
	}
	a->pMemoryProperties->memoryProperties = p->memory;
}

/* --- formats and modifiers -------------------------------------------------------------------------- */

static VkFormatFeatureFlags linear_features(const struct vtr_physical *p, VkFormat format)
{
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2 };

	if (vtr_physical_hides_linear(p)) {
		return 0;
	}
	p->procs->vkGetPhysicalDeviceFormatProperties2(p->handle, format, &props);
	return props.formatProperties.linearTilingFeatures;
}

void vtr_hand_vkGetPhysicalDeviceFormatProperties(struct vtr_dispatch *d,
                                                  struct vtw_vkGetPhysicalDeviceFormatProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	p->procs->vkGetPhysicalDeviceFormatProperties(a->physicalDevice, a->format, a->pFormatProperties);
	if (vtr_physical_hides_linear(p)) {
		a->pFormatProperties->linearTilingFeatures = 0;
	}
}

static void hide_linear(VkFormatProperties2 *properties)
{
	VkFormatProperties3 *wide = vtr_chain_find(properties, VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3);

	properties->formatProperties.linearTilingFeatures = 0;
	if (wide != NULL) {
		wide->linearTilingFeatures = 0;
	}
}

void vtr_hand_vkGetPhysicalDeviceFormatProperties2(struct vtr_dispatch *d,
                                                   struct vtw_vkGetPhysicalDeviceFormatProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	VkDrmFormatModifierPropertiesListEXT *list = vtr_chain_find(
		a->pFormatProperties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT);
	VkDrmFormatModifierPropertiesList2EXT *list2 = vtr_chain_find(
		a->pFormatProperties, VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT);
	const uint32_t room = list != NULL ? list->drmFormatModifierCount : 0;
	const uint32_t room2 = list2 != NULL ? list2->drmFormatModifierCount : 0;
	VkFormatFeatureFlags features;

	(void)d;
	p->procs->vkGetPhysicalDeviceFormatProperties2(a->physicalDevice, a->format, a->pFormatProperties);
	if (vtr_physical_hides_linear(p)) {
		hide_linear(a->pFormatProperties);
	}
	if (!p->emulate.drm_modifier || (list == NULL && list2 == NULL)) {
		return;
	}
	features = linear_features(p, a->format);
	if (list != NULL) {
		list->drmFormatModifierCount = features != 0;
		if (list->pDrmFormatModifierProperties != NULL && room > 0 && features != 0) {
			*list->pDrmFormatModifierProperties =
				(VkDrmFormatModifierPropertiesEXT){ 0, 1, features };
		}
	}
	if (list2 != NULL) {
		list2->drmFormatModifierCount = features != 0;
		if (list2->pDrmFormatModifierProperties != NULL && room2 > 0 && features != 0) {
			*list2->pDrmFormatModifierProperties =
				(VkDrmFormatModifierProperties2EXT){ 0, 1, features };
		}
	}
}

#define SHARED_HANDLES \
	(VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT | VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT)

static const VkExternalMemoryProperties shared_memory = {
	.externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT |
	                          VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT,
	.exportFromImportedHandleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
	.compatibleHandleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
};

/* Returns: whether a linear image with this usage is invalid by its format's features. NVIDIA's driver still
 *          allows such images, for VK_NV_linear_color_attachment, which guests do not have. */
static bool usage_lacks_feature(const struct vtr_physical *p, const VkPhysicalDeviceImageFormatInfo2 *info)
{
	const VkImageUsageFlags usage =
		info->usage & (VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT);
	VkFormatFeatureFlags features;

	if (info->tiling != VK_IMAGE_TILING_LINEAR || usage == 0) {
		return false;
	}
	features = linear_features(p, info->format);
	return (features & VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT) == 0 &&
	       (usage != VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT ||
	        (features & VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT) == 0);
}

static bool hides_image(const struct vtr_physical *p, VkImageTiling tiling, VkImageCreateFlags flags)
{
	return (vtr_physical_hides_sparse(p) && (flags & VK_IMAGE_CREATE_SPARSE_BINDING_BIT) != 0) ||
	       (vtr_physical_hides_linear(p) && tiling == VK_IMAGE_TILING_LINEAR);
}

void vtr_hand_vkGetPhysicalDeviceImageFormatProperties(struct vtr_dispatch *d,
                                                       struct vtw_vkGetPhysicalDeviceImageFormatProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	a->ret = hides_image(p, a->tiling, a->flags) ?
	                 VK_ERROR_FORMAT_NOT_SUPPORTED :
	                 p->procs->vkGetPhysicalDeviceImageFormatProperties(
				 a->physicalDevice, a->format, a->type, a->tiling, a->usage, a->flags,
				 a->pImageFormatProperties);
}

void vtr_hand_vkGetPhysicalDeviceImageFormatProperties2(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceImageFormatProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	VkPhysicalDeviceImageFormatInfo2 *info =
		(VkPhysicalDeviceImageFormatInfo2 *)(uintptr_t)a->pImageFormatInfo;
	const VkPhysicalDeviceExternalImageFormatInfo *external = NULL;
	VkExternalImageFormatProperties *out =
		vtr_chain_find(a->pImageFormatProperties, VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES);

	(void)d;
	if (hides_image(p, info->tiling, info->flags)) {
		a->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
		return;
	}
	if (p->emulate.drm_modifier && info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
		const VkPhysicalDeviceImageDrmFormatModifierInfoEXT *m = vtr_chain_unlink(
			info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT);

		if (m == NULL || m->drmFormatModifier != 0) {
			a->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
			return;
		}
		info->tiling = VK_IMAGE_TILING_LINEAR;
	}
	if (usage_lacks_feature(p, info)) {
		a->ret = VK_ERROR_FORMAT_NOT_SUPPORTED;
		return;
	}
	if (p->emulate.dma_buf) {
		external = vtr_chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
		if (external != NULL && (external->handleType & ~SHARED_HANDLES) == 0 &&
		    external->handleType != 0) {
			vtr_chain_unlink(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
		} else {
			external = NULL;
		}
	}
	a->ret = p->procs->vkGetPhysicalDeviceImageFormatProperties2(a->physicalDevice, info,
	                                                             a->pImageFormatProperties);
	if (external != NULL && out != NULL && a->ret == VK_SUCCESS) {
		const bool dma_buf = external->handleType == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;

		out->externalMemoryProperties =
			dma_buf && info->tiling == VK_IMAGE_TILING_LINEAR &&
					(info->flags & VK_IMAGE_CREATE_SPARSE_BINDING_BIT) == 0 ?
				shared_memory :
				(VkExternalMemoryProperties){ 0 };
	}
}

void vtr_query_image_info(const struct vtr_physical *p, VkImageCreateInfo *info)
{
	if (p->emulate.drm_modifier && info->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT) {
		vtr_chain_unlink(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT);
		vtr_chain_unlink(info, VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_EXPLICIT_CREATE_INFO_EXT);
		info->tiling = VK_IMAGE_TILING_LINEAR;
	}
	if (p->emulate.dma_buf) {
		vtr_chain_unlink(info, VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO);
	}
}

void vtr_hand_vkGetPhysicalDeviceSparseImageFormatProperties(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceSparseImageFormatProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	if (vtr_physical_hides_sparse(p)) {
		*a->pPropertyCount = 0;
		return;
	}
	p->procs->vkGetPhysicalDeviceSparseImageFormatProperties(a->physicalDevice, a->format, a->type,
	                                                         a->samples, a->usage, a->tiling,
	                                                         a->pPropertyCount, a->pProperties);
}

void vtr_hand_vkGetPhysicalDeviceSparseImageFormatProperties2(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceSparseImageFormatProperties2 *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);

	(void)d;
	if (vtr_physical_hides_sparse(p) ||
	    (p->emulate.drm_modifier && a->pFormatInfo->tiling == VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT)) {
		*a->pPropertyCount = 0;
		return;
	}
	p->procs->vkGetPhysicalDeviceSparseImageFormatProperties2(a->physicalDevice, a->pFormatInfo,
	                                                          a->pPropertyCount, a->pProperties);
}

/* --- external handles ------------------------------------------------------------------------------- */

void vtr_hand_vkGetPhysicalDeviceExternalBufferProperties(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceExternalBufferProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	const VkExternalMemoryHandleTypeFlags handle = a->pExternalBufferInfo->handleType;
	const bool sparse = (a->pExternalBufferInfo->flags & VK_BUFFER_CREATE_SPARSE_BINDING_BIT) != 0;

	(void)d;
	if (p->emulate.dma_buf && (handle & ~SHARED_HANDLES) == 0) {
		a->pExternalBufferProperties->externalMemoryProperties =
			handle == VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT && !sparse ?
				shared_memory :
				(VkExternalMemoryProperties){ 0 };
		return;
	}
	p->procs->vkGetPhysicalDeviceExternalBufferProperties(a->physicalDevice, a->pExternalBufferInfo,
	                                                      a->pExternalBufferProperties);
}

void vtr_hand_vkGetPhysicalDeviceExternalFenceProperties(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceExternalFenceProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	VkExternalFenceProperties *out = a->pExternalFenceProperties;

	(void)d;
	if (p->emulate.sync_fd &&
	    a->pExternalFenceInfo->handleType == VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT) {
		out->exportFromImportedHandleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT;
		out->compatibleHandleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT;
		out->externalFenceFeatures = VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT |
		                             VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT;
		return;
	}
	p->procs->vkGetPhysicalDeviceExternalFenceProperties(a->physicalDevice, a->pExternalFenceInfo, out);
}

void vtr_hand_vkGetPhysicalDeviceExternalSemaphoreProperties(
	struct vtr_dispatch *d, struct vtw_vkGetPhysicalDeviceExternalSemaphoreProperties *a)
{
	const struct vtr_physical *p = vtr_physical_of(a->physicalDevice_obj);
	VkExternalSemaphoreProperties *out = a->pExternalSemaphoreProperties;
	const VkSemaphoreTypeCreateInfo *type =
		vtr_chain_find(a->pExternalSemaphoreInfo, VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO);

	(void)d;
	if (p->emulate.sync_fd &&
	    a->pExternalSemaphoreInfo->handleType == VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT) {
		if (type != NULL && type->semaphoreType == VK_SEMAPHORE_TYPE_TIMELINE) {
			out->exportFromImportedHandleTypes = out->compatibleHandleTypes = 0;
			out->externalSemaphoreFeatures = 0;
			return;
		}
		out->exportFromImportedHandleTypes = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
		out->compatibleHandleTypes = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT;
		out->externalSemaphoreFeatures = VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT |
		                                 VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
		return;
	}
	p->procs->vkGetPhysicalDeviceExternalSemaphoreProperties(a->physicalDevice, a->pExternalSemaphoreInfo,
	                                                         out);
}
