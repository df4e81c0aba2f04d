/* SPDX-License-Identifier: MIT */
#include "platform/inet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Accepts digits only, unlike strtoul(). */
static enum vtr_err parse_port(const char *text, uint16_t *out_port)
{
	unsigned long value = 0;
	size_t length = strspn(text, "0123456789");

	if (length == 0 || length > 5 || text[length] != '\0') {
		return VTR_ERR_ARG;
	}
	value = strtoul(text, NULL, 10);
	if (value > UINT16_MAX) {
		return VTR_ERR_ARG;
	}
	*out_port = (uint16_t)value;
	return VTR_OK;
}

enum vtr_err vtr_os_inet_parse(const char *text, struct vtr_os_inet *out_inet)
{
	struct vtr_os_inet inet = { .v6 = text[0] == '[' };
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	const char *start = text + (inet.v6 ? 1 : 0);
	const char *end = colon;

	if (!colon) {
		return VTR_ERR_ARG;
	}
	if (inet.v6) {
		end = strchr(text, ']');
		if (!end || end + 1 != colon) {
			return VTR_ERR_ARG;
		}
	}
	if ((size_t)(end - start) >= sizeof(host)) {
		return VTR_ERR_ARG;
	}
	snprintf(host, sizeof(host), "%.*s", (int)(end - start), start);
	const char *numbers = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	if (inet_pton(inet.v6 ? AF_INET6 : AF_INET, numbers, inet.address) != 1) {
		return VTR_ERR_ARG;
	}
	enum vtr_err err = parse_port(colon + 1, &inet.port);
	if (err == VTR_OK) {
		*out_inet = inet;
	}
	return err;
}

const char *vtr_os_inet_text(const struct vtr_os_inet *inet, char buf[VTR_OS_INET_TEXT])
{
	char host[INET6_ADDRSTRLEN];

	inet_ntop(inet->v6 ? AF_INET6 : AF_INET, inet->address, host, sizeof(host));
	snprintf(buf, VTR_OS_INET_TEXT, inet->v6 ? "[%s]:%u" : "%s:%u", host, inet->port);
	return buf;
}

bool vtr_os_inet_is_loopback(const struct vtr_os_inet *inet)
{
	struct in6_addr v6;

	if (!inet->v6) {
		return inet->address[0] == IN_LOOPBACKNET;
	}
	memcpy(&v6, inet->address, sizeof(v6));
	return IN6_IS_ADDR_LOOPBACK(&v6);
}

static socklen_t fill_address(const struct vtr_os_inet *inet, union address *out_address)
{
	*out_address = (union address){ 0 };
	if (inet->v6) {
		out_address->v6.sin6_family = AF_INET6;
		out_address->v6.sin6_port = htons(inet->port);
		memcpy(&out_address->v6.sin6_addr, inet->address, 16);
		return sizeof(out_address->v6);
	}
	out_address->v4.sin_family = AF_INET;
	out_address->v4.sin_port = htons(inet->port);
	memcpy(&out_address->v4.sin_addr, inet->address, 4);
	return sizeof(out_address->v4);
}

enum vtr_err vtr_os_inet_listen(struct vtr_os_inet *inet, int backlog, int *out_fd)
{
	union address address;
	socklen_t size = fill_address(inet, &address);
	vtr_autofd int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
	const int on = 1;

	if (fd < 0) {
		return VTR_ERR_OS;
	}
	/* SO_REUSEADDR: the port may still have connections in TIME_WAIT. */
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &address.any, size) < 0 || listen(fd, backlog) < 0 ||
	    getsockname(fd, &address.any, &size) < 0) {
		return VTR_ERR_OS;
	}
	inet->port = ntohs(inet->v6 ? address.v6.sin6_port : address.v4.sin_port);
	*out_fd = vtr_take_fd(&fd);
	return VTR_OK;
}

void vtr_os_inet_hurry(int fd, int unsent)
{
	const int on = 1;

	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)!setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}
