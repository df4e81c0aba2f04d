/* SPDX-License-Identifier: MIT */
/* Queries of physical devices: what is emulated, what is hidden, and what the driver answers itself. */
#include "base/mem.h"
#include "venus_guest.h"

#define ON_PHYSICAL .physicalDevice = ID(VkPhysicalDevice, PHYSICAL)
#define RGBA VK_FORMAT_R8G8B8A8_UNORM
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
#define OPAQUE_FD VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT
#define HOST_POINTER VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define BOTH_WAYS (VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT | VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)

/* A driver for which nothing is emulated but sync files. */
static void with_dma_bufs(void)
{
	fake_loader_offer_dma_bufs();
	fake_loader_offer("VK_EXT_image_drm_format_modifier");
}

/* --- the device ------------------------------------------------------------------------------------- */

static void newer(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties)(physical, out);
	out->apiVersion = VK_MAKE_API_VERSION(0, 1, 9, 0);
	out->limits.sparseAddressSpaceSize = 1 << 20;
}

static void newer2(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties2)(physical, out);
	out->properties.apiVersion = VK_MAKE_API_VERSION(0, 1, 9, 0);
}

static void replace_properties(void)
{
	REPLACE(vkGetPhysicalDeviceProperties, newer);
	REPLACE(vkGetPhysicalDeviceProperties2, newer2);
}

/* The protocol has no newer version than its own. */
static void properties(void)
{
	VkPhysicalDeviceProperties plain;
	VkPhysicalDeviceProperties2 wide = { .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2 };
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_properties });
	(void)CALL(&g, vkGetPhysicalDeviceProperties, ON_PHYSICAL, .pProperties = &plain);
	CHECK_EQ(guest_word(&g, 12), VTW_XML_VERSION);
	(void)CALL(&g, vkGetPhysicalDeviceProperties2, ON_PHYSICAL, .pProperties = &wide);
	CHECK_EQ(guest_word(&g, 24), VTW_XML_VERSION);
	guest_close(&g);
	guest_open(&g, &(struct guest_setup){ .driver = "version=1.2" });
	(void)CALL(&g, vkGetPhysicalDeviceProperties, ON_PHYSICAL, .pProperties = &plain);
	CHECK_EQ(guest_word(&g, 12), VK_API_VERSION_1_2);
	guest_close(&g);
}

static uint32_t budget_queries;

static void with_budget(VkPhysicalDevice physical, VkPhysicalDeviceMemoryProperties2 *out)
{
	budget_queries++;
	ORIGINAL(vkGetPhysicalDeviceMemoryProperties2)(physical, out);
	((VkPhysicalDeviceMemoryBudgetPropertiesEXT *)out->pNext)->heapBudget[0] = 5555;
}

static void replace_budget(void)
{
	REPLACE(vkGetPhysicalDeviceMemoryProperties2, with_budget);
}

static void memory_properties(void)
{
	VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT
	};
	VkPhysicalDeviceMemoryProperties plain;
	VkPhysicalDeviceMemoryProperties2 wide = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2
	};
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = replace_budget });
	(void)CALL(&g, vkGetPhysicalDeviceMemoryProperties, ON_PHYSICAL, .pMemoryProperties = &plain);
	CHECK_EQ(guest_word(&g, 12), 2);
	(void)CALL(&g, vkGetPhysicalDeviceMemoryProperties2, ON_PHYSICAL, .pMemoryProperties = &wide);
	CHECK_EQ(guest_word(&g, 24), 2);
	CHECK_EQ(budget_queries, 0);
	wide.pNext = &budget;
	(void)CALL(&g, vkGetPhysicalDeviceMemoryProperties2, ON_PHYSICAL, .pMemoryProperties = &wide);
	CHECK_EQ(budget_queries, 1);
	CHECK_EQ(guest_wide(&g, 44), 5555);
	guest_close(&g);
}

/* --- formats ---------------------------------------------------------------------------------------- */

static const size_t list_at = 36; /* behind the heads of both structs */

