/* SPDX-License-Identifier: MIT */
#ifndef WEBDAV_MUX_H
#define WEBDAV_MUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The protocol of the port org.spice-space.webdav.0: the connections of the guest's HTTP clients, cut into frames.
 * A frame is the number of a connection (64 bits), a size (16 bits), both little-endian, and so many bytes. The first
 * frame of a number begins a connection. A size of 0 ends it; spice-webdavd sends that when its client has ended, but
 * ignores it when it gets it.
 *
 * Thread: one.
 */

#define VTR_DAV_MUX_HEAD 10
#define VTR_DAV_MUX_MAX 65535

struct vtr_dav_mux {
	uint8_t head[VTR_DAV_MUX_HEAD];
	size_t head_size;
	int64_t number; /* of the current frame */
	size_t left; /* of its bytes */
};

/* Part of a frame. */
struct vtr_dav_mux_piece {
	int64_t number;
	const uint8_t *bytes; /* the caller's */
	size_t size; /* 0: the connection has ended */
	bool begins; /* a frame */
};

/* Takes bytes up to the end of a frame or of the bytes; advances *bytes and *size.
 * Returns: VTR_OK (out_piece is set), VTR_ERR_AGAIN (all were taken, without a piece). */
VTR_MUST_CHECK enum vtr_err vtr_dav_mux_take(struct vtr_dav_mux *mux, const uint8_t **bytes, size_t *size,
                                             struct vtr_dav_mux_piece *out_piece);

/* Writes the head of a frame of at most VTR_DAV_MUX_MAX bytes. */
void vtr_dav_mux_put_head(uint8_t *out, int64_t number, size_t size);

#endif
