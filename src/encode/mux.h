/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_MUX_H
#define ENCODE_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Coded pictures into a file or to a media server, by libavformat. Calls take as long as disk or network take:
 * this belongs into a process of its own.
 *
 * Thread: one.
 */
struct vtr_access_unit;
struct vtr_log;
struct vtr_mux;
struct vtr_muxer;

/* What a name or URL stands for. */
enum vtr_mux_kind {
	VTR_MUX_MP4,  /* NAME.mp4: in fragments of a second, each of which stands for itself */
	VTR_MUX_MKV,  /* NAME.mkv */
	VTR_MUX_RTSP, /* rtsp://: over TCP */
	VTR_MUX_RTMP, /* rtmp://, rtmps:// */
	VTR_MUX_SRT,  /* srt://: MPEG-TS */
};

/* Returns: VTR_ERR_ARG (it is none of those). */
VTR_MUST_CHECK enum vtr_err vtr_mux_kind_of_file(const char *name, enum vtr_mux_kind *out_kind);
VTR_MUST_CHECK enum vtr_err vtr_mux_kind_of_url(const char *url, enum vtr_mux_kind *out_kind);

/* Loads the library, so that no file need be opened later. Owner: *out_mux is the caller's. Returns:
 * VTR_ERR_UNSUPPORTED (it is not there, or cannot do this kind; logged), VTR_ERR_NOMEM. */
VTR_MUST_CHECK enum vtr_err vtr_mux_load(struct vtr_log *log, enum vtr_mux_kind kind,
                                         struct vtr_mux **out_mux);
/* Accepts NULL. */
void vtr_mux_unload(struct vtr_mux *mux);

/**
 * Begins a file, at an fd that is borrowed, or connects to a server.
 *
 * `url`    of a server; NULL for a file
 * `first`  the first picture, a key frame, which is not written yet
 * Owner:   *out_muxer is the caller's.
 * Returns: VTR_ERR_OS (it cannot be written or reached; logged), VTR_ERR_GUEST (the picture is none),
 *          VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_muxer_open(struct vtr_mux *mux, int fd, const char *url,
                                           const struct vtr_access_unit *first, struct vtr_muxer **out_muxer);

/**
 * Writes a picture. In a file the last one is held back until it is known how long it was shown.
 *
 * Returns: VTR_ERR_OS (logged; of no use any more), VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_muxer_write(struct vtr_muxer *muxer, struct vtr_access_unit *unit);

/* How much of a file is good whatever comes: bytes from its beginning. */
int64_t vtr_muxer_safe_bytes(const struct vtr_muxer *muxer);

/* Writes what was held back, unless something has failed before, and ends. `end_ns`: until when the last picture
 * was shown. Accepts NULL. Returns: VTR_ERR_OS (the end is missing; logged). */
enum vtr_err vtr_muxer_close(struct vtr_muxer *muxer, int64_t end_ns);

#endif
