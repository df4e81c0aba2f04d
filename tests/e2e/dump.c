/* SPDX-License-Identifier: MIT */
#include "dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * vk-dump: prints as JSON what a driver says about its devices. differences.py compares what two
 * drivers say, member by member.
 */

#define MAX_ITEMS 64
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct vtr_json dump_json = { .lines = VTR_JSON_MAX_DEPTH };

void dump_hex(const char *name, const uint8_t *bytes, uint32_t count)
{
	char text[2 * 64 + 1] = "";
	if (2 * count >= sizeof(text)) {
		vkc_fail("%s has %u bytes", name, count);
	}
	for (uint32_t i = 0; i < count; i++) {
		snprintf(text + (size_t)2 * i, 3, "%02x", bytes[i]);
	}
	vtr_json_text(&dump_json, name, text);
}

static void __attribute__((format(printf, 2, 3))) put_text(const char *name, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	vtr_json_text(&dump_json, name, text);
}

static void dump_instance(struct vkc *c)
{
	VkExtensionProperties *list;
	uint32_t version = 0;
	uint32_t count = 0;
	vkc_check(c->vk.EnumerateInstanceVersion(&version));
	vkc_check(c->vk.EnumerateInstanceExtensionProperties(NULL, &count, NULL));
	list = vkc_alloc(count, sizeof(*list));
	vkc_check(c->vk.EnumerateInstanceExtensionProperties(NULL, &count, list));
	vtr_json_open(&dump_json, "instance", '{');
	vtr_json_number(&dump_json, "version", version);
	vtr_json_open(&dump_json, "extensions", '{');
	for (uint32_t i = 0; i < count; i++) {
		vtr_json_number(&dump_json, list[i].extensionName, list[i].specVersion);
	}
	vtr_json_close(&dump_json, '}');
	vtr_json_close(&dump_json, '}');
	free(list);
}

static void dump_extensions(struct vkc *c)
{
	vtr_json_open(&dump_json, "extensions", '{');
	for (uint32_t i = 0; i < c->extension_count; i++) {
		vtr_json_number(&dump_json, c->extensions[i].extensionName, c->extensions[i].specVersion);
	}
	vtr_json_close(&dump_json, '}');
}

static const char *numbered(const char *what, uint32_t i)
{
	static char text[64];
	snprintf(text, sizeof(text), "%s%u", what, i);
	return text;
}

