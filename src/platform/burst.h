/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_BURST_H
#define PLATFORM_BURST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long a thread that waits for messages polls before it sleeps. A thread that sleeps in poll() takes 30
 * to 70 us to wake up for a message (measured on a VM of two cores). Clients send in bursts (allocate, map,
 * free; a submit and its fence; waking a ring), so polling pays within a burst. Between polls the thread
 * yields its core.
 *
 * Thread: that of its owner. Zeroed: no burst.
 */
struct vtr_os_burst {
	int credit; /* grows while messages follow each other closely */
};

#define VTR_OS_BURST_SPIN_NS 200000
/* Messages that are at most this far apart belong to one burst. */
#define VTR_OS_BURST_GAP_NS 250000
#define VTR_OS_BURST_CREDIT_MAX 4

/* Returns: how long to poll before sleeping; 0: not at all. */
static inline int64_t vtr_os_burst_spin_ns(const struct vtr_os_burst *burst)
{
	return burst->credit > 0 ? VTR_OS_BURST_SPIN_NS : 0;
}

/* Notes that a message came after `gap_ns`. */
static inline void vtr_os_burst_note_gap(struct vtr_os_burst *burst, int64_t gap_ns)
{
	if (gap_ns >= VTR_OS_BURST_GAP_NS) {
		burst->credit -= burst->credit > 0;
	} else if (burst->credit < VTR_OS_BURST_CREDIT_MAX) {
		burst->credit++;
	}
}

/*
 * Whether to wait for an event by polling before the other side is told to sleep until it comes. This pays if the event
 * mostly comes within VTR_OS_HOLD_NS, which the last events tell. After several late ones only every
 * VTR_OS_HOLD_TRY-th is awaited, to notice when they become faster.
 *
 * Thread: that of its owner. Zeroed: the next event is awaited.
 */
struct vtr_os_hold {
	unsigned late; /* late events in a row */
};

#define VTR_OS_HOLD_NS 60000
#define VTR_OS_HOLD_LATE 3
#define VTR_OS_HOLD_TRY 16

/* Returns: how long to poll for the next event; 0: not at all, which counts as a late one. */
static inline int64_t vtr_os_hold_ns(struct vtr_os_hold *hold)
{
	if (hold->late >= VTR_OS_HOLD_LATE && hold->late % VTR_OS_HOLD_TRY != 0) {
		hold->late++;
		return 0;
	}
	return VTR_OS_HOLD_NS;
}

/* Notes whether an event that was awaited came in time. */
static inline void vtr_os_hold_note(struct vtr_os_hold *hold, bool in_time)
{
	hold->late = in_time ? 0 : hold->late + 1;
}

#endif
