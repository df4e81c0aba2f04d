/* SPDX-License-Identifier: MIT */
#ifndef VENUS_HANG_H
#define VENUS_HANG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "platform/thread.h"
#include "venus/venus.h"

/*
 * Notices that a context hangs: a batch could run and does not complete (venus/work.h), or a call of the driver does
 * not return. Calls that wait, compile or submit have no limit of their own ("long" in protocol/venus.reg).
 *
 * The thread venus-hang looks at the queues, for which it calls the driver. The thread that calls vtr_venus_check()
 * looks at calls, and never calls the driver. A call is seen by the epochs of its stream (venus/retire.h): each check
 * begins a new one, and a stream that is between two commands records it. So commands and submits report nothing
 * themselves.
 *
 * Time counts only as far as the checks come regularly: a process that was stopped has not hung.
 */

struct vtr_venus;

/* One of the two clocks. */
struct vtr_hang_clock {
	int64_t looked_ns; /* the last check; 0: none yet */
	bool slow; /* SLOW was reported, and not OVER */
};

struct vtr_hang {
	int64_t limit_ns; /* 0: nothing is judged */
	int64_t period_ns; /* of both clocks */
	struct vtr_hang_clock calls; /* by the thread that checks */
	struct vtr_hang_clock work; /* by the thread venus-hang */
	_Atomic uint32_t looks; /* odd: the thread venus-hang is in the driver */
	uint32_t seen_looks; /* by the thread that checks, like the next member */
	int64_t look_ns; /* the time in which it has stayed the same */
	_Atomic uint32_t waits; /* calls outside of commands that may wait for the GPU, and hold locks */
	_Atomic int64_t lost_ns; /* when the context was found to hang; 0: it does not */
	struct vtr_os_thread thread;
	bool runs; /* under instance_lock */
	_Atomic uint32_t stop; /* the thread parks on it */
};

/* Sets the limit. */
void vtr_hang_init(struct vtr_venus *venus);
/* Starts to look at queues, if there is a limit. Returns: false without memory or room for a thread. */
VTR_MUST_CHECK bool vtr_hang_start(struct vtr_venus *venus);
void vtr_hang_stop(struct vtr_venus *venus);

/* Enclose a call of the driver that may take as long as work does, outside of a command that is known for that. */
void vtr_hang_begin_wait(struct vtr_venus *venus);
void vtr_hang_end_wait(struct vtr_venus *venus);

/* Returns: whether the context was found to hang. Its program learns that its device is lost before it ends. */
bool vtr_hang_is_lost(const struct vtr_venus *venus);

#endif
