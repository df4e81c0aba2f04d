/* SPDX-License-Identifier: MIT */
#include "cmd/service.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "platform/sock.h"

/* The number of the first socket that is passed. */
#define FIRST_FD 3

union address {
	struct sockaddr any;
	struct sockaddr_un local;
};

/* --- what was passed -------------------------------------------------------------------------------- */

/* Returns: whether the text is a decimal number. */
static bool parse_number(const char *text, uintmax_t *out_number)
{
	char *end;

	errno = 0;
	*out_number = strtoumax(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* Returns: how many sockets were passed to this process, and not to one that has started it. */
static size_t count_passed(void)
{
	const char *pid_text = getenv("LISTEN_PID");
	const char *count_text = getenv("LISTEN_FDS");
	uintmax_t pid;
	uintmax_t count;

	if (!pid_text || !count_text || !parse_number(pid_text, &pid) || pid != (uintmax_t)getpid() ||
	    !parse_number(count_text, &count)) {
		return 0;
	}
	return count > SIZE_MAX ? SIZE_MAX : (size_t)count;
}

/* Stores the path of a local socket, as far as it has one. */
static void read_path(int fd, struct vtr_listener *out_listener)
{
	union address address = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(address);
	const size_t head = offsetof(struct sockaddr_un, sun_path);

	if (getsockname(fd, &address.any, &size) < 0 || size <= head || size > sizeof(address.local)) {
		return;
	}
	memcpy(out_listener->path, address.local.sun_path, size - head);
	if (out_listener->path[0] == '\0') {
		out_listener->path[0] = '@';
	}
}

/* Returns: whether `fd` is a local stream socket that listens. It does not block and is close-on-exec then. */
static bool adopt(int fd, struct vtr_listener *out_listener)
{
	union address address = { .any.sa_family = AF_UNSPEC };
	socklen_t size = sizeof(address);
	int type = 0;
	int listens = 0;
	socklen_t type_size = sizeof(type);
	socklen_t listens_size = sizeof(listens);

	if (getsockname(fd, &address.any, &size) < 0 || address.any.sa_family != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0 || type != SOCK_STREAM ||
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_size) < 0 || !listens) {
		return false;
	}
	const int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		return false;
	}
	*out_listener = (struct vtr_listener){ .fd = fd };
	read_path(fd, out_listener);
	return true;
}

enum vtr_err vtr_service_init(const char *command, struct vtr_service *out_service)
{
	const char *notify = getenv("NOTIFY_SOCKET");
	const size_t count = count_passed();
	enum vtr_err err = VTR_OK;

