/* SPDX-License-Identifier: MIT */
#include "platform/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/thread.h"

#define MAX_EVENTS 64
#define NS_PER_S INT64_C(1000000000)

/* Thread: the loop's, as for all structs in this file unless stated otherwise. */
struct vtr_os_loop_fd {
	struct vtr_list node; /* in loop->watches or, once removed in a callback, in loop->removed */
	struct vtr_os_loop *loop;
	int fd;
	bool removed;
	vtr_os_loop_fd_fn fn;
	void *data;
};

struct vtr_os_loop_timer {
	struct vtr_list node;
	struct vtr_os_loop *loop;
	int64_t at_ns; /* -1: not set */
	vtr_os_loop_fn fn;
	void *data;
};

struct signal_handler {
	vtr_os_loop_signal_fn fn; /* NULL: not added here */
	void *data;
	bool unblock; /* the signal was not blocked before */
};

struct vtr_os_loop {
	int epoll_fd;
	int wake_fd;   /* an eventfd */
	int timer_fd;  /* set to the time of the earliest timer */
	int signal_fd; /* -1 until a signal is added */
	struct vtr_list watches;
	struct vtr_list removed; /* freed once no fetched event can point at them */
	bool dispatching;

	struct vtr_list tasks; /* run at the end of this turn */

	struct vtr_list timers;
	int64_t armed_ns; /* what timer_fd is set to; -1: not set */

	sigset_t signals;
	struct signal_handler handlers[NSIG];

	vtr_os_loop_fn wakeup_fn;
	void *wakeup_data;
	atomic_bool quit; /* set by any thread */
};

static uint32_t epoll_events(bool in, bool out)
{
	return (in ? (uint32_t)EPOLLIN : 0) | (out ? (uint32_t)EPOLLOUT : 0);
}

static unsigned loop_events(uint32_t events)
{
	return ((events & EPOLLIN) != 0 ? (unsigned)VTR_OS_LOOP_IN : 0) |
	       ((events & EPOLLOUT) != 0 ? (unsigned)VTR_OS_LOOP_OUT : 0) |
	       ((events & (EPOLLHUP | EPOLLERR)) != 0 ? (unsigned)VTR_OS_LOOP_HUP : 0);
}

enum vtr_err vtr_os_loop_add_fd(struct vtr_os_loop *loop, int fd, bool in, bool out, vtr_os_loop_fd_fn fn,
                                void *data, struct vtr_os_loop_fd **out_watch)
{
	struct vtr_os_loop_fd *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return VTR_ERR_NOMEM;
	}
	watch->loop = loop;
	watch->fd = fd;
	watch->fn = fn;
	watch->data = data;
	struct epoll_event event = { .events = epoll_events(in, out), .data.ptr = watch };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		free(watch);
		return VTR_ERR_OS;
	}
	vtr_list_append(&loop->watches, &watch->node);
	if (out_watch != NULL) {
		*out_watch = watch;
	}
	return VTR_OK;
}

enum vtr_err vtr_os_loop_modify_fd(struct vtr_os_loop_fd *watch, bool in, bool out)
{
	struct epoll_event event = { .events = epoll_events(in, out), .data.ptr = watch };