static void dump_memory(struct vkc *c)
{
	const VkPhysicalDeviceMemoryProperties *m = &c->memory;
	vtr_json_open(&dump_json, "memory", '{');
	for (uint32_t i = 0; i < m->memoryHeapCount; i++) {
		vtr_json_open(&dump_json, numbered("heap", i), '{');
		vtr_json_number(&dump_json, "size", m->memoryHeaps[i].size);
		vtr_json_number(&dump_json, "flags", m->memoryHeaps[i].flags);
		vtr_json_close(&dump_json, '}');
	}
	for (uint32_t i = 0; i < m->memoryTypeCount; i++) {
		vtr_json_open(&dump_json, numbered("type", i), '{');
		vtr_json_number(&dump_json, "heap", m->memoryTypes[i].heapIndex);
		vtr_json_number(&dump_json, "flags", m->memoryTypes[i].propertyFlags);
		vtr_json_close(&dump_json, '}');
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_queues(struct vkc *c)
{
	VkQueueFamilyProperties2 families[MAX_ITEMS];
	VkQueueFamilyGlobalPriorityProperties priorities[MAX_ITEMS];
	uint32_t count = MAX_ITEMS;
	for (uint32_t i = 0; i < MAX_ITEMS; i++) {
		priorities[i] = (VkQueueFamilyGlobalPriorityProperties){
			.sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_GLOBAL_PRIORITY_PROPERTIES,
		};
		families[i] = (VkQueueFamilyProperties2){
			.sType = VK_STRUCTURE_TYPE_QUEUE_FAMILY_PROPERTIES_2,
			.pNext = &priorities[i],
		};
	}
	c->vk.GetPhysicalDeviceQueueFamilyProperties2(c->physical, &count, families);
	vtr_json_open(&dump_json, "queues", '{');
	for (uint32_t i = 0; i < count; i++) {
		vtr_json_open(&dump_json, numbered("family", i), '{');
		dump_VkQueueFamilyProperties("properties", &families[i].queueFamilyProperties);
		for (uint32_t k = 0; k < priorities[i].priorityCount; k++) {
			vtr_json_number(&dump_json, numbered("priority", k), priorities[i].priorities[k]);
		}
		vtr_json_close(&dump_json, '}');
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_format_features(struct vkc *c)
{
	vtr_json_open(&dump_json, "formats", '{');
	for (uint32_t i = 0; i < dump_format_count; i++) {
		VkFormatProperties3 more = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3 };
		VkFormatProperties2 props = {
			.sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
			.pNext = &more,
		};
		c->vk.GetPhysicalDeviceFormatProperties2(c->physical, (VkFormat)dump_formats[i].value,
		                                         &props);
		const VkFormatProperties *p = &props.formatProperties;
		vtr_json_open(&dump_json, dump_formats[i].name, '{');
		put_text("linear", "%x %llx", p->linearTilingFeatures,
		         (unsigned long long)more.linearTilingFeatures);
		put_text("optimal", "%x %llx", p->optimalTilingFeatures,
		         (unsigned long long)more.optimalTilingFeatures);
		put_text("buffer", "%x %llx", p->bufferFeatures, (unsigned long long)more.bufferFeatures);
		vtr_json_close(&dump_json, '}');
	}
	vtr_json_close(&dump_json, '}');
}

struct image_case {
	const char *name;
	VkImageType type;
	VkImageTiling tiling;
	VkImageUsageFlags usage;
	VkImageCreateFlags flags;
};

static const struct image_case image_cases[] = {
	{ "sampled", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL,
	  VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT, 0 },
	{ "sampled_1d", VK_IMAGE_TYPE_1D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT, 0 },
	{ "sampled_3d", VK_IMAGE_TYPE_3D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT, 0 },
	{ "sampled_cube", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT,
	  VK_IMAGE_CREATE_CUBE_COMPATIBLE_BIT },
	{ "sampled_linear", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_LINEAR, VK_IMAGE_USAGE_SAMPLED_BIT, 0 },
	{ "color", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, 0 },
	{ "color_linear", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_LINEAR, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, 0 },
	{ "color_mutable", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL,
	  VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT,
	  VK_IMAGE_CREATE_MUTABLE_FORMAT_BIT | VK_IMAGE_CREATE_EXTENDED_USAGE_BIT },
	{ "depth", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT,
	  0 },
	{ "storage", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_STORAGE_BIT, 0 },
	{ "storage_3d", VK_IMAGE_TYPE_3D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_STORAGE_BIT,
	  VK_IMAGE_CREATE_2D_ARRAY_COMPATIBLE_BIT },
	{ "sparse", VK_IMAGE_TYPE_2D, VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_SAMPLED_BIT,
	  VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT },
};

static void dump_image_case(struct vkc *c, VkFormat format, const struct image_case *image)
{
	VkPhysicalDeviceImageFormatInfo2 info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.format = format,
		.type = image->type,
		.tiling = image->tiling,
		.usage = image->usage,
		.flags = image->flags,
	};
	VkSamplerYcbcrConversionImageFormatProperties ycbcr = {
		.sType = VK_STRUCTURE_TYPE_SAMPLER_YCBCR_CONVERSION_IMAGE_FORMAT_PROPERTIES,
	};
	VkImageFormatProperties2 props = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
		.pNext = &ycbcr,
	};
	VkResult result = c->vk.GetPhysicalDeviceImageFormatProperties2(c->physical, &info, &props);
	if (result == VK_ERROR_FORMAT_NOT_SUPPORTED) {
		return;
	}
	const VkImageFormatProperties *p = &props.imageFormatProperties;
	put_text(image->name, "%d: %ux%ux%u levels %u layers %u samples %x size %llu descriptors %u",
	         (int)result, p->maxExtent.width, p->maxExtent.height, p->maxExtent.depth, p->maxMipLevels,
	         p->maxArrayLayers, p->sampleCounts, (unsigned long long)p->maxResourceSize,
	         ycbcr.combinedImageSamplerDescriptorCount);
}

static void dump_sparse(struct vkc *c, VkFormat format)
{
	VkSparseImageFormatProperties2 props[8];
	VkPhysicalDeviceSparseImageFormatInfo2 info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SPARSE_IMAGE_FORMAT_INFO_2,
		.format = format,
		.type = VK_IMAGE_TYPE_2D,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT,
		.tiling = VK_IMAGE_TILING_OPTIMAL,
	};
	uint32_t count = COUNT(props);
	for (uint32_t i = 0; i < count; i++) {
		props[i] = (VkSparseImageFormatProperties2){
			.sType = VK_STRUCTURE_TYPE_SPARSE_IMAGE_FORMAT_PROPERTIES_2,
		};
	}
	c->vk.GetPhysicalDeviceSparseImageFormatProperties2(c->physical, &info, &count, props);
	for (uint32_t i = 0; i < count; i++) {
		const VkSparseImageFormatProperties *p = &props[i].properties;
		put_text(numbered("sparse_block", i), "aspect %x %ux%ux%u flags %x", p->aspectMask,
		         p->imageGranularity.width, p->imageGranularity.height, p->imageGranularity.depth,
		         p->flags);
	}
}

