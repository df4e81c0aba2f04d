/* SPDX-License-Identifier: MIT */
/* The answers to questions about the physical device; facts.py has most of the values. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define ANY_SAMPLES 0xf
#define UUID_NUMBER 15 /* the byte of a device's UUID that has its number */
#define HOST_POINTER VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
/* VkPhysicalDevicePortabilitySubsetPropertiesKHR, which the registry does not have. */
#define PORTABILITY_PROPERTIES 1000163001
#define OPAQUE_FD VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT

struct portability_properties {
	struct vtd_chain link;
	uint32_t min_stride_alignment;
};

/* --- properties and features ------------------------------------------------------------------------ */

void vtd_vkGetPhysicalDeviceProperties(VkPhysicalDevice handle, VkPhysicalDeviceProperties *out)
{
	VTD_OBJECT(physical, physical, handle);
	static const char name[] = "vitrine test driver";

	memset(out, 0, sizeof(*out));
	out->apiVersion = vtd_config.api_version;
	out->driverVersion = 1;
	out->vendorID = 0x10000; /* no PCI device */
	out->deviceID = 1 + physical->number;
	out->deviceType = VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
	memcpy(out->deviceName, name, sizeof(name));
	memcpy(out->pipelineCacheUUID, name, sizeof(out->pipelineCacheUUID));
	vtd_fill_limits(&out->limits);
}

/* Tells the devices apart. */
static void fill_uuid(struct vtd_chain *link, uint32_t number)
{
	if (link->type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES) {
		((VkPhysicalDeviceIDProperties *)(void *)link)->deviceUUID[UUID_NUMBER] = (uint8_t)number;
	} else if (link->type == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES) {
		((VkPhysicalDeviceVulkan11Properties *)(void *)link)->deviceUUID[UUID_NUMBER] =
			(uint8_t)number;
	}
}

void vtd_vkGetPhysicalDeviceProperties2(VkPhysicalDevice handle, VkPhysicalDeviceProperties2 *out)
{
	VTD_OBJECT(physical, physical, handle);

	vtd_vkGetPhysicalDeviceProperties(handle, &out->properties);
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		vtd_fill_properties(link);
		fill_uuid(link, physical->number);
		if ((int)link->type == PORTABILITY_PROPERTIES) {
			((struct portability_properties *)(void *)link)->min_stride_alignment = 4;
		}
	}
}

void vtd_vkGetPhysicalDeviceFeatures(VkPhysicalDevice physical, VkPhysicalDeviceFeatures *out)
{
	(void)physical;
	vtd_fill_core_features(out);
}

void vtd_vkGetPhysicalDeviceFeatures2(VkPhysicalDevice physical, VkPhysicalDeviceFeatures2 *out)
{
	vtd_vkGetPhysicalDeviceFeatures(physical, &out->features);
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		vtd_fill_features(link);
	}
}

const struct vtd_family vtd_families[VTD_FAMILY_COUNT] = {
	{ VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 0, 16 },
	{ VK_QUEUE_TRANSFER_BIT, 16, 2 },
	{ VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT, 18, 8 },
};

static void fill_family(const struct vtd_family *family, VkQueueFamilyProperties *out)
{
	*out = (VkQueueFamilyProperties){
		.queueFlags = family->flags,
		.queueCount = family->count,
		.timestampValidBits = 64,
		.minImageTransferGranularity = { 1, 1, 1 },
	};
}

void vtd_vkGetPhysicalDeviceQueueFamilyProperties(VkPhysicalDevice physical, uint32_t *count,
                                                  VkQueueFamilyProperties *out)
{
	(void)physical;
	if (out == NULL || *count > VTD_FAMILY_COUNT) {
		*count = VTD_FAMILY_COUNT;
	}
	for (uint32_t i = 0; out != NULL && i < *count; i++) {
		fill_family(&vtd_families[i], &out[i]);
	}
}

void vtd_vkGetPhysicalDeviceQueueFamilyProperties2(VkPhysicalDevice physical, uint32_t *count,
                                                   VkQueueFamilyProperties2 *out)
{
	VkQueueFamilyGlobalPriorityProperties *priorities;

	(void)physical;
	if (out == NULL || *count > VTD_FAMILY_COUNT) {
		*count = VTD_FAMILY_COUNT;
	}
	for (uint32_t i = 0; out != NULL && i < *count; i++) {
		fill_family(&vtd_families[i], &out[i].queueFamilyProperties);
		for (struct vtd_chain *link = out[i].pNext; link != NULL; link = link->next) {
			if (link->type == VK_STRUCTURE_TYPE_QUEUE_FAMILY_GLOBAL_PRIORITY_PROPERTIES) {
				priorities = (void *)link;
				priorities->priorityCount = 1;
				priorities->priorities[0] = VK_QUEUE_GLOBAL_PRIORITY_MEDIUM;
			}
		}
	}
}

