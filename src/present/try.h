/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_TRY_H
#define PRESENT_TRY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Finding out how windows can be drawn. Vulkan is tried in a process of its own first: NVIDIA's driver, for one,
 * dies when it meets an X server without GLX, and with GLX says that it can present and then cannot.
 *
 * Thread: the main thread.
 */
struct vtr_log;
struct vtr_sdl;

/* Whether a Vulkan device that is a CPU will do as well. Where there is nothing else, SDL draws with half the work
 * and a quarter of the memory; but not for Wayland, where it goes by way of OpenGL. `renderer`: see struct
 * vtr_present_params. */
bool vtr_present_any_gpu(const struct vtr_sdl *sdl, const char *renderer);

/* Has Vulkan make all that it takes to draw into a window that nobody sees. A driver may end the process.
 * Returns: VTR_ERR_UNSUPPORTED (logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_present_try(struct vtr_log *log, const char *renderer);

/* The same by `program` window --try RENDERER, for which it waits some seconds at most. Why not is logged. */
bool vtr_present_try_apart(struct vtr_log *log, const char *program, const char *renderer);

/* Whether windows can be opened here and how they would be drawn, for reports; or why not. Returns: VTR_OK,
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_present_probe(const char *program, char *out_what, size_t size);

#endif
