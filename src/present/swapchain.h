/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_SWAPCHAIN_H
#define PRESENT_SWAPCHAIN_H

#include "present/gpu.h"

/*
 * A window's swapchain. It is recreated when the window's size changes, or when the window system asks for
 * it. Thread: the main thread.
 */
#define VTR_SWAPCHAIN_MAX_IMAGES 8

struct vtr_swapchain {
	const struct vtr_paint_gpu *gpu;
	VkSurfaceKHR surface;
	VkSwapchainKHR handle; /* NULL: there is none now */
	bool stale;            /* recreate it before the next image */
	VkExtent2D wanted, extent; /* the window system may choose another extent */
	uint32_t image_count;
	VkImage images[VTR_SWAPCHAIN_MAX_IMAGES];
	VkSemaphore drawn[VTR_SWAPCHAIN_MAX_IMAGES]; /* signalled when drawing into the image has finished */
	VkSemaphore acquired; /* drawing into the next image waits for it */
};

/* Creates the first swapchain: a driver that claims to support presenting may still fail. Takes the surface,
 * on failure too. Returns: VTR_ERR_UNSUPPORTED (logged). */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_init(struct vtr_swapchain *swapchain,
                                               const struct vtr_paint_gpu *gpu, VkSurfaceKHR surface,
                                               uint32_t width, uint32_t height);
/* The GPU must not use it any more. */
void vtr_swapchain_finish(struct vtr_swapchain *swapchain);

/**
 * Acquires the next image, of a swapchain of `width` by `height` pixels or of the size that the window system
 * chooses.
 *
 * Returns: VTR_ERR_AGAIN (the window cannot be drawn to now: hidden, or being resized), VTR_ERR_OS (it has
 *          failed; logged).
 */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_acquire(struct vtr_swapchain *swapchain, uint32_t width,
                                                  uint32_t height, uint32_t *out_index);

/* Shows the image once `drawn` is signalled. Returns: VTR_ERR_OS (it has failed; logged). */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_present(struct vtr_swapchain *swapchain, uint32_t index);

#endif