void vtd_vkGetPhysicalDeviceMemoryProperties(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties *out)
{
	(void)physical;
	if (vtd_config.buffers_only) {
		*out = (VkPhysicalDeviceMemoryProperties){
			.memoryTypeCount = 1,
			.memoryTypes = { [VTD_TYPE_ONLY] = { VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
			                                             VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
			                                             VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
			                                             VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
			                                     0 } },
			.memoryHeapCount = 1,
			.memoryHeaps = { { VTD_HEAP_SIZE, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT } },
		};
		return;
	}
	*out = (VkPhysicalDeviceMemoryProperties){
		.memoryTypeCount = VTD_TYPE_COUNT,
		.memoryTypes = {
			[VTD_TYPE_DEVICE] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0},
			[VTD_TYPE_HOST] = {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
			                   VK_MEMORY_PROPERTY_HOST_CACHED_BIT, 1},
		},
		.memoryHeapCount = 2,
		.memoryHeaps = {{VTD_HEAP_SIZE, VK_MEMORY_HEAP_DEVICE_LOCAL_BIT}, {VTD_HEAP_SIZE, 0}},
	};
}

void vtd_vkGetPhysicalDeviceMemoryProperties2(VkPhysicalDevice physical,
                                              VkPhysicalDeviceMemoryProperties2 *out)
{
	vtd_vkGetPhysicalDeviceMemoryProperties(physical, &out->memoryProperties);
}

/* --- formats ---------------------------------------------------------------------------------------- */

const struct vtd_format *vtd_format_find(VkFormat format)
{
	size_t low = 0, high = vtd_format_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (vtd_formats[middle].format < (int32_t)format) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < vtd_format_count && vtd_formats[low].format == (int32_t)format ? &vtd_formats[low] :
	                                                                              NULL;
}

static VkFormatFeatureFlags format_features(const struct vtd_format *f)
{
	const VkFormatFeatureFlags read = VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT |
	                                  VK_FORMAT_FEATURE_TRANSFER_SRC_BIT |
	                                  VK_FORMAT_FEATURE_TRANSFER_DST_BIT | VK_FORMAT_FEATURE_BLIT_SRC_BIT;
	const VkFormatFeatureFlags linear = VK_FORMAT_FEATURE_SAMPLED_IMAGE_FILTER_LINEAR_BIT;
	const VkFormatFeatureFlags draw = VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT |
	                                  VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT |
	                                  VK_FORMAT_FEATURE_STORAGE_IMAGE_ATOMIC_BIT |
	                                  VK_FORMAT_FEATURE_BLIT_DST_BIT;

	switch (f->kind) {
	case VTD_FORMAT_COLOR:
		return read | linear | draw | VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BLEND_BIT;
	case VTD_FORMAT_INTEGER:
		return read | draw;
	case VTD_FORMAT_DEPTH:
		return read | VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT;
	case VTD_FORMAT_COMPRESSED:
		return read | linear;
	case VTD_FORMAT_PLANAR:
		return VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT | VK_FORMAT_FEATURE_TRANSFER_SRC_BIT |
		       VK_FORMAT_FEATURE_TRANSFER_DST_BIT | linear |
		       VK_FORMAT_FEATURE_MIDPOINT_CHROMA_SAMPLES_BIT;
	}
	return 0;
}

void vtd_vkGetPhysicalDeviceFormatProperties(VkPhysicalDevice physical, VkFormat format,
                                             VkFormatProperties *out)
{
	const struct vtd_format *f = vtd_format_find(format);

	(void)physical;
	*out = (VkFormatProperties){ 0 };
	if (f == NULL) {
		return;
	}
	out->optimalTilingFeatures = format_features(f);
	if (f->kind == VTD_FORMAT_COLOR || f->kind == VTD_FORMAT_INTEGER) {
		out->linearTilingFeatures = out->optimalTilingFeatures;
		if (vtd_config.linear_color) {
			out->linearTilingFeatures &=
				~(VkFormatFeatureFlags)VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT;
		}
		out->bufferFeatures = VK_FORMAT_FEATURE_UNIFORM_TEXEL_BUFFER_BIT |
		                      VK_FORMAT_FEATURE_STORAGE_TEXEL_BUFFER_BIT |
		                      VK_FORMAT_FEATURE_VERTEX_BUFFER_BIT |
		                      VK_FORMAT_FEATURE_STORAGE_TEXEL_BUFFER_ATOMIC_BIT;
	}
}

