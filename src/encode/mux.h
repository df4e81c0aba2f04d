/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_MUX_H
#define ENCODE_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "encode/audio_encoder.h"

/*
 * Writes coded pictures and sound into a file or to a media server, by libavformat. Calls block on disk and network:
 * use it in a process of its own.
 *
 * Thread: one.
 */
struct vtr_access_unit;
struct vtr_log;
struct vtr_mux;
struct vtr_muxer;

/* The container or protocol of a name or URL. */
enum vtr_mux_kind {
	VTR_MUX_MP4,  /* NAME.mp4: in independent fragments of a second */
	VTR_MUX_MKV,  /* NAME.mkv */
	VTR_MUX_RTSP, /* rtsp://: over TCP */
	VTR_MUX_RTMP, /* rtmp://, rtmps:// */
	VTR_MUX_SRT,  /* srt://: MPEG-TS */
};

/* Returns: VTR_ERR_ARG (none of those). */
VTR_MUST_CHECK enum vtr_err vtr_mux_kind_of_file(const char *name, enum vtr_mux_kind *out_kind);
VTR_MUST_CHECK enum vtr_err vtr_mux_kind_of_url(const char *url, enum vtr_mux_kind *out_kind);

/* Loads the library, so that no file has to be opened later. Owner: *out_mux is the caller's. Returns:
 * VTR_ERR_UNSUPPORTED (it is missing, or does not support this kind; logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_mux_load(struct vtr_log *log, enum vtr_mux_kind kind,
                                         struct vtr_mux **out_mux);
/* Accepts NULL. */
void vtr_mux_unload(struct vtr_mux *mux);

/* Returns: the codec for sound that players of this kind know. */
enum vtr_audio_codec vtr_mux_sound_codec(enum vtr_mux_kind kind);

/**
 * Begins a file at a borrowed fd, or connects to a server.
 *
 * `url`    of a server; NULL for a file
 * `first`  the first picture, a key frame, which is not written yet
 * `sound`  of the sound that will be written; NULL: none
 * Owner:   *out_muxer is the caller's.
 * Returns: VTR_ERR_OS (cannot be written or reached; logged), VTR_ERR_INVALID (not a valid picture),
 *          VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_muxer_open(struct vtr_mux *mux, int fd, const char *url,
                                           const struct vtr_access_unit *first,
                                           const struct vtr_audio_format *sound,
                                           struct vtr_muxer **out_muxer);

/* Returns: vtr_os_now_ns() at which the first picture is shown; sound may not be earlier. */
int64_t vtr_muxer_begin_ns(const struct vtr_muxer *muxer);

/* Writes sound, each packet later than the last. Returns: as vtr_muxer_write(). */
VTR_MUST_CHECK enum vtr_err vtr_muxer_write_sound(struct vtr_muxer *muxer,
                                                  const struct vtr_audio_packet *packet);

/**
 * Writes a picture. In a file the last one is held back until its duration is known.
 *
 * Returns: VTR_ERR_OS (logged; the muxer is unusable afterwards), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_muxer_write(struct vtr_muxer *muxer, struct vtr_access_unit *unit);

/* Returns: how many bytes from the beginning of a file stay playable whatever happens later. */
int64_t vtr_muxer_safe_bytes(const struct vtr_muxer *muxer);

/* Writes the picture that was held back, unless something has failed before, and ends. `end_ns`: until when
 * the last picture was shown. Accepts NULL. Returns: VTR_ERR_OS (the end is missing; logged). */
enum vtr_err vtr_muxer_close(struct vtr_muxer *muxer, int64_t end_ns);

#endif
