/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/thread.h"

bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
	/* The bitset form takes an absolute time, so that EINTR does not lengthen the wait. */
	struct timespec at = vtr_os_deadline(timeout_ns < 0 ? 0 : timeout_ns);
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
