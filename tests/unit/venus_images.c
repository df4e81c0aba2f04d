/* SPDX-License-Identifier: MIT */
/* Buffers and images: how they reach the driver, which memory they may have, and copies of images to and from host
 * memory. */
#include "base/mem.h"
#include "venus_guest.h"

enum { LOCAL = 0, HOST = 1 };
enum { BUFFER = FREE, IMAGE };

#define ON_DEVICE .device = ID(VkDevice, DEVICE)
#define ON_PHYSICAL .physicalDevice = ID(VkPhysicalDevice, PHYSICAL)
#define HOST_POINTER VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT
#define DMA_BUF VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT

/* What reached the driver last. */
static struct {
	VkExternalMemoryHandleTypeFlags types; /* of all structs about external memory */
	uint32_t structs; /* all chained ones */
	VkImageTiling tiling;
	VkImageAspectFlags aspect;
} seen;

struct link {
	VkStructureType type;
	const struct link *next;
};

static void note_chain(const void *next)
{
	memset(&seen, 0, sizeof(seen));
	for (const struct link *l = next; l != NULL; l = l->next) {
		const void *any = l;

		seen.structs++;
		if (l->type == VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO) {
			seen.types |= ((const VkExternalMemoryBufferCreateInfo *)any)->handleTypes;
		} else if (l->type == VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO) {
			seen.types |= ((const VkExternalMemoryImageCreateInfo *)any)->handleTypes;
		}
	}
}

static VkResult note_buffer(VkDevice device, const VkBufferCreateInfo *info,
                            const VkAllocationCallbacks *allocator, VkBuffer *out)
{
	note_chain(info->pNext);
	return ORIGINAL(vkCreateBuffer)(device, info, allocator, out);
}

static void note_buffer_needs(VkDevice device, const VkDeviceBufferMemoryRequirements *info,
                              VkMemoryRequirements2 *out)
{
	note_chain(info->pCreateInfo->pNext);
	ORIGINAL(vkGetDeviceBufferMemoryRequirements)(device, info, out);
}

static VkResult note_image(VkDevice device, const VkImageCreateInfo *info,
                           const VkAllocationCallbacks *allocator, VkImage *out)
{
	note_chain(info->pNext);
	seen.tiling = info->tiling;
	return ORIGINAL(vkCreateImage)(device, info, allocator, out);
}

static void note_image_needs(VkDevice device, const VkDeviceImageMemoryRequirements *info,
                             VkMemoryRequirements2 *out)
{
	note_chain(info->pCreateInfo->pNext);
	seen.tiling = info->pCreateInfo->tiling;
	ORIGINAL(vkGetDeviceImageMemoryRequirements)(device, info, out);
}

static void note_layout(VkDevice device, VkImage image, const VkImageSubresource *sub,
                        VkSubresourceLayout *out)
{
	seen.aspect = sub->aspectMask;
	ORIGINAL(vkGetImageSubresourceLayout)(device, image, sub, out);
}

static void note_layout2(VkDevice device, VkImage image, const VkImageSubresource2 *sub,
                         VkSubresourceLayout2 *out)
{
	seen.aspect = sub->imageSubresource.aspectMask;
	ORIGINAL(vkGetImageSubresourceLayout2)(device, image, sub, out);
}

static void note_device_layout(VkDevice device, const VkDeviceImageSubresourceInfo *info,
                               VkSubresourceLayout2 *out)
{
	note_chain(info->pCreateInfo->pNext);
	seen.tiling = info->pCreateInfo->tiling;
	seen.aspect = info->pSubresource->imageSubresource.aspectMask;
	ORIGINAL(vkGetDeviceImageSubresourceLayout)(device, info, out);
}

static void note(void)
{
	REPLACE(vkCreateBuffer, note_buffer);
	REPLACE(vkGetDeviceBufferMemoryRequirements, note_buffer_needs);
	REPLACE(vkCreateImage, note_image);
	REPLACE(vkGetDeviceImageMemoryRequirements, note_image_needs);
	REPLACE(vkGetImageSubresourceLayout, note_layout);
	REPLACE(vkGetImageSubresourceLayout2, note_layout2);
	REPLACE(vkGetDeviceImageSubresourceLayout, note_device_layout);
}

