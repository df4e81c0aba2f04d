/* SPDX-License-Identifier: MIT */
#include "platform/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "platform/pipe.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "test.h"

#define MS INT64_C(1000000)

static struct vtr_os_loop *loop;

/* One watched end of a socket pair. */
struct end {
	int fd;
	int calls;
	unsigned events;
	struct vtr_os_loop_fd *watch;
	struct end *victim; /* removed by the callback */
};

static void run(void)
{
	CHECK_OK(vtr_os_loop_run(loop));
}

static void quit(void *data)
{
	(void)data;
	vtr_os_loop_quit(loop);
}

/* Fails the test if the loop runs for ten seconds. */
static void give_up(void *data)
{
	(void)data;
	CHECK(!"the loop hangs");
}

static void read_one(void *data, unsigned events)
{
	struct end *end = data;
	char byte;

	end->calls++;
	end->events |= events;
	if ((events & VTR_OS_LOOP_IN) != 0) {
		CHECK_EQ(read(end->fd, &byte, 1), 1);
	}
	vtr_os_loop_quit(loop);
}

static void level_triggered(void)
{
	struct end end = { 0 };
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	end.fd = ends[0];
	CHECK_OK(vtr_os_loop_add_fd(loop, ends[0], true, false, read_one, &end, &end.watch));
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	run();
	CHECK_EQ(end.calls, 1);
	run(); /* the second byte */
	CHECK_EQ(end.calls, 2);
	CHECK_EQ(end.events, VTR_OS_LOOP_IN);
	vtr_os_loop_remove(&end.watch);
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

static void note(void *data, unsigned events)
{
	struct end *end = data;

	end->calls++;
	end->events = events;
	vtr_os_loop_quit(loop);
}

static void modify_and_hup(void)
{
	struct end end = { 0 };
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	end.fd = ends[0];
	CHECK_OK(vtr_os_loop_add_fd(loop, ends[0], false, true, note, &end, &end.watch));
	run();
	CHECK_EQ(end.events, VTR_OS_LOOP_OUT);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_OK(vtr_os_loop_modify_fd(end.watch, true, false));
	run();
	CHECK_EQ(end.events, VTR_OS_LOOP_IN);
	CHECK_OK(vtr_os_loop_modify_fd(end.watch, false, false));
	vtr_close(&ends[1]);
	run();
	CHECK_EQ(end.events, VTR_OS_LOOP_HUP);
	vtr_os_loop_remove(&end.watch);
	vtr_os_loop_remove(&end.watch); /* does nothing: it is NULL */
	vtr_close(&ends[0]);
	CHECK_ERR(vtr_os_loop_add_fd(loop, -1, true, false, note, &end, &end.watch), VTR_ERR_OS);
	for (size_t i = 0; i < 2; i++) {
		vtr_autofd int ready = open(i == 0 ? "/dev/null" : "/proc/self/exe", O_RDONLY | O_CLOEXEC);

		CHECK_ERR(vtr_os_loop_add_fd(loop, ready, true, false, note, &end, &end.watch), VTR_ERR_OS);
		CHECK_EQ(errno, EPERM);
	}
}

/* The other side has sent its last byte, but still reads. */
static void half_closed_is_no_end(void)
{
	struct end end = { 0 };
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	end.fd = ends[0];
	CHECK_OK(vtr_os_loop_add_fd(loop, ends[0], true, false, note, &end, &end.watch));
	CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
	run();
	CHECK_EQ(end.events, VTR_OS_LOOP_IN);
	CHECK_OK(vtr_os_loop_modify_fd(end.watch, true, true));
	run();
	CHECK_EQ(end.events, VTR_OS_LOOP_IN | VTR_OS_LOOP_OUT);
	vtr_close(&ends[1]);
	run();
	CHECK((end.events & VTR_OS_LOOP_HUP) != 0);
	vtr_os_loop_remove(&end.watch);
	vtr_close(&ends[0]);
}

/* A pipe's ends know only of their own direction. */
static void ends_of_pipes(void)
{
	for (int side = 0; side < 2; side++) {
		struct end end = { 0 };
		int ends[2];

		CHECK_OK(vtr_os_pipe(false, ends));
		end.fd = ends[side];
		CHECK_OK(vtr_os_loop_add_fd(loop, ends[side], false, false, note, &end, &end.watch));
		vtr_close(&ends[1 - side]);
		run();
		CHECK_EQ(end.events, VTR_OS_LOOP_HUP);
		vtr_os_loop_remove(&end.watch);
		vtr_close(&ends[side]);
	}
}

static void remove_victim(void *data, unsigned events)
{
	struct end *end = data;

	(void)events;
	end->calls++;
	vtr_os_loop_remove(&end->victim->watch);
	vtr_os_loop_remove(&end->watch);
	vtr_os_loop_quit(loop);
}

/* Both are readable at once; the first that is called removes both, and the other never comes. */
static void remove_in_callback(void)
{
	struct end a = { 0 };
	struct end b = { 0 };
	int pairs[2][2];

	for (int i = 0; i < 2; i++) {
		CHECK_OK(vtr_os_sock_pair(pairs[i]));
		CHECK_EQ(write(pairs[i][1], "x", 1), 1);
	}
	a.victim = &b;
	b.victim = &a;
	CHECK_OK(vtr_os_loop_add_fd(loop, pairs[0][0], true, false, remove_victim, &a, &a.watch));
	CHECK_OK(vtr_os_loop_add_fd(loop, pairs[1][0], true, false, remove_victim, &b, &b.watch));
	run();
	vtr_os_loop_quit(loop);
	run();
	CHECK_EQ(a.calls + b.calls, 1);
	for (int i = 0; i < 2; i++) {
		vtr_close(&pairs[i][0]);
		vtr_close(&pairs[i][1]);
	}
}

struct ticker {
	struct vtr_os_loop_timer *timer;
	struct vtr_os_loop_timer *other; /* destroyed by the callback */
	int calls;
	int64_t at;
};

static void tick(void *data)
{
	struct ticker *ticker = data;

	ticker->calls++;
	ticker->at = vtr_os_now_ns();
	if (ticker->other != NULL) {
		vtr_os_loop_timer_destroy(ticker->other);
		ticker->other = NULL;
	}
}

static void timers(void)
{
	struct ticker early = { 0 };
	struct ticker late = { 0 };
	struct ticker never = { 0 };
	struct vtr_os_loop_timer *end;
	int64_t start = vtr_os_now_ns();

	CHECK_OK(vtr_os_loop_add_timer(loop, tick, &late, &late.timer));
	CHECK_OK(vtr_os_loop_add_timer(loop, tick, &early, &early.timer));
	CHECK_OK(vtr_os_loop_add_timer(loop, tick, &never, &never.timer));
	CHECK_OK(vtr_os_loop_add_timer(loop, quit, NULL, &end));
	vtr_os_loop_timer_set(late.timer, 10 * MS);
	vtr_os_loop_timer_set(early.timer, 3 * MS);
	vtr_os_loop_timer_set(never.timer, 5 * MS);
	vtr_os_loop_timer_set(never.timer, -1);
	vtr_os_loop_timer_set(end, 20 * MS);
	run();
	CHECK_EQ(early.calls, 1);
	CHECK_EQ(late.calls, 1);
	CHECK_EQ(never.calls, 0);
	CHECK(early.at - start >= 3 * MS && late.at - start >= 10 * MS && early.at < late.at);

	/* At once, twice; an unlimited wait must not end. */
	vtr_os_loop_timer_set(early.timer, 0);
	vtr_os_loop_timer_set(late.timer, INT64_MAX);
	vtr_os_loop_timer_set(end, 1 * MS);
	run();
	CHECK_EQ(early.calls, 2);
	CHECK_EQ(late.calls, 1);

	/* Due together: the first destroys the second. */
	early.other = late.timer;
	vtr_os_loop_timer_set(late.timer, 0);
	vtr_os_loop_timer_set(early.timer, 0);
	late.other = early.timer;
	vtr_os_loop_timer_set(end, 1 * MS);
	run();
	CHECK_EQ(early.calls + late.calls, 4);
	vtr_os_loop_timer_destroy(early.calls == 3 ? early.timer : late.timer);
	vtr_os_loop_timer_destroy(never.timer);
	vtr_os_loop_timer_destroy(end);
	vtr_os_loop_timer_destroy(NULL);
}

static int signals_seen[NSIG];

static void on_signal(void *data, int signo)
{
	signals_seen[signo]++;
	if (signals_seen[SIGUSR1] + signals_seen[SIGUSR2] == *(int *)data) {
		vtr_os_loop_quit(loop);
	}
}

static void signals(void)
{
	int wanted = 2;

	CHECK_OK(vtr_os_loop_add_signal(loop, SIGUSR1, on_signal, &wanted));
	CHECK_OK(vtr_os_loop_add_signal(loop, SIGUSR2, on_signal, &wanted));
	raise(SIGUSR1);
	raise(SIGUSR2);
	run();
	CHECK_EQ(signals_seen[SIGUSR1], 1);
	CHECK_EQ(signals_seen[SIGUSR2], 1);
	wanted = 3;
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	run();
	CHECK_EQ(signals_seen[SIGUSR2], 2);
}

static void signals_are_given_back(void)
{
	sigset_t mask;

	vtr_os_loop_destroy(loop);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
	CHECK_OK(vtr_os_loop_create(&loop));
}

struct waker {
	atomic_int done;
	int calls;
};

static void woken(void *data)
{
	struct waker *waker = data;

	waker->calls++;
	if (atomic_load(&waker->done) == 1000) {
		vtr_os_loop_quit(loop);
	}
}

static void wake_often(void *data)
{
	struct waker *waker = data;

	for (int i = 0; i < 1000; i++) {
		atomic_fetch_add(&waker->done, 1);
		vtr_os_loop_wakeup(loop);
	}
}

static void wakeups(void)
{
	struct waker waker = { .calls = 0 };
	struct vtr_os_thread thread;

	vtr_os_loop_set_wakeup(loop, woken, &waker);
	CHECK_OK(vtr_os_thread_create(&thread, "waker", wake_often, &waker));
	run();
	vtr_os_thread_join(&thread);
	CHECK(waker.calls >= 1 && waker.calls <= 1000);
	vtr_os_loop_set_wakeup(loop, NULL, NULL);
}

static void quit_in_thread(void *data)
{
	quit(data);
}

static void quits(void)
{
	struct vtr_os_thread thread;

	vtr_os_loop_quit(loop); /* before it runs */
	run();
	CHECK_OK(vtr_os_thread_create(&thread, "quit", quit_in_thread, NULL));
	run();
	vtr_os_thread_join(&thread);
}

struct chain {
	struct vtr_os_loop_task task;
	struct vtr_os_loop_task cancelled;
	struct vtr_os_loop_timer *timers[2];
	int timers_seen;
	int calls;
};

static void defer_twice(void *data)
{
	struct chain *chain = data;

	chain->timers_seen++;
	CHECK_EQ(chain->calls, 0);
	vtr_os_loop_defer(loop, &chain->task);
	vtr_os_loop_defer(loop, &chain->task);
	vtr_os_loop_defer(loop, &chain->cancelled);
	vtr_os_loop_task_cancel(&chain->cancelled);
}

static void count_and_quit(void *data)
{
	struct chain *chain = data;

	chain->calls++;
	vtr_os_loop_quit(loop);
}

static void deferred_tasks_run_once_at_the_end_of_the_turn(void)
{
	struct chain chain = { 0 };

	vtr_os_loop_task_init(&chain.task, count_and_quit, &chain);
	vtr_os_loop_task_init(&chain.cancelled, give_up, NULL);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(vtr_os_loop_add_timer(loop, defer_twice, &chain, &chain.timers[i]));
		vtr_os_loop_timer_set(chain.timers[i], 0); /* both are due in one turn */
	}
	run();
	CHECK_EQ(chain.timers_seen, 2);
	CHECK_EQ(chain.calls, 1);
	vtr_os_loop_defer(loop, &chain.task); /* while it does not run */
	run();
	CHECK_EQ(chain.calls, 2);
	for (int i = 0; i < 2; i++) {
		vtr_os_loop_timer_destroy(chain.timers[i]);
	}
}

