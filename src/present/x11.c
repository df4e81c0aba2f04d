/* SPDX-License-Identifier: MIT */
#include "present/x11.h"

#include <dlfcn.h>
#include <poll.h>

#include <SDL_syswm.h>

#include "platform/library.h"

static bool get_info(const struct vtr_sdl *sdl, SDL_Window *window, SDL_SysWMinfo *out_info)
{
	SDL_VERSION(&out_info->version);
	return sdl->SDL_GetWindowWMInfo(window, out_info) && out_info->subsystem == SDL_SYSWM_X11;
}

bool vtr_x11_waits(const struct vtr_sdl *sdl)
{
	return vtr_sdl_is_x11(sdl);
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
