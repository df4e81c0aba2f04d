/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

/* At least what any system passes in one message. */
#define KERNEL_MAX_FDS 512

enum vtr_err vtr_os_sock_new(int *out_fd)
{
	vtr_autofd int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || vtr_os_sock_prepare(fd) != VTR_OK) {
		return VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

/* macOS refuses fchmod() of a socket, but all systems heed the umask. */
int vtr_os_sock_bind(int fd, const struct sockaddr_un *address, mode_t mode)
{
	const mode_t mask = umask(~mode & (S_IRWXU | S_IRWXG | S_IRWXO));
	const int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	const int saved_errno = errno;

	umask(mask);
	errno = saved_errno;
	return result;
}

enum vtr_err vtr_os_sock_pair(int out_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
		return VTR_ERR_OS;
	}
	if (vtr_os_sock_prepare(fds[0]) != VTR_OK || vtr_os_sock_prepare(fds[1]) != VTR_OK) {
		vtr_close(&fds[0]);
		vtr_close(&fds[1]);
		return VTR_ERR_OS;
	}
	out_fds[0] = fds[0];
	out_fds[1] = fds[1];
	return VTR_OK;
}

enum vtr_err vtr_os_sock_accept(int listen_fd, int *out_fd)
{
	vtr_autofd int fd = -1;

	do {
		fd = accept(listen_fd, NULL, NULL);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED ? VTR_ERR_AGAIN :
		                                                                          VTR_ERR_OS;
	}
	/* On the BSDs the new socket has the listening one's O_NONBLOCK. */
	if (vtr_os_sock_prepare(fd) != VTR_OK || fcntl(fd, F_SETFL, 0) < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

/* Takes all fds out of a message. Keeps what fits into `fds`; closes and counts the rest. */
static void harvest(struct msghdr *message, int *fds, size_t max_fds, size_t *out_kept, size_t *out_excess)
{
	size_t kept = 0;
	size_t excess = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
	     header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
			if (kept < max_fds) {
				fds[kept++] = fd;
			} else {
				excess++;
				vtr_close(&fd);
			}
		}
	}
	*out_kept = kept;
	*out_excess = excess;
}

static enum vtr_err receive(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                            size_t *out_fd_count, int flags)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * KERNEL_MAX_FDS)];
	} control;
	struct iovec part = { .iov_base = buf, .iov_len = size };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t kept;
	size_t excess;
	ssize_t received;

	vtr_assert(size > 0);
	do {
		received = recvmsg(fd, &message, flags);
	} while (received < 0 && errno == EINTR);
	if (received < 0) {
		switch (errno) {
		case EAGAIN:
			return VTR_ERR_AGAIN;
		case ECONNRESET:
			return VTR_ERR_GONE;
		default:
			return VTR_ERR_OS;
		}
	}
	harvest(&message, fds, max_fds, &kept, &excess);
	bool cut = (message.msg_flags & MSG_CTRUNC) != 0;
	if (received == 0 || excess > 0 || cut) {
		while (kept > 0) {
			vtr_close(&fds[--kept]);
		}
		return received == 0 ? VTR_ERR_GONE : excess > 0 ? VTR_ERR_PROTOCOL : VTR_ERR_LIMIT;
	}
	*out_size = (size_t)received;
	if (out_fd_count != NULL) {
		*out_fd_count = kept;
	}
	return VTR_OK;
}

enum vtr_err vtr_os_sock_recv(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                              size_t *out_fd_count)
{
	return receive(fd, buf, size, out_size, fds, max_fds, out_fd_count, 0);
}

enum vtr_err vtr_os_sock_recv_now(int fd, void *buf, size_t size, size_t *out_size, int *fds, size_t max_fds,
                                  size_t *out_fd_count)
{
	return receive(fd, buf, size, out_size, fds, max_fds, out_fd_count, MSG_DONTWAIT);
}

void vtr_os_sock_peer_cgroup(int fd, char *out_text, size_t size)
{
	(void)fd;
	vtr_assert(size > 0);
	out_text[0] = '\0';
}
