/* SPDX-License-Identifier: MIT */
#ifndef WEB_PACE_H
#define WEB_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Limits how much video is in flight to one viewer, by its acknowledgments. Data that waits in sockets,
 * networks and decoders is late when it is shown. So nothing more is sent while the oldest unit in flight is
 * a quarter of a second older than the round-trip time.
 *
 * Thread: one.
 */

/* The most units in flight: a quarter of a second at 240 Hz. */
#define VTR_PACE_UNITS 64
#define VTR_PACE_BACKLOG_NS INT64_C(250000000)
/* A longer round-trip time counts as congestion. */
#define VTR_PACE_WAY_MAX_NS INT64_C(1000000000)

struct vtr_pace {
	int64_t sent_ns[VTR_PACE_UNITS]; /* indexed by the unit's number, from acked + 1 to sent */
	uint32_t sent;                   /* number of the newest unit that was sent */
	uint32_t acked;
	int64_t way_ns; /* the shortest time from sending to acknowledgment; 0: unknown */
};

/* Returns: the number of the unit that is being sent. Call it only while vtr_pace_is_open(). */
uint32_t vtr_pace_send(struct vtr_pace *pace, int64_t now_ns);

/* The viewer has decoded or dropped all units up to `number`. Returns: false if no such unit was sent. */
bool vtr_pace_ack(struct vtr_pace *pace, uint32_t number, int64_t now_ns);

bool vtr_pace_is_open(const struct vtr_pace *pace, int64_t now_ns);

/* Returns: whether all sent units were acknowledged. */
bool vtr_pace_is_idle(const struct vtr_pace *pace);

#endif
