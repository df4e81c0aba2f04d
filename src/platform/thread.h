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

struct vtr_os_thread {
	pthread_t handle;
};

/**
 * Starts fn(arg) in a thread that takes no signals. `name` is cut to what the system shows (15).
 *
 * Owner:   `out_thread` is the caller's, who must join it.
 * Returns: VTR_ERR_NOMEM, VTR_ERR_LIMIT (no more threads are allowed).
 */
VTR_MUST_CHECK enum vtr_err vtr_os_thread_create(struct vtr_os_thread *out_thread, const char *name,
                                                 void (*fn)(void *arg), void *arg);

/* Waits for the thread's end. Once for each thread. */
void vtr_os_thread_join(struct vtr_os_thread *thread);

/**
 * Sets the calling thread's niceness (-20 to 19).
 * Returns: VTR_ERR_UNSUPPORTED if the process has no right to; most callers go on as they are.
 */
enum vtr_err vtr_os_thread_set_nice(int nice);

/* Has timed waits end on time: those of the calling thread, and of threads and processes that it starts from then on.
 * By default Linux lets them end some 50 us later, together with others; other systems are as they are. */
void vtr_os_thread_set_punctual(void);

/* Makes a condition whose timed waits are not moved by changes of the wall clock. */
void vtr_os_cond_init(pthread_cond_t *cond);

/**
 * Waits on a condition of vtr_os_cond_init(); < 0 waits for ever.
 * Returns: false once `timeout_ns` have passed. True says nothing: look at the condition again.
 */
bool vtr_os_cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t timeout_ns);

/* For the body of a short spin. */
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
 * Sleeps while *word is `expected`, until vtr_os_unpark() on it, for `timeout_ns` at most (< 0: no
 * limit). The word is shared by threads of this process only.
 *
 * Returns: false once the time has passed. True may also be chance: look at the word again.
 */
bool vtr_os_park(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);

/* Wakes all that are parked on the word; change it first. Costs a system call. */
void vtr_os_unpark(_Atomic uint32_t *word);

#endif
