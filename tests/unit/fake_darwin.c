/* SPDX-License-Identifier: MIT */
/*
 * The calls of macOS that some files of src/platform/macos make, as their manual pages describe them, on Linux. So the
 * tests of the platform run with those files. kqueue: filters that stay until they are deleted, EV_EOF at the end of
 * the other side, EV_CLEAR for changes only.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test.h"

#define MAX_QUEUES 1024
#define MAX_FILTERS 512
#define CLOCK_MACH_ABSOLUTE 32

struct filter {
	struct kevent event; /* as it was added */
	short reported;      /* with EV_CLEAR: what poll() said at the last report */
	int bytes;           /* and how much there was to read */
};

struct queue {
	struct filter filters[MAX_FILTERS];
	int count;
};

static struct queue *queues[MAX_QUEUES]; /* by fd; those of closed ones are reused */

_Atomic unsigned fake_darwin_parked;

int kqueue(void)
{
	const int fd = epoll_create1(0); /* only for its number */

	CHECK(fd >= 0 && fd < MAX_QUEUES);
	if (!queues[fd]) {
		queues[fd] = calloc(1, sizeof(*queues[fd]));
	}
	queues[fd]->count = 0;
	return fd;
}

static struct filter *find(struct queue *queue, const struct kevent *event)
{
	for (int i = 0; i < queue->count; i++) {
		if (queue->filters[i].event.ident == event->ident &&
		    queue->filters[i].event.filter == event->filter) {
			return &queue->filters[i];
		}
	}
	return NULL;
}

static int apply(struct queue *queue, const struct kevent *change)
{
	struct filter *filter = find(queue, change);

	if ((change->flags & EV_DELETE) != 0) {
		if (!filter) {
			errno = ENOENT;
			return -1;
		}
		*filter = queue->filters[--queue->count];
		return 0;
	}
	CHECK((change->flags & EV_ADD) != 0 && change->udata);
	if (fcntl((int)change->ident, F_GETFD) < 0) {
		return -1;
	}
	if (!filter) {
		CHECK(queue->count < MAX_FILTERS);
		filter = &queue->filters[queue->count++];
		*filter = (struct filter){ .event = *change };
	}
	filter->event.udata = change->udata; /* the flags stay those with which it was added */
	filter->reported = 0;
	filter->bytes = 0;
	return 0;
}

static bool take(struct filter *filter, short revents, struct kevent *out_event)
{
	const bool reads = filter->event.filter == EVFILT_READ;
	const short end = reads ? POLLRDHUP | POLLHUP | POLLERR : POLLHUP | POLLERR;
	const short wanted = (short)((reads ? POLLIN : POLLOUT) | end);
	int bytes = 0;

	revents &= wanted;
	if ((filter->event.flags & EV_CLEAR) != 0) {
		(void)ioctl((int)filter->event.ident, FIONREAD, &bytes);
		const bool same = revents == filter->reported && bytes == filter->bytes;
		filter->reported = revents;
		filter->bytes = bytes;
		if (same) {
			return false;
		}
	}
	if (revents == 0) {
		return false;
	}
	*out_event = filter->event;
	out_event->flags = (uint16_t)((filter->event.flags & EV_CLEAR) | ((revents & end) != 0 ? EV_EOF : 0));
	return true;
}

static int collect(struct queue *queue, struct kevent *events, int event_count, int timeout_ms)
{
	struct pollfd polled[MAX_FILTERS];
	int found = 0;

	for (int i = 0; i < queue->count; i++) {
		const struct kevent *event = &queue->filters[i].event;
		polled[i] = (struct pollfd){ .fd = (int)event->ident,
			                     .events = event->filter == EVFILT_READ ? POLLIN | POLLRDHUP :
			                                                              POLLOUT };
	}
	if (poll(polled, (nfds_t)queue->count, timeout_ms) < 0) {
		return -1;
	}
	for (int i = 0; i < queue->count && found < event_count; i++) {
		found += take(&queue->filters[i], polled[i].revents, &events[found]);
	}
	return found;
}

static int64_t now_ns(void)
{
	return (int64_t)clock_gettime_nsec_np(CLOCK_MONOTONIC);
}

int kevent(int queue_fd, const struct kevent *changes, int change_count, struct kevent *events,
           int event_count, const struct timespec *timeout)
{
	struct queue *queue = queues[queue_fd];
	const int64_t start = now_ns();
	const int64_t limit = timeout ? (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec : INT64_MAX;

	for (int i = 0; i < change_count; i++) {
		if (apply(queue, &changes[i]) < 0) {
			return -1;
		}
	}
	/* A filter that has nothing new may keep poll() from sleeping, so this looks again every millisecond. */
	for (;;) {
		const int found = event_count > 0 ? collect(queue, events, event_count, 0) : 0;
		if (found != 0 || event_count == 0 || now_ns() - start >= limit) {
			return found;
		}
		if (usleep(1000) < 0) {
			return -1;
		}
	}
}

uint64_t clock_gettime_nsec_np(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int pthread_cond_timedwait_relative_np(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                       const struct timespec *after)
{
	const int64_t at = now_ns() + (int64_t)after->tv_sec * 1000000000 + after->tv_nsec;
	const struct timespec until = { .tv_sec = at / 1000000000, .tv_nsec = at % 1000000000 };

	return pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC, &until);
}

static int park(void *address, uint64_t value, size_t size, const struct timespec *after)
{
	CHECK_EQ(size, sizeof(uint32_t));
	atomic_fetch_add(&fake_darwin_parked, 1);
	const long result = syscall(SYS_futex, address, FUTEX_WAIT_PRIVATE, (uint32_t)value, after, NULL, 0);
	return result < 0 && errno != EAGAIN ? -1 : 0;
}

int os_sync_wait_on_address(void *address, uint64_t value, size_t size, uint32_t flags)
{
	CHECK_EQ(flags, 0);
	return park(address, value, size, NULL);
}

int os_sync_wait_on_address_with_timeout(void *address, uint64_t value, size_t size, uint32_t flags,
                                         uint32_t clock, uint64_t timeout_ns)
{
	const struct timespec after = { .tv_sec = (time_t)(timeout_ns / 1000000000),
		                        .tv_nsec = (long)(timeout_ns % 1000000000) };

	CHECK_EQ(flags, 0);
	CHECK_EQ(clock, CLOCK_MACH_ABSOLUTE);
	if (timeout_ns == 0) {
		errno = EINVAL;
		return -1;
	}
	return park(address, value, size, &after);
}

int os_sync_wake_by_address_all(void *address, size_t size, uint32_t flags)
{
	CHECK_EQ(flags, 0);
	CHECK_EQ(size, sizeof(uint32_t));
	const long woken = syscall(SYS_futex, address, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	if (woken <= 0) {
		errno = ENOENT;
		return -1;
	}
	return 0;
}
