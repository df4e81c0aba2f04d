/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "display/rect.h"
#include "present/gpu.h"
#include "present/painter.h"
#include "present/swapchain.h"

/*
 * The painter with a GPU: the changed part is copied into memory that the GPU reads, from there into an
 * image, which is blitted, scaled if necessary, into the window's next image. One submission is in flight at
 * a time. The guest's memory is not imported: it is read-only for us, and NVIDIA's driver does not import
 * such memory (docs/performance.md).
 */

/* A GPU that takes longer counts as hung; the process ends and is restarted. */
#define GPU_NS UINT64_C(5000000000)

struct vtr_painter {
	struct vtr_log *log;
	const struct vtr_sdl *sdl;
	SDL_Window *window;
	const struct vtr_paint_gpu *gpu;
	struct vtr_swapchain swapchain;
	VkCommandPool pool;
	VkCommandBuffer commands;
	VkFence fence; /* of the last submission */

	uint32_t width, height; /* of the picture; 0: there is none */
	VkFormat format;
	VkBuffer staging;
	VkDeviceMemory staging_memory;
	uint8_t *pixels; /* the staging buffer: rows without gaps */
	VkImage image;
	VkDeviceMemory image_memory;
	VkImageLayout layout;   /* of the image */
	struct vtr_rect fresh;  /* what is in the staging buffer but not in the image yet; may be empty */
};

/* --- the picture ------------------------------------------------------------------------------------- */

static void drop_picture(struct vtr_painter *painter)
{
	const struct vtr_paint_gpu *gpu = painter->gpu;

	gpu->procs.vkDestroyImage(gpu->device, painter->image, NULL);
	gpu->procs.vkDestroyBuffer(gpu->device, painter->staging, NULL);
	gpu->procs.vkFreeMemory(gpu->device, painter->image_memory, NULL);
	gpu->procs.vkFreeMemory(gpu->device, painter->staging_memory, NULL);
	painter->image = VK_NULL_HANDLE;
	painter->staging = VK_NULL_HANDLE;
	painter->image_memory = VK_NULL_HANDLE;
	painter->staging_memory = VK_NULL_HANDLE;
	painter->pixels = NULL;
	painter->width = 0;
	painter->height = 0;
}

static enum vtr_err make_staging(struct vtr_painter *painter, VkDeviceSize size)
{
	/* Written once by the CPU and read once by the GPU, in order. */
	static const VkMemoryPropertyFlags wanted[] = {
		VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT,
	};
	const struct vtr_paint_gpu *gpu = painter->gpu;
	const VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = size,
		.usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT,
	};
	VkMemoryRequirements requirements;
	void *map;

	if (gpu->procs.vkCreateBuffer(gpu->device, &info, NULL, &painter->staging) != VK_SUCCESS) {
		return VTR_ERR_NOMEM;
	}
	gpu->procs.vkGetBufferMemoryRequirements(gpu->device, painter->staging, &requirements);
	enum vtr_err err = vtr_paint_gpu_allocate(gpu, &requirements, wanted, VTR_ARRAY_LEN(wanted),
	                                          &painter->staging_memory);
	if (err != VTR_OK) {
		return err;
	}
	if (gpu->procs.vkBindBufferMemory(gpu->device, painter->staging, painter->staging_memory, 0) !=
	            VK_SUCCESS ||
	    gpu->procs.vkMapMemory(gpu->device, painter->staging_memory, 0, VK_WHOLE_SIZE, 0, &map) !=
	            VK_SUCCESS) {
		return VTR_ERR_NOMEM;
	}
	painter->pixels = map;
	return VTR_OK;
}

static enum vtr_err make_image(struct vtr_painter *painter, const struct vtr_scanout *scanout,
                               VkFormat format)
{
	static const VkMemoryPropertyFlags wanted[] = { VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0 };
	const struct vtr_paint_gpu *gpu = painter->gpu;
	const VkImageCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
		.imageType = VK_IMAGE_TYPE_2D,
		.format = format,
		.extent = { scanout->width, scanout->height, 1 },
		.mipLevels = 1,
		.arrayLayers = 1,
		.samples = VK_SAMPLE_COUNT_1_BIT,
		.tiling = VK_IMAGE_TILING_OPTIMAL,
		.usage = VK_IMAGE_USAGE_TRANSFER_SRC_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
		.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
	};
	VkMemoryRequirements requirements;

	if (gpu->procs.vkCreateImage(gpu->device, &info, NULL, &painter->image) != VK_SUCCESS) {
		return VTR_ERR_NOMEM;
	}
	painter->layout = VK_IMAGE_LAYOUT_UNDEFINED;
	gpu->procs.vkGetImageMemoryRequirements(gpu->device, painter->image, &requirements);
	enum vtr_err err = vtr_paint_gpu_allocate(gpu, &requirements, wanted, VTR_ARRAY_LEN(wanted),
	                                          &painter->image_memory);
	if (err != VTR_OK) {
		return err;
	}
	return gpu->procs.vkBindImageMemory(gpu->device, painter->image, painter->image_memory, 0) ==
	                       VK_SUCCESS ?
	               VTR_OK :
	               VTR_ERR_NOMEM;
}

