/* SPDX-License-Identifier: MIT */
/*
 * By os_sync_wait_on_address(), which macOS has since 14.4 and older headers do not declare: it is looked up when the
 * program runs, and older systems use the table of conditions.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "platform/os.h"
#include "platform/thread.h"

/* Values of these functions' parameters: the word is not shared with other processes, and the clock is that of
 * mach_absolute_time(), which is the one that they know. */
#define FLAGS_NONE 0u
#define CLOCK_MACH_ABSOLUTE 32u

struct calls {
	int (*wait)(void *address, uint64_t value, size_t size, uint32_t flags);
	int (*wait_with_timeout)(void *address, uint64_t value, size_t size, uint32_t flags, uint32_t clock,
	                         uint64_t timeout_ns);
	int (*wake_all)(void *address, size_t size, uint32_t flags);
};

/* Constant once it was looked up. All are there, or none is used. */
static struct calls calls;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void look_up(void)
{
	const struct calls found = {
		(__typeof__(calls.wait))dlsym(RTLD_DEFAULT, "os_sync_wait_on_address"),
		(__typeof__(calls.wait_with_timeout))dlsym(RTLD_DEFAULT,
		                                           "os_sync_wait_on_address_with_timeout"),
		(__typeof__(calls.wake_all))dlsym(RTLD_DEFAULT, "os_sync_wake_by_address_all"),
	};

	if (found.wait && found.wait_with_timeout && found.wake_all) {
		calls = found;
	}
}

bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
	int result;

	pthread_once(&once, look_up);
	if (!calls.wait) {
		return vtr_os_park_in_table(word, expected, timeout_ns);
	}
	if (timeout_ns == 0) {
		return false; /* the call refuses it */
	}
	if (timeout_ns < 0) {
		result = calls.wait((void *)word, expected, sizeof(*word), FLAGS_NONE);
	} else {
		result = calls.wait_with_timeout((void *)word, expected, sizeof(*word), FLAGS_NONE,
		                                 CLOCK_MACH_ABSOLUTE, (uint64_t)timeout_ns);
	}
	/* EINTR and the like are spurious wake-ups. */
	return result >= 0 || errno != ETIMEDOUT;
}

void vtr_os_unpark(_Atomic uint32_t *word)
{
	pthread_once(&once, look_up);
	if (calls.wake_all) {
		(void)calls.wake_all((void *)word, sizeof(*word), FLAGS_NONE); /* ENOENT: no thread waits */
	} else {
		vtr_os_unpark_in_table(word);
	}
}
