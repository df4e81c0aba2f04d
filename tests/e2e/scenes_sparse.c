/* SPDX-License-Identifier: MIT */
/* Sparse binding: what lies in the memory is seen through whatever it is bound to. */
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#define BLOCKS 4

/* A sparse buffer or image and memory for all of it, in blocks. */
struct sparse {
	VkBuffer buffer;
	VkImage image;
	VkMemoryRequirements need;
	VkDeviceMemory memory;
	uint8_t *mapped; /* NULL: the CPU does not see this memory */
};

static bool skip(struct suite *s, bool wanted)
{
	if (s->c.features.core.features.sparseBinding && wanted &&
	    (s->c.family_props.queueFlags & VK_QUEUE_SPARSE_BINDING_BIT)) {
		return false;
	}
	suite_skip(s, "no sparse binding of this kind on the queue");
	return true;
}

static void allocate(struct vkc *c, struct sparse *sparse)
{
	const uint32_t bits = sparse->need.memoryTypeBits;
	uint32_t type = vkc_memory_type(c, bits, VK_MEMORY_PROPERTY_HOST_COHERENT_BIT);
	const bool maps = type != UINT32_MAX;
	if (!maps) {
		type = vkc_memory_type(c, bits, 0);
	}
	VkMemoryAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
		.allocationSize = sparse->need.size,
		.memoryTypeIndex = type,
	};
	vkc_check(c->vk.AllocateMemory(c->device, &info, NULL, &sparse->memory));
	if (maps) {
		vkc_check(c->vk.MapMemory(c->device, sparse->memory, 0, VK_WHOLE_SIZE, 0,
		                          (void **)&sparse->mapped));
	}
}

static struct sparse make_buffer(struct vkc *c, VkBufferCreateFlags flags, VkDeviceSize size)
{
	struct sparse sparse = { 0 };
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT | flags,
		.size = size,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	vkc_check(c->vk.CreateBuffer(c->device, &info, NULL, &sparse.buffer));
	c->vk.GetBufferMemoryRequirements(c->device, sparse.buffer, &sparse.need);
	allocate(c, &sparse);
	return sparse;
}

static void destroy(struct vkc *c, struct sparse *sparse)
{
	c->vk.DestroyBuffer(c->device, sparse->buffer, NULL);
	c->vk.DestroyImage(c->device, sparse->image, NULL);
	c->vk.FreeMemory(c->device, sparse->memory, NULL);
}

static void bind(struct vkc *c, const VkBindSparseInfo *info)
{
	vkc_check(c->vk.QueueBindSparse(c->queue, 1, info, c->fence));
	vkc_check(c->vk.WaitForFences(c->device, 1, &c->fence, VK_TRUE, UINT64_MAX));
	vkc_check(c->vk.ResetFences(c->device, 1, &c->fence));
}

/* Binds block i of the buffer to block blocks[i] of the memory. */
static void bind_buffer(struct vkc *c, VkBuffer buffer, VkDeviceMemory memory, VkDeviceSize size,
                        const uint32_t blocks[BLOCKS])
{
	VkSparseMemoryBind binds[BLOCKS];
	VkSparseBufferMemoryBindInfo buffer_info = { buffer, BLOCKS, binds };
	VkBindSparseInfo info = {
		.sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
		.bufferBindCount = 1,
		.pBufferBinds = &buffer_info,
	};
	for (uint32_t i = 0; i < BLOCKS; i++) {
		binds[i] = (VkSparseMemoryBind){
			.resourceOffset = i * size,
			.size = size,
			.memory = memory,
			.memoryOffset = blocks[i] * size,
		};
	}
	bind(c, &info);
}

static void copy(struct vkc *c, VkBuffer from, VkBuffer to, VkDeviceSize size)
{
	VkBufferCopy region = { 0, 0, size };
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_barrier(c, cmd);
	c->vk.CmdCopyBuffer(cmd, from, to, 1, &region);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
}

