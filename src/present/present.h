/* SPDX-License-Identifier: MIT */
#ifndef PRESENT_PRESENT_H
#define PRESENT_PRESENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A window on this machine's desktop for each display that is connected, with what is typed and pointed at
 * in it going to the guest. For a process of its own: a window system may hang, or end whoever uses it, and the
 * guest must not notice.
 *
 * A window's size is the guest's mode: the guest is asked to follow it. A guest that cannot is scaled to fit, or
 * shown pixel by pixel.
 *
 * Thread: the main thread, but for vtr_present_wake() and vtr_present_quit(): any.
 */
struct vtr_log;
struct vtr_present;
struct vtr_screen;

struct vtr_present_params {
	struct vtr_log *log;
	struct vtr_screen *screen;
	const char *program;  /* vitrine, see vtr_os_self_path() */
	const char *title;    /* of the machine, or NULL */
	/* "vulkan", which may be on a CPU; "software"; "auto" or NULL: the best one. */
	const char *renderer;
};

/* Whether there is such a renderer. */
bool vtr_present_knows_renderer(const char *name);

/**
 * Connects to the window system; windows come with vtr_present_run().
 *
 * Owner:   *out_present is the caller's.
 * Returns: VTR_ERR_UNSUPPORTED (there is no SDL2, no window system, or not this renderer: logged), VTR_ERR_ARG (no
 *          such renderer), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_present_create(const struct vtr_present_params *params,
                                               struct vtr_present **out_present);

/* Accepts NULL. */
void vtr_present_destroy(struct vtr_present *present);

/* Returns: VTR_OK (the last window was closed, or vtr_present_quit()); VTR_ERR_UNSUPPORTED (nothing can draw
 * into windows here: logged), VTR_ERR_OS (the window system or the GPU broke down), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_present_run(struct vtr_present *present);

/* There may be news on the board. */
void vtr_present_wake(struct vtr_present *present);

void vtr_present_quit(struct vtr_present *present);

#endif
