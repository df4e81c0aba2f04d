/* SPDX-License-Identifier: MIT */
/* Memory types on a driver that binds imported memory to buffers only, as KosmicKrisp does. It has one type, and the
 * guest sees two: a private one, and the shared one that the CPU can access. */
#include "base/mem.h"
#include "platform/shm.h"
#include "venus_guest.h"

enum { PRIVATE = 0, SHARED = 1, COUNT };
enum { BUFFER = FREE, IMAGE, MEMORY };
enum { RES = 2, PAGE = 4096, HOSTMEM = 1 << 20 };

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define ON_PHYSICAL .physicalDevice = ID(VkPhysicalDevice, PHYSICAL)
#define RGBA VK_FORMAT_R8G8B8A8_UNORM
#define DEVICE_LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define HOST_FLAGS                                                                    \
	(VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT | \
	 VK_MEMORY_PROPERTY_HOST_CACHED_BIT)

/* What reached the driver last. */
static struct {
	uint32_t type;
	bool imported;
	VkImageTiling tiling;
	bool external_image;
} seen;

static VkResult note_allocate(VkDevice device, const VkMemoryAllocateInfo *info,
                              const VkAllocationCallbacks *allocator, VkDeviceMemory *out)
{
	const VkImportMemoryHostPointerInfoEXT *import = info->pNext;

	seen.type = info->memoryTypeIndex;
	seen.imported = import != NULL &&
	                import->sType == VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT;
	return ORIGINAL(vkAllocateMemory)(device, info, allocator, out);
}

static VkResult note_image(VkDevice device, const VkImageCreateInfo *info,
                           const VkAllocationCallbacks *allocator, VkImage *out)
{
	seen.tiling = info->tiling;
	seen.external_image = info->pNext != NULL;
	return ORIGINAL(vkCreateImage)(device, info, allocator, out);
}

static void note(void)
{
	REPLACE(vkAllocateMemory, note_allocate);
	REPLACE(vkCreateImage, note_image);
}

static const struct guest_setup setup = { .driver = "buffers-only", .replace = note, .hostmem = HOSTMEM };

/* --- what the guest is told ------------------------------------------------------------------------- */

/* Checks the types of a guest, which come with their count and its array's, each with flags and heap. */
static void check_types(struct guest *g, uint32_t count, const uint32_t *flags)
{
	VkPhysicalDeviceMemoryProperties memory = { 0 };

	(void)CALL(g, vkGetPhysicalDeviceMemoryProperties, ON_PHYSICAL, .pMemoryProperties = &memory);
	CHECK_EQ(guest_word(g, 12), count);
	for (uint32_t i = 0; i < count; i++) {
		CHECK_EQ(guest_word(g, 24 + 8 * i), flags[i]);
		CHECK_EQ(guest_word(g, 28 + 8 * i), 0);
	}
}

static void types(void)
{
	static const uint32_t two[COUNT] = { DEVICE_LOCAL, DEVICE_LOCAL | HOST_FLAGS };
	struct guest g;

	guest_open(&g, &setup);
	check_types(&g, COUNT, two);
	guest_close(&g);
	/* The same where there is no VM, and by what the prober has found out. */
	struct guest_setup other = setup;
	other.hostmem = 0;
	guest_open(&g, &other);
	check_types(&g, COUNT, two);
	guest_close(&g);
}

/* Where memory is exported and not imported, images may be in it. */
static void exported_memory(void)
{
	static const uint32_t one[] = { DEVICE_LOCAL | HOST_FLAGS };
	struct guest_setup other = setup;
	struct guest g;

	other.hostmem = 0;
	other.no_host_import = true;
	guest_open(&g, &other);
	check_types(&g, 1, one);
	guest_close(&g);
}

