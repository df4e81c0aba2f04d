/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/os.h"

#define NS_PER_S INT64_C(1000000000)

void vtr_os_name_this_thread(const char *name)
{
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

enum vtr_err vtr_os_thread_set_nice(int nice)
{
	/* On Linux niceness belongs to a thread, although POSIX says otherwise. */
	if (setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice) < 0) {
		return VTR_ERR_UNSUPPORTED;
	}
	return VTR_OK;
}

void vtr_os_thread_set_punctual(void)
{
	prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* nanoseconds */
}

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

/* Returns: the time `timeout_ns` from now; instead of overflowing it is centuries ahead. */
static struct timespec deadline(int64_t timeout_ns)
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
		struct timespec at = deadline(timeout_ns);
		result = pthread_cond_timedwait(cond, mutex, &at);
	}
	vtr_assert(result == 0 || result == ETIMEDOUT);
	return result == 0;
}

bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
	/* The bitset form takes an absolute time, so that EINTR does not lengthen the wait. */
	struct timespec at = deadline(timeout_ns < 0 ? 0 : timeout_ns);
	long result;

	do {
		result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
		                 timeout_ns < 0 ? NULL : &at, NULL, FUTEX_BITSET_MATCH_ANY);
	} while (result < 0 && errno == EINTR);
	return result == 0 || errno != ETIMEDOUT;
}

void vtr_os_unpark(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX, NULL, NULL, 0);
}