static VkResult modifier_of_driver(VkDevice device, VkImage image, VkImageDrmFormatModifierPropertiesEXT *out)
{
	(void)device;
	(void)image;
	out->drmFormatModifier = 77;
	return VK_SUCCESS;
}

static void with_dma_bufs(void)
{
	note();
	fake_loader_offer_dma_bufs();
	fake_loader_offer("VK_EXT_image_drm_format_modifier");
	fake_loader_offer("VK_EXT_queue_family_foreign");
	REPLACE(vkGetImageDrmFormatModifierPropertiesEXT, modifier_of_driver);
}

static void a_cpu(VkPhysicalDevice physical, VkPhysicalDeviceProperties *out)
{
	ORIGINAL(vkGetPhysicalDeviceProperties)(physical, out);
	out->deviceType = VK_PHYSICAL_DEVICE_TYPE_CPU;
}

static void on_a_cpu(void)
{
	note();
	REPLACE(vkGetPhysicalDeviceProperties, a_cpu);
}

/* --- buffers ---------------------------------------------------------------------------------------- */

static const VkExternalMemoryBufferCreateInfo shared_buffer = {
	.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO, .handleTypes = DMA_BUF
};

/* Checks both the buffer and the query about one, which must have the same answer. */
static void check_buffer(struct guest *g, const VkBufferCreateInfo *info,
                         VkExternalMemoryHandleTypeFlags types, uint32_t memory)
{
	const VkDeviceBufferMemoryRequirements ask = { .pCreateInfo = info };
	const VkBufferMemoryRequirementsInfo2 ask2 = { .buffer = ID(VkBuffer, BUFFER) };
	VkMemoryRequirements2 needs = { .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2 };

	CHECK_EQ(CALL(g, vkCreateBuffer, ON_DEVICE, .pCreateInfo = info, .pBuffer = BUFFER), VK_SUCCESS);
	CHECK_EQ(seen.types, types);
	(void)CALL(g, vkGetBufferMemoryRequirements, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER),
	           .pMemoryRequirements = &needs.memoryRequirements);
	CHECK_EQ(guest_word(g, 28), memory);
	(void)CALL(g, vkGetBufferMemoryRequirements2, ON_DEVICE, .pInfo = &ask2,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(g, 40), memory);
	(void)CALL(g, vkGetDeviceBufferMemoryRequirements, ON_DEVICE, .pInfo = &ask,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(g, 40), memory);
	CHECK_EQ(seen.types, types);
	CHECK_OK(SEND(g, vkDestroyBuffer, ON_DEVICE, .buffer = ID(VkBuffer, BUFFER)));
}

static void buffers(void)
{
	const uint32_t any = 1 << LOCAL | 1 << HOST;
	const VkBufferCreateInfo plain = { .size = 64 };
	const VkBufferCreateInfo shared = { .pNext = &shared_buffer, .size = 64 };
	const VkBufferCreateInfo hidden = { .flags = VK_BUFFER_CREATE_PROTECTED_BIT, .size = 64 };
	const VkBufferCreateInfo sparse = { .flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT, .size = 64 };
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = note });
	check_buffer(&g, &plain, HOST_POINTER, any);
	check_buffer(&g, &shared, HOST_POINTER, 1 << HOST);
	check_buffer(&g, &hidden, 0, any);
	check_buffer(&g, &sparse, HOST_POINTER, any);
	guest_close(&g);
	/* Where nothing is imported, buffers are not declared so. */
	guest_open(&g, &(struct guest_setup){ .replace = note, .no_host_import = true });
	check_buffer(&g, &plain, 0, any);
	check_buffer(&g, &shared, 0, 1 << HOST);
	guest_close(&g);
	guest_open(&g, &(struct guest_setup){ .replace = with_dma_bufs });
	check_buffer(&g, &plain, 0, any);
	check_buffer(&g, &shared, DMA_BUF, 1 << HOST);
	guest_close(&g);
}

/* --- images ----------------------------------------------------------------------------------------- */

static const VkExternalMemoryImageCreateInfo shared_image = {
	.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_IMAGE_CREATE_INFO, .handleTypes = DMA_BUF
};

