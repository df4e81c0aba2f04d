/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_GPU_H
#define PRESENT_GPU_H

#include "present/painter.h"
#include "procs_gen.h"

/*
 * The device that draws into windows, one for all of them. It is created with the first window, since it must
 * be able to present to its surface. Thread: the main thread.
 */
struct vtr_paint_gpu {
	struct vtr_log *log;
	struct vtr_x11 *x11; /* NULL: the windows are not X11 windows */
	PFN_vkGetInstanceProcAddr get;
	VkInstance instance;
	struct vtw_instance_procs instance_procs;
	VkPhysicalDevice physical;
	VkPhysicalDeviceMemoryProperties memory;
	uint32_t max_side; /* of an image */
	VkDevice device;
	struct vtw_device_procs procs;
	uint32_t family;
	VkQueue queue;
};

/**
 * Finds the best device that can present to the window. See vtr_painter_host.any_gpu.
 *
 * Owner:   *out_gpu is the caller's; *out_surface is of this window, to be destroyed before.
 * Returns: VTR_ERR_UNSUPPORTED (there is none; logged), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_paint_gpu_create(const struct vtr_painter_host *host, SDL_Window *window,
                                                 struct vtr_paint_gpu **out_gpu, VkSurfaceKHR *out_surface);
/* Accepts NULL. */
void vtr_paint_gpu_destroy(struct vtr_paint_gpu *gpu);

/* Creates a surface of another window. Returns: VTR_ERR_UNSUPPORTED (the device cannot present to it;
 * logged). */
VTR_MUST_CHECK enum vtr_err vtr_paint_gpu_create_surface(const struct vtr_paint_gpu *gpu,
                                                         const struct vtr_sdl *sdl, SDL_Window *window,
                                                         VkSurfaceKHR *out_surface);

/* Allocates memory for a buffer or an image, with the first of these properties that exists. Returns:
 * VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_paint_gpu_allocate(const struct vtr_paint_gpu *gpu,
                                                   const VkMemoryRequirements *requirements,
                                                   const VkMemoryPropertyFlags *wanted, size_t count,
                                                   VkDeviceMemory *out_memory);

#endif
