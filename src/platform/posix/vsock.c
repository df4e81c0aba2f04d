/* SPDX-License-Identifier: MIT */
/* POSIX has no such sockets. */
#include "platform/vsock.h"

enum vtr_err vtr_os_vsock_listen(uint32_t *port, int backlog, int *out_fd)
{
	(void)port;
	(void)backlog;
	(void)out_fd;
	return VTR_ERR_UNSUPPORTED;
}

bool vtr_os_vsock_peer(int fd, uint32_t *out_machine)
{
	(void)fd;
	(void)out_machine;
	return false;
}

bool vtr_os_vsock_serves_guests(void)
{
	return false;
}
