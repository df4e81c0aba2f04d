/* SPDX-License-Identifier: MIT */
#include "present/x11.h"

#include <dlfcn.h>
#include <poll.h>

#include <SDL_syswm.h>
#include <xcb/xcb.h>

#include "platform/library.h"

/* From vk.xml; the registry (protocol/venus.reg) has no window systems. */
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

bool vtr_x11_waits(const struct vtr_sdl *sdl)
{
	return vtr_sdl_is_x11(sdl);
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

/* Uses the Xlib that SDL has loaded. */
static int count_pending(Display *display)
{
	static int (*pending)(Display *display);

	if (!pending) {
		char name[VTR_OS_LIBRARY_NAME];
		void *library = vtr_os_library_open("X11", 6, name);
		pending = library ? (__typeof__(pending))dlsym(library, "XPending") : NULL;
	}
	return pending ? pending(display) : 0;
}

void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = -1, .events = POLLIN } };
	SDL_SysWMinfo info;

	if (window && get_info(sdl, window, &info)) {
		/* No request is sent to the server between here and poll(), so no event is read into a queue. */
		if (count_pending(info.info.x11.display) > 0) {
			return;
		}
		fds[1].fd = ConnectionNumber(info.info.x11.display);
	}
	/* EINTR counts as an event. */
	(void)poll(fds, 2, timeout_ms);
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
	return create(instance, &create_info, NULL, out_surface) == VK_SUCCESS ? VTR_OK : VTR_ERR_UNSUPPORTED;
}
