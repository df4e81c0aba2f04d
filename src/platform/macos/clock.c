/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "platform/thread.h"

/* Mach's absolute time in nanoseconds, the clock of timed waits. CLOCK_MONOTONIC has microseconds only, and goes on
 * while the machine sleeps. */
int64_t vtr_os_now_ns(void)
{
	return (int64_t)clock_gettime_nsec_np(CLOCK_UPTIME_RAW);
}
