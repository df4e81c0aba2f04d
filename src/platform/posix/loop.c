/* SPDX-License-Identifier: MIT */
#include "platform/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "platform/pipe.h"
#include "platform/poller.h"
#include "platform/thread.h"

/* Further bytes of a pipe are read at the next turn. */
#define READ_BYTES 64

/* Thread: the loop's, as for all structs in this file unless stated otherwise. */
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
	struct sigaction before;
	bool block; /* the signal was blocked before */
};

struct vtr_os_loop {
	int wake_fds[2];   /* a pipe, written by any thread */
	int signal_fds[2]; /* a pipe, written by the signal handler */
	struct vtr_list watches;
	struct vtr_list removed; /* freed at the end of the turn */
	size_t watch_count;
	bool dispatching;

	struct vtr_os_poller *poller;

	struct vtr_list tasks; /* run at the end of this turn */

	struct vtr_list timers;

	struct signal_handler handlers[NSIG];

	vtr_os_loop_fn wakeup_fn;
	void *wakeup_data;
	atomic_bool quit; /* set by any thread */
};

/* For each signal the end of a loop's pipe, plus 1. The handler reads it, in any thread. */
static atomic_int signal_targets[NSIG];

/* Returns: false with errno for files, folders and devices such as /dev/null, for which poll() never waits. */
static bool is_waitable(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		return false;
	}
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode) ||
	    (S_ISCHR(st.st_mode) && !isatty(fd))) {
		errno = EPERM;
		return false;
	}
	return true;
}

enum vtr_err vtr_os_loop_add_fd(struct vtr_os_loop *loop, int fd, bool in, bool out, vtr_os_loop_fd_fn fn,
                                void *data, struct vtr_os_loop_fd **out_watch)
{
	if (!is_waitable(fd)) {
		return VTR_ERR_OS;
	}
	struct vtr_os_loop_fd *watch = calloc(1, sizeof(*watch));
	if (watch == NULL) {
		return VTR_ERR_NOMEM;
	}
	watch->loop = loop;
	watch->fd = fd;
	watch->in = in;
	watch->out = out;
	watch->fn = fn;
	watch->data = data;
	enum vtr_err err = vtr_os_poller_set(loop->poller, watch);
	if (err != VTR_OK) {
		free(watch);
		return err;
	}
	vtr_list_append(&loop->watches, &watch->node);
	loop->watch_count++;
	if (out_watch != NULL) {
		*out_watch = watch;
	}
	return VTR_OK;
}

enum vtr_err vtr_os_loop_modify_fd(struct vtr_os_loop_fd *watch, bool in, bool out)
{
	watch->in = in;
	watch->out = out;
	return vtr_os_poller_set(watch->loop->poller, watch);
}

