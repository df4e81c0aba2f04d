/* SPDX-License-Identifier: MIT */
#ifndef WEB_BACKOFF_H
#define WEB_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Delays answers to wrong tokens, longer after each one, so that tokens cannot be guessed. The right token is
 * never delayed: on a loopback address all clients have the same address, and one could lock out the others.
 *
 * Thread: one.
 */

/* Wrong tokens without a delay, since users paste old links. */
#define VTR_BACKOFF_FREE 4
#define VTR_BACKOFF_FIRST_NS INT64_C(250000000)
#define VTR_BACKOFF_MAX_NS INT64_C(8000000000)
/* After this time without a wrong token, an address is forgotten. */
#define VTR_BACKOFF_FORGET_NS INT64_C(60000000000)
/* Addresses that are remembered; one more replaces the one whose last wrong token is the oldest. */
#define VTR_BACKOFF_ADDRESSES 256
#define VTR_BACKOFF_ADDRESS_MAX 16

/* A client's address: an IPv4 address, or the first half of an IPv6 address, which is what a provider assigns to
 * one customer. */
struct vtr_backoff_address {
	uint8_t bytes[VTR_BACKOFF_ADDRESS_MAX];
};

struct vtr_backoff {
	struct {
		struct vtr_backoff_address address;
		int64_t last_ns; /* 0: unused entry */
		uint32_t count;
	} entries[VTR_BACKOFF_ADDRESSES];
};

/* Returns: the address of a socket's peer. */
struct vtr_backoff_address vtr_backoff_peer(int fd);

/* Records a wrong token. Returns: how long to delay the answer, in nanoseconds. */
int64_t vtr_backoff_fail(struct vtr_backoff *backoff, const struct vtr_backoff_address *address,
                         int64_t now_ns);

#endif
