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
	X(SDL_GetRendererInfo)                \
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
	X(SDL_WaitEventTimeout)

/* From SDL_syswm.h, which includes many other headers. */
struct SDL_SysWMinfo;
extern SDL_bool SDL_GetWindowWMInfo(SDL_Window *window, struct SDL_SysWMinfo *info);

struct vtr_sdl {
#define VTR_SDL_MEMBER(name) __typeof__(&(name)) name;
	VTR_SDL_FUNCTIONS(VTR_SDL_MEMBER)
#undef VTR_SDL_MEMBER
};

/* Loads it permanently and connects to the desktop; ended by SDL_Quit(). Returns: VTR_ERR_UNSUPPORTED (it is
 * missing or incomplete, or there is no desktop; `why` says why). */
VTR_MUST_CHECK enum vtr_err vtr_sdl_start(struct vtr_sdl *out_sdl, char *why, size_t why_size);

/* Returns: whether the desktop is X11. Call it after the start. */
bool vtr_sdl_is_x11(const struct vtr_sdl *sdl);

#endif