/* Whether block i holds bytes of the value values[i] alone. */
static bool blocks_are(const uint8_t *bytes, VkDeviceSize size, const uint8_t values[BLOCKS])
{
	for (uint32_t i = 0; i < BLOCKS; i++) {
		for (VkDeviceSize at = 0; at < size; at++) {
			if (bytes[i * size + at] != values[i]) {
				return false;
			}
		}
	}
	return true;
}

/* A sparse buffer whose two halves come from one memory, in the other order. */
static void scene_sparse_buffer(struct suite *s)
{
	struct vkc *c = &s->c;
	if (skip(s, true)) {
		return;
	}
	struct sparse sparse = make_buffer(c, 0, 1 << 18);
	bind_buffer(c, sparse.buffer, sparse.memory, 1 << 16, (const uint32_t[]){ 2, 3, 0, 1 });
	struct vkc_buffer back = vkc_buffer_host(c, 1 << 18, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdFillBuffer(cmd, sparse.buffer, 0, 1 << 17, 0x0a0b0c0d);
	c->vk.CmdFillBuffer(cmd, sparse.buffer, 1 << 17, 1 << 17, 0x01020304);
	vkc_end(c, cmd);
	copy(c, sparse.buffer, back.buffer, 1 << 18);
	suite_put(s, "bytes", back.mapped, back.size);
	vkc_buffer_destroy(c, &back);
	destroy(c, &sparse);
}

/* What the CPU writes to mapped memory, the GPU reads through the buffer, and the other way round; bound again,
 * the buffer shows the same memory in another order. */
static void scene_sparse_mapped(struct suite *s)
{
	struct vkc *c = &s->c;
	if (skip(s, true)) {
		return;
	}
	const VkDeviceSize size = 1 << 16;
	struct sparse sparse = make_buffer(c, 0, BLOCKS * size);
	struct vkc_buffer back = vkc_buffer_host(c, BLOCKS * size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	if (!sparse.mapped) {
		suite_skip(s, "memory for sparse buffers cannot be mapped");
		vkc_buffer_destroy(c, &back);
		destroy(c, &sparse);
		return;
	}
	for (uint32_t i = 0; i < BLOCKS; i++) {
		memset(sparse.mapped + i * size, (int)i + 1, size);
	}
	bind_buffer(c, sparse.buffer, sparse.memory, size, (const uint32_t[]){ 3, 1, 0, 2 });
	copy(c, sparse.buffer, back.buffer, back.size);
	suite_expect(s, blocks_are(back.mapped, size, (const uint8_t[]){ 4, 2, 1, 3 }),
	             "the GPU reads something else than the CPU wrote");
	suite_put(s, "bound", back.mapped, back.size);

	bind_buffer(c, sparse.buffer, sparse.memory, size, (const uint32_t[]){ 0, 1, 2, 3 });
	copy(c, sparse.buffer, back.buffer, back.size);
	suite_expect(s, blocks_are(back.mapped, size, (const uint8_t[]){ 1, 2, 3, 4 }),
	             "bound again, the buffer shows something else");
	suite_put(s, "rebound", back.mapped, back.size);

	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdFillBuffer(cmd, sparse.buffer, size, size, 0x09090909);
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
	suite_expect(s, blocks_are(sparse.mapped, size, (const uint8_t[]){ 1, 9, 3, 4 }),
	             "the CPU does not see what the GPU wrote");
	suite_put(s, "written", sparse.mapped, BLOCKS * size);
	vkc_buffer_destroy(c, &back);
	destroy(c, &sparse);
}

/* One block of memory at four places of a buffer, and in another buffer. */
static void scene_sparse_aliased(struct suite *s)
{
	struct vkc *c = &s->c;
	if (skip(s, c->features.core.features.sparseResidencyAliased)) {
		return;
	}
	const VkDeviceSize size = 1 << 16;
	struct sparse one = make_buffer(c, VK_BUFFER_CREATE_SPARSE_ALIASED_BIT, BLOCKS * size);
	struct sparse two = make_buffer(c, VK_BUFFER_CREATE_SPARSE_ALIASED_BIT, BLOCKS * size);
	struct vkc_buffer back = vkc_buffer_host(c, BLOCKS * size, VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	bind_buffer(c, one.buffer, one.memory, size, (const uint32_t[]){ 2, 2, 2, 2 });
	bind_buffer(c, two.buffer, one.memory, size, (const uint32_t[]){ 2, 1, 2, 1 });
	VkCommandBuffer cmd = vkc_begin(c);
	c->vk.CmdFillBuffer(cmd, two.buffer, size, size, 0x06060606);
	c->vk.CmdFillBuffer(cmd, one.buffer, 3 * size, size, 0x07070707);
	vkc_end(c, cmd);
	copy(c, one.buffer, back.buffer, back.size);
	suite_expect(s, blocks_are(back.mapped, size, (const uint8_t[]){ 7, 7, 7, 7 }),
	             "places with the same memory differ");
	suite_put(s, "one", back.mapped, back.size);
	copy(c, two.buffer, back.buffer, back.size);
	suite_expect(s, blocks_are(back.mapped, size, (const uint8_t[]){ 7, 6, 7, 6 }),
	             "buffers with the same memory differ");
	suite_put(s, "two", back.mapped, back.size);
	vkc_buffer_destroy(c, &back);
	destroy(c, &two);
	destroy(c, &one);
}

/* --- images ----------------------------------------------------------------------------------------- */

struct blocks {
	VkExtent3D extent; /* of a block, in texels */
	VkDeviceSize size; /* in bytes */
};

/* Two by two blocks of 32-bit texels; false: the format has no blocks. */
static bool make_image(struct vkc *c, struct sparse *sparse, struct blocks *blocks)
{
	VkPhysicalDeviceSparseImageFormatInfo2 query = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SPARSE_IMAGE_FORMAT_INFO_2,
		.format = VK_FORMAT_R8G8B8A8_UNORM,
		.type = VK_IMAGE_TYPE_2D,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
		.tiling = VK_IMAGE_TILING_OPTIMAL,
	};
	VkSparseImageFormatProperties2 props = { .sType =
		                                         VK_STRUCTURE_TYPE_SPARSE_IMAGE_FORMAT_PROPERTIES_2 };
	uint32_t count = 1;
	c->vk.GetPhysicalDeviceSparseImageFormatProperties2(c->physical, &query, &count, &props);
	if (count == 0) {
		return false;
	}
	blocks->extent = props.properties.imageGranularity;
	VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.flags = VK_IMAGE_CREATE_SPARSE_BINDING_BIT | VK_IMAGE_CREATE_SPARSE_RESIDENCY_BIT,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = query.format,
		.extent = { 2 * blocks->extent.width, 2 * blocks->extent.height, 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.usage = query.usage,
	};
	vkc_check(c->vk.CreateImage(c->device, &info, NULL, &sparse->image));
	c->vk.GetImageMemoryRequirements(c->device, sparse->image, &sparse->need);
	blocks->size = sparse->need.alignment;
	sparse->need.size = BLOCKS * blocks->size;
	allocate(c, sparse);
	return true;
}

static void bind_image(struct vkc *c, const struct sparse *sparse, const struct blocks *blocks,
                       const uint32_t places[BLOCKS])
{
	VkSparseImageMemoryBind binds[BLOCKS];
	VkSparseImageMemoryBindInfo image_info = { sparse->image, BLOCKS, binds };
	VkBindSparseInfo info = {
		.sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
		.imageBindCount = 1,
		.pImageBinds = &image_info,
	};
	for (uint32_t i = 0; i < BLOCKS; i++) {
		binds[i] = (VkSparseImageMemoryBind){
			.subresource = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT },
			.offset = { (int32_t)(i % 2 * blocks->extent.width),
			            (int32_t)(i / 2 * blocks->extent.height), 0 },
			.extent = { blocks->extent.width, blocks->extent.height, 1 },
			.memory = sparse->memory,
			.memoryOffset = places[i] * blocks->size,
		};
	}
	bind(c, &info);
}

/* All of the image to or from a buffer; the image is and stays in GENERAL. */
static void copy_image(struct vkc *c, const struct sparse *sparse, const struct blocks *blocks,
                       VkBuffer buffer, bool to_image)
{
	VkBufferImageCopy region = {
		.imageSubresource = { .aspectMask = VK_IMAGE_ASPECT_COLOR_BIT, .layerCount = 1 },
		.imageExtent = { 2 * blocks->extent.width, 2 * blocks->extent.height, 1 },
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_barrier(c, cmd);
	if (to_image) {
		c->vk.CmdCopyBufferToImage(cmd, buffer, sparse->image, VK_IMAGE_LAYOUT_GENERAL, 1, &region);
	} else {
		c->vk.CmdCopyImageToBuffer(cmd, sparse->image, VK_IMAGE_LAYOUT_GENERAL, buffer, 1, &region);
	}
	vkc_barrier(c, cmd);
	vkc_end(c, cmd);
}

static void set_general(struct vkc *c, VkImage image)
{
	const struct vkc_image all = {
		.image = image, .levels = 1, .layers = 1, .aspect = VK_IMAGE_ASPECT_COLOR_BIT
	};
	VkCommandBuffer cmd = vkc_begin(c);
	vkc_layout(c, cmd, &all, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
	vkc_end(c, cmd);
}

/* The blocks of an image change places with their memory. */
static void scene_sparse_image(struct suite *s)
{
	struct vkc *c = &s->c;
	struct sparse sparse = { 0 };
	struct blocks blocks;
	if (skip(s, c->features.core.features.sparseResidencyImage2D)) {
		return;
	}
	if (!make_image(c, &sparse, &blocks)) {
		suite_skip(s, "no sparse images of 32-bit texels");
		return;
	}
	const uint32_t width = blocks.extent.width, height = blocks.extent.height;
	const size_t size = (size_t)16 * width * height;
	struct vkc_buffer pixels =
		vkc_buffer_host(c, size, VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT);
	uint32_t *texels = pixels.mapped;
	bool right = true;
	for (uint32_t i = 0; i < size / 4; i++) {
		texels[i] = i * 2654435761u;
	}
	bind_image(c, &sparse, &blocks, (const uint32_t[]){ 0, 1, 2, 3 });
	set_general(c, sparse.image);
	copy_image(c, &sparse, &blocks, pixels.buffer, true);
	bind_image(c, &sparse, &blocks, (const uint32_t[]){ 3, 2, 1, 0 });
	memset(pixels.mapped, 0, size);
	copy_image(c, &sparse, &blocks, pixels.buffer, false);
	for (uint32_t y = 0; y < 2 * height; y++) {
		for (uint32_t x = 0; x < 2 * width; x++) {
			const uint32_t from = (y + height) % (2 * height) * 2 * width +
			                      (x + width) % (2 * width);
			right = right && texels[y * 2 * width + x] == from * 2654435761u;
		}
	}
	suite_expect(s, right, "the blocks are not where their memory is");
	suite_put(s, "blocks", pixels.mapped, size);
	vkc_buffer_destroy(c, &pixels);
	destroy(c, &sparse);
}

const struct suite_scene suite_sparse_scenes[] = {
	{ "sparse_buffer", scene_sparse_buffer },
	{ "sparse_mapped", scene_sparse_mapped },
	{ "sparse_aliased", scene_sparse_aliased },
	{ "sparse_image", scene_sparse_image },
	{ NULL, NULL },
};
