/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_X11_H
#define PRESENT_X11_H

#include <stdbool.h>

#include "present/sdl.h"
#include "vk/loader.h"

/*
 * What keeps X11 windows from standing still. SDL 2 looks for events in Xlib's queue and on the wire, but not in
 * XCB's queue, where those lie that were read while somebody waited for something else.
 *
 * So Vulkan surfaces have a connection of their own: on SDL's, the driver's threads would read SDL's events. And
 * waiting is done here, where XCB's queue is emptied before.
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

/* Waits for events of the window's connection, for `fd` to be readable, or for `timeout_ms` (< 0: for ever).
 * NULL, or no window of X11: for the latter two. */
void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms);

/* Returns: VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_x11_create_surface(struct vtr_x11 *x11, const struct vtr_sdl *sdl,
                                                   SDL_Window *window, PFN_vkGetInstanceProcAddr get,
                                                   VkInstance instance, VkSurfaceKHR *out_surface);

#endif
