/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_BURST_H
#define PLATFORM_BURST_H

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

#endif