static VkImageCreateInfo image_info(VkImageTiling tiling, const void *next)
{
	return (VkImageCreateInfo){ .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		                    .pNext = next,
		                    .imageType = VK_IMAGE_TYPE_2D,
		                    .format = VK_FORMAT_R8G8B8A8_UNORM,
		                    .extent = { 16, 16, 1 },
		                    .mipLevels = 1,
		                    .arrayLayers = 1,
		                    .samples = VK_SAMPLE_COUNT_1_BIT,
		                    .tiling = tiling,
		                    .usage = VK_IMAGE_USAGE_SAMPLED_BIT };
}

static void make_image(struct guest *g, const VkImageCreateInfo *info)
{
	CHECK_EQ(CALL(g, vkCreateImage, ON_DEVICE, .pCreateInfo = info, .pImage = IMAGE), VK_SUCCESS);
}

static void drop_image(struct guest *g)
{
	CHECK_OK(SEND(g, vkDestroyImage, ON_DEVICE, .image = ID(VkImage, IMAGE)));
}

static void check_image(struct guest *g, const VkImageCreateInfo *info, VkExternalMemoryHandleTypeFlags types,
                        VkImageTiling tiling, uint32_t memory)
{
	const VkDeviceImageMemoryRequirements ask = { .pCreateInfo = info };
	const VkImageMemoryRequirementsInfo2 ask2 = { .image = ID(VkImage, IMAGE) };
	VkMemoryRequirements2 needs = { .sType = VK_STRUCTURE_TYPE_MEMORY_REQUIREMENTS_2 };

	make_image(g, info);
	CHECK_EQ(seen.types, types);
	CHECK_EQ(seen.tiling, tiling);
	(void)CALL(g, vkGetImageMemoryRequirements, ON_DEVICE, .image = ID(VkImage, IMAGE),
	           .pMemoryRequirements = &needs.memoryRequirements);
	CHECK_EQ(guest_word(g, 28), memory);
	(void)CALL(g, vkGetImageMemoryRequirements2, ON_DEVICE, .pInfo = &ask2,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(g, 40), memory);
	(void)CALL(g, vkGetDeviceImageMemoryRequirements, ON_DEVICE, .pInfo = &ask,
	           .pMemoryRequirements = &needs);
	CHECK_EQ(guest_word(g, 40), memory);
	CHECK_EQ(seen.types, types);
	CHECK_EQ(seen.tiling, tiling);
	drop_image(g);
}

#define LINEAR VK_IMAGE_TILING_LINEAR
#define OPTIMAL VK_IMAGE_TILING_OPTIMAL
#define MODIFIER VK_IMAGE_TILING_DRM_FORMAT_MODIFIER_EXT

static void images(void)
{
	const uint32_t any = 1 << LOCAL | 1 << HOST;
	static const uint64_t modifiers[] = { 0 };
	const VkImageDrmFormatModifierListCreateInfoEXT list = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_LIST_CREATE_INFO_EXT,
		.pNext = &shared_image,
		.drmFormatModifierCount = 1,
		.pDrmFormatModifiers = modifiers,
	};
	const VkImageCreateInfo linear = image_info(LINEAR, NULL), optimal = image_info(OPTIMAL, NULL);
	const VkImageCreateInfo shared = image_info(LINEAR, &shared_image),
				modified = image_info(MODIFIER, &list);
	VkImageCreateInfo filled = linear, sparse = linear;
	struct guest g;

	filled.initialLayout = VK_IMAGE_LAYOUT_PREINITIALIZED;
	sparse.flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT;
	guest_open(&g, &(struct guest_setup){ .replace = note });
	check_image(&g, &linear, HOST_POINTER, LINEAR, any);
	check_image(&g, &optimal, 0, OPTIMAL, any); /* it belongs into the GPU's memory */
	check_image(&g, &filled, 0, LINEAR, any);
	check_image(&g, &sparse, 0, LINEAR, any);
	check_image(&g, &shared, HOST_POINTER, LINEAR, 1 << HOST);
	check_image(&g, &modified, HOST_POINTER, LINEAR, 1 << HOST);
	guest_close(&g);
	guest_open(&g, &(struct guest_setup){ .replace = on_a_cpu });
	check_image(&g, &optimal, HOST_POINTER, OPTIMAL, any);
	guest_close(&g);
	guest_open(&g, &(struct guest_setup){ .replace = with_dma_bufs });
	check_image(&g, &linear, 0, LINEAR, any);
	check_image(&g, &modified, DMA_BUF, MODIFIER, 1 << HOST);
	guest_close(&g);
}

