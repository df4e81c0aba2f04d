/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_X11_H
#define PRESENT_X11_H

#include <stdbool.h>

#include "present/sdl.h"
#include "vk/loader.h"

/*
 * Vulkan surfaces of X11 windows, through a connection of their own. On SDL's connection the driver's threads, which
 * wait for their own events, would take SDL's events off the wire as well; SDL sleeps on until something else
 * comes, and the window stands still.
 *
 * Thread: the main thread.
 */
#define VTR_X11_SURFACE_EXTENSION "VK_KHR_xcb_surface"

struct vtr_x11; /* the connection */

/* Whether the window is one of X11. */
bool vtr_x11_has(const struct vtr_sdl *sdl, SDL_Window *window);

/* Connects to where SDL is connected. Owner: *out_x11 is the caller's; it outlives the surfaces. Returns:
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_x11_connect(struct vtr_x11 **out_x11);
/* Accepts NULL. */
void vtr_x11_disconnect(struct vtr_x11 *x11);

/* Returns: VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_x11_create_surface(struct vtr_x11 *x11, const struct vtr_sdl *sdl,
                                                   SDL_Window *window, PFN_vkGetInstanceProcAddr get,
                                                   VkInstance instance, VkSurfaceKHR *out_surface);

#endif