static void dump_images(struct vkc *c)
{
	vtr_json_open(&dump_json, "images", '{');
	for (uint32_t i = 0; i < dump_format_count; i++) {
		vtr_json_open(&dump_json, dump_formats[i].name, '{');
		for (size_t k = 0; k < COUNT(image_cases); k++) {
			dump_image_case(c, (VkFormat)dump_formats[i].value, &image_cases[k]);
		}
		dump_sparse(c, (VkFormat)dump_formats[i].value);
		vtr_json_close(&dump_json, '}');
	}
	vtr_json_close(&dump_json, '}');
}

static void put_external(const char *name, const VkExternalMemoryProperties *p)
{
	put_text(name, "features %x from %x compatible %x", p->externalMemoryFeatures,
	         p->exportFromImportedHandleTypes, p->compatibleHandleTypes);
}

static void dump_external_memory(struct vkc *c, const char *name, VkExternalMemoryHandleTypeFlagBits type)
{
	char text[64];
	VkPhysicalDeviceExternalBufferInfo buffer = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
		.handleType = type,
	};
	VkExternalBufferProperties props = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES };
	c->vk.GetPhysicalDeviceExternalBufferProperties(c->physical, &buffer, &props);
	snprintf(text, sizeof(text), "buffer_%s", name);
	put_external(text, &props.externalMemoryProperties);

	VkPhysicalDeviceExternalImageFormatInfo external = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
		.handleType = type,
	};
	VkPhysicalDeviceImageFormatInfo2 image = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.pNext = &external,
		.format = VK_FORMAT_B8G8R8A8_UNORM,
		.type = VK_IMAGE_TYPE_2D,
		.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT,
	};
	VkExternalImageFormatProperties answer = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES,
	};
	VkImageFormatProperties2 image_props = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
		.pNext = &answer,
	};
	snprintf(text, sizeof(text), "image_%s", name);
	if (c->vk.GetPhysicalDeviceImageFormatProperties2(c->physical, &image, &image_props) == VK_SUCCESS) {
		put_external(text, &answer.externalMemoryProperties);
	} else {
		vtr_json_text(&dump_json, text, "no");
	}
}

