/* SPDX-License-Identifier: MIT */
#ifndef WEB_BACKOFF_H
#define WEB_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

/*
 * Whoever guesses tokens waits ever longer for the answer. The right token is never made to wait: on a
 * loopback address everybody has the same address, and one could lock out all others.
 *
 * Thread: one.
 */

/* Wrong tokens that are free, since people paste old links. */
#define VTR_BACKOFF_FREE 4
#define VTR_BACKOFF_FIRST_NS INT64_C(250000000)
#define VTR_BACKOFF_MAX_NS INT64_C(8000000000)
/* After so long without a wrong one, all is forgiven. */
#define VTR_BACKOFF_FORGET_NS INT64_C(60000000000)
/* Addresses that are remembered; one more takes the place of the one that was wrong longest ago. */
#define VTR_BACKOFF_ADDRESSES 256
#define VTR_BACKOFF_ADDRESS_MAX 16

/* Where somebody comes from: an IPv4 address, or the first half of an IPv6 one, which is what one customer
 * of a provider has. */
struct vtr_backoff_address {
	uint8_t bytes[VTR_BACKOFF_ADDRESS_MAX];
};

struct vtr_backoff {
	struct {
		struct vtr_backoff_address address;
		int64_t last_ns; /* 0: free */
		uint32_t count;
	} entries[VTR_BACKOFF_ADDRESSES];
};

/* Who is at the other end of a socket. */
struct vtr_backoff_address vtr_backoff_peer(int fd);

/* A wrong token came. Returns: how long the answer is to be held back. */
int64_t vtr_backoff_fail(struct vtr_backoff *backoff, const struct vtr_backoff_address *address,
                         int64_t now_ns);

#endif
