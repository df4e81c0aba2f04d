/* SPDX-License-Identifier: MIT */
#ifndef BENCH_VKCLIENT_H
#define BENCH_VKCLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vk_gen.h"

/*
 * What the Vulkan client programs share (bench, demo, tests/e2e): an instance, a device with one
 * queue, buffers, images, shaders, read-back. The programs are ordinary Vulkan programs: they load
 * libvulkan.so.1 and know nothing of vitrine.
 *
 * Errors: a client program has nothing to save. Every function here prints what failed and ends the
 *         program with status 1, so none returns an error.
 * Thread: one per struct vkc, unless a comment says otherwise.
 */

/* The functions by the level that they are loaded at; missing optional ones stay NULL. */
/* clang-format off */
#define VKC_GLOBAL_FUNCTIONS(X)                                                                    \
	X(CreateInstance) X(EnumerateInstanceVersion) X(EnumerateInstanceExtensionProperties)

#define VKC_INSTANCE_FUNCTIONS(X)                                                                  \
	X(DestroyInstance) X(EnumeratePhysicalDevices) X(GetPhysicalDeviceProperties)                  \
	X(GetPhysicalDeviceProperties2) X(GetPhysicalDeviceFeatures2)                                  \
	X(GetPhysicalDeviceMemoryProperties) X(GetPhysicalDeviceMemoryProperties2)                     \
	X(GetPhysicalDeviceQueueFamilyProperties) X(GetPhysicalDeviceQueueFamilyProperties2)           \
	X(GetPhysicalDeviceFormatProperties2) X(GetPhysicalDeviceImageFormatProperties2)               \
	X(GetPhysicalDeviceSparseImageFormatProperties2) X(EnumeratePhysicalDeviceGroups)              \
	X(GetPhysicalDeviceExternalBufferProperties) X(GetPhysicalDeviceExternalFenceProperties)       \
	X(GetPhysicalDeviceExternalSemaphoreProperties) X(EnumerateDeviceExtensionProperties)          \
	X(GetPhysicalDeviceToolProperties) X(GetPhysicalDeviceCalibrateableTimeDomainsKHR)             \
	X(GetPhysicalDeviceMultisamplePropertiesEXT)                                                   \
	X(GetPhysicalDeviceFragmentShadingRatesKHR)                                                    \
	X(GetPhysicalDeviceCooperativeMatrixPropertiesKHR) X(CreateDevice) X(GetDeviceProcAddr)

