/* SPDX-License-Identifier: MIT */
#include "platform/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/os.h"

const int vtr_os_sock_receive_flag = 0;

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

void vtr_os_sock_peer_cgroup(int fd, char *out_text, size_t size)
{
	(void)fd;
	vtr_assert(size > 0);
	out_text[0] = '\0';
}
