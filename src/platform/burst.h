/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_BURST_H
#define PLATFORM_BURST_H

#include <stdint.h>

/*
 * How long a thread that waits for messages looks again before it sleeps. One that sleeps in poll() takes
 * 30 to 70 us to hear of a message (measured on a VM of two cores). Clients talk in bursts (allocate, map,
 * free; a submit and its fence; a ring that is woken), so within a burst looking again pays, giving the core
 * away to whoever wants it.
 *
 * Thread: that of its owner. Zeroed: no burst.
 */
struct vtr_os_burst {
	int credit; /* whether messages follow each other closely */
};

#define VTR_OS_BURST_SPIN_NS 200000
/* What counts as one: messages that come before this has passed. */
#define VTR_OS_BURST_GAP_NS 250000
#define VTR_OS_BURST_CREDIT_MAX 4

/* For how long to look before sleeping; 0: not at all. */
static inline int64_t vtr_os_burst_spin_ns(const struct vtr_os_burst *burst)
{
	return burst->credit > 0 ? VTR_OS_BURST_SPIN_NS : 0;
}

/* A message came after so long. */
static inline void vtr_os_burst_note_gap(struct vtr_os_burst *burst, int64_t gap_ns)
{
	if (gap_ns >= VTR_OS_BURST_GAP_NS) {
		burst->credit -= burst->credit > 0;
	} else if (burst->credit < VTR_OS_BURST_CREDIT_MAX) {
		burst->credit++;
	}
}

#endif
