/* SPDX-License-Identifier: MIT */
/* In place of x11.c in a build without libxcb (meson option "x11"): SDL does on X11 what it does elsewhere, with the
 * fault that present/x11.h describes. */
#include "present/x11.h"

bool vtr_x11_waits(const struct vtr_sdl *sdl)
{
	(void)sdl;
	return false;
}

bool vtr_x11_has(const struct vtr_sdl *sdl, SDL_Window *window)
{
	(void)sdl;
	(void)window;
	return false;
}

enum vtr_err vtr_x11_connect(struct vtr_x11 **out_x11)
{
	(void)out_x11;
	return VTR_ERR_UNSUPPORTED;
}

void vtr_x11_disconnect(struct vtr_x11 *x11)
{
	(void)x11;
}

void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms)
{
	(void)sdl;
	(void)window;
	(void)fd;
	(void)timeout_ms;
}

enum vtr_err vtr_x11_create_surface(struct vtr_x11 *x11, const struct vtr_sdl *sdl, SDL_Window *window,
                                    PFN_vkGetInstanceProcAddr get, VkInstance instance,
                                    VkSurfaceKHR *out_surface)
{
	(void)x11;
	(void)sdl;
	(void)window;
	(void)get;
	(void)instance;
	(void)out_surface;
	return VTR_ERR_UNSUPPORTED;
}