static void destroys_what_is_left(void)
{
	struct end end = { 0 };
	struct vtr_os_loop_timer *timer;
	int ends[2];

	CHECK_OK(vtr_os_sock_pair(ends));
	CHECK_OK(vtr_os_loop_add_fd(loop, ends[0], true, false, note, &end, NULL));
	CHECK_OK(vtr_os_loop_add_timer(loop, quit, NULL, &timer));
	vtr_os_loop_timer_set(timer, 0);
	vtr_os_loop_destroy(loop);
	vtr_os_loop_destroy(NULL);
	vtr_close(&ends[0]);
	vtr_close(&ends[1]);
}

int main(void)
{
	int fds = test_count_fds();
	struct vtr_os_loop_timer *watchdog;

	CHECK_OK(vtr_os_loop_create(&loop));
	CHECK_OK(vtr_os_loop_add_timer(loop, give_up, NULL, &watchdog));
	vtr_os_loop_timer_set(watchdog, 10000 * MS);
	RUN(level_triggered);
	RUN(modify_and_hup);
	RUN(half_closed_is_no_end);
	RUN(ends_of_pipes);
	RUN(remove_in_callback);
	RUN(timers);
	RUN(signals);
	RUN(signals_are_given_back);
	RUN(wakeups);
	RUN(quits);
	RUN(deferred_tasks_run_once_at_the_end_of_the_turn);
	RUN(destroys_what_is_left);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