/* Asks for the modifiers of a format with one list or both. Returns: the count of the innermost list. */
static uint32_t ask_modifiers(struct guest *g, VkFormat format, bool first, bool second, uint32_t room)
{
	VkDrmFormatModifierPropertiesEXT modifiers[2];
	VkDrmFormatModifierProperties2EXT modifiers2[2];
	VkDrmFormatModifierPropertiesListEXT list = {
		.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_EXT,
		.drmFormatModifierCount = room,
		.pDrmFormatModifierProperties = room != 0 ? modifiers : NULL,
	};
	VkDrmFormatModifierPropertiesList2EXT list2 = {
		.sType = VK_STRUCTURE_TYPE_DRM_FORMAT_MODIFIER_PROPERTIES_LIST_2_EXT,
		.pNext = first ? &list : NULL,
		.drmFormatModifierCount = room,
		.pDrmFormatModifierProperties = room != 0 ? modifiers2 : NULL,
	};
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2,
		                      .pNext = second ? (void *)&list2 :
		                               first  ? (void *)&list :
		                                        NULL };

	(void)CALL(g, vkGetPhysicalDeviceFormatProperties2, ON_PHYSICAL, .format = format,
	           .pFormatProperties = &props);
	return guest_word(g, first && second ? list_at + 12 : list_at);
}

static void modifiers(void)
{
	struct guest g;

	guest_open(&g, NULL);
	(void)ask_modifiers(&g, RGBA, false, false, 0);
	CHECK(guest_word(&g, 24) & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
	for (int way = 1; way < 4; way++) {
		const bool first = (way & 1) != 0, second = (way & 2) != 0;
		const size_t at = first && second ? list_at + 12 : list_at;

		CHECK_EQ(ask_modifiers(&g, RGBA, first, second, 0), 1);
		CHECK_EQ(ask_modifiers(&g, RGBA, first, second, 2), 1);
		CHECK_EQ(guest_wide(&g, at + 12), 0); /* LINEAR */
		CHECK_EQ(guest_word(&g, at + 20), 1); /* plane */
		CHECK(guest_word(&g, at + 24) & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
		CHECK_EQ(ask_modifiers(&g, VK_FORMAT_BC1_RGB_UNORM_BLOCK, first, second, 2), 0);
	}
	guest_close(&g);
	/* A driver with modifiers of its own answers itself. */
	guest_open(&g, &(struct guest_setup){ .replace = with_dma_bufs });
	CHECK_EQ(ask_modifiers(&g, RGBA, true, false, 0), 0);
	guest_close(&g);
}

struct question {
	VkImageTiling tiling;
	VkImageUsageFlags usage;
	VkImageCreateFlags flags;
	VkExternalMemoryHandleTypeFlagBits handle;
	bool modifier_info;
	uint64_t modifier;
	VkFormat format; /* 0: RGBA */
};

/* With room for the properties of external memory, which are at 36 in the reply. */
static VkResult ask_image(struct guest *g, const struct question *q)
{
	VkPhysicalDeviceImageDrmFormatModifierInfoEXT modifier = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_DRM_FORMAT_MODIFIER_INFO_EXT,
		.drmFormatModifier = q->modifier,
	};
	const VkPhysicalDeviceExternalImageFormatInfo external = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_IMAGE_FORMAT_INFO,
		.pNext = q->modifier_info ? &modifier : NULL,
		.handleType = q->handle,
	};
	const VkPhysicalDeviceImageFormatInfo2 info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.pNext = &external,
		.format = q->format != 0 ? q->format : RGBA,
		.type = VK_IMAGE_TYPE_2D,
		.tiling = q->tiling,
		.usage = q->usage,
		.flags = q->flags
	};
	VkExternalImageFormatProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_IMAGE_FORMAT_PROPERTIES };
	VkImageFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2,
		                           .pNext = &out };

	return CALL(g, vkGetPhysicalDeviceImageFormatProperties2, ON_PHYSICAL, .pImageFormatInfo = &info,
	            .pImageFormatProperties = &props);
}

