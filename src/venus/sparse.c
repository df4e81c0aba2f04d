/* SPDX-License-Identifier: MIT */
#include "venus/sparse.h"

#include <string.h>

#include "base/mem.h"
#include "venus/attempt.h"
#include "venus/dispatch.h"
#include "venus/physical.h"
#include "venus/venus.h"
#include "vk/renderer_config.h"

/* Size of the buffer that is bound in two halves, unless the driver needs larger halves. */
#define BUFFER_SIZE 131072
/* Drivers use pages of 64 KiB or 2 MiB. */
#define MAX_BUFFER_SIZE (16u << 20)

/* The fill patterns of the halves. */
#define FIRST 0x91
#define SECOND 0xa2
#define THIRD 0xb3

uint32_t vtr_sparse_family(const struct vtr_physical *p)
{
	const VkQueueFlags copies = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT | VK_QUEUE_TRANSFER_BIT;
	VkQueueFamilyProperties families[32];
	VkPhysicalDeviceFeatures features;
	uint32_t n = VTR_ARRAY_LEN(families);

	p->procs->vkGetPhysicalDeviceFeatures(p->handle, &features);
	p->procs->vkGetPhysicalDeviceQueueFamilyProperties(p->handle, &n, families);
	for (uint32_t i = 0; features.sparseBinding && i < n; i++) {
		if ((families[i].queueFlags & VK_QUEUE_SPARSE_BINDING_BIT) != 0 &&
		    (families[i].queueFlags & copies) != 0) {
			return i;
		}
	}
	return VTR_NO_FAMILY;
}

/* --- the test --------------------------------------------------------------------------------------- */

struct binding {
	struct vtr_attempt *attempt;
	VkBuffer buffer;      /* sparse */
	VkDeviceSize size;    /* of the buffers */
	VkDeviceSize half;
	struct vtr_attempt_memory shared;
	VkBuffer back;        /* to read back the contents of the sparse buffer */
	VkDeviceMemory back_memory;
	uint8_t *back_map;
	VkCommandPool pool;
	VkFence fence;
};

static VkExternalMemoryHandleTypeFlagBits handle_type(enum vtr_share share)
{
	switch (share) {
	case VTR_SHARE_HOST_IMPORT:
		return VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
	case VTR_SHARE_DMA_BUF:
	case VTR_SHARE_FD_IMPORT:
		return VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT;
	case VTR_SHARE_OPAQUE_FD:
		return VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD_BIT;
	case VTR_SHARE_NONE:
		break;
	}
	return 0;
}

/* Returns: whether the driver claims that memory of this kind may be bound to sparse buffers. */
static bool driver_agrees(const struct vtr_physical *p, enum vtr_share share)
{
	const VkPhysicalDeviceExternalBufferInfo info = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
		.flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
		.handleType = handle_type(share),
	};
	VkExternalBufferProperties out = { .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES };
	const bool imports = share == VTR_SHARE_HOST_IMPORT || share == VTR_SHARE_FD_IMPORT;

	p->procs->vkGetPhysicalDeviceExternalBufferProperties(p->handle, &info, &out);
	return (out.externalMemoryProperties.externalMemoryFeatures &
	        (imports ? VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT :
	                   VK_EXTERNAL_MEMORY_FEATURE_EXPORTABLE_BIT)) != 0;
}

/* Creates a buffer and queries its memory requirements. */
static bool create_buffer(struct binding *a, enum vtr_share share, VkDeviceSize size,
                          VkMemoryRequirements *need)
{
	const struct vtw_device_procs *vk = &a->attempt->vk;
	const VkExternalMemoryBufferCreateInfo external = {
		.sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
		.handleTypes = handle_type(share)
	};
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.pNext = &external,
		.flags = VK_BUFFER_CREATE_SPARSE_BINDING_BIT,
		.size = size,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};

	vk->vkDestroyBuffer(a->attempt->device, a->buffer, NULL);
	a->buffer = NULL;
	a->size = size;
	if (vk->vkCreateBuffer(a->attempt->device, &info, NULL, &a->buffer) != VK_SUCCESS) {
		return false;
	}
	vk->vkGetBufferMemoryRequirements(a->attempt->device, a->buffer, need);
	return true;
}