static void creation_fails(void)
{
	/* The first image is the probe's. */
	const struct guest_setup setup = { .driver = "fail=vkCreateImage:VK_ERROR_UNKNOWN:after=1:times=1,"
		                                     "fail=vkCreateBuffer:VK_ERROR_UNKNOWN:times=1" };
	const VkImageCreateInfo image = image_info(LINEAR, NULL);
	const VkBufferCreateInfo buffer = { .size = 64 };
	struct guest g;

	guest_open(&g, &setup);
	CHECK_EQ(CALL(&g, vkCreateImage, ON_DEVICE, .pCreateInfo = &image, .pImage = IMAGE),
	         VK_ERROR_UNKNOWN);
	CHECK_EQ(CALL(&g, vkCreateBuffer, ON_DEVICE, .pCreateInfo = &buffer, .pBuffer = BUFFER),
	         VK_ERROR_UNKNOWN);
	make_image(&g, &image);
	CHECK_REFUSED(&g, "a new object's id", vkCreateImage, ON_DEVICE, .pCreateInfo = &image,
	              .pImage = IMAGE);
	CHECK_REFUSED(&g, "a new object's id", vkCreateBuffer, ON_DEVICE, .pCreateInfo = &buffer,
	              .pBuffer = QUEUE);
	guest_close(&g);
}

static void check_layouts(struct guest *g, VkImageAspectFlags asked, VkImageAspectFlags wanted)
{
	const VkImageCreateInfo info = image_info(LINEAR, NULL);
	const VkImageSubresource plain = { .aspectMask = asked };
	const VkImageSubresource2 wide = { .sType = VK_STRUCTURE_TYPE_IMAGE_SUBRESOURCE_2,
		                           .imageSubresource = plain };
	const VkDeviceImageSubresourceInfo described = { .pCreateInfo = &info, .pSubresource = &wide };
	VkSubresourceLayout2 layout = { .sType = VK_STRUCTURE_TYPE_SUBRESOURCE_LAYOUT_2 };

	(void)CALL(g, vkGetImageSubresourceLayout, ON_DEVICE, .image = ID(VkImage, IMAGE),
	           .pSubresource = &plain, .pLayout = &layout.subresourceLayout);
	CHECK_EQ(seen.aspect, wanted);
	CHECK_EQ(guest_wide(g, 28), 64); /* bytes of a row */
	(void)CALL(g, vkGetImageSubresourceLayout2, ON_DEVICE, .image = ID(VkImage, IMAGE),
	           .pSubresource = &wide, .pLayout = &layout);
	CHECK_EQ(seen.aspect, wanted);
	CHECK_EQ(guest_wide(g, 40), 64);
	(void)CALL(g, vkGetDeviceImageSubresourceLayout, ON_DEVICE, .pInfo = &described, .pLayout = &layout);
	CHECK_EQ(seen.aspect, wanted);
	CHECK_EQ(guest_wide(g, 40), 64);
}

/* An image with the only modifier that is offered, LINEAR, has no memory planes for the driver. */
static void layouts_and_modifiers(void)
{
	static const struct {
		void (*replace)(void);
		VkImageAspectFlags plane;
		uint64_t modifier;
	} rows[] = {
		{ note, VK_IMAGE_ASPECT_COLOR_BIT, 0 },
		{ with_dma_bufs, VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, 77 },
	};
	const VkImageCreateInfo info = image_info(LINEAR, NULL);
	VkImageDrmFormatModifierPropertiesEXT modifier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_DRM_FORMAT_MODIFIER_PROPERTIES_EXT
	};

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		struct guest g;

		guest_open(&g, &(struct guest_setup){ .replace = rows[i].replace });
		make_image(&g, &info);
		check_layouts(&g, VK_IMAGE_ASPECT_COLOR_BIT, VK_IMAGE_ASPECT_COLOR_BIT);
		check_layouts(&g, VK_IMAGE_ASPECT_MEMORY_PLANE_0_BIT_EXT, rows[i].plane);
		CHECK_EQ(CALL(&g, vkGetImageDrmFormatModifierPropertiesEXT, ON_DEVICE,
		              .image = ID(VkImage, IMAGE), .pProperties = &modifier),
		         VK_SUCCESS);
		CHECK_EQ(guest_wide(&g, 28), rows[i].modifier);
		guest_close(&g);
	}
}

