/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_X11_H
#define PRESENT_X11_H

#include <stdbool.h>

#include "present/sdl.h"
#include "vk/loader.h"

/*
 * Keeps X11 windows from missing events. SDL 2 looks for events in Xlib's queue and on the socket, but not in
 * XCB's queue, which has those that were read while another thread waited for a reply.
 *
 * So Vulkan surfaces have a connection of their own: on SDL's, the driver's threads would read SDL's events.
 * And the waiting is done here, after emptying XCB's queue.
 *
 * Thread: the main thread.
 */
#define VTR_X11_SURFACE_EXTENSION "VK_KHR_xcb_surface"

struct vtr_x11; /* the connection */

/* Returns: whether windows wait by vtr_x11_wait(), and not by SDL. */
bool vtr_x11_waits(const struct vtr_sdl *sdl);

/* Returns: whether the window is an X11 window. */
bool vtr_x11_has(const struct vtr_sdl *sdl, SDL_Window *window);

/* Connects to the server of SDL's connection. Owner: *out_x11 is the caller's; it outlives the surfaces.
 * Returns: VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_x11_connect(struct vtr_x11 **out_x11);
/* Accepts NULL. */
void vtr_x11_disconnect(struct vtr_x11 *x11);

/* Waits for events of the window's connection, for `fd` to be readable, or for `timeout_ms` (< 0: no limit).
 * If the window is NULL or not an X11 window, it waits only for the other two. */
void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms);

/* Returns: VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_x11_create_surface(struct vtr_x11 *x11, const struct vtr_sdl *sdl,
                                                   SDL_Window *window, PFN_vkGetInstanceProcAddr get,
                                                   VkInstance instance, VkSurfaceKHR *out_surface);

#endif