static bool make_buffer(struct binding *a, enum vtr_share share, uint32_t type)
{
	VkMemoryRequirements need;

	if (!create_buffer(a, share, BUFFER_SIZE, &need)) {
		return false;
	}
	if (need.alignment > BUFFER_SIZE / 2 && need.alignment <= MAX_BUFFER_SIZE / 2 &&
	    !create_buffer(a, share, 2 * need.alignment, &need)) {
		return false;
	}
	a->half = a->size / 2;
	return (need.memoryTypeBits & (1u << type)) != 0 && a->half % need.alignment == 0 &&
	       need.size == a->size && vtr_attempt_allocate(a->attempt, share, type, a->size, &a->shared);
}

/* Uses the driver's own memory, which is not under test. */
static bool make_back(struct binding *a)
{
	const VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
	                                     VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
	const VkPhysicalDeviceMemoryProperties *types = &a->attempt->physical->memory;
	const struct vtw_device_procs *vk = &a->attempt->vk;
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = a->size,
		.usage = VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkMemoryAllocateInfo allocate = { .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO };
	VkMemoryRequirements need;
	void *map;

	if (vk->vkCreateBuffer(a->attempt->device, &info, NULL, &a->back) != VK_SUCCESS) {
		return false;
	}
	vk->vkGetBufferMemoryRequirements(a->attempt->device, a->back, &need);
	allocate.allocationSize = need.size;
	while (allocate.memoryTypeIndex < types->memoryTypeCount &&
	       ((need.memoryTypeBits >> allocate.memoryTypeIndex & 1) == 0 ||
	        (types->memoryTypes[allocate.memoryTypeIndex].propertyFlags & wanted) != wanted)) {
		allocate.memoryTypeIndex++;
	}
	if (allocate.memoryTypeIndex == types->memoryTypeCount ||
	    vk->vkAllocateMemory(a->attempt->device, &allocate, NULL, &a->back_memory) != VK_SUCCESS ||
	    vk->vkBindBufferMemory(a->attempt->device, a->back, a->back_memory, 0) != VK_SUCCESS ||
	    vk->vkMapMemory(a->attempt->device, a->back_memory, 0, VK_WHOLE_SIZE, 0, &map) != VK_SUCCESS) {
		return false;
	}
	a->back_map = map;
	return true;
}

static bool make_pool(struct binding *a)
{
	const struct vtw_device_procs *vk = &a->attempt->vk;
	const VkCommandPoolCreateInfo pool = { .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		                               .queueFamilyIndex = a->attempt->family };
	const VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };

	return vk->vkCreateCommandPool(a->attempt->device, &pool, NULL, &a->pool) == VK_SUCCESS &&
	       vk->vkCreateFence(a->attempt->device, &fence, NULL, &a->fence) == VK_SUCCESS;
}

static bool wait_for_fence(struct binding *a)
{
	const struct vtw_device_procs *vk = &a->attempt->vk;

	return vk->vkWaitForFences(a->attempt->device, 1, &a->fence, VK_TRUE, UINT64_MAX) == VK_SUCCESS &&
	       vk->vkResetFences(a->attempt->device, 1, &a->fence) == VK_SUCCESS;
}

/* Binds the halves of the buffer to the halves of the memory, in order or swapped. */
static bool bind(struct binding *a, bool swapped)
{
	const VkSparseMemoryBind binds[] = {
		{ .resourceOffset = 0,
		  .size = a->half,
		  .memory = a->shared.memory,
		  .memoryOffset = swapped ? a->half : 0 },
		{ .resourceOffset = a->half,
		  .size = a->half,
		  .memory = a->shared.memory,
		  .memoryOffset = swapped ? 0 : a->half },
	};
	const VkSparseBufferMemoryBindInfo buffer = { .buffer = a->buffer,
		                                      .bindCount = VTR_ARRAY_LEN(binds),
		                                      .pBinds = binds };
	const VkBindSparseInfo info = { .sType = VK_STRUCTURE_TYPE_BIND_SPARSE_INFO,
		                        .bufferBindCount = 1,
		                        .pBufferBinds = &buffer };

	return a->attempt->vk.vkQueueBindSparse(a->attempt->queue, 1, &info, a->fence) == VK_SUCCESS &&
	       wait_for_fence(a);
}

