/* SPDX-License-Identifier: MIT */
#include "platform/poller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define NS_PER_S INT64_C(1000000000)
/* More are taken at the next turn. */
#define MAX_EVENTS 64

/* Thread: the loop's. */
struct vtr_os_poller {
	int queue;
	struct kevent events[MAX_EVENTS];
	struct vtr_os_loop_fd *ready[MAX_EVENTS];
};

enum vtr_err vtr_os_poller_create(struct vtr_os_poller **out_poller)
{
	struct vtr_os_poller *poller = calloc(1, sizeof(*poller));

	if (!poller) {
		return VTR_ERR_NOMEM;
	}
	poller->queue = kqueue();
	if (poller->queue < 0 || fcntl(poller->queue, F_SETFD, FD_CLOEXEC) < 0) {
		vtr_os_poller_destroy(poller);
		return VTR_ERR_OS;
	}
	*out_poller = poller;
	return VTR_OK;
}

void vtr_os_poller_destroy(struct vtr_os_poller *poller)
{
	if (poller) {
		vtr_close(&poller->queue);
		free(poller);
	}
}

/* Changes one filter. What is to be deleted need not be there. */
static enum vtr_err change(const struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch, int16_t filter,
                           uint16_t flags)
{
	struct kevent event;
	int result;

	EV_SET(&event, watch->fd, filter, flags, 0, 0, watch);
	do {
		result = kevent(poller->queue, &event, 1, NULL, 0, NULL);
	} while (result < 0 && errno == EINTR);
	return result == 0 || ((flags & EV_DELETE) != 0 && errno == ENOENT) ? VTR_OK : VTR_ERR_OS;
}

/* Returns: whether the end of a pipe can only be written, so that its other side's end is an event of that filter. */
static bool is_write_end(int fd)
{
	return (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
}

/* The filter that tells of the other side's end is there also if the watch wants neither: it then reports changes
 * only (EV_CLEAR), because data that nobody takes would be reported at each wait. */
enum vtr_err vtr_os_poller_set(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch)
{
	const bool write_end = is_write_end(watch->fd);
	const uint16_t in = watch->in ? EV_ADD : write_end ? EV_DELETE : EV_ADD | EV_CLEAR;
	const uint16_t out = watch->out ? EV_ADD : write_end ? EV_ADD | EV_CLEAR : EV_DELETE;
	/* A filter keeps its EV_CLEAR until it is deleted. */
	enum vtr_err err = change(poller, watch, EVFILT_READ, EV_DELETE);

	if (err == VTR_OK) {
		err = change(poller, watch, EVFILT_WRITE, EV_DELETE);
	}
	if (err == VTR_OK && in != EV_DELETE) {
		err = change(poller, watch, EVFILT_READ, in);
	}
	if (err == VTR_OK && out != EV_DELETE) {
		err = change(poller, watch, EVFILT_WRITE, out);
	}
	return err;
}

void vtr_os_poller_forget(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch)
{
	const int saved_errno = errno;

	(void)change(poller, watch, EVFILT_READ, EV_DELETE);
	(void)change(poller, watch, EVFILT_WRITE, EV_DELETE);
	errno = saved_errno;
}

/* Returns: whether the other side of a socket has closed, and has not only said its last word. Its EVFILT_READ does not
 * tell these apart. */
static bool is_closed(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };

	return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR)) != 0;
}

static unsigned loop_events(const struct vtr_os_loop_fd *watch, const struct kevent *event)
{
	const bool end = (event->flags & (EV_EOF | EV_ERROR)) != 0;
	struct stat st;

	if (event->filter == EVFILT_WRITE) {
		return (watch->out ? (unsigned)VTR_OS_LOOP_OUT : 0) | (end ? (unsigned)VTR_OS_LOOP_HUP : 0);
	}
	const bool is_socket = end && fstat(watch->fd, &st) == 0 && S_ISSOCK(st.st_mode);
	const bool hung_up = end && (!is_socket || is_closed(watch->fd));
	return (watch->in ? (unsigned)VTR_OS_LOOP_IN : 0) | (hung_up ? (unsigned)VTR_OS_LOOP_HUP : 0);
}

enum vtr_err vtr_os_poller_wait(struct vtr_os_poller *poller, const struct vtr_list *watches,
                                size_t watch_count, int64_t timeout_ns, struct vtr_os_loop_fd ***out_ready,
                                size_t *out_count)
{
	const struct timespec timeout = { .tv_sec = timeout_ns / NS_PER_S, .tv_nsec = timeout_ns % NS_PER_S };
	size_t ready = 0;

	(void)watches;
	(void)watch_count;
	const int count =
		kevent(poller->queue, NULL, 0, poller->events, MAX_EVENTS, timeout_ns < 0 ? NULL : &timeout);
	if (count < 0 && errno != EINTR) {
		return VTR_ERR_OS;
	}
	for (int i = 0; i < count; i++) {
		((struct vtr_os_loop_fd *)poller->events[i].udata)->ready = 0;
	}
	/* One call for both filters of an fd, as the loop's contract has it. */
	for (int i = 0; i < count; i++) {
		struct vtr_os_loop_fd *watch = poller->events[i].udata;
		const unsigned before = watch->ready;

		watch->ready |= loop_events(watch, &poller->events[i]);
		if (before == 0 && watch->ready != 0) {
			poller->ready[ready++] = watch;
		}
	}
	*out_ready = poller->ready;
	*out_count = ready;
	return VTR_OK;
}
