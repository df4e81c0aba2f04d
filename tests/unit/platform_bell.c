/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/bell.h"
#include "test.h"

static bool rings(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLIN) != 0;
}

static void rings_until_it_is_stopped(void)
{
	int ring_fd, hear_fd;

	CHECK_OK(vtr_os_bell_create(&ring_fd, &hear_fd));
	CHECK((fcntl(ring_fd, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(hear_fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(!rings(hear_fd));
	vtr_os_bell_stop(hear_fd); /* does not wait */
	vtr_os_bell_ring(ring_fd);
	vtr_os_bell_ring(ring_fd);
	CHECK(rings(hear_fd));
	vtr_os_bell_stop(hear_fd);
	CHECK(!rings(hear_fd));
	vtr_close(&ring_fd);
	vtr_close(&hear_fd);
}

static void ringing_never_blocks(void)
{
	int ring_fd, hear_fd;

	CHECK_OK(vtr_os_bell_create(&ring_fd, &hear_fd));
	/* The receiving process cannot change that: the flags of its end are independent of the other end's. */
	CHECK_EQ(fcntl(hear_fd, F_SETFL, 0), 0);
	for (int i = 0; i < 100000; i++) {
		vtr_os_bell_ring(ring_fd);
	}
	CHECK(rings(hear_fd));
	CHECK_EQ(fcntl(hear_fd, F_SETFL, O_NONBLOCK), 0);
	while (rings(hear_fd)) {
		vtr_os_bell_stop(hear_fd);
	}
	vtr_os_bell_ring(ring_fd);
	CHECK(rings(hear_fd));
	vtr_close(&hear_fd);
	vtr_os_bell_ring(ring_fd); /* would end us by SIGPIPE */
	vtr_close(&ring_fd);
}

int main(void)
{
	RUN(rings_until_it_is_stopped);
	RUN(ringing_never_blocks);
	return 0;
}
