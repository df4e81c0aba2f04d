/* SPDX-License-Identifier: MIT */
#include "platform/poller.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

#define NS_PER_S INT64_C(1000000000)

/* Thread: the loop's. */
struct vtr_os_poller {
	/* What the last poll() looked at: `polled[i]` belongs to `asked[i]`, which afterwards begins with those that
	 * have events. */
	struct pollfd *polled;
	struct vtr_os_loop_fd **asked;
	size_t room;
};

enum vtr_err vtr_os_poller_create(struct vtr_os_poller **out_poller)
{
	struct vtr_os_poller *poller = calloc(1, sizeof(*poller));

	if (!poller) {
		return VTR_ERR_NOMEM;
	}
	*out_poller = poller;
	return VTR_OK;
}

void vtr_os_poller_destroy(struct vtr_os_poller *poller)
{
	if (poller) {
		free(poller->polled);
		free(poller->asked);
		free(poller);
	}
}

/* Each wait looks at all watches anew. */
enum vtr_err vtr_os_poller_set(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch)
{
	(void)poller;
	(void)watch;
	return VTR_OK;
}

void vtr_os_poller_forget(struct vtr_os_poller *poller, struct vtr_os_loop_fd *watch)
{
	(void)poller;
	(void)watch;
}

static short poll_events(const struct vtr_os_loop_fd *watch)
{
	return (short)((watch->in ? POLLIN : 0) | (watch->out ? POLLOUT : 0));
}

static unsigned loop_events(short events)
{
	return ((events & POLLIN) != 0 ? (unsigned)VTR_OS_LOOP_IN : 0) |
	       ((events & POLLOUT) != 0 ? (unsigned)VTR_OS_LOOP_OUT : 0) |
	       ((events & (POLLHUP | POLLERR)) != 0 ? (unsigned)VTR_OS_LOOP_HUP : 0);
}

static enum vtr_err make_room(struct vtr_os_poller *poller, size_t count)
{
	if (count <= poller->room) {
		return VTR_OK;
	}
	const size_t room = count * 2;
	struct pollfd *polled = realloc(poller->polled, room * sizeof(*polled));
	if (polled) {
		poller->polled = polled;
	}
	struct vtr_os_loop_fd **asked = realloc(poller->asked, room * sizeof(struct vtr_os_loop_fd *));
	if (asked) {
		poller->asked = asked;
	}
	if (!polled || !asked) {
		return VTR_ERR_NOMEM;
	}
	poller->room = room;
	return VTR_OK;
}

enum vtr_err vtr_os_poller_wait(struct vtr_os_poller *poller, const struct vtr_list *watches,
                                size_t watch_count, int64_t timeout_ns, struct vtr_os_loop_fd ***out_ready,
                                size_t *out_count)
{
	const struct timespec timeout = { .tv_sec = timeout_ns / NS_PER_S, .tv_nsec = timeout_ns % NS_PER_S };
	struct vtr_os_loop_fd *watch;
	size_t place = watch_count;
	size_t ready = 0;
	enum vtr_err err = make_room(poller, watch_count);

	if (err != VTR_OK) {
		return err;
	}
	/* poll() does not tell what came first. The newest watch comes first here, so that connections that have closed
	 * make room before the older listening socket takes new ones. */
	vtr_list_for_each (watch, watches, node) {
		place--;
		poller->asked[place] = watch;
		poller->polled[place] = (struct pollfd){ .fd = watch->fd, .events = poll_events(watch) };
	}
	vtr_assert(place == 0);
	/* Not poll(), whose timeouts are whole milliseconds. It is part of POSIX since 2024. */
	const int result = ppoll(poller->polled, (nfds_t)watch_count, timeout_ns < 0 ? NULL : &timeout, NULL);
	if (result < 0 && errno != EINTR) {
		return VTR_ERR_OS;
	}
	for (size_t i = 0; result > 0 && i < watch_count; i++) {
		vtr_assert((poller->polled[i].revents & POLLNVAL) == 0);
		if (poller->polled[i].revents != 0) {
			poller->asked[i]->ready = loop_events(poller->polled[i].revents);
			poller->asked[ready++] = poller->asked[i];
		}
	}
	*out_ready = poller->asked;
	*out_count = ready;
	return VTR_OK;
}
