/* SPDX-License-Identifier: MIT */
#ifndef ENCODE_PACKET_PIPE_H
#define ENCODE_PACKET_PIPE_H

#include <stdint.h>

#include "encode/encoder.h"

/*
 * Sends coded pictures, and sound, to another process through a local stream socket: a header, then the bytes of
 * the picture or the samples. In the other direction goes one byte for each key frame that is wanted. The reader
 * does not trust the writer: a picture can only cost it the memory for one picture.
 *
 * Thread: one for each end.
 */

/* The size limit of a picture. */
#define VTR_PACKET_PIPE_MAX_BYTES (UINT32_C(32) << 20)

/* The most samples of each channel at once. */
#define VTR_PACKET_PIPE_MAX_SAMPLES 480

enum vtr_packet_pipe_kind {
	VTR_PACKET_PIPE_PICTURE,
	VTR_PACKET_PIPE_SOUND, /* `captured_ns` is the time of the first sample; key, width and height are 0 */
};

struct vtr_packet_pipe_header {
	uint32_t kind; /* enum vtr_packet_pipe_kind */
	uint32_t unused;
	uint32_t size;
	uint32_t key; /* 0 or 1 */
	uint32_t width, height;
	uint64_t generation;
	uint64_t frame;
	int64_t captured_ns;
	int64_t coded_ns;
};

/* Blocks while the socket is full. Returns: VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_packet_pipe_send(int fd, const struct vtr_access_unit *unit);

/* 48,000 samples a second of two channels, interleaved. */
struct vtr_packet_pipe_sound {
	int64_t time_ns; /* vtr_os_now_ns() at which the first one is to be heard */
	size_t count; /* samples of each channel; 0: there will be sound */
	int16_t samples[2 * VTR_PACKET_PIPE_MAX_SAMPLES];
};

/* Blocks while the socket is full. Returns: VTR_ERR_GONE, VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_packet_pipe_send_sound(int fd, const struct vtr_packet_pipe_sound *sound);

/* Returns: VTR_OK if the reader has asked for a key frame since the last call, VTR_ERR_AGAIN if not,
 *          VTR_ERR_GONE, VTR_ERR_OS. Does not block. */
VTR_MUST_CHECK enum vtr_err vtr_packet_pipe_key_wanted(int fd);

/**
 * Waits for the next picture or sound. Owner: *out_unit is the caller's; NULL: *out_sound has come instead.
 *
 * Returns: VTR_ERR_GONE (there are no more), VTR_ERR_PROTOCOL (the writer broke the protocol), VTR_ERR_NOMEM,
 *          VTR_ERR_OS.
 */
VTR_MUST_CHECK enum vtr_err vtr_packet_pipe_receive(int fd, struct vtr_packet_pipe_sound *out_sound,
                                                    struct vtr_access_unit **out_unit);

/* Asks for a key frame. Does not block. */
void vtr_packet_pipe_want_key(int fd);

#endif