/* --- copies between images and host memory ---------------------------------------------------------- */

/* The bytes that the driver accesses, and what it found there. */
static size_t copy_bytes;
static uint8_t copied[4096];
static uint32_t copies;

static VkResult copy_out(VkDevice device, const VkCopyImageToMemoryInfo *info)
{
	(void)device;
	CHECK_EQ(info->regionCount, 1);
	memset(info->pRegions[0].pHostPointer, 0x5a, copy_bytes);
	copies++;
	return VK_SUCCESS;
}

static VkResult copy_in(VkDevice device, const VkCopyMemoryToImageInfo *info)
{
	(void)device;
	for (uint32_t i = 0; i < info->regionCount; i++) {
		memcpy(copied, info->pRegions[i].pHostPointer, copy_bytes);
	}
	copies++;
	return VK_SUCCESS;
}

static void replace_copies(void)
{
	copies = 0;
	REPLACE(vkCopyImageToMemory, copy_out);
	REPLACE(vkCopyMemoryToImage, copy_in);
}

static const struct guest_setup copying = { .replace = replace_copies };

struct copy {
	VkFormat format;
	VkImageAspectFlags aspect;
	VkExtent3D extent;
	uint32_t row_length, image_height, base_layer, layers;
	VkFlags flags;
	size_t bytes;
};

#define COLOR VK_IMAGE_ASPECT_COLOR_BIT
#define ALL_LAYERS VK_REMAINING_ARRAY_LAYERS
#define MEMCPY VK_HOST_IMAGE_COPY_MEMCPY_BIT

/* Images have 3 layers. Behind the last row there is no padding. */
static const struct copy rows[] = {
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .layers = 1, .bytes = 64 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .row_length = 8, .layers = 1, .bytes = 3 * 32 + 16 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .image_height = 6, .layers = 2, .bytes = 96 + 64 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 2 }, .layers = 1, .bytes = 128 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .layers = ALL_LAYERS, .bytes = 192 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .base_layer = 2, .layers = ALL_LAYERS, .bytes = 64 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .base_layer = 5, .layers = ALL_LAYERS, .bytes = 0 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 0, 4, 1 }, .layers = 1, .bytes = 0 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 0, 1 }, .layers = 1, .bytes = 0 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 0 }, .layers = 1, .bytes = 0 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .layers = 2, .flags = MEMCPY, .bytes = 2 * 1024 },
	{ VK_FORMAT_BC1_RGB_UNORM_BLOCK, COLOR, { 5, 4, 1 }, .layers = 1, .bytes = 16 },
	{ VK_FORMAT_D24_UNORM_S8_UINT, VK_IMAGE_ASPECT_DEPTH_BIT, { 4, 4, 1 }, .layers = 1, .bytes = 64 },
	{ VK_FORMAT_D24_UNORM_S8_UINT, VK_IMAGE_ASPECT_STENCIL_BIT, { 4, 4, 1 }, .layers = 1, .bytes = 16 },
	{ VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM,
	  VK_IMAGE_ASPECT_PLANE_1_BIT,
	  { 4, 4, 1 },
	  .layers = 1,
	  .bytes = 16 },
	{ VK_FORMAT_G8_B8_R8_3PLANE_420_UNORM,
	  VK_IMAGE_ASPECT_PLANE_2_BIT,
	  { 4, 4, 1 },
	  .layers = 1,
	  .bytes = 16 },
	{ (VkFormat)0x7ffffff0, COLOR, { 4, 4, 1 }, .layers = 1, .bytes = 16 * 32 },
};

static void make_format_image(struct guest *g, const struct copy *c)
{
	VkImageCreateInfo info = image_info(OPTIMAL, NULL);

	info.format = c->format;
	info.arrayLayers = 3;
	make_image(g, &info);
}

static VkCopyImageToMemoryInfoMESA out_info(const struct copy *c)
{
	return (VkCopyImageToMemoryInfoMESA){
		.flags = c->flags,
		.srcImage = ID(VkImage, IMAGE),
		.memoryRowLength = c->row_length,
		.memoryImageHeight = c->image_height,
		.imageSubresource = { c->aspect, 0, c->base_layer, c->layers },
		.imageExtent = c->extent,
	};
}