static void dump_external(struct vkc *c)
{
	vtr_json_open(&dump_json, "external", '{');
	dump_external_memory(c, "opaque_fd", VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT);
	dump_external_memory(c, "dma_buf", VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT);
	dump_external_memory(c, "host", VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT);
	for (uint32_t type = VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT;
	     type <= VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT; type <<= 1) {
		VkPhysicalDeviceExternalSemaphoreInfo semaphore = {
			.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_SEMAPHORE_INFO,
			.handleType = (VkExternalSemaphoreHandleTypeFlagBits)type,
		};
		VkExternalSemaphoreProperties semaphore_props = {
			.sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES,
		};
		c->vk.GetPhysicalDeviceExternalSemaphoreProperties(c->physical, &semaphore, &semaphore_props);
		vtr_json_number(&dump_json, numbered("semaphore_", type),
		                semaphore_props.externalSemaphoreFeatures);
	}
	for (uint32_t type = VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT;
	     type <= VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT; type <<= 1) {
		VkPhysicalDeviceExternalFenceInfo fence = {
			.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
			.handleType = (VkExternalFenceHandleTypeFlagBits)type,
		};
		VkExternalFenceProperties fence_props = {
			.sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES
		};
		c->vk.GetPhysicalDeviceExternalFenceProperties(c->physical, &fence, &fence_props);
		vtr_json_number(&dump_json, numbered("fence_", type), fence_props.externalFenceFeatures);
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_host_copy(struct vkc *c)
{
	VkImageLayout from[MAX_ITEMS];
	VkImageLayout to[MAX_ITEMS];
	VkPhysicalDeviceHostImageCopyProperties copy = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_HOST_IMAGE_COPY_PROPERTIES,
		.copySrcLayoutCount = MAX_ITEMS,
		.pCopySrcLayouts = from,
		.copyDstLayoutCount = MAX_ITEMS,
		.pCopyDstLayouts = to,
	};
	VkPhysicalDeviceProperties2 props = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &copy,
	};
	if (!vkc_has_extension(c, "VK_EXT_host_image_copy")) {
		return;
	}
	c->vk.GetPhysicalDeviceProperties2(c->physical, &props);
	vtr_json_open(&dump_json, "host_image_copy", '{');
	for (uint32_t i = 0; i < copy.copySrcLayoutCount; i++) {
		vtr_json_number(&dump_json, numbered("from", i), from[i]);
	}
	for (uint32_t i = 0; i < copy.copyDstLayoutCount; i++) {
		vtr_json_number(&dump_json, numbered("to", i), to[i]);
	}
	dump_hex("uuid", copy.optimalTilingLayoutUUID, VK_UUID_SIZE);
	vtr_json_number(&dump_json, "identicalMemoryTypeRequirements", copy.identicalMemoryTypeRequirements);
	vtr_json_close(&dump_json, '}');
}

