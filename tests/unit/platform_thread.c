/* SPDX-License-Identifier: MIT */
#include "platform/thread.h"

#include <signal.h>

#include "platform/burst.h"
#include "test.h"

#define MS INT64_C(1000000)
#define PATIENCE_NS (60000 * MS)

struct seen {
	bool takes_signals;
};

static void look_around(void *data)
{
	struct seen *seen = data;
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	seen->takes_signals = !sigismember(&mask, SIGTERM) || !sigismember(&mask, SIGCHLD);
}

static void threads_receive_no_signals(void)
{
	struct vtr_os_thread thread;
	struct seen seen = { .takes_signals = true };
	sigset_t mask;

	CHECK_OK(vtr_os_thread_create(&thread, "a-very-long-name-of-a-thread", look_around, &seen));
	vtr_os_thread_join(&thread);
	CHECK(!seen.takes_signals);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGTERM));
}

static void time_goes_on(void)
{
	int64_t start = vtr_os_now_ns();

	CHECK(start > 0);
	usleep(2000);
	int64_t passed = vtr_os_now_ns() - start;
	CHECK(passed >= 2 * MS);
	vtr_os_cpu_relax();
	vtr_os_yield();
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool arrived; /* guarded by lock */
};

static void arrive(void *data)
{
	struct meeting *meeting = data;

	pthread_mutex_lock(&meeting->lock);
	meeting->arrived = true;
	pthread_cond_signal(&meeting->cond);
	pthread_mutex_unlock(&meeting->lock);
}

static void conditions(void)
{
	struct meeting meeting = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct vtr_os_thread thread;

	vtr_os_cond_init(&meeting.cond);
	pthread_mutex_lock(&meeting.lock);
	int64_t start = vtr_os_now_ns();
	while (vtr_os_cond_wait_ns(&meeting.cond, &meeting.lock, 5 * MS)) { /* woken for nothing */
		CHECK(vtr_os_now_ns() - start < PATIENCE_NS);
	}
	CHECK(vtr_os_now_ns() - start >= 5 * MS);
	CHECK(!vtr_os_cond_wait_ns(&meeting.cond, &meeting.lock, 0));
	CHECK_OK(vtr_os_thread_create(&thread, "arrive", arrive, &meeting));
	while (!meeting.arrived) {
		CHECK(vtr_os_cond_wait_ns(&meeting.cond, &meeting.lock, INT64_MAX));
	}
	pthread_mutex_unlock(&meeting.lock);
	vtr_os_thread_join(&thread);
	pthread_cond_destroy(&meeting.cond);
}

/* Two threads count a word up in turns, each parked while it is the other's turn. */
static void take_turns(_Atomic uint32_t *word, uint32_t parity)
{
	for (;;) {
		uint32_t value = atomic_load(word);
		if (value >= 2000) {
			return;
		}
		if (value % 2 == parity) {
			atomic_store(word, value + 1);
			vtr_os_unpark(word);
		} else {
			CHECK(vtr_os_park(word, value, -1));
		}
	}
}

static void take_odd_turns(void *data)
{
	take_turns(data, 1);
}

static void parking(void)
{
	_Atomic uint32_t word = 0;
	struct vtr_os_thread thread;

	CHECK_OK(vtr_os_thread_create(&thread, "turns", take_odd_turns, &word));
	take_turns(&word, 0);
	vtr_os_thread_join(&thread);
	CHECK_EQ(atomic_load(&word), 2000);
}

static void parking_ends(void)
{
	_Atomic uint32_t word = 5;
	int64_t start = vtr_os_now_ns();

	CHECK(vtr_os_park(&word, 4, -1)); /* not the value expected: no sleep */
	while (vtr_os_park(&word, 5, 5 * MS)) { /* woken for nothing */
		CHECK(vtr_os_now_ns() - start < PATIENCE_NS);
	}
	CHECK(vtr_os_now_ns() - start >= 5 * MS);
	CHECK(!vtr_os_park(&word, 5, 0));
	vtr_os_unpark(&word); /* no thread waits */
}

/* Counts the events of 160 that are awaited, if all of them come late. */
static unsigned count_awaited(struct vtr_os_hold *hold)
{
	unsigned awaited = 0;

	for (int i = 0; i < 160; i++) {
		if (vtr_os_hold_ns(hold) > 0) {
			awaited++;
			vtr_os_hold_note(hold, false);
		}
	}
	return awaited;
}

static void late_events_are_rarely_awaited(void)
{
	struct vtr_os_hold hold = { 0 };

	CHECK_EQ(count_awaited(&hold), VTR_OS_HOLD_LATE + 160 / VTR_OS_HOLD_TRY - 1);
	while (vtr_os_hold_ns(&hold) == 0) {
	}
	vtr_os_hold_note(&hold, true);
	for (int i = 0; i < 100; i++) { /* now they come in time */
		CHECK_EQ(vtr_os_hold_ns(&hold), VTR_OS_HOLD_NS);
		vtr_os_hold_note(&hold, true);
	}
}

int main(void)
{
	RUN(threads_receive_no_signals);
	RUN(time_goes_on);
	RUN(conditions);
	RUN(parking);
	RUN(parking_ends);
	RUN(late_events_are_rarely_awaited);
	return 0;
}
