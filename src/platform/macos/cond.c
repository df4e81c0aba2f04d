/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "base/mem.h"
#include "platform/thread.h"

#define NS_PER_S INT64_C(1000000000)
/* Decades. The system adds a time to this, which must not overflow. */
#define MAX_S INT64_C(1000000000)

/* Waits with a relative time need no clock to be chosen, and macOS has no other way to avoid that of the calendar. */
void vtr_os_cond_init(pthread_cond_t *cond)
{
	const int result = pthread_cond_init(cond, NULL);

	vtr_assert(result == 0);
}

bool vtr_os_cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns)
{
	const struct timespec after = { .tv_sec = (time_t)vtr_min(timeout_ns / NS_PER_S, MAX_S),
		                        .tv_nsec = timeout_ns % NS_PER_S };
	const int result = timeout_ns < 0 ? pthread_cond_wait(cond, mutex) :
	                                    pthread_cond_timedwait_relative_np(cond, mutex, &after);

	vtr_assert(result == 0 || result == ETIMEDOUT);
	return result == 0;
}
