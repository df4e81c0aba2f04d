/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

#ifndef SO_PEERPIDFD /* Linux 6.5 */
#define SO_PEERPIDFD 77
#endif

const int vtr_os_sock_send_flag = MSG_NOSIGNAL;
const int vtr_os_sock_receive_flag = MSG_CMSG_CLOEXEC;
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