	*out_service = (struct vtr_service){ .socket_count = 0 };
	/* Other kinds of addresses, for instance vsock, are for managers outside of this machine. */
	if (notify && (notify[0] == '/' || notify[0] == '@')) {
		snprintf(out_service->notify, sizeof(out_service->notify), "%s", notify);
	}
	if (count > VTR_SERVICE_MAX_SOCKETS) {
		fprintf(stderr,
		        "vitrine %s: the service manager has passed %zu sockets, and at most %d can be used. "
		        "Remove "
		        "some from the .socket unit\n",
		        command, count, VTR_SERVICE_MAX_SOCKETS);
		err = VTR_ERR_ARG;
	}
	for (size_t i = 0; err == VTR_OK && i < count; i++) {
		if (!adopt(FIRST_FD + (int)i, &out_service->sockets[i])) {
			fprintf(stderr,
			        "vitrine %s: the service manager has passed fd %zu, which is not a local "
			        "stream "
			        "socket that listens. Give the .socket unit a ListenStream= with a path, and "
			        "not "
			        "Accept=yes\n",
			        command, FIRST_FD + i);
			err = VTR_ERR_ARG;
		} else {
			out_service->socket_count++;
		}
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("NOTIFY_SOCKET");
	return err;
}

void vtr_service_finish(struct vtr_service *service)
{
	for (size_t i = 0; i < service->socket_count; i++) {
		vtr_close(&service->sockets[i].fd);
	}
}

const char *vtr_service_socket(const struct vtr_service *service)
{
	return service->socket_count == 1 && service->sockets[0].path[0] ? service->sockets[0].path : NULL;
}

/* --- listening -------------------------------------------------------------------------------------- */

/* Says on stderr why `command` cannot listen at `path`, and what to do. For VTR_ERR_OS, errno must be kept. */
static void explain_listen(const char *command, const char *path, enum vtr_err err)
{
	static const struct {
		int number;
		const char *advice;
	} rows[] = {
		{ EADDRINUSE,
		  "Another server answers there, or the path is not a socket: stop that server, or "
		  "choose another path" },
		{ ENOENT, "The folder does not exist: create it, or choose another path" },
		{ EACCES, "You may not create a socket there: choose a folder that you may write to" },
		{ ENAMETOOLONG, "The path of a socket has at most 107 characters: choose a shorter one" },
	};
	const char *advice = "Choose another path";
	const int number = err == VTR_ERR_OS ? errno : 0;

	for (size_t i = 0; i < VTR_ARRAY_LEN(rows); i++) {
		if (rows[i].number == number) {
			advice = rows[i].advice;
		}
	}
	errno = number;
	fprintf(stderr, "vitrine %s: cannot listen at %s: %s. %s\n", command, path, vtr_err_text(err),
	        advice);
}

/* Returns: whether both paths name the same file, for instance in /run and /var/run. */
static bool are_same(const char *path, const char *other)
{
	struct stat a;
	struct stat b;

	return strcmp(path, other) == 0 ||
	       (stat(path, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino);
}

bool vtr_service_has(const struct vtr_service *service, const char *path)
{
	for (size_t i = 0; i < service->socket_count; i++) {
		if (service->sockets[i].fd >= 0 && are_same(path, service->sockets[i].path)) {
			return true;
		}
	}
	return false;
}

enum vtr_err vtr_service_listen(struct vtr_service *service, const char *command, const char *path,
                                mode_t mode, int backlog, struct vtr_listener *out_listener)
{
	struct vtr_listener listener = { .fd = -1, .is_ours = true };

	for (size_t i = 0; i < service->socket_count; i++) {
		struct vtr_listener *passed = &service->sockets[i];

		if (passed->fd >= 0 && are_same(path, passed->path)) {
			*out_listener = *passed;
			passed->fd = -1;
			return VTR_OK;
		}
	}
	const enum vtr_err err = vtr_os_sock_listen(path, mode, backlog, &listener.fd);
	if (err != VTR_OK) {
		explain_listen(command, path, err);
		return err;
	}
	snprintf(listener.path, sizeof(listener.path), "%s", path);
	*out_listener = listener;
	return VTR_OK;
}

void vtr_listener_close(struct vtr_listener *listener)
{
	if (listener->fd >= 0 && listener->is_ours) {
		unlink(listener->path);
	}
	vtr_close(&listener->fd);
}

enum vtr_err vtr_service_check_taken(const struct vtr_service *service, const char *command)
{
	enum vtr_err err = VTR_OK;

	for (size_t i = 0; i < service->socket_count; i++) {
		const struct vtr_listener *passed = &service->sockets[i];

		if (passed->fd >= 0) {
			fprintf(stderr,
			        "vitrine %s: the service manager has passed a socket at '%s', which no "
			        "option names. "
			        "Name it by an option, or remove it from the .socket unit\n",
			        command, passed->path);
			err = VTR_ERR_ARG;
		}
	}
	return err;
}

/* --- messages --------------------------------------------------------------------------------------- */

/* One datagram. A manager that does not take it cannot be told anything. */
static void notify(const struct vtr_service *service, const char *text)
{
	union address address = { .local.sun_family = AF_UNIX };
	const size_t length = strlen(service->notify);
	vtr_autofd int fd = -1;

	if (length == 0 || length >= sizeof(address.local.sun_path)) {
		return;
	}
	memcpy(address.local.sun_path, service->notify, length);
	if (service->notify[0] == '@') {
		address.local.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
		const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);

		(void)sendto(fd, text, strlen(text), 0, &address.any, size);
	}
}

void vtr_service_ready(const struct vtr_service *service, const char *path)
{
	char text[VTR_SERVICE_PATH + 64];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=Serving at %s", path);
	notify(service, text);
}

void vtr_service_stopping(const struct vtr_service *service)
{
	notify(service, "STOPPING=1\nSTATUS=Ending");
}

bool vtr_service_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	const char *colon = stream ? strchr(stream, ':') : NULL;
	char device[24] = "";
	uintmax_t device_number;
	uintmax_t inode;
	struct stat st;

	if (!colon || (size_t)(colon - stream) >= sizeof(device)) {
		return false;
	}
	memcpy(device, stream, (size_t)(colon - stream));
	return parse_number(device, &device_number) && parse_number(colon + 1, &inode) &&
	       fstat(fd, &st) == 0 && (uintmax_t)st.st_dev == device_number && (uintmax_t)st.st_ino == inode;
}
