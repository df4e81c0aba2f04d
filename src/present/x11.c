/* SPDX-License-Identifier: MIT */
#include "present/x11.h"

#include <SDL_syswm.h>
#include <xcb/xcb.h>

/* Of vk.xml; the registry has nothing that belongs to a window system. */
#define STYPE_XCB_SURFACE_CREATE_INFO ((VkStructureType)1000005000)

struct xcb_surface_create_info {
	VkStructureType sType;
	const void *pNext;
	VkFlags flags;
	xcb_connection_t *connection;
	xcb_window_t window;
};

typedef VkResult (*create_xcb_surface_fn)(VkInstance instance, const struct xcb_surface_create_info *info,
                                          const VkAllocationCallbacks *allocator, VkSurfaceKHR *surface);

static bool get_info(const struct vtr_sdl *sdl, SDL_Window *window, SDL_SysWMinfo *out_info)
{
	SDL_VERSION(&out_info->version);
	return sdl->SDL_GetWindowWMInfo(window, out_info) && out_info->subsystem == SDL_SYSWM_X11;
}

bool vtr_x11_has(const struct vtr_sdl *sdl, SDL_Window *window)
{
	SDL_SysWMinfo info;

	return get_info(sdl, window, &info);
}

enum vtr_err vtr_x11_connect(struct vtr_x11 **out_x11)
{
	xcb_connection_t *connection = xcb_connect(NULL, NULL);

	if (xcb_connection_has_error(connection)) {
		xcb_disconnect(connection);
		return VTR_ERR_UNSUPPORTED;
	}
	*out_x11 = (struct vtr_x11 *)(void *)connection;
	return VTR_OK;
}

void vtr_x11_disconnect(struct vtr_x11 *x11)
{
	if (x11) {
		xcb_disconnect((xcb_connection_t *)(void *)x11);
	}
}

enum vtr_err vtr_x11_create_surface(struct vtr_x11 *x11, const struct vtr_sdl *sdl, SDL_Window *window,
                                    PFN_vkGetInstanceProcAddr get, VkInstance instance,
                                    VkSurfaceKHR *out_surface)
{
	create_xcb_surface_fn create = (create_xcb_surface_fn)get(instance, "vkCreateXcbSurfaceKHR");
	SDL_SysWMinfo info;

	if (!create || !get_info(sdl, window, &info)) {
		return VTR_ERR_UNSUPPORTED;
	}
	const struct xcb_surface_create_info create_info = {
		.sType = STYPE_XCB_SURFACE_CREATE_INFO,
		.connection = (xcb_connection_t *)(void *)x11,
		.window = (xcb_window_t)info.info.x11.window,
	};
	return create(instance, &create_info, NULL, out_surface) == VK_SUCCESS ? VTR_OK :
	                                                                         VTR_ERR_UNSUPPORTED;
}
