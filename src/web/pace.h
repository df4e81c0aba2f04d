/* SPDX-License-Identifier: MIT */
#ifndef WEB_PACE_H
#define WEB_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How much video is on its way to one viewer, by what it acknowledges. What waits in sockets, networks and
 * decoders is old by the time it shows, so no more is sent while the oldest unit that is under way has
 * been so for a quarter of a second longer than the way itself takes.
 *
 * Thread: one.
 */

/* Units under way at most: a quarter of a second at 240 Hz. */
#define VTR_PACE_UNITS 64
#define VTR_PACE_BACKLOG_NS INT64_C(250000000)
/* A way that takes longer than this counts as a jam. */
#define VTR_PACE_WAY_MAX_NS INT64_C(1000000000)

struct vtr_pace {
	int64_t sent_ns[VTR_PACE_UNITS]; /* by the unit's number, from acked + 1 to sent */
	uint32_t sent;                   /* number of the newest that was sent */
	uint32_t acked;
	int64_t way_ns; /* the shortest time from sending to acknowledgment, there and back; 0: unknown */
};

/* Returns: the number of the unit that is being sent. Only while vtr_pace_is_open(). */
uint32_t vtr_pace_send(struct vtr_pace *pace, int64_t now_ns);

/* All up to `number` have been decoded or dropped there. Returns: whether that can be. */
bool vtr_pace_ack(struct vtr_pace *pace, uint32_t number, int64_t now_ns);

bool vtr_pace_is_open(const struct vtr_pace *pace, int64_t now_ns);

/* Whether all that was sent has been acknowledged. */
bool vtr_pace_is_idle(const struct vtr_pace *pace);

#endif
