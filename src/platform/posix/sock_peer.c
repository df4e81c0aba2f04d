/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/sock.h"

const int vtr_os_sock_send_flag = MSG_NOSIGNAL;
const short vtr_os_sock_last_event = 0;

enum vtr_err vtr_os_sock_prepare(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? VTR_ERR_OS : VTR_OK;
}

enum vtr_err vtr_os_sock_unread(int fd, size_t *out_bytes)
{
	int bytes;

	if (ioctl(fd, TIOCOUTQ, &bytes) < 0) {
		return VTR_ERR_OS;
	}
	*out_bytes = (size_t)bytes;
	return VTR_OK;
}

enum vtr_err vtr_os_sock_peer(int fd, pid_t *out_pid, uid_t *out_uid)
{
	gid_t gid;

	if (getpeereid(fd, out_uid, &gid) < 0) {
		return VTR_ERR_OS;
	}
	*out_pid = 0;
	return VTR_OK;
}