/* Fills the first half of the sparse buffer, or copies all of it to the buffer that can be read. */
static bool run(struct binding *a, bool fill)
{
	const struct vtw_device_procs *vk = &a->attempt->vk;
	const VkCommandBufferAllocateInfo allocate = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = a->pool,
		.commandBufferCount = 1,
	};
	const VkCommandBufferBeginInfo begin = { .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO };
	const VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_HOST_READ_BIT,
	};
	const VkBufferCopy all = { .size = a->size };
	VkCommandBuffer cmd;
	const VkSubmitInfo submit = { .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		                      .commandBufferCount = 1,
		                      .pCommandBuffers = &cmd };

	if (vk->vkAllocateCommandBuffers(a->attempt->device, &allocate, &cmd) != VK_SUCCESS ||
	    vk->vkBeginCommandBuffer(cmd, &begin) != VK_SUCCESS) {
		return false;
	}
	if (fill) {
		vk->vkCmdFillBuffer(cmd, a->buffer, 0, a->half, THIRD * 0x01010101u);
	} else {
		vk->vkCmdCopyBuffer(cmd, a->buffer, a->back, 1, &all);
	}
	vk->vkCmdPipelineBarrier(cmd, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1,
	                         &barrier, 0, NULL, 0, NULL);
	return vk->vkEndCommandBuffer(cmd) == VK_SUCCESS &&
	       vk->vkQueueSubmit(a->attempt->queue, 1, &submit, a->fence) == VK_SUCCESS && wait_for_fence(a);
}

static bool all_are(const uint8_t *bytes, size_t size, uint8_t value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0;
}

static bool halves_are(const struct binding *a, const uint8_t *bytes, uint8_t first, uint8_t second)
{
	return all_are(bytes, a->half, first) && all_are(bytes + a->half, a->half, second);
}

/* Returns: whether the GPU reads through the buffer what the CPU writes, in both orders; and vice versa. */
static bool agrees(struct binding *a)
{
	memset(a->shared.map, FIRST, a->half);
	memset(a->shared.map + a->half, SECOND, a->half);
	return bind(a, true) && run(a, false) && halves_are(a, a->back_map, SECOND, FIRST) &&
	       bind(a, false) && run(a, false) && halves_are(a, a->back_map, FIRST, SECOND) && run(a, true) &&
	       halves_are(a, a->shared.map, THIRD, SECOND);
}

static bool works(struct vtr_attempt *attempt, enum vtr_share share, uint32_t type)
{
	struct binding a = { .attempt = attempt };
	bool ok;

	if (!driver_agrees(attempt->physical, share)) {
		return false;
	}
	ok = make_buffer(&a, share, type) && make_back(&a) && make_pool(&a) && agrees(&a);
	(void)attempt->vk.vkDeviceWaitIdle(attempt->device);
	attempt->vk.vkDestroyFence(attempt->device, a.fence, NULL);
	attempt->vk.vkDestroyCommandPool(attempt->device, a.pool, NULL);
	attempt->vk.vkDestroyBuffer(attempt->device, a.back, NULL);
	attempt->vk.vkFreeMemory(attempt->device, a.back_memory, NULL);
	attempt->vk.vkDestroyBuffer(attempt->device, a.buffer, NULL);
	vtr_attempt_free(attempt, &a.shared);
	return ok;
}

/* --- the choice ------------------------------------------------------------------------------------- */

/* A type that cannot be shared uses the driver's own memory, which needs no test. */
static bool choose_type(const struct vtr_venus_params *params, struct vtr_attempt *attempt, uint32_t type,
                        struct vtr_memory_strategy *s)
{
	const enum vtr_share others[] = { VTR_SHARE_FD_IMPORT, VTR_SHARE_DMA_BUF, VTR_SHARE_OPAQUE_FD };

