/* SPDX-License-Identifier: MIT */
#ifndef WEB_RATE_LIMIT_H
#define WEB_RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "web/backoff.h"

/*
 * How many TLS handshakes each address may begin: each costs a signature, a thousand times as much as the peer needs
 * to ask for it. A connection that shows a token gives its handshake back, so only others are limited.
 *
 * Thread: one.
 */

/* All at once: a proxy in front of many browsers has one address. */
#define VTR_RATE_LIMIT_BURST 256
/* From then on one in 10 ms, which costs a tenth of a processor. */
#define VTR_RATE_LIMIT_INTERVAL_NS INT64_C(10000000)
/* Addresses that are remembered; one more replaces the one that has most left. */
#define VTR_RATE_LIMIT_ADDRESSES 256

struct vtr_rate_limit {
	struct {
		struct vtr_backoff_address address;
		int64_t free_ns; /* when the address may begin VTR_RATE_LIMIT_BURST at once again */
	} entries[VTR_RATE_LIMIT_ADDRESSES];
};

/* Returns: whether the address may begin one more, which is then counted. */
bool vtr_rate_limit_take(struct vtr_rate_limit *limit, const struct vtr_backoff_address *address,
                         int64_t now_ns);

/* Takes back what vtr_rate_limit_take() counted. */
void vtr_rate_limit_give_back(struct vtr_rate_limit *limit, const struct vtr_backoff_address *address);

#endif
