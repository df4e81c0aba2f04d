/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_THREAD_H
#define PLATFORM_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Threads, waiting and time. Mutexes and conditions are plain pthread ones. Thread: any. */

/* Nanoseconds of the monotonic clock, the same in all processes of the machine. */
int64_t vtr_os_now_ns(void);

/* The same clock in steps of some milliseconds, where the system has such a clock that costs less. */
int64_t vtr_os_coarse_ns(void);

struct vtr_os_thread {
	pthread_t handle;
};

/**
 * Starts fn(arg) in a thread that receives no signals. `name` is cut to 15 characters.
 *
 * Owner:   `out_thread` is the caller's, who must join it.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT (no more threads are allowed).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name,
                                                 void (*fn)(void *arg), void *arg);

/* Waits for the thread's end. Call it once for each thread. */
void vtr_os_thread_join(struct vtr_os_thread *thread);

/**
 * Sets the calling thread's niceness (-20 to 19).
 * Returns: VTR_ERR_UNSUPPORTED if the process may not; most callers go on without it.
 */
enum vtr_err vtr_os_thread_set_nice(int nice);

/* Makes timed waits end on time, in the calling thread and in threads and processes that it starts later. By
 * default Linux ends them up to 50 us late, to batch wake-ups. Does nothing on other systems. */
void vtr_os_thread_set_punctual(void);

/* Initializes a condition whose timed waits use the monotonic clock. */
void vtr_os_cond_init(pthread_cond_t *cond);

/**
 * Waits on a condition of vtr_os_cond_init(); `timeout_ns` < 0 waits without limit.
 * Returns: false once `timeout_ns` have passed. True may be spurious: check the condition again.
 */
bool vtr_os_cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns);

/* For the body of a short spin loop. */
static inline void vtr_os_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ volatile("yield" ::: "memory");
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

void vtr_os_yield(void);

/**
 * Sleeps while *word is `expected`, until vtr_os_unpark(), for at most `timeout_ns` (< 0: no limit). The word
 * is shared only by threads of this process.
 *
 * Returns: false once the time has passed. True may be spurious: check the word again.
 */
bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);

/* Wakes all threads that are parked on the word. Change the word first. Costs a system call. */
void vtr_os_unpark(_Atomic uint32_t *word);

#endif