void vtr_os_loop_remove(struct vtr_os_loop_fd **slot)
{
	struct vtr_os_loop_fd *watch = *slot;

	if (watch == NULL) {
		return;
	}
	*slot = NULL;
	vtr_os_poller_forget(watch->loop->poller, watch);
	vtr_list_remove(&watch->node);
	watch->loop->watch_count--;
	if (watch->loop->dispatching) {
		/* This turn may still come to it. */
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

/* Returns: the time of the earliest timer; -1: none is set. */
static int64_t find_earliest(const struct vtr_os_loop *loop)
{
	struct vtr_os_loop_timer *timer;
	int64_t earliest = -1;

	vtr_list_for_each (timer, &loop->timers, node) {
		if (timer->at_ns >= 0 && (earliest < 0 || timer->at_ns < earliest)) {
			earliest = timer->at_ns;
		}
	}
	return earliest;
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

static void run_timers(struct vtr_os_loop *loop)
{
	const int64_t now = vtr_os_now_ns();
	struct vtr_os_loop_timer *timer;

	/* Search again after each callback: it may have changed any timer. */
	while ((timer = find_due(loop, now)) != NULL) {
		timer->at_ns = -1;
		timer->fn(timer->data);
	}
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
}

void vtr_os_loop_timer_destroy(struct vtr_os_loop_timer *timer)
{
	if (timer != NULL) {
		vtr_list_remove(&timer->node);
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

/* Runs in any thread that does not block the signal. */
static void note_signal(int signo)
{
	const int saved_errno = errno;
	const int target = atomic_load(&signal_targets[signo]);
	const unsigned char byte = (unsigned char)signo;

	if (target > 0) {
		(void)!write(target - 1, &byte, 1);
	}
	errno = saved_errno;
}

static void on_signal_fd(void *data, unsigned events)
{
	struct vtr_os_loop *loop = data;
	unsigned char signo;

	(void)events;
	if (read(loop->signal_fds[0], &signo, 1) == 1) {
		const struct signal_handler *handler = &loop->handlers[signo];
		handler->fn(handler->data, signo);
	}
}

static enum vtr_err make_signal_pipe(struct vtr_os_loop *loop)
{
	if (loop->signal_fds[0] >= 0) {
		return VTR_OK;
	}
	enum vtr_err err = vtr_os_pipe(false, loop->signal_fds);
	return err != VTR_OK ?
	               err :
	               vtr_os_loop_add_fd(loop, loop->signal_fds[0], true, false, on_signal_fd, loop, NULL);
}

enum vtr_err vtr_os_loop_add_signal(struct vtr_os_loop *loop, int signo, vtr_os_loop_signal_fn fn, void *data)
{
	struct sigaction action = { .sa_handler = note_signal, .sa_flags = SA_RESTART };
	sigset_t one;
	sigset_t before;

	vtr_assert(signo > 0 && signo < NSIG && loop->handlers[signo].fn == NULL);
	vtr_assert(atomic_load(&signal_targets[signo]) == 0);
	enum vtr_err err = make_signal_pipe(loop);
	if (err != VTR_OK) {
		return err;
	}
	struct signal_handler handler = { .fn = fn, .data = data };
	sigfillset(&action.sa_mask);
	atomic_store(&signal_targets[signo], loop->signal_fds[1] + 1);
	if (sigaction(signo, &action, &handler.before) < 0) {
		atomic_store(&signal_targets[signo], 0);
		return VTR_ERR_OS;
	}
	sigemptyset(&one);
	sigaddset(&one, signo);
	pthread_sigmask(SIG_UNBLOCK, &one, &before);
	handler.block = sigismember(&before, signo);
	loop->handlers[signo] = handler;
	return VTR_OK;
}

static void on_wake_fd(void *data, unsigned events)
{
	struct vtr_os_loop *loop = data;
	char bytes[READ_BYTES];

	(void)events;
	if (read(loop->wake_fds[0], bytes, sizeof(bytes)) > 0 && loop->wakeup_fn != NULL) {
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
	/* write() fails only when the pipe is full, and then the loop wakes up anyway. */
	(void)!write(loop->wake_fds[1], "", 1);
}

void vtr_os_loop_quit(struct vtr_os_loop *loop)
{
	atomic_store(&loop->quit, true);
	vtr_os_loop_wakeup(loop);
}

enum vtr_err vtr_os_loop_create(struct vtr_os_loop **out_loop)
{
	struct vtr_os_loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL) {
		return VTR_ERR_NOMEM;
	}
	vtr_list_init(&loop->watches);
	vtr_list_init(&loop->removed);
	vtr_list_init(&loop->tasks);
	vtr_list_init(&loop->timers);
	atomic_init(&loop->quit, false);
	loop->wake_fds[0] = loop->wake_fds[1] = -1;
	loop->signal_fds[0] = loop->signal_fds[1] = -1;
	enum vtr_err err = vtr_os_poller_create(&loop->poller);
	if (err == VTR_OK) {
		err = vtr_os_pipe(false, loop->wake_fds);
	}
	if (err == VTR_OK) {
		err = vtr_os_loop_add_fd(loop, loop->wake_fds[0], true, false, on_wake_fd, loop, NULL);
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
	sigset_t block;

	sigemptyset(&block);
	for (int signo = 1; signo < NSIG; signo++) {
		if (loop->handlers[signo].fn == NULL) {
			continue;
		}
		sigaction(signo, &loop->handlers[signo].before, NULL);
		atomic_store(&signal_targets[signo], 0);
		if (loop->handlers[signo].block) {
			sigaddset(&block, signo);
		}
	}
	pthread_sigmask(SIG_BLOCK, &block, NULL);
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
	give_signals_back(loop);
	for (int i = 0; i < 2; i++) {
		vtr_close(&loop->signal_fds[i]);
		vtr_close(&loop->wake_fds[i]);
	}
	vtr_os_poller_destroy(loop->poller);
	free(loop);
}

static void dispatch(struct vtr_os_loop *loop, struct vtr_os_loop_fd **ready, size_t count)
{
	loop->dispatching = true;
	for (size_t i = 0; i < count && !atomic_load(&loop->quit); i++) {
		if (!ready[i]->removed) {
			ready[i]->fn(ready[i]->data, ready[i]->ready);
		}
	}
	if (!atomic_load(&loop->quit)) {
		run_timers(loop);
	}
	run_tasks(loop);
	loop->dispatching = false;
	free_removed(loop);
}

/* Waits for the next event or timer. */
static enum vtr_err wait_for_events(struct vtr_os_loop *loop, struct vtr_os_loop_fd ***out_ready,
                                    size_t *out_count)
{
	const int64_t earliest = find_earliest(loop);
	int64_t timeout_ns = -1;

	if (earliest >= 0) {
		timeout_ns = earliest - vtr_os_now_ns();
		timeout_ns = timeout_ns < 0 ? 0 : timeout_ns;
	}
	return vtr_os_poller_wait(loop->poller, &loop->watches, loop->watch_count, timeout_ns, out_ready,
	                          out_count);
}

enum vtr_err vtr_os_loop_run(struct vtr_os_loop *loop)
{
	struct vtr_os_loop_fd **ready = NULL;
	size_t count = 0;
	enum vtr_err err = VTR_OK;

	dispatch(loop, NULL, 0); /* tasks deferred before the loop ran */
	while (err == VTR_OK && !atomic_exchange(&loop->quit, false)) {
		err = wait_for_events(loop, &ready, &count);
		if (err == VTR_OK) {
			dispatch(loop, ready, count);
		}
	}
	return err;
}