static VkMemoryToImageCopyMESA in_region(const struct copy *c, const void *data, size_t size)
{
	return (VkMemoryToImageCopyMESA){
		.sType = VK_STRUCTURE_TYPE_MEMORY_TO_IMAGE_COPY_MESA,
		.dataSize = size,
		.pData = data,
		.memoryRowLength = c->row_length,
		.memoryImageHeight = c->image_height,
		.imageSubresource = { c->aspect, 0, c->base_layer, c->layers },
		.imageExtent = c->extent,
	};
}

#define COPY_OUT(how, g, info, size) \
	how(g, vkCopyImageToMemoryMESA, ON_DEVICE, .pCopyImageToMemoryInfo = (info), .dataSize = (size))

/* The driver trusts the sizes, so it gets as much as it accesses, whatever the guest says that it has. */
static void copies_to_memory(void)
{
	struct guest g;

	guest_open(&g, &copying);
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		const VkCopyImageToMemoryInfoMESA info = out_info(&rows[i]);

		printf("  row %zu\n", i);
		make_format_image(&g, &rows[i]);
		copy_bytes = rows[i].bytes;
		CHECK_EQ(COPY_OUT(CALL, &g, &info, 3000), VK_SUCCESS);
		CHECK_EQ(guest_wide(&g, 8), 3000);
		CHECK(copy_bytes == 0 || guest_word(&g, 16) == 0x5a5a5a5a);
		CHECK(copy_bytes == 0 || g.reply[16 + copy_bytes - 1] == 0x5a);
		CHECK(g.reply[16 + copy_bytes] != 0x5a);
		CHECK_EQ(COPY_OUT(CALL, &g, &info, 4), VK_SUCCESS); /* too small */
		CHECK_EQ(guest_wide(&g, 8), 4);
		CHECK(copy_bytes == 0 || guest_word(&g, 16) == 0x5a5a5a5a);
		CHECK_EQ(guest_word(&g, 20), 0xeeeeeeee);
		CHECK_OK(COPY_OUT(SEND, &g, &info, 64)); /* no reply */
		drop_image(&g);
	}
	CHECK_EQ(copies, 3 * VTR_ARRAY_LEN(rows));
	guest_close(&g);
}

static VkResult send_in(struct guest *g, const VkMemoryToImageCopyMESA *regions, uint32_t count,
                        VkFlags flags)
{
	const VkCopyMemoryToImageInfoMESA info = {
		.flags = flags, .dstImage = ID(VkImage, IMAGE), .regionCount = count, .pRegions = regions
	};

	return CALL(g, vkCopyMemoryToImageMESA, ON_DEVICE, .pCopyMemoryToImageInfo = &info);
}

static void copies_from_memory(void)
{
	uint8_t bytes[3000];
	struct guest g;

	memset(bytes, 0x77, sizeof(bytes));
	guest_open(&g, &copying);
	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		const VkMemoryToImageCopyMESA whole = in_region(&rows[i], bytes, sizeof(bytes));
		const VkMemoryToImageCopyMESA part = in_region(&rows[i], bytes, 12);

		printf("  row %zu\n", i);
		make_format_image(&g, &rows[i]);
		copy_bytes = rows[i].bytes;
		CHECK_EQ(send_in(&g, &whole, 1, rows[i].flags), VK_SUCCESS);
		CHECK(copy_bytes == 0 || (copied[0] == 0x77 && copied[copy_bytes - 1] == 0x77));
		memset(copied, 1, sizeof(copied));
		CHECK_EQ(send_in(&g, &part, 1, rows[i].flags), VK_SUCCESS); /* the rest is zeros */
		CHECK(copy_bytes == 0 ||
		      (copied[11] == 0x77 && copied[12] == 0 && copied[copy_bytes - 1] == 0));
		drop_image(&g);
	}
	CHECK_EQ(copies, 2 * VTR_ARRAY_LEN(rows));
	guest_close(&g);
}

/* The bytes of a slice, of a layer, of all layers and of all together do not fit 64 bits. */
static const struct copy huge[] = {
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { ~0u, ~0u, 1 }, .layers = 1 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { ~0u, 1 << 16, ~0u }, .layers = 1 },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 1 << 30, 1 << 28, 1 }, .layers = ~1u },
	{ VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 1 << 30, 1 << 30, 1 }, .layers = 4 },
};

