/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/inet.h"
#include "platform/sock.h"
#include "test.h"

static const struct {
	const char *text;
	const char *shown; /* NULL: invalid */
	bool loopback;
} addresses[] = {
	{ "127.0.0.1:8080", "127.0.0.1:8080", true },
	{ "127.1.2.3:0", "127.1.2.3:0", true },
	{ "localhost:65535", "127.0.0.1:65535", true },
	{ "[::1]:80", "[::1]:80", true },
	{ "0.0.0.0:80", "0.0.0.0:80", false },
	{ "128.0.0.1:80", "128.0.0.1:80", false },
	{ "192.0.2.7:80", "192.0.2.7:80", false },
	{ "[::]:80", "[::]:80", false },
	{ "[2001:db8::1]:80", "[2001:db8::1]:80", false },
	/* IPv4 in another coat: not taken for loopback */
	{ "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80", false },
	{ "", NULL, false },
	{ ":", NULL, false },
	{ ":80", NULL, false },
	{ "80", NULL, false },
	{ "127.0.0.1", NULL, false },
	{ "127.0.0.1:", NULL, false },
	{ "127.0.0.1:65536", NULL, false },
	{ "127.0.0.1:100000000000000000000", NULL, false },
	{ "127.0.0.1:+1", NULL, false },
	{ "127.0.0.1:-1", NULL, false },
	{ "127.0.0.1: 1", NULL, false },
	{ "127.0.0.1:1x", NULL, false },
	{ "127.1:80", NULL, false },
	{ "example.org:80", NULL, false },
	{ "::1:80", NULL, false },
	{ "[::1]", NULL, false },
	{ "[::1:80", NULL, false },
	{ "[::1]x:80", NULL, false },
	{ "[127.0.0.1]:80", NULL, false },
	{ "[]:80", NULL, false },
	{ "11111111111111111111111111111111111111111111111111111111111111111111:80", NULL, false },
};

static void reads_addresses(void)
{
	for (size_t i = 0; i < VTR_ARRAY_LEN(addresses); i++) {
		struct vtr_os_inet inet;
		char text[VTR_OS_INET_TEXT];
		if (!addresses[i].shown) {
			CHECK_ERR(vtr_os_inet_parse(addresses[i].text, &inet), VTR_ERR_ARG);
			continue;
		}
		CHECK_OK(vtr_os_inet_parse(addresses[i].text, &inet));
		CHECK_STR(vtr_os_inet_text(&inet, text), addresses[i].shown);
		CHECK_EQ(vtr_os_inet_is_loopback(&inet), addresses[i].loopback);
	}
}

static void listens(void)
{
	struct vtr_os_inet inet;
	struct vtr_os_inet again;
	int fd, accepted;
	int other = -1;

	CHECK_OK(vtr_os_inet_parse("127.0.0.1:0", &inet));
	CHECK_OK(vtr_os_inet_listen(&inet, 4, &fd));
	CHECK(inet.port != 0);
	CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK_ERR(vtr_os_sock_accept(fd, &accepted), VTR_ERR_AGAIN);
	again = inet;
	CHECK_ERR(vtr_os_inet_listen(&again, 4, &other), VTR_ERR_OS);
	CHECK_EQ(errno, EADDRINUSE);
	CHECK_EQ(other, -1);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(inet.port) };
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int client = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_OK(vtr_os_sock_accept(fd, &accepted));
	vtr_close(&accepted);
	vtr_close(&client);
	vtr_close(&fd);
	/* At once, although a connection is still in TIME_WAIT. */
	CHECK_OK(vtr_os_inet_listen(&again, 4, &fd));
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