#define SAMPLED VK_IMAGE_USAGE_SAMPLED_BIT
#define LINEAR VK_IMAGE_TILING_LINEAR
#define MODIFIER VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT

static void images(void)
{
	static const struct {
		struct question question;
		VkResult ret;
		VkExternalMemoryFeatureFlags features;
	} rows[] = {
		{ { LINEAR, SAMPLED }, VK_SUCCESS, 0 },
		{ { LINEAR, SAMPLED, .handle = DMA_BUF }, VK_SUCCESS, BOTH_WAYS },
		{ { LINEAR, SAMPLED, .handle = OPAQUE_FD }, VK_SUCCESS, 0 },
		{ { LINEAR, SAMPLED, .handle = HOST_POINTER },
		  VK_SUCCESS,
		  VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT },
		/* The driver's OPTIMAL images have a layout that only the driver knows. */
		{ { VK_IMAGE_TILING_OPTIMAL, SAMPLED, .handle = DMA_BUF }, VK_SUCCESS, 0 },
		{ { MODIFIER, SAMPLED, .handle = DMA_BUF, .modifier_info = true }, VK_SUCCESS, BOTH_WAYS },
		{ { MODIFIER, SAMPLED, .handle = DMA_BUF, .modifier_info = true, .modifier = 1 },
		  VK_ERROR_FORMAT_NOT_SUPPORTED },
		{ { MODIFIER, SAMPLED, .handle = DMA_BUF }, VK_ERROR_FORMAT_NOT_SUPPORTED },
		{ { LINEAR, VK_IMAGE_USAGE_STORAGE_BIT, .handle = DMA_BUF,
		    .format = VK_FORMAT_BC1_RGB_UNORM_BLOCK },
		  VK_ERROR_FORMAT_NOT_SUPPORTED },
		{ { LINEAR, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT }, VK_SUCCESS },
		{ { LINEAR, VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT }, VK_SUCCESS },
		{ { LINEAR, SAMPLED, VK_IMAGE_CREATE_SPARSE_BINDING_BIT }, VK_ERROR_FORMAT_NOT_SUPPORTED },
	};
	struct guest g;

	guest_open(&g, NULL);
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		printf("  row %zu\n", i);
		CHECK_EQ(ask_image(&g, &rows[i].question), rows[i].ret);
		if (rows[i].ret == VK_SUCCESS) {
			CHECK_EQ(guest_word(&g, 40), rows[i].features);
		}
	}
	guest_close(&g);
}

/* These usages are valid for no format of this driver, though it creates such images for other extensions. */
static void usage_without_a_feature(void)
{
	const struct guest_setup setup = { .driver = "linear-color" };
	const struct question color = { LINEAR, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT };
	const struct question input = { LINEAR, VK_IMAGE_USAGE_INPUT_ATTACHMENT_BIT };
	const struct question optimal = { VK_IMAGE_TILING_OPTIMAL, VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(ask_image(&g, &color), VK_ERROR_FORMAT_NOT_SUPPORTED);
	CHECK_EQ(ask_image(&g, &input), VK_ERROR_FORMAT_NOT_SUPPORTED);
	CHECK_EQ(ask_image(&g, &optimal), VK_SUCCESS);
	guest_close(&g);
}

/* --- memory, fences and semaphores of others -------------------------------------------------------- */

static VkExternalMemoryFeatureFlags ask_buffer(struct guest *g, VkExternalMemoryHandleTypeFlagBits handle,
                                               VkBufferCreateFlags flags)
{
	const VkPhysicalDeviceExternalBufferInfo info = { .flags = flags, .usage = 1, .handleType = handle };
	VkExternalBufferProperties props = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES };

	(void)CALL(g, vkGetPhysicalDeviceExternalBufferProperties, ON_PHYSICAL, .pExternalBufferInfo = &info,
	           .pExternalBufferProperties = &props);
	return guest_word(g, 24);
}

