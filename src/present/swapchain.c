/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "window"
#include "present/swapchain.h"

#include "base/log.h"
#include "base/mem.h"

#define MAX_FORMATS 128
#define MAX_MODES 16
/* How long to wait for a free image before the event loop continues. */
#define ACQUIRE_NS UINT64_C(20000000)
/* The value of currentExtent if the window takes the size of its images (Vulkan 34.2). */
#define EXTENT_FREE UINT32_MAX

static void drop_semaphores(struct vtr_swapchain *swapchain)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;

	for (uint32_t i = 0; i < VTR_SWAPCHAIN_MAX_IMAGES; i++) {
		gpu->procs.vkDestroySemaphore(gpu->device, swapchain->drawn[i], NULL);
		swapchain->drawn[i] = VK_NULL_HANDLE;
	}
	swapchain->image_count = 0;
}

void vtr_swapchain_finish(struct vtr_swapchain *swapchain)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;

	drop_semaphores(swapchain);
	gpu->procs.vkDestroySemaphore(gpu->device, swapchain->acquired, NULL);
	gpu->procs.vkDestroySwapchainKHR(gpu->device, swapchain->handle, NULL);
	gpu->instance_procs.vkDestroySurfaceKHR(gpu->instance, swapchain->surface, NULL);
	*swapchain = (struct vtr_swapchain){ .gpu = gpu };
}

/* --- making it --------------------------------------------------------------------------------------- */

/* Colours are shown unchanged: with an _SRGB format the blit would convert them. */
static enum vtr_err choose_format(const struct vtr_swapchain *swapchain, VkSurfaceFormatKHR *out_format)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;
	VkSurfaceFormatKHR formats[MAX_FORMATS];
	uint32_t count = MAX_FORMATS;
	VkResult result = gpu->instance_procs.vkGetPhysicalDeviceSurfaceFormatsKHR(
		gpu->physical, swapchain->surface, &count, formats);

	if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
		count = 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		if ((formats[i].format == VK_FORMAT_B8G8R8A8_UNORM ||
		     formats[i].format == VK_FORMAT_R8G8B8A8_UNORM) &&
		    formats[i].colorSpace == VK_COLOR_SPACE_SRGB_NONLINEAR_KHR) {
			*out_format = formats[i];
			return VTR_OK;
		}
	}
	vtr_error(gpu->log, "the window supports no format that vitrine draws");
	return VTR_ERR_OS;
}

/* The newest frame wins, without tearing; the guest paces its frames itself. */
static VkPresentModeKHR choose_mode(const struct vtr_swapchain *swapchain)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;
	VkPresentModeKHR modes[MAX_MODES];
	uint32_t count = MAX_MODES;
	VkResult result = gpu->instance_procs.vkGetPhysicalDeviceSurfacePresentModesKHR(
		gpu->physical, swapchain->surface, &count, modes);

	for (uint32_t i = 0; (result == VK_SUCCESS || result == VK_INCOMPLETE) && i < count; i++) {
		if (modes[i] == VK_PRESENT_MODE_MAILBOX_KHR) {
			return modes[i];
		}
	}
	return VK_PRESENT_MODE_FIFO_KHR; /* always supported */
}

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
	return value < low ? low : value > high ? high : value;
}

static VkExtent2D choose_extent(const VkSurfaceCapabilitiesKHR *caps, uint32_t width, uint32_t height)
{
	if (caps->currentExtent.width != EXTENT_FREE) {
		return caps->currentExtent;
	}
	return (VkExtent2D){
		clamp(width, caps->minImageExtent.width, caps->maxImageExtent.width),
		clamp(height, caps->minImageExtent.height, caps->maxImageExtent.height),
	};
}

static VkCompositeAlphaFlagBitsKHR choose_alpha(const VkSurfaceCapabilitiesKHR *caps)
{
	return (caps->supportedCompositeAlpha & VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR) != 0 ?
	               VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR :
	               VK_COMPOSITE_ALPHA_INHERIT_BIT_KHR;
}

static enum vtr_err get_images(struct vtr_swapchain *swapchain)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;
	const VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO };
	uint32_t count = VTR_SWAPCHAIN_MAX_IMAGES;

	/* If there are more images than we have room for, this returns VK_INCOMPLETE, and an unknown one
	 * could be acquired. */
	if (gpu->procs.vkGetSwapchainImagesKHR(gpu->device, swapchain->handle, &count, swapchain->images) !=
	    VK_SUCCESS) {
		vtr_error(gpu->log, "the window has more than %d images", VTR_SWAPCHAIN_MAX_IMAGES);
		return VTR_ERR_OS;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (gpu->procs.vkCreateSemaphore(gpu->device, &info, NULL, &swapchain->drawn[i]) !=
		    VK_SUCCESS) {
			return VTR_ERR_OS;
		}
	}
	swapchain->image_count = count;
	return VTR_OK;
}

static void drop(struct vtr_swapchain *swapchain)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;

	drop_semaphores(swapchain);
	gpu->procs.vkDestroySwapchainKHR(gpu->device, swapchain->handle, NULL);
	swapchain->handle = VK_NULL_HANDLE;
}