static enum vtr_err make_picture(struct vtr_painter *painter, const struct vtr_scanout *scanout,
                                 VkFormat format)
{
	const uint64_t size = (uint64_t)scanout->width * scanout->height * 4;

	drop_picture(painter);
	if (scanout->width > painter->gpu->max_side || scanout->height > painter->gpu->max_side ||
	    size > VTR_PICTURE_MAX_BYTES) {
		return VTR_ERR_LIMIT;
	}
	enum vtr_err err = make_staging(painter, size);
	if (err == VTR_OK) {
		err = make_image(painter, scanout, format);
	}
	if (err != VTR_OK) {
		drop_picture(painter);
		return err;
	}
	painter->width = scanout->width;
	painter->height = scanout->height;
	painter->format = format;
	painter->fresh = (struct vtr_rect){ 0, 0, 0, 0 };
	return VTR_OK;
}

/* --- taking ------------------------------------------------------------------------------------------ */

/* Vulkan has no formats that begin with alpha, so the bytes of those are reversed during the copy. */
static VkFormat vulkan_format(enum vtr_pixel_format format, bool *out_turned)
{
	*out_turned = format == VTR_FORMAT_A8R8G8B8 || format == VTR_FORMAT_X8R8G8B8 ||
	              format == VTR_FORMAT_X8B8G8R8 || format == VTR_FORMAT_A8B8G8R8;
	return format == VTR_FORMAT_R8G8B8A8 || format == VTR_FORMAT_R8G8B8X8 ||
	                       format == VTR_FORMAT_X8B8G8R8 || format == VTR_FORMAT_A8B8G8R8 ?
	               VK_FORMAT_R8G8B8A8_UNORM :
	               VK_FORMAT_B8G8R8A8_UNORM;
}

static void copy_rows(struct vtr_painter *painter, const struct vtr_frame_view *view,
                      const struct vtr_rect *rect, bool turned)
{
	const size_t stride = (size_t)painter->width * 4;

	for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
		const uint8_t *from = view->pixels + (size_t)y * view->frame.scanout.stride +
		                      (size_t)rect->x * 4;
		uint8_t *to = painter->pixels + y * stride + (size_t)rect->x * 4;
		if (!turned) {
			memcpy(to, from, (size_t)rect->width * 4);
			continue;
		}
		for (uint32_t x = 0; x < rect->width; x++) {
			uint32_t pixel;
			memcpy(&pixel, from + (size_t)x * 4, 4);
			pixel = __builtin_bswap32(pixel);
			memcpy(to + (size_t)x * 4, &pixel, 4);
		}
	}
}

static enum vtr_err wait_for_gpu(struct vtr_painter *painter)
{
	const struct vtr_paint_gpu *gpu = painter->gpu;
	VkResult result = gpu->procs.vkWaitForFences(gpu->device, 1, &painter->fence, VK_TRUE, GPU_NS);

	if (result != VK_SUCCESS) {
		vtr_error(painter->log, "the GPU cannot draw the window (VkResult %d)", result);
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

static enum vtr_err take(struct vtr_painter *painter, const struct vtr_frame_view *view,
                         const struct vtr_rect *damage)
{
	const struct vtr_scanout *scanout = &view->frame.scanout;
	struct vtr_rect rect = *damage;
	bool turned;
	VkFormat format = vulkan_format(scanout->format, &turned);
	enum vtr_err err = wait_for_gpu(painter); /* it may still read the staging buffer */

	if (err == VTR_OK && (painter->width != scanout->width || painter->height != scanout->height ||
	                      painter->format != format)) {
		rect = (struct vtr_rect){ 0, 0, scanout->width, scanout->height };
		err = make_picture(painter, scanout, format);
	}
	if (err == VTR_OK) {
		copy_rows(painter, view, &rect, turned);
		painter->fresh = vtr_rect_join(&painter->fresh, &rect);
	}
	return err;
}

/* --- showing ----------------------------------------------------------------------------------------- */

static void change_layout(struct vtr_painter *painter, VkImage image, VkImageLayout from, VkImageLayout to)
{
	const VkImageMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER,
		.srcAccessMask = from == VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL ? VK_ACCESS_TRANSFER_WRITE_BIT :
		                                                                0,
		.dstAccessMask = to == VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL ? VK_ACCESS_TRANSFER_WRITE_BIT :
		                 to == VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL ? VK_ACCESS_TRANSFER_READ_BIT :
		                                                              0,
		.oldLayout = from,
		.newLayout = to,
		.srcQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED,
		.image = image,
		.subresourceRange = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 },
	};

