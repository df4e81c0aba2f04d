/* SPDX-License-Identifier: MIT */
#ifndef VHOST_CHANNEL_H
#define VHOST_CHANNEL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * vhost-user messages on a non-blocking socket: {request, flags, size}, payload; fds come with the header.
 * The format is the same on the front end's socket and on the back channel.
 *
 * Thread: the device's.
 */

/* The largest received payload: a configuration of 256 bytes with its header, or eight regions. */
#define VTR_VHOST_MAX_PAYLOAD 268
#define VTR_VHOST_MAX_FDS 8

#define VTR_VHOST_VERSION 1u
#define VTR_VHOST_VERSION_MASK 3u
#define VTR_VHOST_REPLY 4u
#define VTR_VHOST_NEED_REPLY 8u

struct vtr_vhost_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

struct vtr_vhost_message {
	struct vtr_vhost_header header;
	uint8_t payload[VTR_VHOST_MAX_PAYLOAD];
	int fds[VTR_VHOST_MAX_FDS]; /* vtr_take_fd() those to keep */
	size_t fd_count;
};

struct vtr_vhost_channel {
	int fd; /* the channel's; -1: closed */
	struct vtr_vhost_message message;
	size_t have; /* bytes received of header and payload */
};

/* Initializes a closed channel. */
void vtr_vhost_channel_init(struct vtr_vhost_channel *channel);

/* Owner: take_fd is consumed, on failure too. Returns: VTR_ERR_OS. */
VTR_MUST_CHECK enum vtr_err vtr_vhost_channel_open(struct vtr_vhost_channel *channel, int take_fd);

/* Closes it with all fds that were not taken. */
void vtr_vhost_channel_close(struct vtr_vhost_channel *channel);

/**
 * Receives the next message, which is valid until the next call; fds that were not taken are closed then.
 *
 * Returns: VTR_ERR_AGAIN     nothing complete yet
 *          VTR_ERR_GONE      the other side has closed
 *          VTR_ERR_PROTOCOL  not a valid message: close the channel
 *          VTR_ERR_OS
 */
VTR_MUST_CHECK enum vtr_err vtr_vhost_channel_receive(struct vtr_vhost_channel *channel,
                                                      struct vtr_vhost_message **out_message);

/**
 * Sends one message, with `fd` unless it is -1 (borrowed).
 *
 * Returns: VTR_ERR_GONE, VTR_ERR_OS (EAGAIN: the other side does not read). Close the channel then.
 */
VTR_MUST_CHECK enum vtr_err vtr_vhost_channel_send(struct vtr_vhost_channel *channel, uint32_t request,
                                                   uint32_t flags, const void *payload, size_t size, int fd);

#endif