	if (epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0) {
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

void vtr_os_loop_remove(struct vtr_os_loop_fd **slot)
{
	struct vtr_os_loop_fd *watch = *slot;

	if (watch == NULL) {
		return;
	}
	*slot = NULL;
	int saved_errno = errno;
	epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	errno = saved_errno;
	vtr_list_remove(&watch->node);
	if (watch->loop->dispatching) {
		/* An event that was already fetched may still point here. */
		watch->removed = true;
		vtr_list_append(&watch->loop->removed, &watch->node);
	} else {
		free(watch);
	}
}

static void free_removed(struct vtr_os_loop *loop)
{
	struct vtr_os_loop_fd *watch;
	struct vtr_os_loop_fd *next;

	vtr_list_for_each_safe (watch, next, &loop->removed, node) {
		vtr_list_remove(&watch->node);
		free(watch);
	}
}

/* Sets the timerfd to the earliest timer. */
static void arm(struct vtr_os_loop *loop)
{
	struct vtr_os_loop_timer *timer;
	int64_t earliest = -1;

	vtr_list_for_each (timer, &loop->timers, node) {
		if (timer->at_ns >= 0 && (earliest < 0 || timer->at_ns < earliest)) {
			earliest = timer->at_ns;
		}
	}
	if (earliest == loop->armed_ns) {
		return;
	}
	struct itimerspec spec = { .it_value = { 0, 0 } }; /* zero stops the timer */
	if (earliest >= 0) {
		spec.it_value.tv_sec = earliest / NS_PER_S;
		spec.it_value.tv_nsec = earliest % NS_PER_S;
	}
	int result = timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
	vtr_assert(result == 0);
	loop->armed_ns = earliest;
}

/* Returns: the earliest timer that is due, or NULL. */
static struct vtr_os_loop_timer *find_due(struct vtr_os_loop *loop, int64_t now)
{
	struct vtr_os_loop_timer *earliest = NULL;
	struct vtr_os_loop_timer *timer;

	vtr_list_for_each (timer, &loop->timers, node) {
		if (timer->at_ns >= 0 && timer->at_ns <= now &&
		    (!earliest || timer->at_ns < earliest->at_ns)) {
			earliest = timer;
		}
	}
	return earliest;
}

static void on_timer_fd(void *data, unsigned events)
{
	struct vtr_os_loop *loop = data;
	int64_t now = vtr_os_now_ns();
	struct vtr_os_loop_timer *timer;
	uint64_t count;

	(void)events;
	if (read(loop->timer_fd, &count, sizeof(count)) > 0) {
		loop->armed_ns = -1; /* it fired, so it is not set any more */
	}
	/* Search again after each callback: it may have changed any timer. */
	while ((timer = find_due(loop, now)) != NULL) {
		timer->at_ns = -1;
		timer->fn(timer->data);
	}
	arm(loop);
}

enum vtr_err vtr_os_loop_add_timer(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data,
                                   struct vtr_os_loop_timer **out_timer)
{
	struct vtr_os_loop_timer *timer = calloc(1, sizeof(*timer));

	if (timer == NULL) {
		return VTR_ERR_NOMEM;
	}
	timer->loop = loop;
	timer->at_ns = -1;
	timer->fn = fn;
	timer->data = data;
	vtr_list_append(&loop->timers, &timer->node);
	*out_timer = timer;
	return VTR_OK;
}

void vtr_os_loop_timer_set(struct vtr_os_loop_timer *timer, int64_t after_ns)
{
	if (after_ns < 0) {
		timer->at_ns = -1;
	} else if (__builtin_add_overflow(vtr_os_now_ns(), after_ns, &timer->at_ns)) {
		timer->at_ns = INT64_MAX;
	}
	arm(timer->loop);
}

void vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer)
{
	if (timer != NULL) {
		vtr_list_remove(&timer->node);
		arm(timer->loop);
		free(timer);
	}
}

void vtr_os_loop_task_init(struct vtr_os_loop_task *task, vtr_os_loop_fn fn, void *data)
{
	vtr_list_init(&task->node);
	task->fn = fn;
	task->data = data;
}

void vtr_os_loop_defer(struct vtr_os_loop *loop, struct vtr_os_loop_task *task)
{
	if (vtr_list_empty(&task->node)) {
		vtr_list_append(&loop->tasks, &task->node);
	}
}

void vtr_os_loop_task_cancel(struct vtr_os_loop_task *task)
{
	vtr_list_remove(&task->node);
}

static void run_tasks(struct vtr_os_loop *loop)
{
	while (!vtr_list_empty(&loop->tasks)) {
		struct vtr_os_loop_task *task =
			vtr_container_of(loop->tasks.next, struct vtr_os_loop_task, node);

		vtr_list_remove(&task->node);
		task->fn(task->data);
	}
}

static void on_signal_fd(void *data, unsigned events)
{
	struct vtr_os_loop *loop = data;
	struct signalfd_siginfo info;

	(void)events;
	if (read(loop->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		const struct signal_handler *handler = &loop->handlers[info.ssi_signo];
		handler->fn(handler->data, (int)info.ssi_signo);
	}
}

enum vtr_err vtr_os_loop_add_signal(struct vtr_os_loop *loop, int signo, vtr_os_loop_signal_fn fn, void *data)
{
	sigset_t signals = loop->signals;
	sigset_t before;

	vtr_assert(signo > 0 && signo < NSIG && loop->handlers[signo].fn == NULL);
	sigaddset(&signals, signo);
	pthread_sigmask(SIG_BLOCK, &signals, &before);
	int fd = signalfd(loop->signal_fd, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	bool is_new = loop->signal_fd < 0;
	enum vtr_err err = fd < 0 ? VTR_ERR_OS : VTR_OK;
	if (err == VTR_OK && is_new) {
		err = vtr_os_loop_add_fd(loop, fd, true, false, on_signal_fd, loop, NULL);
	}
	if (err != VTR_OK) {
		if (is_new) {
			vtr_close(&fd);
		}
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		return err;
	}
	loop->signal_fd = fd;
	loop->signals = signals;
	loop->handlers[signo] = (struct signal_handler){
		.fn = fn,
		.data = data,
		.unblock = !sigismember(&before, signo),
	};
	return VTR_OK;
}

static void on_wake_fd(void *data, unsigned events)
{
	struct vtr_os_loop *loop = data;
	uint64_t count;

	(void)events;
	if (read(loop->wake_fd, &count, sizeof(count)) > 0 && loop->wakeup_fn != NULL) {
		loop->wakeup_fn(loop->wakeup_data);
	}
}

void vtr_os_loop_set_wakeup(struct vtr_os_loop *loop, vtr_os_loop_fn fn, void *data)
{
	loop->wakeup_fn = fn;
	loop->wakeup_data = data;
}

void vtr_os_loop_wakeup(struct vtr_os_loop *loop)
{
	const uint64_t one = 1;
	/* write() fails only when the counter is full, and then the loop wakes up anyway. */
	ssize_t written = write(loop->wake_fd, &one, sizeof(one));

	(void)written;
}

void vtr_os_loop_quit(struct vtr_os_loop *loop)
{
	atomic_store(&loop->quit, true);
	vtr_os_loop_wakeup(loop);
}

enum vtr_err vtr_os_loop_create(struct vtr_os_loop **out_loop)
{
	struct vtr_os_loop *loop = calloc(1, sizeof(*loop));
	enum vtr_err err = VTR_ERR_OS;

	if (loop == NULL) {
		return VTR_ERR_NOMEM;
	}
	vtr_list_init(&loop->watches);
	vtr_list_init(&loop->removed);
	vtr_list_init(&loop->tasks);
	vtr_list_init(&loop->timers);
	sigemptyset(&loop->signals);
	atomic_init(&loop->quit, false);
	loop->armed_ns = -1;
	loop->signal_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->epoll_fd >= 0 && loop->wake_fd >= 0 && loop->timer_fd >= 0) {
		err = vtr_os_loop_add_fd(loop, loop->wake_fd, true, false, on_wake_fd, loop, NULL);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(loop, loop->timer_fd, true, false, on_timer_fd, loop, NULL);
	}
	if (err != VTR_OK) {
		vtr_os_loop_destroy(loop);
		return err;
	}
	*out_loop = loop;
	return VTR_OK;
}

static void give_signals_back(const struct vtr_os_loop *loop)
{
	sigset_t unblock;

	sigemptyset(&unblock);
	for (int signo = 1; signo < NSIG; signo++) {
		if (loop->handlers[signo].unblock) {
			sigaddset(&unblock, signo);
		}
	}
	pthread_sigmask(SIG_UNBLOCK, &unblock, NULL);
}

void vtr_os_loop_destroy(struct vtr_os_loop *loop)
{
	struct vtr_os_loop_fd *watch;
	struct vtr_os_loop_fd *next_watch;
	struct vtr_os_loop_timer *timer;
	struct vtr_os_loop_timer *next_timer;

	if (loop == NULL) {
		return;
	}
	vtr_assert(!loop->dispatching);
	vtr_list_for_each_safe (watch, next_watch, &loop->watches, node) {
		free(watch);
	}
	vtr_list_for_each_safe (timer, next_timer, &loop->timers, node) {
		free(timer);
	}
	vtr_close(&loop->signal_fd);
	vtr_close(&loop->timer_fd);
	vtr_close(&loop->wake_fd);
	vtr_close(&loop->epoll_fd);
	give_signals_back(loop);
	free(loop);
}

static void dispatch(struct vtr_os_loop *loop, const struct epoll_event *events, int count)
{
	loop->dispatching = true;
	for (int i = 0; i < count && !atomic_load(&loop->quit); i++) {
		struct vtr_os_loop_fd *watch = events[i].data.ptr;
		if (!watch->removed) {
			watch->fn(watch->data, loop_events(events[i].events));
		}
	}
	run_tasks(loop);
	loop->dispatching = false;
	free_removed(loop);
}

enum vtr_err vtr_os_loop_run(struct vtr_os_loop *loop)
{
	struct epoll_event events[MAX_EVENTS];

	dispatch(loop, NULL, 0); /* tasks deferred before the loop ran */
	while (!atomic_exchange(&loop->quit, false)) {
		int count = epoll_wait(loop->epoll_fd, events, MAX_EVENTS, -1);
		if (count < 0 && errno != EINTR) {
			return VTR_ERR_OS;
		}
		dispatch(loop, events, count);
	}
	return VTR_OK;
}