static void formats(void)
{
	VkFormatProperties plain = { 0 };
	VkFormatProperties3 wide = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_3 };
	VkFormatProperties2 props = { .sType = VK_STRUCTURE_TYPE_FORMAT_PROPERTIES_2, .pNext = &wide };
	VkImageFormatProperties image = { 0 };
	VkImageFormatProperties2 image2 = { .sType = VK_STRUCTURE_TYPE_IMAGE_FORMAT_PROPERTIES_2 };
	VkPhysicalDeviceImageFormatInfo2 ask = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_IMAGE_FORMAT_INFO_2,
		.format = RGBA,
		.type = VK_IMAGE_TYPE_2D,
		.usage = VK_IMAGE_USAGE_SAMPLED_BIT
	};
	struct guest g;

	guest_open(&g, &setup);
	(void)CALL(&g, vkGetPhysicalDeviceFormatProperties, ON_PHYSICAL, .format = RGBA,
	           .pFormatProperties = &plain);
	CHECK_EQ(guest_word(&g, 12), 0);
	CHECK(guest_word(&g, 16) & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
	(void)CALL(&g, vkGetPhysicalDeviceFormatProperties2, ON_PHYSICAL, .format = RGBA,
	           .pFormatProperties = &props);
	CHECK_EQ(guest_wide(&g, 36), 0);
	CHECK(guest_wide(&g, 44) & VK_FORMAT_FEATURE_2_SAMPLED_IMAGE_BIT);
	CHECK_EQ(guest_word(&g, 60), 0);
	CHECK(guest_word(&g, 64) & VK_FORMAT_FEATURE_SAMPLED_IMAGE_BIT);
	for (int linear = 0; linear < 2; linear++) {
		const VkResult ret = linear ? VK_ERROR_FORMAT_NOT_SUPPORTED : VK_SUCCESS;

		ask.tiling = linear ? VK_IMAGE_TILING_LINEAR : VK_IMAGE_TILING_OPTIMAL;
		CHECK_EQ(CALL(&g, vkGetPhysicalDeviceImageFormatProperties, ON_PHYSICAL, .format = RGBA,
		              .type = VK_IMAGE_TYPE_2D, .tiling = ask.tiling, .usage = ask.usage,
		              .pImageFormatProperties = &image),
		         ret);
		CHECK_EQ(CALL(&g, vkGetPhysicalDeviceImageFormatProperties2, ON_PHYSICAL,
		              .pImageFormatInfo = &ask, .pImageFormatProperties = &image2),
		         ret);
	}
	guest_close(&g);
}

/* Without modifiers, Mesa's window systems copy pictures into buffers. These can still be shared. */
static void extensions(void)
{
	static const char *const names[] = { "VK_EXT_external_memory_dma_buf" };
	static VkExtensionProperties props[400];
	uint32_t n = 400;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkEnumerateDeviceExtensionProperties, ON_PHYSICAL, .pPropertyCount = &n,
	              .pProperties = props),
	         VK_SUCCESS);
	CHECK(memmem(g.reply, REPLY_SIZE, names[0], strlen(names[0])) != NULL);
	CHECK(memmem(g.reply, REPLY_SIZE, "VK_EXT_image_drm_format_modifier", 32) == NULL);
	guest_close(&g);
}

/* --- what the guest does ---------------------------------------------------------------------------- */

static uint32_t buffer_types(struct guest *g, const void *next)
{
	const VkBufferCreateInfo info = { .pNext = next, .size = PAGE };
	VkMemoryRequirements needs;

	CHECK_EQ(CALL(g, vkCreateBuffer, ON_DEVICE, .pCreateInfo = &info, .pBuffer = BUFFER), VK_SUCCESS);
	(void)CALL(g, vkGetBufferMemoryRequirements, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER),
	           .pMemoryRequirements = &needs);
	return guest_word(g, 28);
}

static VkResult allocate(struct guest *g, uint32_t type, const void *next)
{
	const VkMemoryAllocateInfo info = { .pNext = next,
		                            .allocationSize = 2 * PAGE,
		                            .memoryTypeIndex = type };

	return CALL(g, vkAllocateMemory, ON_DEVICE, .pAllocateInfo = &info, .pMemory = MEMORY);
}

static void free_memory(struct guest *g)
{
	CHECK_OK(SEND(g, vkFreeMemory, ON_DEVICE, .memory = ID(VkDeviceMemory, MEMORY)));
}

