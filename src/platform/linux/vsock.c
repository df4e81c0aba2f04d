/* SPDX-License-Identifier: MIT */
#include "platform/vsock.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "base/mem.h"

enum vtr_err vtr_os_vsock_listen(uint32_t *port, int backlog, int *out_fd)
{
	vtr_autofd int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = *port == 0 ? VMADDR_PORT_ANY : *port,
	};
	socklen_t size = sizeof(address);

	if (fd < 0) {
		return errno == EAFNOSUPPORT ? VTR_ERR_UNSUPPORTED : VTR_ERR_OS;
	}
	if (bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
		return VTR_ERR_OS;
	}
	*port = address.svm_port;
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

bool vtr_os_vsock_peer(int fd, uint32_t *out_machine)
{
	struct sockaddr_vm address = { 0 };
	socklen_t size = sizeof(address);

	if (getpeername(fd, (struct sockaddr *)&address, &size) < 0 || address.svm_family != AF_VSOCK) {
		return false;
	}
	*out_machine = address.svm_cid;
	return true;
}

bool vtr_os_vsock_serves_guests(void)
{
	return access("/dev/vhost-vsock", F_OK) == 0;
}