static void buffers(void)
{
	struct guest g;

	guest_open(&g, NULL);
	CHECK_EQ(ask_buffer(&g, DMA_BUF, 0), BOTH_WAYS);
	CHECK_EQ(ask_buffer(&g, DMA_BUF, VK_BUFFER_CREATE_SPARSE_BINDING_BIT), 0);
	CHECK_EQ(ask_buffer(&g, OPAQUE_FD, 0), 0);
	CHECK_EQ(ask_buffer(&g, HOST_POINTER, 0), VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT);
	guest_close(&g);
	guest_open(&g, &(struct guest_setup){ .replace = with_dma_bufs });
	CHECK_EQ(ask_buffer(&g, OPAQUE_FD, 0), BOTH_WAYS); /* the driver's answer */
	guest_close(&g);
}

static uint32_t ask_fence(struct guest *g, VkExternalFenceHandleTypeFlagBits handle)
{
	const VkPhysicalDeviceExternalFenceInfo info = { .handleType = handle };
	VkExternalFenceProperties props = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES };

	(void)CALL(g, vkGetPhysicalDeviceExternalFenceProperties, ON_PHYSICAL, .pExternalFenceInfo = &info,
	           .pExternalFenceProperties = &props);
	return guest_word(g, 32);
}

static uint32_t ask_semaphore(struct guest *g, VkExternalSemaphoreHandleTypeFlagBits handle,
                              VkSemaphoreType kind)
{
	const VkSemaphoreTypeCreateInfo type = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
		                                 .semaphoreType = kind };
	const VkPhysicalDeviceExternalSemaphoreInfo info = { .pNext = &type, .handleType = handle };
	VkExternalSemaphoreProperties props = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_SEMAPHORE_PROPERTIES };

	(void)CALL(g, vkGetPhysicalDeviceExternalSemaphoreProperties, ON_PHYSICAL,
	           .pExternalSemaphoreInfo = &info, .pExternalSemaphoreProperties = &props);
	return guest_word(g, 32);
}

static void fences_and_semaphores(void)
{
	const uint32_t both = VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT |
	                      VK_EXTERNAL_FENCE_FEATURE_IMPORTABLE_BIT;
	const uint32_t both_semaphores = VK_EXTERNAL_SEMAPHORE_FEATURE_EXPORTABLE_BIT |
	                                 VK_EXTERNAL_SEMAPHORE_FEATURE_IMPORTABLE_BIT;
	struct guest g;

	guest_open(&g, NULL);
	CHECK_EQ(ask_fence(&g, VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT), both);
	CHECK_EQ(ask_fence(&g, VK_EXTERNAL_FENCE_HANDLE_TYPE_OPAQUE_FD_BIT), 0);
	CHECK_EQ(ask_semaphore(&g, VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT, VK_SEMAPHORE_TYPE_BINARY),
	         both_semaphores);
	CHECK_EQ(ask_semaphore(&g, VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_SYNC_FD_BIT, VK_SEMAPHORE_TYPE_TIMELINE),
	         0);
	CHECK_EQ(ask_semaphore(&g, VK_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD_BIT, VK_SEMAPHORE_TYPE_BINARY),
	         0);
	guest_close(&g);
}

