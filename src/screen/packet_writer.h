/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_PACKET_WRITER_H
#define SCREEN_PACKET_WRITER_H

#include <stdint.h>

#include "base/err.h"

/*
 * Sends a display's video, and the machine's sound, to another process, which writes it to a file or sends it to
 * a server (cmd/mux.c). If that process is slow, pictures are dropped here until the next key frame, and so is
 * sound that has to wait for half a second.
 *
 * Thread: main, for all functions. Each writer has a thread of its own, which ends when the other side
 *         closes.
 */
struct vtr_log;
struct vtr_packet_writer;
struct vtr_sound;
struct vtr_stream;

/**
 * `sound`  outlives the writer; NULL: there is none
 * Owner:   *out_writer is the caller's. `take_fd` (a blocking local stream socket) is consumed, on failure
 *          too.
 * Returns: VTR_ERR_UNSUPPORTED (there is no encoder), VTR_ERR_LIMIT, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_packet_writer_create(struct vtr_log *log, struct vtr_stream *stream,
                                                     struct vtr_sound *sound, int *take_fd,
                                                     struct vtr_packet_writer **out_writer);

/* Sends what waits first, for up to half a second. Accepts NULL. */
void vtr_packet_writer_destroy(struct vtr_packet_writer *writer);

#endif