static void buffers(void)
{
	const VkExternalMemoryBufferCreateInfo shared = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT
	};
	const VkImportMemoryResourceInfoMESA from = {
		.sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_RESOURCE_INFO_MESA, .resourceId = RES
	};
	VkMemoryResourcePropertiesMESA props = { .sType = VK_STRUCTURE_TYPE_MEMORY_RESOURCE_PROPERTIES_MESA };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(buffer_types(&g, NULL), 1 << PRIVATE | 1 << SHARED);
	CHECK_OK(SEND(&g, vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER)));
	CHECK_EQ(buffer_types(&g, &shared), 1 << SHARED);
	CHECK_OK(vtr_venus_resource_hostmem(g.venus, RES, 0, 2 * PAGE));
	CHECK_EQ(CALL(&g, vkGetMemoryResourcePropertiesMESA, ON_DEVICE, .resourceId = RES,
	              .pMemoryResourceProperties = &props),
	         VK_SUCCESS);
	CHECK_EQ(guest_word(&g, 28), 1 << SHARED);
	CHECK_EQ(allocate(&g, PRIVATE, &from), VK_ERROR_INVALID_EXTERNAL_HANDLE);
	CHECK_EQ(allocate(&g, SHARED, &from), VK_SUCCESS);
	CHECK(seen.imported && seen.type == 0);
	CHECK_EQ(CALL(&g, vkBindBufferMemory, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER),
	              .memory = ID(VkDeviceMemory, MEMORY)),
	         VK_SUCCESS);
	free_memory(&g);
	guest_close(&g);
}

static void images(void)
{
	const VkImageCreateInfo info = { .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		                         .imageType = VK_IMAGE_TYPE_2D,
		                         .format = RGBA,
		                         .extent = { 16, 16, 1 },
		                         .mipLevels = 1,
		                         .arrayLayers = 1,
		                         .samples = VK_SAMPLE_COUNT_1_BIT,
		                         .usage = VK_IMAGE_USAGE_SAMPLED_BIT };
	const VkDeviceImageMemoryRequirements ask = { .pCreateInfo = &info };
	const VkImageMemoryRequirementsInfo2 ask2 = { .image = ID(VkImage, IMAGE) };
	VkMemoryRequirements2 needs = { .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2 };
	struct vtr_blob blob;
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateImage, ON_DEVICE, .pCreateInfo = &info, .pImage = IMAGE), VK_SUCCESS);
	CHECK(!seen.external_image);
	(void)CALL(&g, vkGetImageMemoryRequirements, ON_DEVICE, .image = ID(VkImage, IMAGE),
	           .pMemoryRequirements = &needs.memoryRequirements);
	CHECK_EQ(guest_word(&g, 28), 1 << PRIVATE);
	(void)CALL(&g, vkGetImageMemoryRequirements2, ON_DEVICE, .pInfo = &ask2,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(&g, 40), 1 << PRIVATE);
	(void)CALL(&g, vkGetDeviceImageMemoryRequirements, ON_DEVICE, .pInfo = &ask,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(&g, 40), 1 << PRIVATE);
	CHECK_EQ(allocate(&g, PRIVATE, NULL), VK_SUCCESS);
	CHECK(!seen.imported && seen.type == 0);
	CHECK_EQ(CALL(&g, vkBindImageMemory, ON_DEVICE, .image = ID(VkImage, IMAGE),
	              .memory = ID(VkDeviceMemory, MEMORY)),
	         VK_SUCCESS);
	CHECK_ERR(vtr_venus_blob_create(g.venus, RES, MEMORY, 0, PAGE, &blob), VTR_ERR_UNSUPPORTED);
	free_memory(&g);
	/* A guest that does what it was not offered hears the driver's answer. */
	CHECK_EQ(allocate(&g, SHARED, NULL), VK_SUCCESS);
	CHECK(seen.imported);
	CHECK(CALL(&g, vkBindImageMemory, ON_DEVICE, .image = ID(VkImage, IMAGE),
	           .memory = ID(VkDeviceMemory, MEMORY)) < 0);
	free_memory(&g);
	CHECK_EQ(allocate(&g, COUNT, NULL), VK_ERROR_UNKNOWN);
	guest_close(&g);
}

int main(void)
{
	RUN(types);
	RUN(exported_memory);
	RUN(formats);
	RUN(extensions);
	RUN(buffers);
	RUN(images);
	return 0;
}