/* With what the older flags have no bits for. */
static VkFormatFeatureFlags2 widen(VkFormatFeatureFlags flags)
{
	const VkFormatFeatureFlags2 more = VK_FORMAT_FEATURE_2_STORAGE_READ_WITHOUT_FORMAT_BIT |
	                                   VK_FORMAT_FEATURE_2_STORAGE_WRITE_WITHOUT_FORMAT_BIT |
	                                   VK_FORMAT_FEATURE_2_HOST_IMAGE_TRANSFER_BIT;

	return flags != 0 ? flags | more : 0;
}

void vtd_vkGetPhysicalDeviceFormatProperties2(VkPhysicalDevice physical, VkFormat format,
                                              VkFormatProperties2 *out)
{
	VkFormatProperties *p = &out->formatProperties;
	VkFormatProperties3 *wide;

	vtd_vkGetPhysicalDeviceFormatProperties(physical, format, p);
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		if (link->type == VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3) {
			wide = (void *)link;
			wide->linearTilingFeatures = widen(p->linearTilingFeatures);
			wide->optimalTilingFeatures = widen(p->optimalTilingFeatures);
			wide->bufferFeatures = p->bufferFeatures;
		}
	}
}

/* The features without which an image cannot be used so. */
static VkFormatFeatureFlags needed(VkImageUsageFlags usage)
{
	static const struct {
		VkImageUsageFlags usage;
		VkFormatFeatureFlags feature;
	} rows[] = {
		{ VK_IMAGE_USAGE_SAMPLED_BIT, VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT },
		{ VK_IMAGE_USAGE_STORAGE_BIT, VK_FORMAT_FEATURE_STORAGE_IMAGE_BIT },
		{ VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT },
		{ VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT,
		  VK_FORMAT_FEATURE_DEPTH_STENCIL_ATTACHMENT_BIT },
	};
	VkFormatFeatureFlags all = 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		all |= (usage & rows[i].usage) != 0 ? rows[i].feature : 0;
	}
	return all;
}

VkResult vtd_vkGetPhysicalDeviceImageFormatProperties(VkPhysicalDevice physical, VkFormat format,
                                                      VkImageType type, VkImageTiling tiling,
                                                      VkImageUsageFlags usage, VkImageCreateFlags flags,
                                                      VkImageFormatProperties *out)
{
	const VkImageCreateFlags sparse = VK_IMAGE_CREATE_SPARSE_BINDING_BIT |
	                                  VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT |
	                                  VK_IMAGE_CREATE_SPARSE_ALIASED_BIT | VK_IMAGE_CREATE_PROTECTED_BIT;
	const bool optimal = tiling == VK_IMAGE_TILING_OPTIMAL;
	const bool flat = type == VK_IMAGE_TYPE_2D;
	const bool deep = type == VK_IMAGE_TYPE_3D;
	const uint32_t side = deep ? 2048 : 16384; /* facts.py has the same limits */
	const bool cube = (flags & VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT) != 0;
	VkFormatProperties p;
	VkFormatFeatureFlags have;

	vtd_vkGetPhysicalDeviceFormatProperties(physical, format, &p);
	have = optimal ? p.optimalTilingFeatures : p.linearTilingFeatures;
	if (!optimal && vtd_config.linear_color) {
		have |= VK_FORMAT_FEATURE_COLOR_ATTACHMENT_BIT;
	}
	*out = (VkImageFormatProperties){ 0 };
	if ((!optimal && tiling != VK_IMAGE_TILING_LINEAR) || have == 0 || (flags & sparse) != 0 ||
	    (needed(usage) & ~have) != 0) {
		return VK_ERROR_FORMAT_NOT_SUPPORTED;
	}
	*out = (VkImageFormatProperties){
		.maxExtent = { side, type == VK_IMAGE_TYPE_1D ? 1 : side, deep ? side : 1 },
		.maxMipLevels = optimal ? (deep ? 12 : 15) : 1,
		.maxArrayLayers = optimal && !deep ? 2048 : 1,
		.sampleCounts = optimal && flat && !cube ? ANY_SAMPLES : VK_SAMPLE_COUNT_1_BIT,
		.maxResourceSize = VTD_HEAP_SIZE,
	};
	return VK_SUCCESS;
}