	if (s->share[type] == VTR_SHARE_NONE || works(attempt, s->share[type], type)) {
		return true;
	}
	for (size_t i = 0; params->hostmem == NULL && !params->config->no_export && i < VTR_ARRAY_LEN(others);
	     i++) {
		if (works(attempt, others[i], type)) {
			s->sparse_share[type] = others[i];
			return true;
		}
	}
	return false;
}

void vtr_sparse_choose(const struct vtr_venus_params *params, struct vtr_attempt *attempt,
                       struct vtr_memory_strategy *s)
{
	const uint32_t n = attempt->physical->memory.memoryTypeCount;
	bool other_way = false;

	memcpy(s->sparse_share, s->share, sizeof(s->share));
	if (attempt->queue == NULL) {
		s->sparse_reason = "the driver does not support it on a queue that copies";
		return;
	}
	if (!s->images_importable) {
		s->sparse_reason = "images cannot be bound to memory that is shared";
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (choose_type(params, attempt, i, s)) {
			s->sparse_types |= 1u << i;
			other_way |= s->sparse_share[i] != s->share[i];
		}
	}
	if (s->sparse_types == 0) {
		s->sparse_reason =
			params->hostmem != NULL ?
				"this driver's sparse binding does not work with imported memory, and a VM "
				"has no "
				"other" :
				"this driver's sparse binding does not work with memory that can be shared";
	} else if (s->sparse_types != (n < 32 ? (1u << n) - 1 : UINT32_MAX)) {
		s->sparse_reason = "with some types of memory only";
	} else {
		s->sparse_reason = other_way ?
		                           "the memory of devices that enable it is shared in another way" :
		                           "with all types of memory";
	}
}

/* --- features --------------------------------------------------------------------------------------- */

bool vtr_sparse_enabled(const VkDeviceCreateInfo *info)
{
	const VkPhysicalDeviceFeatures2 *chained =
		vtr_chain_find(info, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2);
	const VkPhysicalDeviceFeatures *features = chained != NULL ? &chained->features :
	                                                             info->pEnabledFeatures;

	return features != NULL && features->sparseBinding;
}

void vtr_sparse_hide_features(VkPhysicalDeviceFeatures *features)
{
	features->sparseBinding = VK_FALSE;
	features->sparseResidencyBuffer = VK_FALSE;
	features->sparseResidencyImage2D = VK_FALSE;
	features->sparseResidencyImage3D = VK_FALSE;
	features->sparseResidency2Samples = VK_FALSE;
	features->sparseResidency4Samples = VK_FALSE;
	features->sparseResidency8Samples = VK_FALSE;
	features->sparseResidency16Samples = VK_FALSE;
	features->sparseResidencyAliased = VK_FALSE;
}

void vtr_sparse_hide_features2(VkPhysicalDeviceFeatures2 *features)
{
	VkPhysicalDeviceShaderImageAtomicInt64FeaturesEXT *int64 = vtr_chain_find(
		features, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_IMAGE_ATOMIC_INT64_FEATURES_EXT);
	VkPhysicalDeviceShaderAtomicFloatFeaturesEXT *real =
		vtr_chain_find(features, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT);
	VkPhysicalDeviceShaderAtomicFloat2FeaturesEXT *real2 = vtr_chain_find(
		features, VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_2_FEATURES_EXT);

	vtr_sparse_hide_features(&features->features);
	if (int64 != NULL) {
		int64->sparseImageInt64Atomics = VK_FALSE;
	}
	if (real != NULL) {
		real->sparseImageFloat32Atomics = VK_FALSE;
		real->sparseImageFloat32AtomicAdd = VK_FALSE;
	}
	if (real2 != NULL) {
		real2->sparseImageFloat32AtomicMinMax = VK_FALSE;
	}
}

void vtr_sparse_hide_properties(VkPhysicalDeviceProperties *properties)
{
	properties->limits.sparseAddressSpaceSize = 0;
	properties->sparseProperties = (VkPhysicalDeviceSparseProperties){ 0 };
}
