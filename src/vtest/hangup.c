/* SPDX-License-Identifier: MIT */
#include "vtest/vtest.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * Mesa's client (vn_renderer_vtest.c, 25.0 to 26.x) takes read() == 0 for progress and reads again,
 * for ever, so a socket that is just closed leaves it spinning at 100 %. What it does die of:
 *   - write() failing: EPIPE, that is SIGPIPE, or abort()
 *   - read() failing: ECONNRESET, which Linux gives once if the other end was closed with input
 *     unread; then abort()
 *   - a missing fd: abort()
 *   - the FATAL bit of a ring, which is the supervisor's business
 *
 * So by what the client is doing right now:
 *   - a request lies unread here: the last close of the socket is a reset for whoever reads
 *   - it waits for the reply to a request that was read: nothing is unread, a close would make it
 *     spin. It gets zeros instead: every reply is a failed one if it is all zeros (no capset, no
 *     version, value 0), and the dummy byte of an fd reply comes without fd, which aborts. Its
 *     next request is a failing write, because our receiving side is shut down.
 *   - it writes, or is about to: that fails at once
 *   - it does neither: it stays until it does, or until it looks at a ring
 */
/* The longest that a client can go on reading without writing: PING's two replies, 20 bytes. */
#define ZERO_BYTES 64

void vtr_vtest_hang_up(int fd)
{
	int saved_errno = errno;
	static const char zeros[ZERO_BYTES];
	char unread;

	(void)shutdown(fd, SHUT_RD);
	ssize_t n = recv(fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0) {
		(void)send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	errno = saved_errno;
}
