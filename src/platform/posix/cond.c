/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <time.h>

#include "base/mem.h"
#include "platform/os.h"
#include "platform/thread.h"

#define NS_PER_S INT64_C(1000000000)

void vtr_os_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;
	int result = pthread_condattr_init(&attr);

	vtr_assert(result == 0);
	result = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	vtr_assert(result == 0);
	result = pthread_cond_init(cond, &attr);
	vtr_assert(result == 0);
	pthread_condattr_destroy(&attr);
}

struct timespec vtr_os_deadline(int64_t timeout_ns)
{
	int64_t at;

	if (__builtin_add_overflow(vtr_os_now_ns(), timeout_ns, &at)) {
		at = INT64_MAX;
	}
	return (struct timespec){ .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
}

bool vtr_os_cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns)
{
	int result;

	if (timeout_ns < 0) {
		result = pthread_cond_wait(cond, mutex);
	} else {
		struct timespec at = vtr_os_deadline(timeout_ns);
		result = pthread_cond_timedwait(cond, mutex, &at);
	}
	vtr_assert(result == 0 || result == ETIMEDOUT);
	return result == 0;
}
