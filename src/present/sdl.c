/* SPDX-License-Identifier: MIT */
#include "present/sdl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "platform/library.h"

static enum vtr_err load(struct vtr_sdl *out_sdl, char *why, size_t why_size)
{
	char file[VTR_OS_LIBRARY_NAME];
	struct vtr_sdl sdl;
	/* The name is the same for all of version 2. */
	void *library = vtr_os_library_open("SDL2-2.0", 0, file);

	if (!library) {
		snprintf(why, why_size, "%s; install libsdl2-2.0-0", dlerror());
		return VTR_ERR_UNSUPPORTED;
	}
#define LOAD(name)                                                                \
	sdl.name = (__typeof__(sdl.name))dlsym(library, #name);                   \
	if (!sdl.name) {                                                          \
		snprintf(why, why_size, "%s is too old: it has no " #name, file); \
		dlclose(library);                                                 \
		return VTR_ERR_UNSUPPORTED;                                       \
	}
	VTR_SDL_FUNCTIONS(LOAD)
#undef LOAD
	*out_sdl = sdl;
	return VTR_OK;
}

static void set_hints(const struct vtr_sdl *sdl)
{
	/* Signals end the process, which has no state to save. */
	sdl->SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
	sdl->SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
	sdl->SDL_SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0");
	/* What mixers of the desktop show; the other name is that of the machine. */
	sdl->SDL_SetHint(SDL_HINT_APP_NAME, "vitrine");
	/* The click that activates a window also goes to its content. */
	sdl->SDL_SetHint(SDL_HINT_MOUSE_FOCUS_CLICKTHROUGH, "1");
}

/* SDL's fallback drivers have no visible output. */
static bool is_desktop(const char *driver)
{
	return driver && strcmp(driver, "offscreen") != 0 && strcmp(driver, "dummy") != 0;
}

enum vtr_err vtr_sdl_start(struct vtr_sdl *sdl, char *why, size_t why_size)
{
	enum vtr_err err = load(sdl, why, why_size);

	if (err != VTR_OK) {
		return err;
	}
	set_hints(sdl);
	bool started = sdl->SDL_Init(SDL_INIT_VIDEO) == 0;
	if (started && is_desktop(sdl->SDL_GetCurrentVideoDriver())) {
		if (vtr_sdl_is_x11(sdl)) {
			/* Otherwise its software renderer draws with OpenGL, which only Wayland requires. */
			sdl->SDL_SetHint(SDL_HINT_FRAMEBUFFER_ACCELERATION, "0");
		}
		return VTR_OK;
	}
	snprintf(why, why_size,
	         "%s. Start vitrine on a desktop, or set DISPLAY or WAYLAND_DISPLAY to one; --http "
	         "shows the displays without",
	         started ? "SDL finds no window system" : sdl->SDL_GetError());
	sdl->SDL_Quit();
	return VTR_ERR_UNSUPPORTED;
}

bool vtr_sdl_is_x11(const struct vtr_sdl *sdl)
{
	return strcmp(sdl->SDL_GetCurrentVideoDriver(), "x11") == 0;
}