#define VKC_DEVICE_FUNCTIONS(X)                                                                    \
	X(DestroyDevice) X(GetDeviceQueue) X(GetDeviceQueue2) X(DeviceWaitIdle) X(QueueWaitIdle)       \
	X(QueueSubmit) X(QueueSubmit2) X(QueueBindSparse)                                              \
	X(AllocateMemory) X(FreeMemory) X(MapMemory) X(UnmapMemory) X(InvalidateMappedMemoryRanges)    \
	X(FlushMappedMemoryRanges)                                                                     \
	X(CreateBuffer) X(DestroyBuffer) X(GetBufferMemoryRequirements) X(BindBufferMemory)            \
	X(GetBufferDeviceAddress) X(CreateBufferView) X(DestroyBufferView)                             \
	X(CreateImage) X(DestroyImage) X(GetImageMemoryRequirements) X(BindImageMemory)                \
	X(GetImageSubresourceLayout) X(GetImageSparseMemoryRequirements)                               \
	X(CreateImageView) X(DestroyImageView) X(CreateSampler) X(DestroySampler)                      \
	X(CreateShaderModule) X(DestroyShaderModule)                                                   \
	X(CreatePipelineCache) X(DestroyPipelineCache) X(GetPipelineCacheData) X(MergePipelineCaches)  \
	X(CreatePipelineLayout) X(DestroyPipelineLayout)                                               \
	X(CreateGraphicsPipelines) X(CreateComputePipelines) X(DestroyPipeline)                        \
	X(CreateRenderPass) X(DestroyRenderPass) X(CreateFramebuffer) X(DestroyFramebuffer)            \
	X(CreateDescriptorSetLayout) X(DestroyDescriptorSetLayout)                                     \
	X(CreateDescriptorPool) X(DestroyDescriptorPool) X(ResetDescriptorPool)                        \
	X(AllocateDescriptorSets) X(FreeDescriptorSets) X(UpdateDescriptorSets)                        \
	X(CreateDescriptorUpdateTemplate) X(DestroyDescriptorUpdateTemplate)                           \
	X(UpdateDescriptorSetWithTemplate)                                                             \
	X(CreateCommandPool) X(DestroyCommandPool) X(ResetCommandPool)                                 \
	X(AllocateCommandBuffers) X(FreeCommandBuffers) X(BeginCommandBuffer) X(EndCommandBuffer)      \
	X(ResetCommandBuffer)                                                                          \
	X(CreateFence) X(DestroyFence) X(ResetFences) X(GetFenceStatus) X(WaitForFences)               \
	X(CreateSemaphore) X(DestroySemaphore) X(GetSemaphoreCounterValue) X(SignalSemaphore)          \
	X(WaitSemaphores) X(CreateEvent) X(DestroyEvent) X(GetEventStatus) X(SetEvent) X(ResetEvent)   \
	X(CreateQueryPool) X(DestroyQueryPool) X(GetQueryPoolResults) X(ResetQueryPool)                \
	X(CmdBindPipeline) X(CmdBindDescriptorSets) X(CmdPushConstants) X(CmdBindVertexBuffers)        \
	X(CmdBindVertexBuffers2) X(CmdBindIndexBuffer) X(CmdSetViewport) X(CmdSetScissor)              \
	X(CmdSetBlendConstants) X(CmdSetStencilReference) X(CmdSetLineWidth) X(CmdSetDepthBias)        \
	X(CmdSetCullMode) X(CmdSetFrontFace) X(CmdSetPrimitiveTopology)                                \
	X(CmdDraw) X(CmdDrawIndexed) X(CmdDrawIndirect) X(CmdDrawIndexedIndirect)                      \
	X(CmdDrawIndirectCount) X(CmdDrawMultiEXT) X(CmdDrawMultiIndexedEXT)                           \
	X(CmdDispatch) X(CmdDispatchIndirect) X(CmdDispatchBase)                                       \
	X(CmdCopyBuffer) X(CmdCopyImage) X(CmdBlitImage) X(CmdCopyBufferToImage)                       \
	X(CmdCopyImageToBuffer) X(CmdUpdateBuffer) X(CmdFillBuffer) X(CmdClearColorImage)              \
	X(CmdClearDepthStencilImage) X(CmdClearAttachments) X(CmdResolveImage)                         \
	X(CmdCopyBuffer2) X(CmdCopyImage2) X(CmdBlitImage2) X(CmdCopyImageToBuffer2)                   \
	X(CmdSetEvent) X(CmdSetEvent2) X(CmdResetEvent) X(CmdWaitEvents) X(CmdWaitEvents2)             \
	X(CmdPipelineBarrier) X(CmdPipelineBarrier2)                                                   \
	X(CmdBeginQuery) X(CmdEndQuery) X(CmdResetQueryPool) X(CmdWriteTimestamp)                      \
	X(CmdWriteTimestamp2) X(CmdCopyQueryPoolResults)                                               \
	X(CmdBeginRenderPass) X(CmdNextSubpass) X(CmdEndRenderPass) X(CmdExecuteCommands)              \
	X(CmdBeginRendering) X(CmdEndRendering)                                                        \
	X(CreatePrivateDataSlot) X(DestroyPrivateDataSlot) X(SetPrivateData) X(GetPrivateData)         \
	X(GetMemoryFdKHR) X(GetMemoryFdPropertiesKHR)                                                  \
	X(CmdBindTransformFeedbackBuffersEXT) X(CmdBeginTransformFeedbackEXT)                          \
	X(CmdEndTransformFeedbackEXT) X(CmdBeginConditionalRenderingEXT)                               \
	X(CmdEndConditionalRenderingEXT)

