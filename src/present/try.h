/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_TRY_H
#define PRESENT_TRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Finds out how windows can be drawn. Vulkan is first tried in a separate process: NVIDIA's driver crashes on
 * an X server without GLX; with GLX it reports that it can present, and then fails.
 *
 * Thread: the main thread.
 */
struct vtr_log;
struct vtr_sdl;

/* Returns: whether a CPU device is acceptable for Vulkan. Without a GPU, SDL draws with half the work and a
 *          quarter of the memory, except on Wayland, where it uses OpenGL. `renderer`: see struct
 *          vtr_present_params. */
bool vtr_present_any_gpu(const struct vtr_sdl *sdl, const char *renderer);

/* Creates all Vulkan objects that drawing into a window needs, with a hidden window. A driver may end the
 * process.
 * Returns: VTR_ERR_UNSUPPORTED (logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_present_try(struct vtr_log *log, const char *renderer);

/* The same in a process (`program` window --try RENDERER), which gets some seconds at most. The reason of a
 * failure is logged. */
bool vtr_present_try_apart(struct vtr_log *log, const char *program, const char *renderer);

/* Reports whether windows can be opened here and how they would be drawn, or why not. Returns: VTR_OK,
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_present_probe(const char *program, char *out_what, size_t size);

#endif
