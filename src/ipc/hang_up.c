/* SPDX-License-Identifier: MIT */
#include "ipc/hang_up.h"

#include <errno.h>
#include <sys/socket.h>

#include "platform/sock.h"

/*
 * Mesa's client (vn_renderer_vtest.c, 25.0 to 26.x) takes read() == 0 for progress and reads again without end, so
 * closing the socket alone leaves it spinning at 100 %. It ends on:
 *   - a failing write(): EPIPE causes SIGPIPE or abort()
 *   - a failing read(): abort(). Linux returns ECONNRESET once if the other end was closed with input unread
 *   - a missing fd: abort()
 *   - the FATAL bit of a ring, which the supervisor sets
 *
 * What happens depends on what the client is doing:
 *   - A request of the client is unread here: the last close of the socket resets the connection, and read() fails.
 *   - It waits for the reply to a request that was read: nothing is unread, and a close would make it spin.
 *     Therefore it gets zeros. A reply of zeros is a failed one (no capset, no version, value 0), and the dummy
 *     byte of an fd reply comes without an fd, which aborts. The write of its next request fails, because our
 *     receiving side is shut down.
 *   - It writes, or is about to write: the write fails at once.
 *   - It does neither: it goes on until it writes, reads, or looks at a ring.
 */
/* The most bytes that a client reads without writing: PING's two replies, 20 bytes. */
#define ZERO_BYTES 64

void vtr_vtest_hang_up(int fd)
{
	int saved_errno = errno;
	static const char zeros[ZERO_BYTES];
	char unread;

	(void)shutdown(fd, SHUT_RD);
	ssize_t n = recv(fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT);
	if (n <= 0) {
		(void)send(fd, zeros, sizeof(zeros), MSG_DONTWAIT | vtr_os_sock_send_flag);
	}
	errno = saved_errno;
}
