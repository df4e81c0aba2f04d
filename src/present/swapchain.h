/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_SWAPCHAIN_H
#define PRESENT_SWAPCHAIN_H

#include "present/gpu.h"

/*
 * A window's swapchain: made anew when the window's size changes, or the window system says that it should.
 * Thread: the main thread.
 */
#define VTR_SWAPCHAIN_MAX_IMAGES 8

struct vtr_swapchain {
	const struct vtr_paint_gpu *gpu;
	VkSurfaceKHR surface;
	VkSwapchainKHR handle; /* NULL: there is none now */
	bool stale;            /* make it anew before the next image */
	VkExtent2D wanted, extent; /* the window system has the last word */
	uint32_t image_count;
	VkImage images[VTR_SWAPCHAIN_MAX_IMAGES];
	VkSemaphore drawn[VTR_SWAPCHAIN_MAX_IMAGES]; /* to be signalled by what draws into the image */
	VkSemaphore acquired; /* to be waited for by what draws into the next image */
};

/* Makes the first one: a driver that says it can present may still fail to. Takes the surface, on failure too.
 * Returns: VTR_ERR_UNSUPPORTED (logged). */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_init(struct vtr_swapchain *swapchain,
                                               const struct vtr_paint_gpu *gpu, VkSurfaceKHR surface,
                                               uint32_t width, uint32_t height);
/* The GPU must be done with it. */
void vtr_swapchain_finish(struct vtr_swapchain *swapchain);

/**
 * The next image to draw into, of a swapchain of `width` by `height` pixels or what the window system makes
 * of that.
 *
 * Returns: VTR_ERR_AGAIN (the window cannot be drawn to now: hidden, or in the middle of a change), VTR_ERR_OS
 *          (it has broken down; logged).
 */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_acquire(struct vtr_swapchain *swapchain, uint32_t width,
                                                  uint32_t height, uint32_t *out_index);

/* Shows the image once `drawn` is signalled. Returns: VTR_ERR_OS (it has broken down; logged). */
VTR_MUST_CHECK enum vtr_err vtr_swapchain_present(struct vtr_swapchain *swapchain, uint32_t index);

#endif
