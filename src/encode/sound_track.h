/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_SOUND_TRACK_H
#define ENCODE_SOUND_TRACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "encode/mux.h"

/*
 * The sound of a recording or broadcast: encodes it, and fills in silence while the machine plays nothing, since many
 * players and servers do not go on where sound is missing.
 *
 * Thread: one.
 */
struct vtr_log;
struct vtr_sound_track;

/* Loads the encoder. Owner: *out_track is the caller's. Returns: as vtr_audio_encoder_create(). */
VTR_MUST_CHECK enum vtr_err vtr_sound_track_create(struct vtr_log *log, enum vtr_mux_kind kind,
                                                   struct vtr_sound_track **out_track);
/* Accepts NULL. */
void vtr_sound_track_destroy(struct vtr_sound_track *track);

/* For vtr_muxer_open(). */
void vtr_sound_track_describe(const struct vtr_sound_track *track, struct vtr_audio_format *out_format);

/* The track begins anew, with the first picture of the muxer, which is used by the functions below. */
void vtr_sound_track_begin(struct vtr_sound_track *track, struct vtr_muxer *muxer);

/**
 * Adds sound at its time; what comes too late is left out.
 *
 * `samples`  48,000 a second of two channels, interleaved
 * `count`    of each channel, at most 480
 * Returns:   as vtr_muxer_write().
 */
VTR_MUST_CHECK enum vtr_err vtr_sound_track_add(struct vtr_sound_track *track, int64_t time_ns,
                                                const int16_t *samples, size_t count);

/* A picture of that time was written: fills in the silence before it, unless sound for it may still come. Returns: as
 * vtr_muxer_write(). */
VTR_MUST_CHECK enum vtr_err vtr_sound_track_follow(struct vtr_sound_track *track, int64_t time_ns);

#endif
