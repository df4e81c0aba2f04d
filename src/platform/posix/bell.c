/* SPDX-License-Identifier: MIT */
#include "platform/bell.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/sock.h"

/* Further bytes are read at the next turn. */
#define STOP_BYTES 64

enum vtr_err vtr_os_bell_create(int *out_ring_fd, int *out_hear_fd)
{
	int fds[2];
	/* A socket pair, not a pipe: writing to a socket can avoid SIGPIPE. */
	enum vtr_err err = vtr_os_sock_pair(fds);

	if (err != VTR_OK) {
		return err;
	}
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 || fcntl(fds[1], F_SETFL, O_NONBLOCK) < 0) {
		vtr_close(&fds[0]);
		vtr_close(&fds[1]);
		return VTR_ERR_OS;
	}
	*out_ring_fd = fds[0];
	*out_hear_fd = fds[1];
	return VTR_OK;
}

void vtr_os_bell_ring(int ring_fd)
{
	/* A full or closed socket is ignored, as bell.h says. */
	(void)!send(ring_fd, "", 1, vtr_os_sock_send_flag);
}

void vtr_os_bell_stop(int hear_fd)
{
	char bytes[STOP_BYTES];

	(void)!read(hear_fd, bytes, sizeof(bytes));
}