/* Younger than Vulkan 1.3: the programs use the extension, whose functions have a suffix. */
#define VKC_DEVICE_ALIASES(X)                                                                      \
	X(CmdPushDescriptorSet, KHR) X(CmdPushDescriptorSetWithTemplate, KHR)                          \
	X(CopyMemoryToImage, EXT) X(CopyImageToMemory, EXT) X(TransitionImageLayout, EXT)

/* clang-format on */

struct vkc_functions {
#define VKC_MEMBER(name) PFN_vk##name name;
	VKC_GLOBAL_FUNCTIONS(VKC_MEMBER)
	VKC_INSTANCE_FUNCTIONS(VKC_MEMBER)
	VKC_DEVICE_FUNCTIONS(VKC_MEMBER)
#undef VKC_MEMBER
#define VKC_MEMBER(name, suffix) PFN_vk##name name;
	VKC_DEVICE_ALIASES(VKC_MEMBER)
#undef VKC_MEMBER
};

/* The features of a device, chained: what vkc_device_open() enables, in whole or in part. */
struct vkc_features {
	VkPhysicalDeviceFeatures2 core;
	VkPhysicalDeviceVulkan11Features v11;
	VkPhysicalDeviceVulkan12Features v12;
	VkPhysicalDeviceVulkan13Features v13;
	VkPhysicalDeviceHostImageCopyFeatures host_copy;
	VkPhysicalDeviceMultiDrawFeaturesEXT multi_draw;
	VkPhysicalDeviceTransformFeedbackFeaturesEXT xfb;
	VkPhysicalDeviceConditionalRenderingFeaturesEXT conditional;
};

#define VKC_MAX_QUEUES 16

struct vkc {
	void *library;
	PFN_vkGetInstanceProcAddr get_proc;
	struct vkc_functions vk;
	VkInstance instance;
	VkPhysicalDevice physical;
	VkPhysicalDeviceProperties props;
	VkPhysicalDeviceMemoryProperties memory;
	struct vkc_features features; /* as enabled */
	VkDevice device;
	uint32_t family;
	VkQueueFamilyProperties family_props;
	VkQueue queue;                  /* the first of these */
	VkQueue queues[VKC_MAX_QUEUES]; /* of the family, as many as were asked for */
	uint32_t queue_count;
	VkCommandPool pool;
	VkFence fence;
	VkExtensionProperties *extensions;
	uint32_t extension_count;
};

struct vkc_buffer {
	VkBuffer buffer;
	VkDeviceMemory memory;
	VkDeviceSize size;
	void *mapped; /* NULL where the memory cannot be mapped */
};

struct vkc_image {
	VkImage image;
	VkDeviceMemory memory;
	VkImageView view;
	VkFormat format;
	VkExtent3D extent;
	uint32_t levels;
	uint32_t layers;
	VkImageAspectFlags aspect;
};

struct vkc_image_params {
	VkFormat format;
	uint32_t width;
	uint32_t height;
	uint32_t depth;  /* 0: a 2D image */
	uint32_t levels; /* 0: 1 */
	uint32_t layers; /* 0: 1 */
	VkSampleCountFlagBits samples; /* 0: 1 */
	VkImageUsageFlags usage;
	VkImageCreateFlags flags;
	bool linear;
};

/* Prints the message to stderr and ends the program with status 1. */
_Noreturn void vkc_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends the program unless `result` is VK_SUCCESS. */
void vkc_check_at(VkResult result, const char *what, const char *file, int line);
#define vkc_check(result) vkc_check_at((result), #result, __FILE__, __LINE__)