static void copies_of_huge_images(void)
{
	struct guest g;

	guest_open(&g, &copying);
	for (size_t i = 0; i < VTR_ARRAY_LEN(huge); i++) {
		const VkCopyImageToMemoryInfoMESA out = out_info(&huge[i]);
		const VkMemoryToImageCopyMESA region = in_region(&huge[i], "1234", 4);
		const VkCopyMemoryToImageInfoMESA in = { .dstImage = ID(VkImage, IMAGE),
			                                 .regionCount = 1,
			                                 .pRegions = &region };

		make_format_image(&g, &rows[0]);
		CHECK_REFUSED(&g, "a host image copy lacks its image, memory or size",
		              vkCopyImageToMemoryMESA, ON_DEVICE, .pCopyImageToMemoryInfo = &out,
		              .dataSize = 64);
		make_format_image(&g, &rows[0]);
		CHECK_REFUSED(&g, "a host image copy has no bytes, or no size", vkCopyMemoryToImageMESA,
		              ON_DEVICE, .pCopyMemoryToImageInfo = &in);
	}
	guest_close(&g);
}

static void copies_that_are_refused(void)
{
	static const char why[] = "a host image copy lacks its image, memory or size";
	VkCopyImageToMemoryInfoMESA info = out_info(&rows[0]);
	VkMemoryToImageCopyMESA region = in_region(&rows[0], "1234", 4);
	VkCopyMemoryToImageInfoMESA in = { .dstImage = ID(VkImage, IMAGE),
		                           .regionCount = 1,
		                           .pRegions = &region };
	struct guest g;

	guest_open(&g, &copying);
	make_format_image(&g, &rows[0]);
	CHECK_REFUSED(&g, why, vkCopyImageToMemoryMESA, ON_DEVICE, .pCopyImageToMemoryInfo = &info);
	info.srcImage = NULL;
	CHECK_REFUSED(&g, why, vkCopyImageToMemoryMESA, ON_DEVICE, .pCopyImageToMemoryInfo = &info,
	              .dataSize = 64);
	make_format_image(&g, &rows[0]);
	region = in_region(&rows[0], NULL, 0);
	CHECK_REFUSED(&g, "a host image copy has no bytes, or no size", vkCopyMemoryToImageMESA, ON_DEVICE,
	              .pCopyMemoryToImageInfo = &in);
	make_format_image(&g, &rows[0]);
	in.regionCount = 0;
	CHECK_REFUSED(&g, "a host image copy lacks its image or regions", vkCopyMemoryToImageMESA, ON_DEVICE,
	              .pCopyMemoryToImageInfo = &in);
	in.regionCount = 1;
	in.dstImage = NULL;
	CHECK_REFUSED(&g, "a host image copy lacks its image or regions", vkCopyMemoryToImageMESA, ON_DEVICE,
	              .pCopyMemoryToImageInfo = &in);
	CHECK_EQ(copies, 0);
	guest_close(&g);
}

static void without_layout2(void)
{
	replace_copies();
	REPLACE(vkGetImageSubresourceLayout2, NULL);
}

/* Without this command the size of a copy in the image's own layout is unknown. */
static void an_unknown_layout(void)
{
	const struct copy own = {
		VK_FORMAT_R8G8B8A8_UNORM, COLOR, { 4, 4, 1 }, .layers = 1, .flags = MEMCPY
	};
	const VkCopyImageToMemoryInfoMESA info = out_info(&own);
	struct guest g;

	guest_open(&g, &(struct guest_setup){ .replace = without_layout2 });
	make_format_image(&g, &own);
	CHECK_REFUSED(&g, "a host image copy lacks its image, memory or size", vkCopyImageToMemoryMESA,
	              ON_DEVICE, .pCopyImageToMemoryInfo = &info, .dataSize = 64);
	guest_close(&g);
}

int main(void)
{
	RUN(buffers);
	RUN(images);
	RUN(creation_fails);
	RUN(layouts_and_modifiers);
	RUN(copies_to_memory);
	RUN(copies_from_memory);
	RUN(copies_of_huge_images);
	RUN(copies_that_are_refused);
	RUN(an_unknown_layout);
	return 0;
}
