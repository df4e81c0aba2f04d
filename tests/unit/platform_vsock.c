/* SPDX-License-Identifier: MIT */
#include "platform/vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/mem.h"
#include "platform/sock.h"
#include "test.h"

static void reads_addresses(void)
{
	static const char *const wrong[] = {
		"",
		"vsock",
		"vsock:",
		"15937",
		":15937",
		"vsock:+1",
		"vsock:-1",
		"vsock: 1",
		"vsock:1x",
		"vsock:4294967295",
		"vsock:4294967296",
		"vsock:99999999999999999999999",
		"VSOCK:1",
		"vsock:2:15937",
		"127.0.0.1:15937",
	};
	uint32_t port = 7;

	for (size_t i = 0; i < VTR_ARRAY_LEN(wrong); i++) {
		CHECK_ERR(vtr_os_vsock_parse(wrong[i], &port), VTR_ERR_ARG);
		CHECK_EQ(port, 7);
	}
	CHECK_OK(vtr_os_vsock_parse("vsock:15937", &port));
	CHECK_EQ(port, 15937);
	CHECK_OK(vtr_os_vsock_parse("vsock:4294967294", &port));
	CHECK_EQ(port, 4294967294);
	CHECK_OK(vtr_os_vsock_parse("vsock:0", &port));
	CHECK_EQ(port, 0);
}

static void listens(void)
{
	uint32_t port = 0, again;
	int fd, accepted;
	int other = -1;
	enum vtr_err err = vtr_os_vsock_listen(&port, 4, &fd);

	if (err == VTR_ERR_UNSUPPORTED) {
		printf("this kernel has no AF_VSOCK: nothing else was tried\n");
		return;
	}
	CHECK_OK(err);
	CHECK(port != 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_ERR(vtr_os_sock_accept(fd, &accepted), VTR_ERR_AGAIN);
	again = port;
	CHECK_ERR(vtr_os_vsock_listen(&again, 4, &other), VTR_ERR_OS);
	CHECK_EQ(errno, EADDRINUSE);
	CHECK_EQ(other, -1);
	CHECK_EQ(again, port);
	vtr_close(&fd);
	CHECK_OK(vtr_os_vsock_listen(&again, 4, &fd));
	CHECK_EQ(again, port);
	vtr_close(&fd);
}

int main(void)
{
	int fds = test_count_fds();

	RUN(reads_addresses);
	RUN(listens);
	CHECK_EQ(test_count_fds(), fds);
	return 0;
}
