/* SPDX-License-Identifier: MIT */
/* What macOS's headers declare and Linux's do not, for files of src/platform/macos that tests compile; included before
 * everything else. */
#ifndef TESTS_UNIT_DARWIN_DARWIN_H
#define TESTS_UNIT_DARWIN_DARWIN_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_UPTIME_RAW CLOCK_MONOTONIC

uint64_t clock_gettime_nsec_np(clockid_t clock);
int pthread_cond_timedwait_relative_np(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                       const struct timespec *after);

/* How often a thread was parked by the calls below, which are looked up by name. */
extern _Atomic unsigned fake_darwin_parked;
#pragma GCC visibility push(default)
int os_sync_wait_on_address(void *address, uint64_t value, size_t size, uint32_t flags);
int os_sync_wait_on_address_with_timeout(void *address, uint64_t value, size_t size, uint32_t flags,
                                         uint32_t clock, uint64_t timeout_ns);
int os_sync_wake_by_address_all(void *address, size_t size, uint32_t flags);
#pragma GCC visibility pop

#endif
