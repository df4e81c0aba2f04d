/* SPDX-License-Identifier: MIT */
#include "worker/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/hang_up.h"
#include "venus/venus.h"

static void on_late_in_order(int signo)
{
	(void)signo;
	_exit(0);
}

static void on_late(int signo)
{
	(void)signo;
	_exit(1);
}

/* Starts the time limit. Called once, with the lock held. */
static void leave(bool in_order)
{
	struct sigaction action = { .sa_handler = in_order ? on_late_in_order : on_late };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGALRM, &action, NULL) == 0) {
		alarm(VTR_WORKER_LEAVE_SECONDS);
	}
}

/* Ends serving, with the lock held. */
static void end_serving(struct vtr_worker_watch *watch, bool in_order)
{
	if (watch->venus) {
		vtr_venus_kill(watch->venus);
	}
	if (watch->client_fd >= 0) {
		vtr_vtest_hang_up(watch->client_fd);
	}
	leave(in_order);
}

/* Returns: whether the context hangs in the driver. Serving ends then. */
static bool check(struct vtr_worker_watch *watch)
{
	bool hangs;

	pthread_mutex_lock(&watch->lock);
	hangs = watch->serving && watch->venus && vtr_venus_check(watch->venus);
	if (hangs) {
		end_serving(watch, false);
	}
	pthread_mutex_unlock(&watch->lock);
	return hangs;
}

static void watch_control(void *data)
{
	struct vtr_worker_watch *watch = data;
	struct pollfd pollfd = { .fd = watch->control_fd, .events = 0 }; /* POLLHUP needs no request */

	for (;;) {
		const int count = poll(&pollfd, 1, watch->check_ms);

		if (count > 0 || (count < 0 && errno != EINTR)) {
			break;
		}
		if (count == 0 && check(watch)) {
			return;
		}
	}
	pthread_mutex_lock(&watch->lock);
	if (watch->serving) {
		watch->orphaned = true;
		end_serving(watch, true);
	}
	pthread_mutex_unlock(&watch->lock);
}

enum vtr_err vtr_worker_watch_start(struct vtr_worker_watch *watch, int control_fd, int client_fd,
                                    int check_ms)
{
	*watch = (struct vtr_worker_watch){
		.control_fd = control_fd,
		.client_fd = client_fd,
		.check_ms = check_ms,
		.serving = true,
	};
	pthread_mutex_init(&watch->lock, NULL);
	enum vtr_err err = vtr_os_thread_create(&watch->thread, "control-watch", watch_control, watch);
	if (err != VTR_OK) {
		pthread_mutex_destroy(&watch->lock);
	}
	return err;
}

void vtr_worker_watch_context(struct vtr_worker_watch *watch, struct vtr_venus *venus)
{
	pthread_mutex_lock(&watch->lock);
	watch->venus = venus;
	if (watch->orphaned) {
		vtr_venus_kill(venus);
	}
	pthread_mutex_unlock(&watch->lock);
}

bool vtr_worker_watch_end(struct vtr_worker_watch *watch, bool in_order)
{
	pthread_mutex_lock(&watch->lock);
	watch->serving = false;
	watch->venus = NULL;
	bool orphaned = watch->orphaned;
	if (!orphaned) {
		leave(in_order);
	}
	pthread_mutex_unlock(&watch->lock);
	return orphaned;
}

void vtr_worker_watch_finish(struct vtr_worker_watch *watch)
{
	pthread_mutex_lock(&watch->lock);
	watch->serving = false;
	pthread_mutex_unlock(&watch->lock);
	(void)shutdown(watch->control_fd, SHUT_RDWR);
	vtr_os_thread_join(&watch->thread);
	pthread_mutex_destroy(&watch->lock);
}
