/* SPDX-License-Identifier: MIT */
#ifndef SCREEN_FEED_H
#define SCREEN_FEED_H

#include <stdint.h>

#include "base/err.h"

/*
 * Watches a display's video for another process, which writes it to a file or sends it away (cmd/mux.c). What
 * is slow there costs pictures here: those until the next key frame.
 *
 * Thread: main, for all functions. Each feed has a thread of its own, which ends when the other side closes.
 */
struct vtr_log;
struct vtr_feed;
struct vtr_stream;

/**
 * Owner:   *out_feed is the caller's. `take_fd` (a blocking local stream socket) is consumed, on failure too.
 * Returns: VTR_ERR_UNSUPPORTED (there is no encoder), VTR_ERR_LIMIT, VTR_ERR_NOMEM.
 */
VTR_MUST_CHECK enum vtr_err vtr_feed_create(struct vtr_log *log, struct vtr_stream *stream, int *take_fd,
                                            struct vtr_feed **out_feed);

/* Accepts NULL. */
void vtr_feed_destroy(struct vtr_feed *feed);

#endif
