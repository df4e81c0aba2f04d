/* SPDX-License-Identifier: MIT */
#define VTR_LOG_MODULE "vtest"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/mem.h"
#include "platform/sock.h"
#include "platform/thread.h"
#include "vk/renderer_config.h"
#include "vtest/message.h"

/*
 * Limits how many replies a client can leave unread. Linux counts the fds in unread messages for each user,
 * and refuses to send more if the count exceeds the sender's fd limit. So one client that does not read could
 * keep the workers of others, and other programs of vitrine's user, from sending fds.
 *
 * An unread part of a reply takes PART_BYTES of the send buffer, however short it is, and the socket polls
 * writable while at most a quarter of the buffer is taken. SNDBUF_BYTES puts that quarter between one part
 * and two, so no part is sent before the client has read all but the one before it. An fd is sent in a part
 * of its own, after the part with the reply's header: when it is sent, the previous fd has been received. A
 * kernel with larger parts only makes the worker wait more often. If the client has read everything, both
 * parts are sent without asking in between.
 */
#define PART_BYTES 768
#define SNDBUF_BYTES (PART_BYTES * 15 / 2)
/* How often to see whether the renderer has broken down, once the socket was hung up for reading. */
#define AFTER_HANG_UP_MS 50

enum vtr_err vtr_vtest_limit_unread(int fd)
{
	/* The kernel doubles this number for its overhead. */
	int size = SNDBUF_BYTES / 2;

	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) == 0 ? VTR_OK : VTR_ERR_OS;
}

/* Returns: VTR_ERR_PROTOCOL (the time is up, or the context is dead), VTR_ERR_OS. */
static enum vtr_err wait_until_read(struct vtr_vtest *vtest)
{
	uint32_t limit_ms = vtest->params->config->reply_timeout_ms;
	int64_t deadline_ns = vtr_os_now_ns() + (int64_t)limit_ms * 1000000;
	/* The last event: the renderer breaks down (on_dead() in message.c), or the client says nothing more. */
	struct pollfd pollfd = { .fd = vtest->fd, .events = POLLOUT | vtr_os_sock_last_event };

	for (;;) {
		int64_t left_ns = deadline_ns - vtr_os_now_ns();
		if (limit_ms != 0 && left_ns <= 0) {
			vtr_warn(vtest->log,
			         "client sends requests but has not read its replies for %u ms, so it is "
			         "dropped",
			         limit_ms);
			return VTR_ERR_PROTOCOL;
		}
		int wait_ms = limit_ms != 0 ? (int)(left_ns / 1000000) + 1 : -1;
		if (pollfd.events == POLLOUT) {
			wait_ms = AFTER_HANG_UP_MS;
		}
		int n = poll(&pollfd, 1, wait_ms);
		if (n < 0 && errno != EINTR) {
			return VTR_ERR_OS;
		}
		if (atomic_load(&vtest->dead)) {
			return VTR_ERR_PROTOCOL;
		}
		if (n > 0 && (pollfd.revents & ~vtr_os_sock_last_event) != 0) {
			return VTR_OK;
		}
		if (n > 0) {
			pollfd.events = POLLOUT;
		}
	}
}

static enum vtr_err send_part(struct vtr_vtest *vtest, const struct iovec *part, const int *fds,
                              size_t fd_count)
{
	struct pollfd pollfd = { .fd = vtest->fd, .events = POLLOUT };

	if (poll(&pollfd, 1, 0) <= 0) {
		if (vtest->venus) {
			vtr_venus_poll_fences(vtest->venus, true);
		}
		enum vtr_err err = wait_until_read(vtest);
		if (err != VTR_OK) {
			return err;
		}
	}
	/* Does not block: a part is shorter than the free room. */
	return vtr_os_sock_send(vtest->fd, part, 1, fds, fd_count);
}

/* Returns: the bytes of the message. */
static size_t fill(uint32_t message[2 + VTR_VTEST_REPLY_MAX_WORDS], uint32_t command, const uint32_t *words,
                   uint32_t count)
{
	vtr_assert(count <= VTR_VTEST_REPLY_MAX_WORDS);
	message[0] = count;
	message[1] = command;
	if (count > 0) {
		memcpy(message + 2, words, count * 4);
	}
	return 8 + (size_t)count * 4;
}

enum vtr_err vtr_vtest_reply(struct vtr_vtest *vtest, uint32_t command, const uint32_t *words, uint32_t count)
{
	uint32_t message[2 + VTR_VTEST_REPLY_MAX_WORDS];
	const struct iovec part = { .iov_base = message, .iov_len = fill(message, command, words, count) };

	return send_part(vtest, &part, NULL, 0);
}

enum vtr_err vtr_vtest_reply_with_fd(struct vtr_vtest *vtest, uint32_t command, const uint32_t *words,
                                     uint32_t count, int fd)
{
	uint32_t message[2 + VTR_VTEST_REPLY_MAX_WORDS];
	char dummy = 0;
	const struct iovec reply = { .iov_base = message, .iov_len = fill(message, command, words, count) };
	const struct iovec rest = { .iov_base = &dummy, .iov_len = 1 };
	size_t unread;

	/* A client that has read everything, as one does that waits for this reply, has room for both. */
	if (vtr_os_sock_unread(vtest->fd, &unread) == VTR_OK && unread == 0) {
		enum vtr_err err = vtr_os_sock_send(vtest->fd, &reply, 1, NULL, 0);
		return err == VTR_OK ? vtr_os_sock_send(vtest->fd, &rest, 1, &fd, 1) : err;
	}
	enum vtr_err err = send_part(vtest, &reply, NULL, 0);
	return err == VTR_OK ? send_part(vtest, &rest, &fd, 1) : err;
}
