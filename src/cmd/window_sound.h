/* SPDX-License-Identifier: MIT */
#ifndef CMD_WINDOW_SOUND_H
#define CMD_WINDOW_SOUND_H

#include <stdbool.h>

#include "base/err.h"

/* The sound of `vitrine window`: what the guest plays goes to the host's speakers, and the host's microphone to the
 * guest. Thread: main. */
struct vtr_display_client;
struct vtr_log;
struct vtr_present;
struct vtr_window_sound;

struct vtr_window_sound_params {
	struct vtr_log *log;
	struct vtr_display_client *screen; /* does not run yet */
	struct vtr_present *present;
	bool microphone; /* the guest may record by it */
};

/* Errors were logged. Owner: *out_sound is the caller's; what params point to outlives it. Returns: like
 * vtr_sound_source_open() and vtr_host_audio_create(). */
VTR_MUST_CHECK enum vtr_err vtr_window_sound_create(const struct vtr_window_sound_params *params,
                                                    struct vtr_window_sound **out_sound);

/* After the end of vtr_display_client_run(). See vtr_host_audio_destroy(). Accepts NULL. */
VTR_MUST_CHECK enum vtr_err vtr_window_sound_destroy(struct vtr_window_sound *sound);

#endif