/* --- memory of others ------------------------------------------------------------------------------- */

static VkExternalMemoryProperties external_memory(VkExternalMemoryHandleTypeFlagBits type, bool image)
{
	VkExternalMemoryProperties p = { .compatibleHandleTypes = type };

	if (type == HOST_POINTER && image && vtd_config.buffers_only) {
		p.compatibleHandleTypes = 0;
	} else if (type == HOST_POINTER) {
		p.externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT;
	} else if (type == OPAQUE_FD) {
		p.externalMemoryFeatures = VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT |
		                           VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT;
		p.exportFromImportedHandleTypes = type;
	}
	return p;
}

VkResult vtd_vkGetPhysicalDeviceImageFormatProperties2(VkPhysicalDevice physical,
                                                       const VkPhysicalDeviceImageFormatInfo2 *info,
                                                       VkImageFormatProperties2 *out)
{
	const VkPhysicalDeviceExternalImageFormatInfo *external =
		vtd_find(info->pNext, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO);
	VkExternalImageFormatProperties *more;

	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		if (link->type == VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES) {
			more = (void *)link;
			more->externalMemoryProperties =
				external_memory(external != NULL ? external->handleType : 0, true);
		} else if (link->type == VK_STRUCTURE_TYPE_SAMPLER_YCBCR_CONVERSION_IMAGE_FORMAT_PROPERTIES) {
			((VkSamplerYcbcrConversionImageFormatProperties *)(void *)link)
				->combinedImageSamplerDescriptorCount = 1;
		} else if (link->type == VK_STRUCTURE_TYPE_HOST_IMAGE_COPY_DEVICE_PERFORMANCE_QUERY) {
			((VkHostImageCopyDevicePerformanceQuery *)(void *)link)->optimalDeviceAccess =
				VK_TRUE;
		}
	}
	if (external != NULL && external->handleType != 0 &&
	    external_memory(external->handleType, true).externalMemoryFeatures == 0) {
		return VK_ERROR_FORMAT_NOT_SUPPORTED;
	}
	return vtd_vkGetPhysicalDeviceImageFormatProperties(physical, info->format, info->type, info->tiling,
	                                                    info->usage, info->flags,
	                                                    &out->imageFormatProperties);
}

void vtd_vkGetPhysicalDeviceExternalBufferProperties(VkPhysicalDevice physical,
                                                     const VkPhysicalDeviceExternalBufferInfo *info,
                                                     VkExternalBufferProperties *out)
{
	(void)physical;
	out->externalMemoryProperties = external_memory(info->handleType, false);
}

void vtd_vkGetPhysicalDeviceExternalFenceProperties(VkPhysicalDevice physical,
                                                    const VkPhysicalDeviceExternalFenceInfo *info,
                                                    VkExternalFenceProperties *out)
{
	(void)physical;
	(void)info;
	out->exportFromImportedHandleTypes = out->compatibleHandleTypes = out->externalFenceFeatures = 0;
}

void vtd_vkGetPhysicalDeviceExternalSemaphoreProperties(VkPhysicalDevice physical,
                                                        const VkPhysicalDeviceExternalSemaphoreInfo *info,
                                                        VkExternalSemaphoreProperties *out)
{
	(void)physical;
	(void)info;
	out->exportFromImportedHandleTypes = out->compatibleHandleTypes = out->externalSemaphoreFeatures = 0;
}

void vtd_vkGetPhysicalDeviceMultisamplePropertiesEXT(VkPhysicalDevice physical, VkSampleCountFlagBits samples,
                                                     VkMultisamplePropertiesEXT *out)
{
	(void)physical;
	(void)samples;
	out->maxSampleLocationGridSize = (VkExtent2D){ 0, 0 };
}

void vtd_vkGetDescriptorSetLayoutSupport(VkDevice device, const VkDescriptorSetLayoutCreateInfo *info,
                                         VkDescriptorSetLayoutSupport *out)
{
	(void)device;
	(void)info;
	out->supported = VK_TRUE;
	for (struct vtd_chain *link = out->pNext; link != NULL; link = link->next) {
		if (link->type == VK_STRUCTURE_TYPE_DESCRIPTOR_SET_VARIABLE_DESCRIPTOR_COUNT_LAYOUT_SUPPORT) {
			((VkDescriptorSetVariableDescriptorCountLayoutSupport *)(void *)link)
				->maxVariableDescriptorCount = 1u << 20;
		}
	}
}
