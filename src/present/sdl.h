/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_SDL_H
#define PRESENT_SDL_H

#include <stdbool.h>

#include <SDL.h>

#include "base/err.h"

/*
 * SDL2, loaded on demand: it depends on the desktop's libraries, which would slow down the start of workers
 * and the front.
 *
 * Thread: the one that loaded it; SDL_PushEvent(): any; sound (the functions with Audio and SubSystem): one other.
 */
#define VTR_SDL_FUNCTIONS(X)                  \
	X(SDL_CloseAudioDevice)               \
	X(SDL_CreateColorCursor)              \
	X(SDL_CreateRGBSurfaceWithFormatFrom) \
	X(SDL_CreateRenderer)                 \
	X(SDL_CreateTexture)                  \
	X(SDL_CreateWindow)                   \
	X(SDL_DestroyRenderer)                \
	X(SDL_DestroyTexture)                 \
	X(SDL_DestroyWindow)                  \
	X(SDL_FreeCursor)                     \
	X(SDL_FreeSurface)                    \
	X(SDL_GetAudioDeviceStatus)           \
	X(SDL_GetCurrentAudioDriver)          \
	X(SDL_GetCurrentDisplayMode)          \
	X(SDL_GetCurrentVideoDriver)          \
	X(SDL_GetDefaultCursor)               \
	X(SDL_GetError)                       \
	X(SDL_GetNumAudioDevices)             \
	X(SDL_GetRendererOutputSize)          \
	X(SDL_GetWindowDisplayIndex)          \
	X(SDL_GetWindowFlags)                 \
	X(SDL_GetWindowID)                    \
	X(SDL_GetWindowSize)                  \
	X(SDL_GetWindowWMInfo)                \
	X(SDL_Init)                           \
	X(SDL_InitSubSystem)                  \
	X(SDL_OpenAudioDevice)                \
	X(SDL_PauseAudioDevice)               \
	X(SDL_PollEvent)                      \
	X(SDL_PushEvent)                      \
	X(SDL_Quit)                           \
	X(SDL_QuitSubSystem)                  \
	X(SDL_RenderClear)                    \
	X(SDL_RenderCopy)                     \
	X(SDL_RenderPresent)                  \
	X(SDL_SetCursor)                      \
	X(SDL_SetHint)                        \
	X(SDL_SetRenderDrawColor)             \
	X(SDL_SetTextureBlendMode)            \
	X(SDL_SetTextureScaleMode)            \
	X(SDL_SetWindowFullscreen)            \
	X(SDL_SetWindowKeyboardGrab)          \
	X(SDL_SetWindowSize)                  \
	X(SDL_SetWindowTitle)                 \
	X(SDL_ShowCursor)                     \
	X(SDL_StopTextInput)                  \
	X(SDL_UpdateTexture)                  \
	X(SDL_Vulkan_CreateSurface)           \
	X(SDL_Vulkan_GetDrawableSize)         \
	X(SDL_Vulkan_GetInstanceExtensions)   \
	X(SDL_Vulkan_LoadLibrary)             \
	X(SDL_WaitEventTimeout)

/* Declarations of SDL_vulkan.h, with the types of vk_gen.h, and of SDL_syswm.h, which includes many other
 * headers. */
struct SDL_SysWMinfo;
struct VkInstance_T;
struct VkSurfaceKHR_T;
extern SDL_bool SDL_GetWindowWMInfo(SDL_Window *window, struct SDL_SysWMinfo *info);
extern int SDL_Vulkan_LoadLibrary(const char *path);
extern SDL_bool SDL_Vulkan_GetInstanceExtensions(SDL_Window *window, unsigned *count, const char **names);
extern SDL_bool SDL_Vulkan_CreateSurface(SDL_Window *window, struct VkInstance_T *instance,
                                         struct VkSurfaceKHR_T **surface);
extern void SDL_Vulkan_GetDrawableSize(SDL_Window *window, int *width, int *height);

struct vtr_sdl {
#define VTR_SDL_MEMBER(name) __typeof__(&(name)) name;
	VTR_SDL_FUNCTIONS(VTR_SDL_MEMBER)
#undef VTR_SDL_MEMBER
};

/* Loads it permanently and connects to the desktop; ended by SDL_Quit(). Returns: VTR_ERR_UNSUPPORTED (it is
 * missing or incomplete, or there is no desktop; `why` says why). */
VTR_MUST_CHECK enum vtr_err vtr_sdl_start(struct vtr_sdl *out_sdl, char *why, size_t why_size);

/**
 * Creates a window. If it is for Vulkan, SDL uses the loader that this process uses: a surface is made by one
 * loader for an instance of the same loader, and SDL by itself looks for another file on macOS.
 *
 * `flags`  SDL_WindowFlags.
 * Owner:   the caller's, for SDL_DestroyWindow().
 * Returns: NULL, and SDL_GetError() says why.
 */
SDL_Window *vtr_sdl_create_window(const struct vtr_sdl *sdl, int x, int y, int width, int height,
                                  uint32_t flags);

/* Returns: whether the desktop is X11. Call it after the start. */
bool vtr_sdl_is_x11(const struct vtr_sdl *sdl);

#endif