/* Without sparse binding there are no such formats, whatever the driver says. */
static void sparse_formats(void)
{
	const VkPhysicalDeviceSparseImageFormatInfo2 info = {
		.format = RGBA, .type = VK_IMAGE_TYPE_2D, .samples = VK_SAMPLE_COUNT_1_BIT, .usage = SAMPLED
	};
	VkSparseImageFormatProperties plain[2];
	VkSparseImageFormatProperties2 wide[2] = {
		{ .sType = VK_STRUCTURE_TYPE_SPARSE_IMAGE_FORMAT_PROPERTIES_2 },
		{ .sType = VK_STRUCTURE_TYPE_SPARSE_IMAGE_FORMAT_PROPERTIES_2 }
	};
	uint32_t n = 2;
	struct guest g;

	guest_open(&g, NULL);
	(void)CALL(&g, vkGetPhysicalDeviceSparseImageFormatProperties, ON_PHYSICAL, .format = RGBA,
	           .type = VK_IMAGE_TYPE_2D, .samples = VK_SAMPLE_COUNT_1_BIT, .usage = SAMPLED,
	           .pPropertyCount = &n, .pProperties = plain);
	CHECK_EQ(guest_word(&g, 12), 0);
	(void)CALL(&g, vkGetPhysicalDeviceSparseImageFormatProperties2, ON_PHYSICAL, .pFormatInfo = &info,
	           .pPropertyCount = &n, .pProperties = wide);
	CHECK_EQ(guest_word(&g, 12), 0);
	guest_close(&g);
}

/* --- what another process has found out ------------------------------------------------------------- */

static uint32_t devices;

static VkResult count_device(VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
                             const VkAllocationCallbacks *allocator, VkDevice *out)
{
	devices++;
	return ORIGINAL(vkCreateDevice)(physical, info, allocator, out);
}

static void with_ids(VkPhysicalDevice physical, VkPhysicalDeviceProperties2 *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties2)(physical, out);
	for (VkPhysicalDeviceProperties2 *s = out->pNext; s != NULL; s = s->pNext) {
		if (s->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES) {
			VkPhysicalDeviceIDProperties *id = (void *)s;

			memset(id->deviceUUID, 1, VK_UUID_SIZE);
			memset(id->driverUUID, 2, VK_UUID_SIZE);
		}
	}
}

static void replace_known(void)
{
	devices = 0;
	REPLACE(vkCreateDevice, count_device);
	REPLACE(vkGetPhysicalDeviceProperties2, with_ids);
}

static void a_probed_device(void)
{
	struct vtr_probe_cache known = { .count = 1,
		                         .devices[0] = { .import_alignment = 4096,
		                                         .type_count = 2,
		                                         .share = { VTR_SHARE_NONE, VTR_SHARE_OPAQUE_FD },
		                                         .sparse_share = { VTR_PROBE_CACHE_NOT_SPARSE,
		                                                           VTR_SHARE_FD_IMPORT } } };
	struct guest_setup setup = { .replace = replace_known, .known = &known };
	struct guest g;

	memset(known.devices[0].device_uuid, 1, VK_UUID_SIZE);
	memset(known.devices[0].driver_uuid, 2, VK_UUID_SIZE);
	guest_open(&g, &setup);
	CHECK_EQ(devices, 1); /* the guest's; there was no probe */
	CHECK_EQ(ask_buffer(&g, DMA_BUF, 0), BOTH_WAYS);
	guest_close(&g);
	/* Another number of types is another device. */
	known.devices[0].type_count = 3;
	guest_open(&g, &setup);
	CHECK_EQ(devices, 2);
	guest_close(&g);
	/* All of them are known not to be shared. */
	known.devices[0].type_count = 2;
	known.devices[0].share[1] = VTR_SHARE_NONE;
	setup.no_device = true;
	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateInstance, .pCreateInfo = &(VkInstanceCreateInfo){ 0 },
	              .pInstance = INSTANCE),
	         VK_SUCCESS);
	CHECK_EQ(CALL(&g, vkEnumeratePhysicalDevices, .instance = ID(VkInstance, INSTANCE),
	              .pPhysicalDeviceCount = &(uint32_t){ 0 }),
	         VK_SUCCESS);
	CHECK_EQ(guest_word(&g, 16), 0);
	CHECK(guest_log_has(&g, "none of its coherent memory types can be shared with a guest"));
	guest_close(&g);
}

int main(void)
{
	RUN(properties);
	RUN(memory_properties);
	RUN(modifiers);
	RUN(images);
	RUN(usage_without_a_feature);
	RUN(buffers);
	RUN(fences_and_semaphores);
	RUN(sparse_formats);
	RUN(a_probed_device);
	return 0;
}