static void dump_shading_rates(struct vkc *c)
{
	VkPhysicalDeviceFragmentShadingRateKHR rates[MAX_ITEMS];
	uint32_t count = MAX_ITEMS;
	if (!vkc_has_extension(c, "VK_KHR_fragment_shading_rate")) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		rates[i] = (VkPhysicalDeviceFragmentShadingRateKHR){
			.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FRAGMENT_SHADING_RATE_KHR,
		};
	}
	vkc_check(c->vk.GetPhysicalDeviceFragmentShadingRatesKHR(c->physical, &count, rates));
	vtr_json_open(&dump_json, "shading_rates", '{');
	for (uint32_t i = 0; i < count; i++) {
		put_text(numbered("rate", i), "%ux%u samples %x", rates[i].fragmentSize.width,
		         rates[i].fragmentSize.height, rates[i].sampleCounts);
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_matrices(struct vkc *c)
{
	VkCooperativeMatrixPropertiesKHR matrices[MAX_ITEMS];
	uint32_t count = MAX_ITEMS;
	if (!vkc_has_extension(c, "VK_KHR_cooperative_matrix")) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		matrices[i] = (VkCooperativeMatrixPropertiesKHR){
			.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR,
		};
	}
	vkc_check(c->vk.GetPhysicalDeviceCooperativeMatrixPropertiesKHR(c->physical, &count, matrices));
	vtr_json_open(&dump_json, "cooperative_matrices", '{');
	for (uint32_t i = 0; i < count; i++) {
		const VkCooperativeMatrixPropertiesKHR *m = &matrices[i];
		put_text(numbered("matrix", i), "%ux%ux%u types %d %d %d %d saturating %u scope %d", m->MSize,
		         m->NSize, m->KSize, (int)m->AType, (int)m->BType, (int)m->CType, (int)m->ResultType,
		         m->saturatingAccumulation, (int)m->scope);
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_time_domains(struct vkc *c)
{
	VkTimeDomainKHR domains[MAX_ITEMS];
	uint32_t count = MAX_ITEMS;
	if (!vkc_has_extension(c, "VK_KHR_calibrated_timestamps")) {
		return;
	}
	vkc_check(c->vk.GetPhysicalDeviceCalibrateableTimeDomainsKHR(c->physical, &count, domains));
	vtr_json_open(&dump_json, "time_domains", '{');
	for (uint32_t i = 0; i < count; i++) {
		vtr_json_number(&dump_json, numbered("domain", i), domains[i]);
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_groups(struct vkc *c)
{
	VkPhysicalDeviceGroupProperties groups[16];
	uint32_t count = COUNT(groups);
	for (uint32_t i = 0; i < count; i++) {
		groups[i] = (VkPhysicalDeviceGroupProperties){
			.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_GROUP_PROPERTIES,
		};
	}
	vkc_check(c->vk.EnumeratePhysicalDeviceGroups(c->instance, &count, groups));
	vtr_json_open(&dump_json, "groups", '{');
	for (uint32_t i = 0; i < count; i++) {
		put_text(numbered("group", i), "%u devices, subset %u", groups[i].physicalDeviceCount,
		         groups[i].subsetAllocation);
	}
	vtr_json_close(&dump_json, '}');
}

static void dump_device(struct vkc *c, uint32_t index)
{
	VkPhysicalDeviceFeatures2 features = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 };
	vkc_physical_open(c, index);
	c->vk.GetPhysicalDeviceFeatures2(c->physical, &features);
	vtr_json_open(&dump_json, numbered("device", index), '{');
	dump_extensions(c);
	vtr_json_open(&dump_json, "features", '{');
	dump_VkPhysicalDeviceFeatures("VkPhysicalDeviceFeatures", &features.features);
	dump_VkPhysicalDeviceFeatures2(c);
	vtr_json_close(&dump_json, '}');
	vtr_json_open(&dump_json, "properties", '{');
	dump_VkPhysicalDeviceProperties("VkPhysicalDeviceProperties", &c->props);
	dump_VkPhysicalDeviceProperties2(c);
	vtr_json_close(&dump_json, '}');
	dump_memory(c);
	dump_queues(c);
	dump_format_features(c);
	dump_images(c);
	dump_external(c);
	dump_host_copy(c);
	dump_shading_rates(c);
	dump_matrices(c);
	dump_time_domains(c);
	vtr_json_close(&dump_json, '}');
	free(c->extensions);
	c->extensions = NULL;
}

int main(void)
{
	struct vkc c;
	dump_json.file = stdout;
	vkc_instance_open(&c, "vk-dump");
	uint32_t count = 0;
	vkc_check(c.vk.EnumeratePhysicalDevices(c.instance, &count, NULL));
	vtr_json_open(&dump_json, NULL, '{');
	dump_instance(&c);
	for (uint32_t i = 0; i < count; i++) {
		dump_device(&c, i);
	}
	dump_groups(&c);
	vtr_json_close(&dump_json, '}');
	vkc_close(&c);
	return 0;
}