static enum vtr_err make(struct vtr_swapchain *swapchain, uint32_t width, uint32_t height)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;
	VkSurfaceCapabilitiesKHR caps;
	VkSurfaceFormatKHR format;
	enum vtr_err err = choose_format(swapchain, &format);

	if (err != VTR_OK) {
		return err;
	}
	if (gpu->instance_procs.vkGetPhysicalDeviceSurfaceCapabilitiesKHR(gpu->physical, swapchain->surface,
	                                                                  &caps) != VK_SUCCESS) {
		vtr_error(gpu->log, "the window system has closed the window");
		return VTR_ERR_OS;
	}
	const uint32_t most = caps.maxImageCount > 0 ? caps.maxImageCount : UINT32_MAX;
	const VkSwapchainCreateInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR,
		.surface = swapchain->surface,
		.minImageCount = (uint32_t)vtr_min(caps.minImageCount + 1, most),
		.imageFormat = format.format,
		.imageColorSpace = format.colorSpace,
		.imageExtent = choose_extent(&caps, width, height),
		.imageArrayLayers = 1,
		.imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
		.imageSharingMode = VK_SHARING_MODE_EXCLUSIVE,
		.preTransform = caps.currentTransform,
		.compositeAlpha = choose_alpha(&caps),
		.presentMode = choose_mode(swapchain),
		.clipped = VK_TRUE,
		.oldSwapchain = swapchain->handle,
	};
	if (info.imageExtent.width == 0 || info.imageExtent.height == 0) {
		return VTR_ERR_AGAIN; /* minimised */
	}
	VkSwapchainKHR handle = VK_NULL_HANDLE;
	VkResult result = gpu->procs.vkCreateSwapchainKHR(gpu->device, &info, NULL, &handle);
	drop(swapchain);
	if (result != VK_SUCCESS) {
		vtr_warn(gpu->log, "cannot create a swapchain of %ux%u for the window (VkResult %d)",
		         info.imageExtent.width, info.imageExtent.height, result);
		return VTR_ERR_OS;
	}
	swapchain->handle = handle;
	swapchain->extent = info.imageExtent;
	swapchain->stale = false;
	return get_images(swapchain);
}

enum vtr_err vtr_swapchain_init(struct vtr_swapchain *swapchain, const struct vtr_paint_gpu *gpu,
                                VkSurfaceKHR surface, uint32_t width, uint32_t height)
{
	const VkSemaphoreCreateInfo info = { .sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO };
	enum vtr_err err = VTR_ERR_OS;

	*swapchain = (struct vtr_swapchain){ .gpu = gpu, .surface = surface };
	if (gpu->procs.vkCreateSemaphore(gpu->device, &info, NULL, &swapchain->acquired) == VK_SUCCESS) {
		err = make(swapchain, width, height);
	}
	if (err != VTR_OK && err != VTR_ERR_AGAIN) {
		vtr_swapchain_finish(swapchain);
		return VTR_ERR_UNSUPPORTED;
	}
	swapchain->wanted = (VkExtent2D){ width, height };
	return VTR_OK;
}

static enum vtr_err make_anew(struct vtr_swapchain *swapchain, uint32_t width, uint32_t height)
{
	/* Its images may still be drawn into, or wait to be shown. */
	if (swapchain->handle &&
	    swapchain->gpu->procs.vkDeviceWaitIdle(swapchain->gpu->device) != VK_SUCCESS) {
		return VTR_ERR_OS;
	}
	return make(swapchain, width, height);
}

/* --- using it ---------------------------------------------------------------------------------------- */

enum vtr_err vtr_swapchain_acquire(struct vtr_swapchain *swapchain, uint32_t width, uint32_t height,
                                   uint32_t *out_index)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;

	VkResult result = VK_ERROR_OUT_OF_DATE_KHR;

	/* If the size changes once more, the next call handles it. */
	for (int i = 0; i < 2 && result == VK_ERROR_OUT_OF_DATE_KHR; i++) {
		if (!swapchain->handle || swapchain->stale || swapchain->wanted.width != width ||
		    swapchain->wanted.height != height) {
			enum vtr_err err = make_anew(swapchain, width, height);
			swapchain->wanted = (VkExtent2D){ width, height };
			if (err != VTR_OK) {
				return err;
			}
		}
		result = gpu->procs.vkAcquireNextImageKHR(gpu->device, swapchain->handle, ACQUIRE_NS,
		                                          swapchain->acquired, VK_NULL_HANDLE, out_index);
		swapchain->stale = result == VK_ERROR_OUT_OF_DATE_KHR || result == VK_SUBOPTIMAL_KHR;
	}
	switch (result) {
	case VK_SUBOPTIMAL_KHR:
	case VK_SUCCESS:
		return VTR_OK;
	case VK_ERROR_OUT_OF_DATE_KHR:
	case VK_TIMEOUT:
	case VK_NOT_READY:
		return VTR_ERR_AGAIN;
	default:
		vtr_error(gpu->log, "cannot get an image of the window (VkResult %d)", result);
		return VTR_ERR_OS;
	}
}

enum vtr_err vtr_swapchain_present(struct vtr_swapchain *swapchain, uint32_t index)
{
	const struct vtr_paint_gpu *gpu = swapchain->gpu;
	const VkPresentInfoKHR info = {
		.sType = VK_STRUCTURE_TYPE_PRESENT_INFO_KHR,
		.waitSemaphoreCount = 1,
		.pWaitSemaphores = &swapchain->drawn[index],
		.swapchainCount = 1,
		.pSwapchains = &swapchain->handle,
		.pImageIndices = &index,
	};
	VkResult result = gpu->procs.vkQueuePresentKHR(gpu->queue, &info);

	if (result == VK_SUBOPTIMAL_KHR || result == VK_ERROR_OUT_OF_DATE_KHR) {
		swapchain->stale = true;
	} else if (result != VK_SUCCESS) {
		vtr_error(gpu->log, "cannot show an image in the window (VkResult %d)", result);
		return VTR_ERR_OS;
	}
	return VTR_OK;
}
