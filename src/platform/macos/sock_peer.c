/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "platform/os.h"
#include "platform/sock.h"

/* Options of local sockets (unix(4)), which not all headers declare. */
#define LEVEL_LOCAL 0
#define LOCAL_PEER_PID 2

const int vtr_os_sock_send_flag = 0;
const short vtr_os_sock_last_event = 0;

enum vtr_err vtr_os_sock_prepare(int fd)
{
	const int on = 1;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on)) < 0) {
		return VTR_ERR_OS;
	}
	return VTR_OK;
}

/* Data is in the peer's buffer at once, and no call tells how much of it is left there. */
enum vtr_err vtr_os_sock_unread(int fd, size_t *out_bytes)
{
	(void)fd;
	(void)out_bytes;
	errno = ENOTSUP;
	return VTR_ERR_OS;
}

enum vtr_err vtr_os_sock_peer(int fd, pid_t *out_pid, uid_t *out_uid)
{
	gid_t gid;
	pid_t pid = 0;
	socklen_t size = sizeof(pid);

	if (getpeereid(fd, out_uid, &gid) < 0) {
		return VTR_ERR_OS;
	}
	/* The pid only names the peer in messages. */
	*out_pid = getsockopt(fd, LEVEL_LOCAL, LOCAL_PEER_PID, &pid, &size) == 0 ? pid : 0;
	return VTR_OK;
}
