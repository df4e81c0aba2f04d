/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_FEED_H
#define ENCODE_FEED_H

#include <stdint.h>

#include "encode/encoder.h"

/*
 * Coded pictures on their way to another process, through a local stream socket: a header, then the bytes of
 * the picture. What comes back is one byte for each key frame that is wanted. The reader trusts the writer
 * with nothing but the room for one picture.
 *
 * Thread: one for each end.
 */

/* Larger pictures are none. */
#define VTR_FEED_MAX_BYTES (UINT32_C(32) << 20)

struct vtr_feed_header {
	uint32_t size;
	uint32_t key; /* 0 or 1 */
	uint32_t width, height;
	uint64_t generation;
	uint64_t frame;
	int64_t captured_ns;
	int64_t coded_ns;
};

/* Blocks while the socket is full. Returns: VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_feed_send(int fd, const struct vtr_access_unit *unit);

/* Whether the reader has asked for a key frame since this was asked last. Returns: VTR_OK, VTR_ERR_AGAIN (it has
 * not), VTR_ERR_GONE, VTR_ERR_OS. Does not block. */
VTR_MUST_CHECK enum vtr_err vtr_feed_key_wanted(int fd);

/**
 * Waits for the next picture. Owner: *out_unit is the caller's.
 *
 * Returns: VTR_ERR_GONE (there are no more), VTR_ERR_GUEST (the writer breaks the rules), VTR_ERR_NOMEM,
 *          VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_feed_receive(int fd, struct vtr_access_unit **out_unit);

/* Asks for a key frame. Does not block. */
void vtr_feed_want_key(int fd);

#endif
