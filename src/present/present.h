/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PRESENT_H
#define PRESENT_PRESENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A window on this machine's desktop for each connected display; input in it goes to the guest. It runs in a
 * process of its own: a window system may hang or end its client, which must not affect the guest.
 *
 * A window's size is the guest's mode: the guest is asked to follow a resized window. A guest that cannot is
 * scaled to fit, or shown pixel by pixel.
 *
 * Thread: the main thread, unless stated otherwise; vtr_present_quit(): any.
 */
struct vtr_log;
struct vtr_present;
struct vtr_display_client;
struct vtr_sdl;

struct vtr_present_params {
	struct vtr_log *log;
	struct vtr_display_client *screen;
	const char *title;    /* name of the VM, or NULL */
	/* "gpu", by OpenGL or Metal; "software"; "auto" or NULL: the GPU if there is one or the desktop needs it, or
	 * else software. */
	const char *renderer;
};

/* Whether this build can open windows. */
bool vtr_present_is_built(void);

/* Whether there is such a renderer. */
bool vtr_present_knows_renderer(const char *name);

/**
 * Connects to the window system; vtr_present_run() opens windows. `screen` outlives the result, and must not run
 * during this function and vtr_present_destroy().
 *
 * Owner:   *out_present is the caller's.
 * Returns: VTR_ERR_UNSUPPORTED (there is no SDL2 or no window system: logged), VTR_ERR_ARG (no such renderer),
 *          VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_present_create(const struct vtr_present_params *params,
                                               struct vtr_present **out_present);

/* Reports whether windows can be opened here and how they would be drawn, or why not. Returns: VTR_OK,
 * VTR_ERR_UNSUPPORTED. */
VTR_MUST_CHECK enum vtr_err vtr_present_probe(char *out_what, size_t size);

/* Accepts NULL. */
void vtr_present_destroy(struct vtr_present *present);

/* Returns: VTR_OK (the last window was closed, or vtr_present_quit()); VTR_ERR_UNSUPPORTED (no renderer can
 *          draw into windows here: logged), VTR_ERR_OS (the window system or the GPU failed), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_present_run(struct vtr_present *present);

void vtr_present_quit(struct vtr_present *present);

/* Has the titles of all windows say whether the microphone is on. Thread: any. */
void vtr_present_show_microphone(struct vtr_present *present, bool on);

/* Owner: `present`. */
const struct vtr_sdl *vtr_present_sdl(const struct vtr_present *present);

#endif
