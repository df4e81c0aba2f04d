/* SPDX-License-Identifier: MIT */
/* In place of x11.c in a build without libxcb (meson option "x11"): SDL does on X11 what it does elsewhere, with the
 * fault that present/x11.h describes. */
#include "present/x11.h"

bool vtr_x11_waits(const struct vtr_sdl *sdl)
{
	(void)sdl;
	return false;
}

void vtr_x11_wait(const struct vtr_sdl *sdl, SDL_Window *window, int fd, int timeout_ms)
{
	(void)sdl;
	(void)window;
	(void)fd;
	(void)timeout_ms;
}