	painter->gpu->procs.vkCmdPipelineBarrier(painter->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
	                                         VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 0, NULL, 0, NULL, 1,
	                                         &barrier);
}

static void record_upload(struct vtr_painter *painter)
{
	const struct vtr_rect *fresh = &painter->fresh;
	const VkBufferImageCopy copy = {
		.bufferOffset = ((VkDeviceSize)fresh->y * painter->width + fresh->x) * 4,
		.bufferRowLength = painter->width,
		.imageSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.imageOffset = { (int32_t)fresh->x, (int32_t)fresh->y, 0 },
		.imageExtent = { fresh->width, fresh->height, 1 },
	};

	if (fresh->width == 0 || fresh->height == 0) {
		return;
	}
	change_layout(painter, painter->image, painter->layout, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
	painter->gpu->procs.vkCmdCopyBufferToImage(painter->commands, painter->staging, painter->image,
	                                           VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &copy);
	change_layout(painter, painter->image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
	              VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
	painter->layout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
	painter->fresh = (struct vtr_rect){ 0, 0, 0, 0 };
}

static void record_clear(struct vtr_painter *painter, VkImage target)
{
	const VkClearColorValue black = { .float32 = { 0, 0, 0, 1 } };
	const VkImageSubresourceRange range = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1 };

	painter->gpu->procs.vkCmdClearColorImage(painter->commands, target,
	                                         VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, &black, 1, &range);
	change_layout(painter, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
	              VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
}

static void record_blit(struct vtr_painter *painter, VkImage target, const struct vtr_fit *fit)
{
	const bool scaled = fit->source_width != fit->width || fit->source_height != fit->height;
	const VkImageBlit blit = {
		.srcSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.srcOffsets = { { 0, 0, 0 }, { (int32_t)fit->source_width, (int32_t)fit->source_height, 1 } },
		.dstSubresource = { VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1 },
		.dstOffsets = { { fit->x, fit->y, 0 },
		                { fit->x + (int32_t)fit->width, fit->y + (int32_t)fit->height, 1 } },
	};

	painter->gpu->procs.vkCmdBlitImage(painter->commands, painter->image,
	                                   VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, target,
	                                   VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &blit,
	                                   scaled ? VK_FILTER_LINEAR : VK_FILTER_NEAREST);
}

static bool covers(const struct vtr_fit *fit, const VkExtent2D *extent)
{
	return fit && fit->x == 0 && fit->y == 0 && fit->width == extent->width &&
	       fit->height == extent->height;
}

static enum vtr_err record(struct vtr_painter *painter, VkImage target, const struct vtr_fit *fit)
{
	const struct vtr_paint_gpu *gpu = painter->gpu;
	const VkCommandBufferBeginInfo begin = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
		.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
	};

	if (gpu->procs.vkBeginCommandBuffer(painter->commands, &begin) != VK_SUCCESS) {
		return VTR_ERR_NOMEM;
	}
	if (fit) {
		record_upload(painter);
	}
	change_layout(painter, target, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
	if (!covers(fit, &painter->swapchain.extent)) {
		record_clear(painter, target);
	}
	if (fit) {
		record_blit(painter, target, fit);
	}
	change_layout(painter, target, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR);
	return gpu->procs.vkEndCommandBuffer(painter->commands) == VK_SUCCESS ? VTR_OK : VTR_ERR_NOMEM;
}

static enum vtr_err submit(struct vtr_painter *painter, uint32_t index)
{
	const struct vtr_paint_gpu *gpu = painter->gpu;
	const VkPipelineStageFlags stage = VK_PIPELINE_STAGE_TRANSFER_BIT;
	const VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.waitSemaphoreCount = 1,
		.pWaitSemaphores = &painter->swapchain.acquired,
		.pWaitDstStageMask = &stage,
		.commandBufferCount = 1,
		.pCommandBuffers = &painter->commands,
		.signalSemaphoreCount = 1,
		.pSignalSemaphores = &painter->swapchain.drawn[index],
	};
	VkResult result = gpu->procs.vkResetFences(gpu->device, 1, &painter->fence);

	if (result == VK_SUCCESS) {
		result = gpu->procs.vkQueueSubmit(gpu->queue, 1, &info, painter->fence);
	}
	if (result != VK_SUCCESS) {
		vtr_error(painter->log, "cannot submit work for the window to the GPU (VkResult %d)", result);
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

static void get_size(struct vtr_painter *painter, uint32_t *out_width, uint32_t *out_height)
{
	int width = 0;
	int height = 0;

	painter->sdl->SDL_Vulkan_GetDrawableSize(painter->window, &width, &height);
	*out_width = (uint32_t)width;
	*out_height = (uint32_t)height;
}

/* Returns: whether the picture fits; the window system may have made the image smaller than expected. */
static bool fits(const struct vtr_fit *fit, const VkExtent2D *extent)
{
	return !fit || ((uint32_t)fit->x + fit->width <= extent->width &&
	                (uint32_t)fit->y + fit->height <= extent->height);
}

static enum vtr_err show(struct vtr_painter *painter, const struct vtr_fit *fit)
{
	struct vtr_swapchain *swapchain = &painter->swapchain;
	uint32_t width;
	uint32_t height;
	uint32_t index;
	enum vtr_err err = wait_for_gpu(painter);

	if (fit && painter->width == 0) {
		fit = NULL;
	}
	/* The display has shrunk, and no whole frame of the new size was taken yet. */
	if (fit && (fit->source_width > painter->width || fit->source_height > painter->height)) {
		return VTR_ERR_AGAIN;
	}
	get_size(painter, &width, &height);
	if (err == VTR_OK) {
		err = vtr_swapchain_acquire(swapchain, width, height, &index);
	}
	if (err != VTR_OK) {
		return err;
	}
	/* An acquired image must be presented. */
	bool fitting = fits(fit, &swapchain->extent);
	err = record(painter, swapchain->images[index], fitting ? fit : NULL);
	if (err == VTR_OK) {
		err = submit(painter, index);
	}
	if (err == VTR_OK) {
		err = vtr_swapchain_present(swapchain, index);
	}
	return err != VTR_OK ? VTR_ERR_OS : fitting ? VTR_OK : VTR_ERR_AGAIN;
}

/* --- lifetime ---------------------------------------------------------------------------------------- */

static void destroy(struct vtr_painter *painter)
{
	if (!painter) {
		return;
	}
	const struct vtr_paint_gpu *gpu = painter->gpu;
	(void)gpu->procs.vkDeviceWaitIdle(gpu->device); /* an error does not matter here */
	drop_picture(painter);
	gpu->procs.vkDestroyFence(gpu->device, painter->fence, NULL);
	gpu->procs.vkDestroyCommandPool(gpu->device, painter->pool, NULL);
	vtr_swapchain_finish(&painter->swapchain);
	free(painter);
}

static enum vtr_err make_commands(struct vtr_painter *painter)
{
	const struct vtr_paint_gpu *gpu = painter->gpu;
	const VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
		.queueFamilyIndex = gpu->family,
	};
	const VkFenceCreateInfo fence = {
		.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
		.flags = VK_FENCE_CREATE_SIGNALED_BIT,
	};

	if (gpu->procs.vkCreateFence(gpu->device, &fence, NULL, &painter->fence) != VK_SUCCESS ||
	    gpu->procs.vkCreateCommandPool(gpu->device, &pool, NULL, &painter->pool) != VK_SUCCESS) {
		return VTR_ERR_NOMEM;
	}
	const VkCommandBufferAllocateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.commandPool = painter->pool,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	return gpu->procs.vkAllocateCommandBuffers(gpu->device, &info, &painter->commands) == VK_SUCCESS ?
	               VTR_OK :
	               VTR_ERR_NOMEM;
}

static enum vtr_err create(struct vtr_painter_host *host, SDL_Window *window,
                           struct vtr_painter **out_painter)
{
	struct vtr_painter *painter = calloc(1, sizeof(*painter));
	VkSurfaceKHR surface;
	uint32_t width;
	uint32_t height;
	enum vtr_err err;

	if (!painter) {
		return VTR_ERR_NOMEM;
	}
	err = host->gpu ? vtr_paint_gpu_create_surface(host->gpu, host->sdl, window, &surface) :
	                  vtr_paint_gpu_create(host, window, &host->gpu, &surface);
	if (err != VTR_OK) {
		free(painter);
		return err;
	}
	painter->log = host->log;
	painter->sdl = host->sdl;
	painter->window = window;
	painter->gpu = host->gpu;
	get_size(painter, &width, &height);
	err = vtr_swapchain_init(&painter->swapchain, host->gpu, surface, width, height);
	if (err != VTR_OK) {
		free(painter);
		return err;
	}
	err = make_commands(painter);
	if (err != VTR_OK) {
		destroy(painter);
		return err;
	}
	*out_painter = painter;
	return VTR_OK;
}

const struct vtr_painter_ops vtr_painter_vulkan = {
	.name = "vulkan",
	.window_flags = SDL_WINDOW_VULKAN,
	.create = create,
	.destroy = destroy,
	.get_size = get_size,
	.take = take,
	.show = show,
};
