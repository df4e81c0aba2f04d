/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

/* The most fds that the kernel passes in one message (SCM_MAX_FD). */
#define KERNEL_MAX_FDS 253

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

const int vtr_os_sock_send_flag = MSG_NOSIGNAL;
const short vtr_os_sock_last_event = POLLRDHUP;

/* The file gets the mode of the socket. A chmod() of the path could meet another file. */
int vtr_os_sock_bind(int fd, const struct sockaddr_un *address, mode_t mode)
{
	if (fchmod(fd, mode) < 0) {
		return -1;
	}
	const mode_t mask = umask(0);
	const int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	const int saved_errno = errno;

	umask(mask);
	errno = saved_errno;
	return result;
}

enum vtr_err vtr_os_sock_new(int *out_fd)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return VTR_ERR_OS;
	}
	*out_fd = fd;
	return VTR_OK;
}

enum vtr_err vtr_os_sock_pair(int out_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		return VTR_ERR_OS;
	}
	out_fds[0] = fds[0];
	out_fds[1] = fds[1];
	return VTR_OK;
}

enum vtr_err vtr_os_sock_accept(int listen_fd, int *out_fd)
{
	int fd;

	do {
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		return errno == EAGAIN || errno == ECONNABORTED ? VTR_ERR_AGAIN : VTR_ERR_OS;
	}
	*out_fd = fd;
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
		received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | flags);
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

enum vtr_err vtr_os_sock_unread(int fd, size_t *out_bytes)
{
	int bytes;

	if (ioctl(fd, SIOCOUTQ, &bytes) < 0) {
		return VTR_ERR_OS;
	}
	*out_bytes = (size_t)bytes;
	return VTR_OK;
}

enum vtr_err vtr_os_sock_peer(int fd, pid_t *out_pid, uid_t *out_uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		return VTR_ERR_OS;
	}
	*out_pid = peer.pid;
	*out_uid = peer.uid;
	return VTR_OK;
}

/* Returns: whether the process that connected has ended. An older kernel cannot say that. */
static bool peer_is_gone(int fd)
{
	vtr_autofd int pidfd = -1;
	socklen_t size = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) < 0) {
		return errno != ENOPROTOOPT;
	}
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) < 0 && errno == ESRCH;
}

void vtr_os_sock_peer_cgroup(int fd, char *out_text, size_t size)
{
	vtr_autofd int file = -1;
	char path[32];
	ssize_t length = 0;
	pid_t pid;
	uid_t uid;

	vtr_assert(size > 0);
	if (vtr_os_sock_peer(fd, &pid, &uid) == VTR_OK && pid > 0) {
		snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
		file = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (file >= 0) {
		length = read(file, out_text, size - 1);
	}
	/* After reading: what still runs now ran then, under the same pid. */
	out_text[length > 0 && !peer_is_gone(fd) ? length : 0] = '\0';
}
