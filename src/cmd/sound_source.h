/* SPDX-License-Identifier: MIT */
#ifndef CMD_SOUND_SOURCE_H
#define CMD_SOUND_SOURCE_H

#include "base/err.h"

/* The guest's sound in a display process: what `vitrine screen` and `vitrine window` have in common. */
struct vtr_audio_mixer;
struct vtr_display_client;
struct vtr_log;
struct vtr_sound_page;

/**
 * Maps the sound page (VTR_DISPLAY_FD_SOUND), for as long as the process runs, and makes a mixer that asks the front
 * for sound and sends it voices. The caller wakes it (vtr_display_client_on_sound()).
 *
 * Owner:   *out_mixer is the caller's; `screen` outlives it.
 * Returns: VTR_ERR_INVALID (the memory has the wrong size or can shrink), VTR_ERR_NOMEM, VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_sound_source_open(struct vtr_log *log, struct vtr_display_client *screen,
                                                  const struct vtr_sound_page **out_page,
                                                  struct vtr_audio_mixer **out_mixer);

#endif
