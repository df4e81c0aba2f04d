/* SPDX-License-Identifier: MIT */
#include "present/sdl.h"

#include <dlfcn.h>
#include <stdio.h>

/* All of version 2 keep this name. */
#define LIBRARY "libSDL2-2.0.so.0"

enum vtr_err vtr_sdl_load(struct vtr_sdl *out_sdl, char *why, size_t why_size)
{
	struct vtr_sdl sdl;
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		snprintf(why, why_size, "%s; install libsdl2-2.0-0", dlerror());
		return VTR_ERR_UNSUPPORTED;
	}
#define LOAD(name)                                                                                  \
	sdl.name = (__typeof__(sdl.name))dlsym(library, #name);                                     \
	if (!sdl.name) {                                                                            \
		snprintf(why, why_size, "%s is too old: it has no " #name, LIBRARY);                \
		dlclose(library);                                                                   \
		return VTR_ERR_UNSUPPORTED;                                                         \
	}
	VTR_SDL_FUNCTIONS(LOAD)
#undef LOAD
	*out_sdl = sdl;
	return VTR_OK;
}