/* Monotonic time. Any thread. */
uint64_t vkc_now_ns(void);

/* Memory from malloc, zeroed, or the end of the program. Any thread. */
void *vkc_alloc(size_t count, size_t size);

/* Loads libvulkan.so.1 and creates an instance (Vulkan 1.3 where the loader knows it). */
void vkc_instance_open(struct vkc *c, const char *name);

/* The same for another version and, with `everything`, with all extensions that the loader lists. */
void vkc_instance_open_with(struct vkc *c, const char *name, uint32_t version, bool everything);

/* The physical device of that number, or the first: fills physical, props, memory, extensions. */
void vkc_physical_open(struct vkc *c, uint32_t index);

/* Whether the physical device has the extension. */
bool vkc_has_extension(const struct vkc *c, const char *name);

/* Device, queue (graphics and compute), command pool and fence. Without `everything`, only the
 * features that the measured paths need are enabled; with it all that struct vkc_features knows. */
void vkc_device_open(struct vkc *c, bool everything);

/* The same, with those of these extensions that the device has. */
void vkc_device_open_with(struct vkc *c, bool everything, const char *const *names, uint32_t count);

/* A device as `info` says, with the queues, a command pool and a fence of its first queue family. Gives
 * the result of vkCreateDevice; the features of `c` are the caller's business. */
VkResult vkc_device_try(struct vkc *c, const VkDeviceCreateInfo *info);

/* Destroys the device and what came with it; instance and physical device stay. */
void vkc_device_close(struct vkc *c);

/* All of the above: the first device. */
void vkc_open(struct vkc *c, const char *name, bool everything);

/* Destroys what the functions above made. */
void vkc_close(struct vkc *c);

/* The first memory type in `bits` that has all of `flags`; UINT32_MAX: none. */
uint32_t vkc_memory_type(const struct vkc *c, uint32_t bits, VkMemoryPropertyFlags flags);

/* A buffer with memory that has `flags`, mapped if it is host-visible. */
struct vkc_buffer vkc_buffer_create(struct vkc *c, VkDeviceSize size, VkBufferUsageFlags usage,
                                    VkMemoryPropertyFlags flags);
void vkc_buffer_destroy(struct vkc *c, struct vkc_buffer *b);

/* Host-visible and coherent: what the CPU fills or reads. */
struct vkc_buffer vkc_buffer_host(struct vkc *c, VkDeviceSize size, VkBufferUsageFlags usage);

/* An image with memory and a view of all of it. */
struct vkc_image vkc_image_create(struct vkc *c, const struct vkc_image_params *params);
void vkc_image_destroy(struct vkc *c, struct vkc_image *image);

/* Whether optimal (or linear) images of the format have these features. */
bool vkc_format_has(struct vkc *c, VkFormat format, VkFormatFeatureFlags flags);

/* A command buffer in the recording state, for one submission. */
VkCommandBuffer vkc_begin(struct vkc *c);

/* Ends it, submits it, waits for it and frees it. */
void vkc_end(struct vkc *c, VkCommandBuffer cmd);

/* A full barrier on memory. */
void vkc_barrier(struct vkc *c, VkCommandBuffer cmd);

/* Moves all of an image from one layout to another, with a full barrier. */
void vkc_layout(struct vkc *c, VkCommandBuffer cmd, const struct vkc_image *image, VkImageLayout from,
                VkImageLayout to);

/* Copies one level and layer of one aspect, in TRANSFER_SRC_OPTIMAL, to `out` (malloc'ed, packed).
 * `texel` is the bytes of a texel in the copy. */
void *vkc_image_read(struct vkc *c, const struct vkc_image *image, VkImageAspectFlags aspect, uint32_t level,
                     uint32_t layer, size_t texel, size_t *out_size);

VkShaderModule vkc_shader(struct vkc *c, const uint32_t *code, size_t size);

#endif
